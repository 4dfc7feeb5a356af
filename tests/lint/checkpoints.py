#!/usr/bin/env python3
"""Every outward act of worker/ and common/outbox/ has a checkpoint (common/base/checkpoint.h) in
its function, or stands here with the reason why it needs none. Standard library only."""

import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ACT = re.compile(r"\b(db_submit|db_run|http_start|builds_request|outbox_submit|producer_send|"
                 r"consumer_committed|txn_(?:new|init|begin|produce|send_offsets|commit|abort))\(")
# A function of this house style: its name begins a line that no semicolon ends.
FUNCTION = re.compile(r"^[a-z][^;={}()]*?\b(\w+)\([^;{}]*\)\n\{\n(.*?)^\}", re.M | re.S)
EXEMPT = {
    ("worker/build_http.c", "builds_request"): "its callers say which request it is",
    ("common/outbox/outbox.c", "outbox_submit"): "its callers say which unit it is",
    ("worker/publisher.c", "one_step"): "patient_step passes the checkpoint of the step",
    ("worker/admin.c", None): "a probe of our own address: nothing outside changes",
    ("worker/start.c", "check_installation"): "only reads, before anything has begun",
    ("worker/recover.c", None): "the group's offsets are only read; the ledger's unit has its own",
}


def findings(path, text):
    for name, body in FUNCTION.findall(text):
        exempt = (path, name) in EXEMPT or (path, None) in EXEMPT
        if ACT.search(body) and "checkpoint(" not in body and not exempt:
            yield f"{path}: {name}: {ACT.search(body).group(1)} without a checkpoint"


def main():
    found = []
    for pattern in ("worker/*.c", "common/outbox/*.c"):
        for path in sorted(glob.glob(os.path.join(ROOT, pattern))):
            with open(path, encoding="utf-8") as source:
                found += findings(os.path.relpath(path, ROOT), source.read())
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

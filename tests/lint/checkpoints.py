#!/usr/bin/env python3
"""Every outward act of worker/, producer/ and common/outbox/ has a checkpoint of its own right
before it (common/base/checkpoint.h). Standard library only.

What an act is, is known of every function that the rooms at the edges offer: one that is new there
is a finding until it stands in OUTWARD or in LOCAL. Checkpoints are literals, each at one place, so
the crash tests (tests/system/test_crash_matrix.py) can name each kind of act."""

import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EDGES = ("common/ledger/db.h", "common/broker/admin.h", "common/broker/consumer.h",
         "common/broker/producer.h", "common/broker/reader.h", "common/broker/txn.h",
         "common/connect/http.h")
SOURCES = ("worker/*.c", "producer/*.c", "producer/*/*.c", "common/outbox/*.c")

# What changes something outside of the process, or asks for what the next step rests on.
OUTWARD = set("""
    db_submit db_run
    consumer_new consumer_committed consumer_query_watermarks consumer_assign consumer_unassign
    consumer_close
    producer_send
    txn_new txn_init txn_begin txn_produce txn_send_offsets txn_commit txn_abort
    admin_create_topic admin_alter_topic admin_delete_records admin_forget_offset
    http_start
""".split())
# What stays in the process, only waits, or only looks without anything being begun.
LOCAL = set("""
    db_new db_free db_is_up db_listening db_backlog db_failed_for_good db_unit_new db_unit_free
    db_add db_add_copy db_add_script db_unit_transaction db_unit_keep db_unit_keep_as db_wait_up
    db_reply_free db_rows db_changed db_text db_int db_num db_bool db_null db_cols
    db_col_name db_quote_name
    consumer_generation consumer_group kafka_group_free consumer_pause consumer_resume
    consumer_watermarks consumer_last_poll_ms consumer_free
    producer_new producer_in_flight producer_fatal producer_free
    txn_brokers_answer txn_free txn_too_large
    admin_new admin_free admin_cluster admin_topic_partitions admin_topic_setting admin_watermarks
    admin_group_members admin_group_offset
    reader_open reader_open_since reader_new reader_partitions reader_spans reader_offsets_at
    reader_partition_of reader_start reader_next reader_at_end reader_close
    http_new http_cancel http_active http_resolver http_free
""".split())
# Functions that do an act in the name of their callers: these have the checkpoint, since they know
# which act it is.
WRAPPERS = {
    "worker/build_http.c": "builds_request",
    "worker/builds.c": "send_poll",
    "worker/presence.c": "write_row",
    "worker/writes_facts.c": "send_fact",
    "common/outbox/outbox.c": "outbox_submit",
}
# session_run passes "producer.statement" for each statement of each verb. Those that write have a
# name besides; in a file with a statement that writes, these functions only read.
STATEMENTS = {"session_run", "session_query", "query_run"}
READS = {
    ("producer/enqueue_sql.c", "enqueue_count"),
    ("producer/enqueue_sql.c", "enqueue_look_up"),
    ("producer/enqueue_sql.c", "enqueue_say_missing"),
    ("producer/limit.c", "replica_exists"),
    ("producer/migrate.c", "grant_roles"),
    ("producer/prune.c", "read_campaigns"),
    ("producer/steer.c", "ask"),
    ("producer/topics.c", "check_lost"),
    ("producer/topics.c", "installation_read"),
}
# (path, function): why no crash there can be told from one at another place.
EXEMPT = {
    ("worker/admin.c", "admin_healthcheck"): "a process of its own, which asks and ends",
}
WRITES = re.compile(r"\b(?:insert into|update @|delete from|create schema|create table)\b")
FUNCTION = re.compile(r"^[a-z][^;={}()]*?\b(\w+)\([^;{}]*\)\n\{\n(.*?)^\}", re.M | re.S)
PROTOTYPE = re.compile(r"\b\*?(\w+)\([^()]*(?:\([^()]*\)[^()]*)*\)(?:\s*__attribute__\(.*?\)\))?;",
                       re.S)
CHECKPOINT = re.compile(r'\bcheckpoint\(([^)]*)\)')
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as source:
        return COMMENT.sub("", source.read())


def sources():
    """Paths of all files whose acts are looked at."""
    return sorted(os.path.relpath(path, ROOT) for pattern in SOURCES
                  for path in glob.glob(os.path.join(ROOT, pattern)))


def names(paths):
    """{checkpoint: path}"""
    return {name.strip('"'): path for path in paths for name in CHECKPOINT.findall(read(path))}


def acts_of(text):
    """The calls that are acts in this file."""
    acts = OUTWARD | set(WRAPPERS.values())
    return acts | STATEMENTS if WRITES.search(text) else acts


def bare(body, acts):
    """The first act with no checkpoint between it and the act before it."""
    armed = False
    for word in re.findall(r"\b(\w+)\(", body):
        if word in ("checkpoint", "pass_checkpoints"):
            armed = True
        elif word in acts:
            if not armed:
                return word
            armed = False
    return None


def unnamed_acts(path):
    text = read(path)
    for name, body in FUNCTION.findall(text):
        if WRAPPERS.get(path) == name or (path, name) in EXEMPT:
            continue
        acts = acts_of(text) - STATEMENTS if (path, name) in READS else acts_of(text)
        act = bare(body, acts)
        if act:
            yield f"{path}: {name}: {act} without a checkpoint right before it"


def unclear_names(paths):
    seen = {}
    for path in paths:
        for name in CHECKPOINT.findall(read(path)):
            if not re.fullmatch(r'"[a-z]+\.[a-z_0-9]+"', name):
                yield f"{path}: checkpoint({name}): a literal \"room.act\" is needed"
            elif name in seen:
                yield f"{path}: checkpoint({name}) is in {seen[name]} too"
            seen[name] = path


def unknown_functions():
    offered = set()
    for header in EDGES:
        text = re.sub(r"^(?:#|typedef).*?$", "", read(header), flags=re.M)
        offered.update(PROTOTYPE.findall(text))
        for name in sorted(set(PROTOTYPE.findall(text)) - OUTWARD - LOCAL):
            yield f"{header}: {name}: is it an outward act? Put it in OUTWARD or LOCAL"
    for name in sorted((OUTWARD | LOCAL) - offered):
        yield f"tests/lint/checkpoints.py: {name}: no room at the edges offers it"


def main():
    paths = sources()
    found = [f for path in paths for f in unnamed_acts(path)]
    found += unclear_names(paths)
    found += unknown_functions()
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Include directions: who may know whom (DESIGN.md, section 9). Arrows go only downward."""

import re

from findings import Findings, files, lines

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# A third-party header, and the directories of the .c files that may include it. Tests may use all.
THIRD_PARTY = {
    r"librdkafka/": ("common/broker/",),
    r"curl/": ("common/connect/",),
    r"cjson/|cJSON\.h": ("common/record/", "common/connect/"),
    r"libpq-fe\.h|postgres": ("common/ledger/",),
    r"uv\.h|uv/": ("common/event/",),
    r"microhttpd\.h": ("common/serve/",),
}
UTHASH = re.compile(r"ut(hash|list|array|string|ringbuffer|stack)\.h$")

# Pure code: no I/O, no clock, no log. Time is an argument.
POLICY = re.compile(r"^(worker/(tracker|flow|admit|waiting|retry|validate|donemap)"
                    r"|common/connect/(api|answer|errors|access))[a-z_0-9]*\.[ch]$")
IMPURE = re.compile(r"(^|/)(log|clock)\.h$|^common/(event|ledger|broker|serve|outbox)/"
                    r"|^common/connect/http|^(sys/(socket|epoll|timerfd|eventfd)|time|poll)\.h$")
# What each layer must not include, as a prefix of an include path.
FORBIDDEN = {
    "common/base/": r"common/(?!base/)|producer/|worker/|tests/",
    "common/": r"producer/|worker/|tests/",
    "producer/": r"worker/|tests/",
    "worker/": r"producer/|tests/",
}


def third_party(path, name):
    """A sentence if path may not include the third-party header name, else None."""
    if UTHASH.search(name):
        if path.startswith("common/base/") and path.endswith(".h"):
            return "a header of base stays free of uthash"
        inside = path.endswith((".c", "_private.h")) or path.startswith("tests/")
        return None if inside else "uthash belongs into .c files and what is private to a few"
    for pattern, homes in THIRD_PARTY.items():
        if not re.match(pattern, name) or path.startswith("tests/"):
            continue
        if path.endswith(".h"):
            return f"<{name}> in a header makes every includer depend on it; hide it in the .c file"
        if not path.startswith(homes):
            return f"only {' and '.join(homes)} may include <{name}>"
    return None


def check(path, bracket, name):
    sentence = third_party(path, name)
    if sentence:
        return sentence
    if POLICY.match(path) and IMPURE.search(name):
        return f"policy is pure: it must not include {name} (pass times in, return what you want)"
    if bracket == '"':
        if name.startswith("."):
            return f'include by the path from the root, not "{name}"'
        for layer, pattern in FORBIDDEN.items():
            if path.startswith(layer) and re.match(pattern, name):
                return f"{layer} must not know {name}"
    return None


def main():
    found = Findings()
    for path in files(".c", ".h"):
        for number, line in enumerate(lines(path), 1):
            match = INCLUDE.match(line)
            sentence = match and check(path, match.group(1), match.group(2))
            if sentence:
                found.add(path, number, sentence)
    found.exit()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Calls and words that are not wanted, each with what to use instead."""

import re

from findings import Findings, code, files, lines

CALLS = {
    "strcpy": "it knows no end; use snprintf or a buffer of base",
    "strcat": "it knows no end; use snprintf or a buffer of base",
    "sprintf": "it knows no end; use snprintf",
    "vsprintf": "it knows no end; use vsnprintf",
    "gets": "it knows no end; use fgets",
    "strtok": "it keeps hidden state; use strsep or strtok_r",
    "atoi": "it takes garbage for 0; use the parsers of base",
    "atol": "it takes garbage for 0; use the parsers of base",
    "strtol": "it is easy to call wrongly; use the parsers of base",
    "sleep": "never sleep for a fixed time; wait for the state",
    "usleep": "never sleep for a fixed time; wait for the state",
    "nanosleep": "never sleep for a fixed time; wait for the state",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(CALLS) + r")\s*\(")
# The words are put together here, so that this file does not find itself.
WORD = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
SLEEP = re.compile(r"\btime\.sleep\s*\(|\bfrom time import .*\bsleep\b")
COLUMNS = 100
TEXT = (".c", ".h", ".py", ".sh", ".sql", ".md", ".yaml", ".yml", ".js", ".css", ".html")


def check_calls(found):
    for path in files(".c", ".h"):
        for number, line in enumerate(code(path), 1):
            for match in CALL.finditer(line):
                found.add(path, number, f"{match.group(1)}() is banned: {CALLS[match.group(1)]}")


def check_hash_tables(found):
    """Without this switch uthash ends the process when there is no memory, and says nothing."""
    for path in files(".c", ".h", trees=("common", "producer", "worker")):
        text = "\n".join(lines(path))
        at = text.find("#include <uthash.h>")
        if at >= 0 and "#define HASH_NONFATAL_OOM 1\n" not in text[:at]:
            found.add(path, text[:at].count("\n") + 1, "define HASH_NONFATAL_OOM as 1 before "
                      "uthash.h, and look at hh.tbl after each HASH_ADD: NULL is no memory")


def check_python_sleeps(found):
    """One helper of the tests may sleep between two looks at a condition; nobody else."""
    for path in files(".py", trees=("tests",)):
        function = ""
        for number, line in enumerate(lines(path), 1):
            match = re.match(r"\s*def (\w+)", line)
            function = match.group(1) if match else function
            helper = path.startswith("tests/support/") and function == "wait_until"
            if SLEEP.search(line) and not helper and "SLEEP = " not in line:
                found.add(path, number, "only wait_until() in tests/support may sleep: wait for "
                          "what you need, with a deadline")


def check_text(found):
    for path in files(*TEXT):
        for number, line in enumerate(lines(path), 1):
            match = WORD.search(line)
            if match:
                found.add(path, number, f"{match.group(1)}: do it, or write down why not")
            if path.endswith(".py") and len(line) > COLUMNS:  # C: clang-format sees to it
                found.add(path, number, f"the line has {len(line)} columns, more than {COLUMNS}")


def main():
    found = Findings()
    check_calls(found)
    check_hash_tables(found)
    check_python_sleeps(found)
    check_text(found)
    found.exit()


if __name__ == "__main__":
    main()

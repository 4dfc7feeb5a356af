#!/usr/bin/env python3
"""Each bound of common/base/limits.h is used by the product, and met by a test that names it,
unless its comment says "no test: " and why. Standard library only."""

import re

from findings import Findings, code, files, lines

LIMITS = "common/base/limits.h"


def words(paths):
    """Every word of the code of these files; in Python and text, of all of it."""
    found = set()
    for path in paths:
        text = code(path) if path.endswith((".c", ".h")) else lines(path)
        found.update(re.findall(r"\b[A-Z][A-Z0-9_]+\b", "\n".join(text)))
    return found


def bounds():
    """(line, name, comment) of each; a definition may go on behind a backslash."""
    text = "\n".join(lines(LIMITS))
    for match in re.finditer(r"^#define ([A-Z0-9_]+) .*?(?:(?<!\\)$)", text, re.M | re.S):
        if not match.group(1).endswith("_H"):
            yield text[:match.start()].count("\n") + 1, match.group(1), match.group(0)


def main():
    found = Findings()
    used = words(p for p in files(".c", ".h", trees=("common", "producer", "worker"))
                 if p != LIMITS)
    in_limits = {}
    for _, name, text in bounds():
        for word in re.findall(r"\b[A-Z][A-Z0-9_]+\b", text):
            in_limits.setdefault(word, set()).add(name)
    met = words(files(".c", ".h", ".py", trees=("tests/unit", "tests/system", "tests/support",
                                                "tests/fuzz")))
    for number, name, text in bounds():
        if name not in used and in_limits.get(name, set()) == {name}:
            found.add(LIMITS, number, f"nobody uses {name}")
        if name not in met and "no test: " not in text:
            found.add(LIMITS, number, f"no test names {name}; fill it once, or say \"no test: \" "
                      "and why in its comment")
    found.exit()


if __name__ == "__main__":
    main()

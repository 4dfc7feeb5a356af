"""What the lint scripts share: which files there are, comments taken out, findings printed."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TREES = ("common", "producer", "worker", "tests", "deploy")
SKIP = {"build", "__pycache__", ".git"}


def files(*suffixes, trees=TREES):
    """Paths below trees that end in one of suffixes, relative to the root, sorted."""
    found = []
    for tree in trees:
        for folder, folders, names in os.walk(os.path.join(ROOT, tree)):
            folders[:] = [f for f in folders if f not in SKIP]
            found += [os.path.relpath(os.path.join(folder, n), ROOT)
                      for n in names if n.endswith(suffixes)]
    return sorted(found)


def lines(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read().split("\n")


def code(path):
    """The lines of a C file with comments and the insides of literals blanked, so that a word in
    a sentence is not taken for a call. Line numbers stay."""
    blank = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                  blank, "\n".join(lines(path)), flags=re.S)
    return text.split("\n")


class Findings:
    def __init__(self):
        self.n = 0

    def add(self, path, line, sentence):
        self.n += 1
        print(f"{path}:{line}: {sentence}")

    def exit(self):
        sys.exit(1 if self.n else 0)

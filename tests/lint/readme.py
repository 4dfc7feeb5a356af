#!/usr/bin/env python3
"""README.md against the code: its tables are what the programs say, its paths and tests exist.

    readme.py           says what differs (make lint)
    readme.py --write   writes the tables anew (make docs)

A table stands between <!-- table NAME --> and <!-- end NAME -->. Standard library only.
"""

import glob
import os
import re
import subprocess
import sys

from findings import ROOT, Findings, lines

README = "README.md"
BUILD = os.path.join(ROOT, os.environ.get("B", "build"))
WORKER, PRODUCER = os.path.join(BUILD, "rebuild-worker"), os.path.join(BUILD, "rebuild-producer")

# A line of --help begins a table of options, or an option, or goes on with what it is about.
HEADING = re.compile(r"^(\S.*):$")
OPTION = re.compile(r"^  (?:-(\w), |    )--([\w-]+)(\[=\S+\]| (?=[A-Z\[]|\S*\|)\S+)?(?: +(.*))?$")
ENVIRONMENT = re.compile(r" \[([A-Z][A-Z0-9_]*(?:, [A-Z][A-Z0-9_]*)*)\]$")
DEFAULT = re.compile(r" \((?:default ([^(), ]+)(?:, )?)?((?:from|at least|at most) [^()]+)?\)$")

# Prints the closed list of errors through its header, so that errors.c may look as it likes.
ERRORS = r"""
#include <stdio.h>
#include "common/connect/errors.h"
int main(void)
{
    static const char *const scopes[] = { "", "item", "replica", "worker" };
    for (enum error_class c = EC_NONE + 1; c < EC_N; c++)
        printf("%s\t%s\t%d\t%s\n", error_row(c)->name, scopes[error_row(c)->scope],
               error_row(c)->retries, error_row(c)->what);
    return 0;
}
"""
RETRIES = {"-1": "while attempts are left", "0": "no", "1": "once"}
METRIC = re.compile(r'\b(COUNTER|GAUGE|HISTOGRAM)\(("rebuild_.*?)\),\n', re.S)

# A place in the tree, and a test by its file and name, as they stand in backticks.
PLACE = re.compile(r"`((?:common|producer|worker|deploy|tests|\.ci)/[\w./*-]*)`")
TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def output(argv, **more):
    return subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
                          **more).stdout


def table(*rows):
    """Markdown; the first row is the heading."""
    cells = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    cells.insert(1, ["---"] * len(rows[0]))
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


# ---- options -----------------------------------------------------------------------------------


def help_options(*argv):
    """{heading: [[letter, name, value, text]]} from --help."""
    found, options = {}, None
    for line in output([*argv, "--help"]).splitlines():
        heading, option = HEADING.match(line), OPTION.match(line)
        if heading:
            options = found.setdefault(heading.group(1), [])
        elif option and options is not None:
            options.append([group or "" for group in option.groups()])
        elif line.startswith(" " * 32) and options:
            options[-1][3] = f"{options[-1][3]} {line.strip()}".strip()
    return found


def option_cells(option):
    """Option, environment, default, meaning."""
    letter, name, value, text = option
    environment, default = ENVIRONMENT.search(text), ""
    text = ENVIRONMENT.sub("", text)
    bounds = DEFAULT.search(text)
    if bounds:
        default = f"`{bounds.group(1)}`" if bounds.group(1) else ""
        text = text[:bounds.start()] + (f"; {bounds.group(2)}" if bounds.group(2) else "")
    variables = environment.group(1).split(", ") if environment else []
    shown = f"`-{letter}`, " if letter else ""
    return [f"{shown}`--{name}{value}`", " ".join(f"`{v}`" for v in variables), default, text]


def settings_table():
    """What may stand in the environment and in the file, too."""
    worker, producer = help_options(WORKER), help_options(PRODUCER, "enqueue")
    shared = "Database, Kafka, Connect, log"
    if worker[shared] != producer[shared]:
        sys.exit(f"the programs differ in the options that they share ({shared})")
    rows = [["both", *option_cells(o)] for o in worker[shared]]
    rows += [["worker", *option_cells(o)] for o in worker["Worker"]]
    rows += [["producer", *option_cells(o)] for o in producer["Output"]]
    return table(["program", "option", "environment", "default", "meaning"], *rows)


def enqueue_table(heading):
    rows = [option_cells(o) for o in help_options(PRODUCER, "enqueue")[heading]]
    return table(["option", "default", "meaning"], *[[r[0], r[2], r[3]] for r in rows])


def verbs_table():
    listed = output([PRODUCER, "--help"]).split("Verbs:\n")[1].split("\n\n")[0]
    rows = [line.split(None, 1) for line in listed.splitlines()]
    return table(["verb", "what it does"], *[[f"`{verb}`", text] for verb, text in rows])


# ---- errors and metrics ------------------------------------------------------------------------


def errors_table():
    program = os.path.join(BUILD, "gen", "print-errors")
    compiler = os.environ.get("CC", "cc").split()
    output([*compiler, "-D_GNU_SOURCE", "-I.", "-o", program, "-x", "c", "-",
            "common/connect/errors.c"], input=ERRORS)
    rows = [line.split("\t") for line in output([program]).splitlines()]
    return table(["class", "about", "tried again", "meaning"],
                 *[[f"`{name}`", scope, RETRIES[n], what] for name, scope, n, what in rows])


def metrics_table():
    rows = []
    for kind, arguments in METRIC.findall("\n".join(lines("worker/meters.c"))):
        name, text, *labels = re.findall(r'"([^"]*)"', re.sub(r'"\s*\n\s*"', "", arguments))
        rows.append([f"`{name}`", kind.lower(), " ".join(f"`{l}`" for l in labels), text])
    return table(["metric", "type", "labels", "meaning"], *rows)


TABLES = {
    "verbs": verbs_table,
    "settings": settings_table,
    "selection": lambda: enqueue_table("Selection"),
    "campaign": lambda: enqueue_table("Campaign"),
    "errors": errors_table,
    "metrics": metrics_table,
}


# ---- the file ----------------------------------------------------------------------------------


def check_names(found):
    for number, line in enumerate(lines(README), 1):
        for place in PLACE.findall(line):
            if not glob.glob(os.path.join(ROOT, place)):
                found.add(README, number, f"there is no {place}")
        for name, test in TEST.findall(line):
            path = os.path.join("tests", "system", name)
            there = os.path.exists(os.path.join(ROOT, path))
            if not there or f"def {test}(" not in "\n".join(lines(path)):
                found.add(README, number, f"there is no test {name}::{test}")


def main(argv):
    found, text = Findings(), "\n".join(lines(README))
    write = argv[1:] == ["--write"]
    for name, make in TABLES.items():
        block = re.search(rf"<!-- table {name} -->\n(.*?)<!-- end {name} -->", text, re.S)
        if not block:
            sys.exit(f"{README}: there is no place for the table {name}")
        made = make()
        if made != block.group(1) and not write:
            found.add(README, text.count("\n", 0, block.start()) + 1,
                      f"the table {name} is not what the code says: run make docs")
        text = text[:block.start(1)] + made + text[block.end(1):]
    if write:
        with open(os.path.join(ROOT, README), "w", encoding="utf-8") as readme:
            readme.write(text)
    check_names(found)
    found.exit()


if __name__ == "__main__":
    main(sys.argv)

"""Size budgets, by lizard: big files and big functions are where C goes bad first."""

import os

import lizard

from findings import ROOT, Findings, files, lines

FUNCTION_LINES = 60
COMPLEXITY = 15
PARAMETERS = 5
FILE_LINES = 500

# Signatures that a library prescribes.
FOREIGN = {("common/serve/server.c", "on_request"), ("tests/simulator/port.c", "on_request")}


def check_function(found, path, function):
    name = function.name
    if function.length > FUNCTION_LINES:
        found.add(path, function.start_line,
                  f"{name}() has {function.length} lines, more than {FUNCTION_LINES}")
    if function.cyclomatic_complexity > COMPLEXITY:
        found.add(path, function.start_line, f"{name}() has a complexity of "
                  f"{function.cyclomatic_complexity}, more than {COMPLEXITY}")
    parameters = [p for p in function.parameters if p != "self"]
    if len(parameters) > PARAMETERS and (path, name) not in FOREIGN:
        found.add(path, function.start_line, f"{name}() takes {len(parameters)} parameters, "
                  f"more than {PARAMETERS}")


def main():
    found = Findings()
    for path in files(".c", ".h", ".py", ".js"):
        total = len(lines(path)) - 1
        if total > FILE_LINES:
            found.add(path, total, f"the file has {total} lines, more than {FILE_LINES}")
        for function in lizard.analyze_file(os.path.join(ROOT, path)).function_list:
            check_function(found, path, function)
    found.exit()


if __name__ == "__main__":
    main()

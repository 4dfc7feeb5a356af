"""Programs that watch themselves: a sanitizer or the counters of coverage are compiled in. They are
slower, and what a sanitizer finds stands in a file of its own for each process, because a test may
not look at how a process ended.

B (the build directory) says which programs are tested; what they are is read from the switches they
were compiled with. Standard library only: run-checks uses it, too."""

import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

OPTIONS = {
    # A test that puts its own resolver before the system's preloads a library.
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:verify_asan_link_order=0",
    "LSAN_OPTIONS": "print_suppressions=0:suppressions=" + os.path.join(
        ROOT, "tests", "support", "lsan.supp"),
    "UBSAN_OPTIONS": "print_stacktrace=1",
    # The libraries are not instrumented: what only they see would be reported as a race.
    "TSAN_OPTIONS": "ignore_noninstrumented_modules=1:second_deadlock_stack=1",
}
REPORTS = ("ASAN_OPTIONS", "TSAN_OPTIONS")  # LSan and UBSan write where ASan does
SLOWNESS = {"thread": 6, "address,undefined": 3, "coverage": 2}


def kind(build):
    """ "address,undefined", "thread", "coverage"; None: as shipped."""
    try:
        with open(os.path.join(build, "gen", "flags"), encoding="utf-8") as file:
            flags = file.read()
    except OSError:
        return None
    found = re.search(r"-fsanitize=(\S+)", flags)
    return found.group(1) if found else "coverage" if "--coverage" in flags else None


def slowness(build):
    """What every deadline of the tests is multiplied by."""
    return SLOWNESS.get(kind(build), 1)


def write_reports_to(directory):
    """From now on, for processes that get this one's environment."""
    os.makedirs(directory, exist_ok=True)
    for name in REPORTS:
        os.environ[name] = f"{OPTIONS[name]}:log_path={directory}/report"


def reports(directory):
    """The texts of what was found so far; each is returned once."""
    texts = []
    for path in sorted(glob.glob(os.path.join(directory, "report.*"))):
        with open(path, encoding="utf-8", errors="replace") as file:
            texts.append(file.read())
        os.rename(path, path.replace("report.", "told."))
    return texts

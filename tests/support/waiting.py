"""The one place of the tests that sleeps."""

import os
import time

import instrumented

POLL_S = 0.05
BUILD = os.path.join(instrumented.ROOT, os.environ.get("B", "build"))
SLOWNESS = instrumented.slowness(BUILD)


def wait_until(predicate, deadline_s, what):
    """Waits for a state, never for a time: returns the first true value of predicate().
    what is a sentence, or a function that makes one from what is known when time is up."""
    deadline_s *= SLOWNESS
    end = time.monotonic() + deadline_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what() if callable(what) else what}")
        time.sleep(POLL_S)

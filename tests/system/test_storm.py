"""The storm (storm.py): everything dies again and again, and nothing is lost or built twice.

STORM_SECONDS and STORM_SEED change it; `make storm` runs five minutes with a new seed."""

import os

import pytest

import storm

SECONDS = int(os.environ.get("STORM_SECONDS", "60"))
SEED = int(os.environ.get("STORM_SEED", "4"))


@pytest.mark.deadline(2 * SECONDS + storm.CALM_S + 120)
def test_nothing_is_lost_or_built_twice_in_a_storm(stack, pool, connect_with, pool_logs, print_out):
    with open(os.path.join(pool_logs, "storm.log"), "w", encoding="utf-8", buffering=1) as log:
        def say(sentence):
            log.write(sentence + "\n")
            if sentence[:1].isalpha():
                print_out(sentence)
        storm.run(storm.Storm(stack, pool, SEED, say), connect_with, SECONDS, SEED)

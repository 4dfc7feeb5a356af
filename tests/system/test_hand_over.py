"""Workers that leave or die with a thousand builds in flight, or one after the other under load."""

import itertools
import time

import pytest

from waiting import wait_until

ITEMS = 1000
LIMIT = 350  # of three replicas: room for all
TAKE_OVER_S = 40  # the session's time-out, and the broker's abort scan if it died in a commit


def await_partitions(pool, n):
    """Waits until n workers share the partitions."""
    def shared():
        counts = [w.metric("rebuild_kafka_assigned_partitions") for w in pool.workers if w.alive()]
        return len(counts) == n and all(counts)
    wait_until(shared, 30, f"{n} workers have partitions")


def all_succeeded(results, n):
    return len(results) == n and {r.outcome for r in results.values()} == {"succeeded"}


@pytest.mark.parametrize("how", ["sigterm", "kill"])
def test_a_thousand_builds_change_hands(pool, connect_with, print_out, how):
    connect = connect_with(items=ITEMS, build_ms=(20, 60), limit=LIMIT)
    connect.hold()
    leaver = pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    pool.await_count(ITEMS, "attempt where task_id is not null", deadline_s=60)
    started = time.monotonic()
    assert (leaver.term() == 0) if how == "sigterm" else (leaver.kill() < 0)
    gone = time.monotonic()
    other = pool.worker(ready=False)
    wait_until(lambda: pool.open_builds() == {other.name: ITEMS}, TAKE_OVER_S,
               lambda: f"{other.name} adopts all; {pool.open_builds()}")
    print_out(f"{ITEMS} builds, gone after {gone - started:.2f} s, the last one adopted "
              f"{time.monotonic() - gone:.2f} s later by a worker that was started then")
    connect.release()
    results = pool.complete(campaign)
    assert all_succeeded(results, ITEMS)
    assert connect.audit_summary()["builds"] == ITEMS
    assert sum(r.value["data"]["adopted"] for r in results.values()) == ITEMS


def finished(connect):
    state = connect.state()
    return state["builds"] - state["running"]


def longest_pause_s(connect):
    ends = sorted(build["ended_ms"] for build in connect.audit()["list"])
    return max(b - a for a, b in itertools.pairwise(ends)) / 1000


def test_a_rolling_restart_of_four_workers_under_load(pool, connect_with, print_out):
    connect = connect_with(items=240, build_ms=(400, 800))
    for _ in range(4):
        pool.worker(ready=False)
    await_partitions(pool, 4)
    campaign = pool.campaign("--warm-up", "0")
    connect.await_builds(20)
    for worker in pool.workers[:4]:
        before = finished(connect)
        assert worker.term() == 0
        pool.worker()
        wait_until(lambda n=before: finished(connect) > n, 30, "a build ends between two restarts")
    assert pool.state_of(campaign) == "open"  # there was work all the time
    assert all_succeeded(pool.complete(campaign), 240)
    assert connect.audit_summary()["builds"] == 240
    print_out(f"the longest pause between two ends of builds was {longest_pause_s(connect):.2f} s")

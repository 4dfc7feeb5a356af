"""Workers that die, freeze or are told to go: no result lost or doubled, no build started twice."""

import time

import pytest

from waiting import wait_until

SLOTS = 9  # three replicas with a limit of three
SESSION_S = 6  # REBUILD_KAFKA_SESSION_TIMEOUT of the tests
TAKE_OVER_S = SESSION_S + 20  # killed inside a commit: the broker's abort scan comes on top


def hold_all_slots(pool, connect, workers):
    """A campaign whose first builds do not end. Returns its id and the workers, the busiest
    first."""
    connect.hold()
    started = [pool.worker() for _ in range(workers)]
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(SLOTS)
    pool.await_count(SLOTS, "attempt where task_id is not null")
    builds = pool.open_builds()
    return campaign, sorted(started, key=lambda w: -builds.get(w.name, 0))


def await_adopted(pool, n, by):
    """Waits until worker `by` has all open builds. Returns the seconds it took."""
    started = time.monotonic()
    wait_until(lambda: pool.open_builds() == {by.name: n}, TAKE_OVER_S,
               lambda: f"{by.name} adopts all {n} builds; {pool.open_builds()}")
    return time.monotonic() - started


def adopted(results):
    return sum(r.value["data"]["adopted"] for r in results.values())


def assert_all_succeeded(results, n):
    assert len(results) == n
    assert {r.outcome for r in results.values()} == {"succeeded"}


def test_kill_one_of_two_workers(pool, connect_with, print_out):
    connect = connect_with(items=40, build_ms=(50, 150))
    campaign, (victim, other) = hold_all_slots(pool, connect, 2)
    builds = pool.open_builds()[victim.name]
    victim.kill()
    print_out(f"{builds} builds adopted after {await_adopted(pool, SLOTS, other):.1f} s")
    connect.release()
    results = pool.complete(campaign)
    assert_all_succeeded(results, 40)
    assert adopted(results) == builds


def test_kill_the_only_worker_and_start_a_new_one(pool, connect_with):
    connect = connect_with(items=40, build_ms=(50, 150))
    campaign, (victim,) = hold_all_slots(pool, connect, 1)
    victim.kill()
    await_adopted(pool, SLOTS, pool.worker(ready=False))
    connect.release()
    results = pool.complete(campaign)
    assert_all_succeeded(results, 40)
    assert adopted(results) == SLOTS


def test_a_worker_that_comes_back_under_its_name_adopts_what_it_left(pool, connect_with):
    connect = connect_with(items=20, build_ms=(50, 150))
    campaign, (victim,) = hold_all_slots(pool, connect, 1)
    victim.kill()
    connect.release()  # they end while nobody looks
    pool.worker(name=victim.name)
    assert_all_succeeded(pool.complete(campaign), 20)


@pytest.mark.deadline(180)
def test_a_storm_of_kills(pool, connect_with):
    connect = connect_with(items=120, build_ms=(50, 300))
    pool.extra_env["REBUILD_LOST_AFTER"] = "2s"  # of a claim whose worker died before the POST
    for _ in range(3):
        pool.worker()
    campaign = pool.campaign("--warm-up", "0", "--backoff", "1s:1s")
    for n in (15, 40, 65, 90):
        connect.await_builds(n)
        pool.busiest()[0].kill()
        pool.worker(ready=False)
    assert_all_succeeded(pool.complete(campaign, deadline_s=150), 120)


def test_sigterm_hands_over_at_once_and_nothing_is_built_again(pool, connect_with, print_out):
    connect = connect_with(items=40, build_ms=(50, 150))
    campaign, (leaver, other) = hold_all_slots(pool, connect, 2)
    builds = pool.open_builds()[leaver.name]
    started = time.monotonic()
    assert leaver.term(deadline_s=10) == 0
    left = time.monotonic() - started
    print_out(f"left with {builds} builds after {left:.2f} s, adopted "
              f"{await_adopted(pool, SLOTS, other):.2f} s later")
    connect.release()
    results = pool.complete(campaign)
    assert_all_succeeded(results, 40)
    assert adopted(results) == builds


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_in_full_flight(pool, connect_with, workers):
    connect = connect_with(items=60, build_ms=(20, 200))
    for _ in range(workers):
        pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    for n in (12, 24, 36):
        connect.await_builds(n)
        fresh = pool.worker(ready=False)
        assert next(w for w in pool.workers if w.alive()).term() == 0
        fresh.await_ready()
    assert_all_succeeded(pool.complete(campaign), 60)


def test_drain_mode_finish_ends_its_builds_and_starts_none(pool, connect_with):
    connect = connect_with(items=30, build_ms=(50, 150))
    pool.extra_env["REBUILD_DRAIN_MODE"] = "finish"
    campaign, (leaver,) = hold_all_slots(pool, connect, 1)
    leaver.signal(15)
    leaver.await_event("worker.leaving")
    assert leaver.get("/readyz")[0] == 503
    connect.faults(hold_builds=False)
    assert leaver.wait() == 0
    assert connect.state()["builds"] == SLOTS
    assert pool.open_builds() == {}
    assert len(pool.results()) == SLOTS
    pool.worker()
    results = pool.complete(campaign)
    assert_all_succeeded(results, 30)
    assert adopted(results) == 0


def test_a_second_sigterm_leaves_at_once(pool, connect_with):
    connect = connect_with(items=20, build_ms=(50, 150))
    pool.extra_env["REBUILD_DRAIN_MODE"] = "finish"
    campaign, (leaver,) = hold_all_slots(pool, connect, 1)
    leaver.signal(15)
    leaver.await_event("worker.leaving")
    assert leaver.term(deadline_s=5) == 0
    await_adopted(pool, SLOTS, pool.worker(ready=False))
    connect.release()
    assert_all_succeeded(pool.complete(campaign), 20)


def test_a_frozen_worker_that_thaws_builds_and_publishes_nothing_again(pool, connect_with):
    connect = connect_with(items=30, build_ms=(50, 150))
    campaign, (frozen, other) = hold_all_slots(pool, connect, 2)
    frozen.freeze()
    await_adopted(pool, SLOTS, other)
    connect.release()
    pool.await_state(campaign)
    joined = len(frozen.events("kafka.assigned"))
    frozen.thaw()
    frozen.await_event("kafka.assigned", n=joined + 1)
    frozen.await_ready()
    assert_all_succeeded(pool.complete(campaign), 30)


def test_a_worker_that_freezes_and_thaws_in_full_flight(pool, connect_with):
    connect = connect_with(items=80, build_ms=(100, 300))
    pool.extra_env["REBUILD_LOST_AFTER"] = "6s"  # of a claim whose worker froze before the POST
    pool.worker()
    pool.worker()
    campaign = pool.campaign("--warm-up", "0", "--backoff", "1s:1s")
    connect.await_builds(15)
    frozen, _ = pool.busiest()
    frozen.freeze()
    other = next(w for w in pool.workers if w is not frozen)
    other.await_event("build.adopted")
    frozen.thaw()
    assert_all_succeeded(pool.complete(campaign), 80)
    assert frozen.alive()

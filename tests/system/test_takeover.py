"""Slots that are held, left, wanted and taken over."""

import itertools
import time

from partitions import await_owners, split
from waiting import wait_until

SESSION_S = 6  # REBUILD_KAFKA_SESSION_TIMEOUT of the tests
ADOPTION_S = SESSION_S + 4
KILL_IN_COMMIT_S = 20  # a kill inside a commit: the broker's abort scan comes on top


def select(rows):
    return [word for row in rows for word in ("--guid", row["guid"])]


def release_once(connect):
    """What is held ends; what starts from now on is held again."""
    connect.post("/builds/release")


def wants(pool, worker):
    return pool.count("worker where worker_id = %s and want_lane = 1 and want_until > now()",
                      worker.name)


def busy_and_idle(pool, connect, slots):
    """Two workers: the first holds every slot and all of the backlog, the second has nothing to
    do. Returns both, the backlog's campaign, and the rows that would go to the second."""
    connect.hold()
    busy, idle = pool.worker(), pool.worker()
    await_owners(pool, 2)
    mine, others = split(pool, pool.load_content(), busy)
    backlog = pool.campaign("--warm-up", "0", "--name", "backlog", *select(mine))
    connect.await_running(slots)
    pool.await_count(slots, "attempt where task_id is not null")
    assert pool.open_builds() == {busy.name: slots} and idle.holds() == 0
    return busy, idle, backlog, others


def enqueue_urgent(pool, idle, row):
    fast = pool.campaign("--warm-up", "0", "--lane", "high", "--name", "urgent", *select([row]))
    wait_until(lambda: wants(pool, idle), 20, "the urgent one waits for a slot")
    return fast


def test_the_next_slot_goes_to_the_high_lane_of_an_idle_worker(pool, connect_with):
    connect = connect_with(items=24, build_ms=(10, 20), limit=1, replicas=1)
    _, idle, backlog, others = busy_and_idle(pool, connect, 1)
    fast = enqueue_urgent(pool, idle, others[0])
    release_once(connect)
    connect.await_builds(2)
    assert connect.audit()["list"][1]["guid"] == others[0]["guid"]
    connect.release()
    pool.complete(fast)
    pool.complete(backlog)


def longest_without(builds, slots):
    """ms for which less than `slots` builds ran, once all had been in use, up to the last start."""
    steps = sorted([(b["ended_ms"], -1) for b in builds if b["ended_ms"]]
                   + [(b["started_ms"], 1) for b in builds])
    longest, since, running = 0, None, 0
    full = False
    for at, step in steps:
        running += step
        full = full or running == slots
        if full and running < slots and since is None:
            since = at
        elif since is not None and running >= slots:
            longest, since = max(longest, at - since), None
    return longest


def test_a_frozen_worker_with_a_want_leaves_no_slot_empty(pool, connect_with, print_out):
    slots = 12
    connect = connect_with(items=60, build_ms=(10, 20), limit=4)
    _, idle, backlog, others = busy_and_idle(pool, connect, slots)
    fast = enqueue_urgent(pool, idle, others[0])
    idle.freeze()
    release_once(connect)
    connect.await_builds(2 * slots)
    connect.await_running(slots)
    idle_ms = longest_without(connect.audit()["list"], slots)
    print_out(f"all {slots} slots in use again after {idle_ms} ms, one of them wanted by a frozen "
              "worker")
    assert len(pool.results()) <= slots and idle.alive()
    idle.thaw()
    connect.release()
    pool.complete(fast)
    pool.complete(backlog)


def test_a_kill_with_every_slot_held_and_better_requests_waiting(pool, connect_with, print_out):
    slots = 9
    connect = connect_with(items=40, build_ms=(20, 60))
    rows = pool.load_content()
    connect.hold()
    victim = pool.worker()
    running = pool.campaign("--warm-up", "0", *select(rows[:20]))
    connect.await_running(slots)
    better = pool.campaign("--warm-up", "0", "--lane", "high", "--name", "better",
                           *select(rows[20:]))
    pool.await_count(slots, "attempt where task_id is not null")
    wait_until(lambda: victim.holds() == 40, 20, "all were read")
    heir = pool.worker()
    killed = time.monotonic()
    victim.kill()
    wait_until(lambda: pool.open_builds() == {heir.name: slots}, ADOPTION_S + KILL_IN_COMMIT_S,
               lambda: f"{heir.name} adopts all {slots} builds; {pool.open_builds()}")
    print_out(f"{slots} builds adopted {time.monotonic() - killed:.1f} s after the kill, session "
              f"time-out {SESSION_S} s (to reach: {ADOPTION_S} s)")
    assert connect.state()["builds"] == slots
    connect.release()
    assert len(pool.complete(better)) == 20
    results = pool.complete(running)
    assert len(results) == 20
    audit = connect.audit_summary()
    assert audit["builds"] == audit["guids_built"] == 40
    assert sum(r.value["data"]["adopted"] for r in results.values()) <= slots


def test_a_group_whose_builds_all_fail_is_not_built_one_after_the_other(pool, connect_with):
    connect = connect_with(items=100, build_ms=(10, 20), app_modes="shiny", images=1, r_versions=1,
                           fault="fail_share=1")
    connect.hold()
    pool.worker()
    campaign = pool.campaign("--warm-up", "1", "--max-attempts", "1")
    for n in (1, 2):
        connect.await_builds(n)
        pool.await_count(n, "attempt where task_id is not null")
        assert connect.state()["builds"] == n  # cold: one at a time
        release_once(connect)
    connect.await_running(9)
    group, = pool.sql("select started, ended, restored, succeeded from runtime_group")
    assert (group["restored"], group["succeeded"]) == (2, 0)
    connect.release()
    results = pool.complete(campaign)
    assert len(results) == 100 and {r.outcome for r in results.values()} == {"build_failed"}
    builds = connect.audit()["list"]
    steps = sorted([(b["started_ms"], 1) for b in builds] + [(b["ended_ms"], -1) for b in builds])
    assert max(itertools.accumulate(step for _, step in steps)) == 9

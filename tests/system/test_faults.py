"""Connect, Kafka and PostgreSQL at their worst: every item still succeeds once, and nothing that
Connect knew is built again."""

import collections

import pytest

from waiting import wait_until

SLOTS = 9


def succeed(pool, campaign, n, **options):
    results = pool.complete(campaign, **options)
    assert len(results) == n
    assert {r.outcome for r in results.values()} == {"succeeded"}
    return results


def hold_all_slots(pool, connect, *args):
    connect.hold()
    campaign = pool.campaign("--warm-up", "0", *args)
    connect.await_running(SLOTS)
    pool.await_count(SLOTS, "attempt where task_id is not null")
    return campaign


# ---- Connect -------------------------------------------------------------------------------------


def test_a_replica_that_forgot_its_tasks_is_asked_for_its_jobs(pool, connect_with):
    connect = connect_with(items=30, build_ms=(50, 150))
    worker = pool.worker()
    campaign = hold_all_slots(pool, connect)
    connect.replica("connect-0", restart=True, jobs="continue")
    worker.await_event("build.lookup", n=3)
    connect.release()
    succeed(pool, campaign, 30)
    assert connect.audit_summary()["guids_built"] == connect.audit_summary()["builds"]


def test_builds_that_died_with_their_replica_are_built_once_more(pool, connect_with):
    connect = connect_with(items=30, build_ms=(50, 150))
    pool.worker(REBUILD_LOST_AFTER="1s")
    campaign = hold_all_slots(pool, connect, "--backoff", "1s:1s")
    connect.replica("connect-1", restart=True, jobs="die")
    connect.release()
    results = pool.complete(campaign, again=3)
    audit = connect.audit_summary()
    assert audit["died"] == 3 and audit["built_twice"] == 0
    rebuilt = collections.Counter(b["guid"] for b in connect.audit()["list"])
    assert sum(n == 2 for n in rebuilt.values()) == 3
    assert {r.outcome for r in results.values()} == {"succeeded"}


def test_a_task_that_a_replica_forgets_once_it_has_ended(pool, connect_with):
    connect_with(items=20, build_ms=(20, 60), fault=["task_retention_ms=1", "old_task_404=true"])
    pool.worker()
    succeed(pool, pool.campaign("--warm-up", "0"), 20)


def test_a_post_whose_answer_was_lost_is_looked_up_and_not_sent_again(pool, connect_with):
    connect = connect_with(items=24, build_ms=(50, 150))
    connect.faults(only_route="build", reset_after_share=0.5)
    pool.worker(REBUILD_LOST_AFTER="2s")
    succeed(pool, pool.campaign("--warm-up", "0"), 24)
    assert connect.audit_summary()["builds"] == 24


def test_a_post_that_never_arrived_is_sent_again(pool, connect_with):
    connect = connect_with(items=12, build_ms=(20, 60))
    connect.faults(only_route="build", reset_before_share=0.3)
    pool.worker(REBUILD_LOST_AFTER="1s")
    succeed(pool, pool.campaign("--warm-up", "0", "--max-attempts", "20", "--backoff", "1s:1s"),
            12)
    assert connect.audit_summary()["builds"] == 12


@pytest.mark.parametrize("fault", ["http_502_share", "cut_share", "reset_after_share"])
def test_every_twentieth_answer_is_spoilt(pool, connect_with, fault):
    connect = connect_with(items=40, build_ms=(30, 90))
    connect.faults(**{fault: 0.05})
    for _ in range(2):
        pool.worker(REBUILD_LOST_AFTER="2s")
    campaign = pool.campaign("--warm-up", "0", "--max-attempts", "20", "--backoff", "1s:1s")
    succeed(pool, campaign, 40)
    assert connect.audit_summary()["builds"] == 40


def test_a_replica_that_says_not_now_is_left_alone_for_as_long(pool, connect_with):
    connect = connect_with(items=12, build_ms=(20, 60))
    connect.faults(only_route="build", http_429_share=0.3, retry_after_s=1)
    pool.worker()
    succeed(pool, pool.campaign("--warm-up", "0", "--max-attempts", "20", "--backoff", "1s:1s"),
            12)
    assert pool.count("replica where limit_now < max_inflight") >= 1  # additive, multiplicative


def test_a_replica_that_is_away_gets_its_builds_when_it_is_back(pool, connect_with):
    connect = connect_with(items=20, build_ms=(50, 150))
    connect.replica("connect-2", up=False)
    worker = pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_builds(8)
    connect.replica("connect-2", up=True)
    succeed(pool, campaign, 20)
    assert worker.alive()


# ---- Kafka and PostgreSQL ------------------------------------------------------------------------


def test_a_broker_that_is_killed_and_comes_back(pool, connect_with, stack):
    connect = connect_with(items=40, build_ms=(50, 150))
    workers = [pool.worker(), pool.worker()]
    campaign = pool.campaign("--warm-up", "0")
    connect.await_builds(12)
    stack.kafka.kill()
    connect.await_builds(SLOTS + 6)  # what was read goes on
    stack.kafka.start([])
    succeed(pool, campaign, 40)
    assert all(w.alive() for w in workers)


def test_a_database_that_is_killed_and_comes_back(pool, connect_with, stack):
    connect = connect_with(items=40, build_ms=(50, 150))
    workers = [pool.worker(), pool.worker()]
    campaign = pool.campaign("--warm-up", "0")
    connect.await_builds(12)
    stack.postgres.kill()
    for worker in workers:
        worker.await_event("postgresql.down")
        wait_until(lambda w=worker: w.get("/readyz")[0] == 503, 10, "it is not ready")
        assert worker.get("/livez")[0] == 200
    stack.postgres.start([])
    succeed(pool, campaign, 40)
    assert all(w.alive() for w in workers)


def test_a_wrong_key_stops_the_worker_and_leaves_the_queue(pool, connect_with):
    connect = connect_with(items=12, build_ms=(20, 60))
    campaign = pool.campaign("--warm-up", "0")
    worker = pool.worker(ready=False, CONNECT_API_KEY="wrong")
    assert worker.wait() == 6
    assert len(worker.events("connect.key_refused")) == 1
    assert pool.results() == [] and connect.state()["builds"] == 0
    assert {(i["state"], i["attempts"]) for i in pool.items(campaign).values()} == {("waiting", 0)}
    pool.worker()
    succeed(pool, campaign, 12)


def test_a_key_that_is_revoked_with_builds_in_flight(pool, connect_with):
    connect = connect_with(items=20, build_ms=(50, 150))
    worker = pool.worker()
    campaign = hold_all_slots(pool, connect)
    connect.faults(key_revoked=True)
    connect.release()
    assert worker.wait() == 6
    connect.faults(key_revoked=False)
    pool.worker()
    succeed(pool, campaign, 20)


def test_a_401_of_an_ingress_is_not_about_the_key(pool, connect_with):
    connect = connect_with(items=12, build_ms=(20, 60))
    connect.faults(http_401_share=0.1)
    worker = pool.worker(REBUILD_LOST_AFTER="2s")
    campaign = pool.campaign("--warm-up", "0", "--max-attempts", "20", "--backoff", "1s:1s")
    succeed(pool, campaign, 12)
    assert worker.alive() and not worker.events("connect.key_refused")

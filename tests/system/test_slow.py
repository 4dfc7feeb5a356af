"""Kafka, PostgreSQL or a replica that answer late, little at a time, not at all, or half: a
campaign comes through, each item with one result and one build, by the processes that began it.

Which fault shows how is asserted by the worker's own words; how fast it is, nowhere."""

import pytest

from waiting import wait_until

RUNNING = 9
N = 24

pytestmark = pytest.mark.deadline(200)


@pytest.fixture
def run(pool, connect_with, links):
    """run(bad, seen): a campaign in which bad() happens while builds run on every replica. When
    seen(workers) is true, or the campaign is at its end, all is well again."""
    def run_it(bad, seen=None):
        connect = connect_with(items=N, build_ms=(50, 150), limit=6)
        # who owes an answer is given up: a broker after 3 s, a replica 2 s, PostgreSQL 6 s
        soon = {"REBUILD_TASK_WAIT": "1s", "REBUILD_LOST_AFTER": "2s",
                "REBUILD_DATABASE_TIMEOUT": "1s", "CONNECT_REQUEST_TIMEOUT": "2",
                "REBUILD_ACCESS_TIMEOUT": "2s"}
        workers = [pool.worker("-X", "socket.timeout.ms=3000", **links.env(), **soon)
                   for _ in range(2)]
        connect.hold()
        # every replica has free slots, too: builds are posted into the fault
        campaign = pool.campaign("--warm-up", "0", "--max-attempts", "20", "--backoff", "1s:1s",
                                 "--max-inflight", str(RUNNING))
        connect.await_running(RUNNING)
        pool.await_count(RUNNING, "attempt where task_id is not null")
        bad()
        connect.release()
        if seen:
            wait_until(lambda: seen(workers), 60, "the fault is noticed")
            links.well()
        results = pool.complete(campaign, deadline_s=120)
        assert {r.outcome for r in results.values()} == {"succeeded"} and len(results) == N
        assert connect.audit_summary()["builds"] == N
        links.well()
        for worker in workers:
            worker.await_ready()
            assert worker.get("/livez")[0] == 200
        return workers
    return run_it


def said(event, text="", n=1):
    """Seen when this many lines of all workers have the event and the text."""
    return lambda workers: sum(text in e["msg"] for w in workers for e in w.events(event)) >= n


def all_said(event, text):
    """Seen when each worker has said it."""
    return lambda workers: all(said(event, text)([w]) for w in workers)


# ---- late ----------------------------------------------------------------------------------------


def test_kafka_answers_after_300_ms(run, links):
    run(lambda: links.kafka.latency(300))


def test_postgresql_answers_after_500_ms(run, links):
    workers = run(lambda: links.postgres.latency(500))
    assert not any(w.events("postgresql.down") for w in workers), "late is not lost"


def test_a_replica_answers_after_500_ms(run, links):
    run(lambda: links.replicas["connect-1"].latency(500))


# ---- little at a time ----------------------------------------------------------------------------


def test_kafka_takes_20_kib_a_second(run, links):
    run(lambda: links.kafka.bandwidth(20))


def test_postgresql_takes_40_kib_a_second(run, links):
    run(lambda: links.postgres.bandwidth(40))


def test_a_replica_takes_20_kib_a_second(run, links):
    run(lambda: links.replicas["connect-1"].bandwidth(20))


# ---- half open: nothing comes, and nobody says so ------------------------------------------------


def test_kafka_is_half_open(run, links):
    run(links.kafka.half_open, all_said("kafka.revoked", "lost"))


def test_postgresql_is_half_open(run, links):
    run(links.postgres.half_open, all_said("postgresql.down", "has not answered for 6000 ms"))


def test_a_replica_is_half_open(run, links):
    run(lambda: links.replicas["connect-1"].half_open(), said("replica.breaker_open"))


# ---- broken --------------------------------------------------------------------------------------


def test_connections_to_kafka_are_reset_again_and_again(run, links):
    run(lambda: links.kafka.resets(700), said("kafka.consumer", n=12))


def test_connections_to_postgresql_are_reset_again_and_again(run, links):
    run(lambda: links.postgres.resets(300), said("postgresql.down", n=6))


def test_connections_to_a_replica_are_reset_again_and_again(run, links):
    run(lambda: links.replicas["connect-1"].resets(100), said("replica.breaker_open"))


def test_answers_of_kafka_are_cut_off(run, links):
    run(lambda: links.kafka.cut_after(3000), said("kafka.consumer", n=12))


def test_answers_of_postgresql_are_cut_off(run, links):
    run(lambda: links.postgres.cut_after(8000), said("postgresql.down", n=6))


def test_answers_of_a_replica_are_cut_off(run, links):
    run(lambda: links.replicas["connect-1"].cut_after(1500))

"""Kafka, PostgreSQL, a replica, all replicas: away, and back. What the workers do meanwhile, what
they say, and that they come back by themselves and nothing is lost or built again. AWAY_SECONDS=120
keeps each away for so much longer than what is asserted needs."""

import pytest

from links import outlast
from waiting import wait_until

SLOTS = 9
N = 24

pytestmark = pytest.mark.deadline(400)


@pytest.fixture
def begun(pool, connect_with, links):
    """Two workers behind proxies; a campaign with every slot held. (connect, workers, campaign)"""
    connect = connect_with(items=N, build_ms=(50, 150))
    workers = [pool.worker(**links.env()) for _ in range(2)]
    connect.hold()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(SLOTS)
    pool.await_count(SLOTS, "attempt where task_id is not null")
    return connect, workers, campaign


def await_not_ready(worker, why):
    wait_until(lambda: worker.get("/readyz") == (503, f"not ready: {why}\n"), 30,
               lambda: f"/readyz says {why}; it says {worker.get('/readyz')}")
    assert worker.get("/livez")[0] == 200, "only a worker that hangs may be restarted"


def assert_well(pool, workers, campaign):
    """The end of a campaign that nothing was lost of; by the same processes."""
    results = pool.complete(campaign, deadline_s=120)
    assert {r.outcome for r in results.values()} == {"succeeded"} and len(results) == N
    assert {i["attempts"] for i in pool.items(campaign).values()} == {1}
    for worker in workers:
        worker.await_ready()
        assert worker.alive() and worker.get("/livez")[0] == 200


def lost_partitions(worker):
    return [e for e in worker.events("kafka.revoked") if "lost" in e["msg"]]


def ended_builds(pool):
    return pool.count("attempt where code = 0")


def test_kafka_is_away(pool, begun, links):
    connect, workers, campaign = begun
    links.kafka.down()
    connect.release()
    for worker in workers:
        worker.await_event("kafka.consumer")
    # builds are followed to their ends, and what had been read goes on
    wait_until(lambda: ended_builds(pool) > SLOTS, 30, "builds go on")
    for worker in workers:
        wait_until(lambda w=worker: lost_partitions(w), 30, "its session is over")
        await_not_ready(worker, "not a member of the consumer group: Kafka is away, or a rebalance"
                                " goes on")
        assert worker.metric("rebuild_kafka_assigned_partitions") == 0
    outlast()
    assert pool.results() == []
    assert pool.count("item where published_at is not null") == 0
    assert sum(w.metric("rebuild_results_published_total", type="result") for w in workers) == 0
    assert all(w.get("/livez")[0] == 200 for w in workers)
    assigned = {w: len(w.events("kafka.assigned")) for w in workers}
    links.kafka.up()
    for worker in workers:
        worker.await_event("kafka.assigned", n=assigned[worker] + 1)
    assert_well(pool, workers, campaign)


def test_postgresql_is_away(pool, begun, links):
    connect, workers, campaign = begun
    links.postgres.down()
    for worker in workers:
        worker.await_event("postgresql.down")
        await_not_ready(worker, "PostgreSQL is not connected")
        assert worker.status()["postgresql"] is False
        assert worker.metric("rebuild_db_errors_total", **{"class": "connection"}) > 0
    # builds are followed to their ends; without a claim none starts
    connect.release()
    wait_until(lambda: connect.state()["running"] == 0, 30, "the builds have ended")
    outlast()
    assert connect.state()["builds"] == SLOTS
    assert ended_builds(pool) == 0, "nobody could say it to the ledger yet"
    assert all(w.get("/livez")[0] == 200 and not lost_partitions(w) for w in workers)
    links.postgres.up()
    for worker in workers:
        worker.await_event("postgresql.up")
    assert_well(pool, workers, campaign)


def test_one_replica_is_away(pool, begun, links):
    connect, workers, campaign = begun
    links.replicas["connect-1"].down()
    connect.release()
    # the others do all that waits; its own builds stay its own
    wait_until(lambda: ended_builds(pool) == N - 3, 60,
               lambda: f"the others build the rest; {ended_builds(pool)} have ended")
    building = [w for w in workers if w.metric("rebuild_builds_in_flight", replica="connect-1")]
    assert building
    for worker in building:
        worker.await_event("replica.breaker_open")
        wait_until(lambda w=worker: w.metric("rebuild_replica_circuit_open", replica="connect-1"),
                   30, "its breaker is open")
        assert worker.metric("rebuild_replica_up", replica="connect-1") == 0
    outlast()
    assert pool.count("attempt where ended_at is null and replica = 'connect-1'") == 3
    assert all(w.get("/readyz")[0] == 200 for w in workers), "the others are there"
    links.replicas["connect-1"].well()
    for worker in building:
        worker.await_event("replica.breaker_closed")
    assert_well(pool, workers, campaign)


def test_all_replicas_are_away(pool, begun, links):
    connect, workers, campaign = begun
    for proxy in links.replicas.values():
        proxy.down()
    connect.release()
    wait_until(lambda: sum(len(w.events("replica.breaker_open")) for w in workers) >= 3, 60,
               "every replica's breaker is open")
    outlast()
    # no build is lost, none is charged for it, none is tried in vain
    assert pool.count("attempt where ended_at is null") == SLOTS
    assert pool.count("item where state not in ('running', 'waiting')") == 0
    assert connect.state()["builds"] == SLOTS
    for worker in workers:
        probes = [worker.get(path)[0] for path in ("/readyz", "/livez")]
        assert probes == [200, 200], "a restart would mend nothing"
    for proxy in links.replicas.values():
        proxy.up()
    assert_well(pool, workers, campaign)

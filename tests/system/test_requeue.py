"""Requests that are not in Kafka any more: found, sent again, and one result each; and those that
only look as if."""

import os
import subprocess

import pytest
from confluent_kafka.admin import NewTopic

import pool as pools
from waiting import wait_until

ITEMS = 30
SLOTS = 9


def outcomes(results):
    found = {}
    for result in results.values():
        found[result.outcome] = found.get(result.outcome, 0) + 1
    return found


def doctor(pool):
    """What doctor says of requests: verdicts and details."""
    rows = pool.json("doctor", status=None)
    return [(row["verdict"], row["detail"]) for row in rows if row["check"] == "requests"]


def requeue(pool, campaign):
    return pool.json("requeue", campaign, "--lost", "-y", "--reason", "system test")


def await_empty_group(pool):
    """A worker that was killed is a member until its session ends."""
    def empty():
        groups = pool.broker.admin.describe_consumer_groups([pool.prefix + "workers"])
        return all(not f.result(15).members for f in groups.values())
    wait_until(empty, 30, "the consumer group is empty")


def make_again(pool, name="requests"):
    """Deletes a topic and makes it again, as an operator would with Kafka's own tools."""
    topic = pool.topic(name)
    partitions = len(pool.broker.partitions(topic))
    for future in pool.broker.admin.delete_topics([topic]).values():
        future.result(30)
    wait_until(lambda: topic not in pool.broker.topics(pool.prefix), 20, "the topic is gone")

    def made():
        created = pool.broker.admin.create_topics([NewTopic(topic, partitions, 1)])
        return created[topic].exception(30) is None
    wait_until(made, 20, "the topic is made again")
    wait_until(lambda: topic in pool.broker.topics(pool.prefix), 20, "the topic is there again")
    pool.producer("topics", "apply")


@pytest.fixture
def held(pool, connect_with):
    """A campaign of thirty: nine build and do not end, the others wait in the worker."""
    def start(*args):
        connect = connect_with(items=ITEMS, build_ms=(20, 60))
        connect.hold()
        worker = pool.worker()
        campaign = pool.campaign("--warm-up", "0", *args)
        connect.await_running(SLOTS)
        pool.await_count(SLOTS, "attempt where task_id is not null")
        wait_until(lambda: worker.holds() == ITEMS, 20, "all were read")
        return connect, worker, campaign
    return start


# ---- what is said ------------------------------------------------------------------------------


def test_nothing_is_lost_while_all_is_well(pool, held):
    connect, worker, campaign = held()
    assert doctor(pool) == [("ok", "none is lost")]
    refused = pool.producer("requeue", campaign, "--lost", "-y", status=5)
    assert "stop the workers first" in refused.stderr
    assert "--lost" in pool.producer("requeue", campaign, "-y", status=2).stderr
    assert "--yes" in pool.producer("requeue", campaign, "--lost", status=2).stderr
    assert worker.term() == 0
    await_empty_group(pool)
    assert doctor(pool) == [("ok", "none is lost")]
    said = requeue(pool, campaign)
    assert (said["lost"], said["requeued"], said["offsets_forgotten"]) == (0, 0, 0)
    assert not [a for a in pool.json("acts") if a["act"] == "requeue"]
    connect.release()
    pool.worker(ready=False)
    assert outcomes(pool.complete(campaign)) == {"succeeded": ITEMS}


# ---- a topic that was deleted ------------------------------------------------------------------


def assert_requeue_heals(pool, connect, campaign):
    """The documented procedure, from the stopped workers on."""
    await_empty_group(pool)
    (verdict, detail), = [said for said in doctor(pool) if "lost" in said[1]][-1:]
    assert verdict == "fail" and f"requeue {campaign} --lost" in detail
    lost = pool.count("item where published_at is null and state <> 'parked'")
    open_attempts = pool.count("attempt where ended_at is null")
    said = requeue(pool, campaign)
    assert said["lost"] == lost and said["requeued"] == lost - said["marked"]
    assert said["fast_lane"] == open_attempts
    act, = [a for a in pool.json("acts") if a["act"] == "requeue"]
    assert act["target"] == campaign and act["details"]["lost"] == lost
    assert doctor(pool) == [("ok", "none is lost")]
    connect.release()
    pool.worker()
    results = pool.complete(campaign)
    assert outcomes(results) == {"succeeded": ITEMS}
    assert doctor(pool) == [("ok", "none is lost")]


def test_a_topic_made_again_under_running_workers_is_refused_and_requeued(pool, held):
    connect, worker, campaign = held()
    make_again(pool)
    said = worker.await_event("partition.refused", deadline_s=60)
    assert said["topic"] == pool.topic("requests") and said["msg"]
    assert worker.metric("rebuild_kafka_refused_partitions") > 0
    code, text = worker.get("/readyz")
    assert code == 503 and "partition.refused" in text
    worker.kill()
    assert_requeue_heals(pool, connect, campaign)


def test_a_topic_made_again_while_no_worker_ran_is_refused_and_requeued(pool, held):
    connect, worker, campaign = held()
    worker.kill()
    await_empty_group(pool)
    make_again(pool)
    late = pool.worker(ready=False)
    said = late.await_event("partition.refused", deadline_s=60)
    assert "re-created" in said["msg"]
    assert late.metric("rebuild_kafka_refused_partitions") > 0
    wait_until(lambda: late.get("/readyz")[0] == 503, 10, "it is not ready")
    assert late.term() == 0
    assert connect.state()["builds"] == SLOTS
    assert_requeue_heals(pool, connect, campaign)


def test_records_that_were_deleted_are_requeued(pool, connect_with):
    connect = connect_with(items=ITEMS, build_ms=(20, 60))
    campaign = pool.campaign("--warm-up", "0")
    assert doctor(pool) == [("ok", "none is lost")]
    topic = pool.topic("requests")
    trimmed = pool.broker.trim(topic)
    assert trimmed == ITEMS
    assert_requeue_heals(pool, connect, campaign)


def test_results_that_are_out_are_marked_and_nothing_is_built_again(pool, connect_with):
    connect = connect_with(items=ITEMS, build_ms=(20, 60))
    worker = pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    pool.complete(campaign)
    assert worker.term() == 0
    # an old backup of the ledger: it knows neither that the results are out nor some outcomes
    pool.sql("update item set published_at = null")
    pool.sql("update item set state = 'running', ended_at = null where rank < 10")
    pool.sql("update campaign set state = 'open', ended_at = null")
    pool.broker.trim(pool.topic("requests"))
    await_empty_group(pool)
    said = requeue(pool, campaign)
    assert (said["lost"], said["marked"], said["requeued"]) == (ITEMS, ITEMS, 0)
    assert pool.count("item where state = 'succeeded' and ended_at is not null") == ITEMS
    pool.worker()
    pool.complete(campaign)
    assert connect.state()["builds"] == ITEMS


# ---- the feeder dies ---------------------------------------------------------------------------


@pytest.fixture
def crash_build(monkeypatch):
    """The programs with checkpoints in them; a shipped one has none."""
    subprocess.run(["make", "-s", "B=build/crash", "CHECKPOINTS=1", "all"], cwd=pools.ROOT,
                   check=True, stdout=subprocess.DEVNULL)
    monkeypatch.setattr(pools, "BUILD", os.path.join(pools.ROOT, "build", "crash"))


def lose_everything(pool, campaign):
    """Records go, and requeue marks what was in them."""
    await_empty_group(pool)
    pool.broker.trim(pool.topic("requests"))
    return requeue(pool, campaign)


@pytest.mark.parametrize("point", ["outbox.produce:1", "outbox.produce:10", "outbox.advance:1",
                                   "outbox.sent:1", "outbox.cursor:1"])
def test_a_feeder_that_dies_on_the_way_of_what_was_requeued(pool, connect_with, crash_build, point):
    connect = connect_with(items=ITEMS, build_ms=(20, 60))
    campaign = pool.campaign("--warm-up", "0")
    assert lose_everything(pool, campaign)["requeued"] == ITEMS
    first = pool.worker(ready=False, REBUILD_CHECKPOINT=point)
    assert first.wait(30) == -9
    assert ("lost" not in str(doctor(pool))) or doctor(pool) == [("ok", "none is lost")]
    pool.worker(ready=False)
    assert outcomes(pool.complete(campaign)) == {"succeeded": ITEMS}
    assert connect.state()["builds"] == ITEMS
    assert doctor(pool) == [("ok", "none is lost")]


def test_items_with_an_outcome_and_a_feeder_that_dies_before_it_clears_the_mark(
        pool, connect_with, crash_build):
    connect = connect_with(items=ITEMS, build_ms=(20, 60))
    worker = pool.worker(REBUILD_CHECKPOINT="txn.produce:1")
    campaign = pool.campaign("--warm-up", "0")
    assert worker.wait(60) == -9
    ended = pool.count("item where ended_at is not null and published_at is null")
    assert ended > 0 and not pool.results()
    assert lose_everything(pool, campaign)["marked"] == 0
    assert pool.count("item where ended_at is not null and unsent") >= ended
    assert pool.worker(ready=False, REBUILD_CHECKPOINT="outbox.sent:1").wait(30) == -9
    pool.worker(ready=False)
    assert outcomes(pool.complete(campaign)) == {"succeeded": ITEMS}
    assert connect.state()["builds"] == ITEMS

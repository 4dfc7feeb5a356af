"""Requests that are not in Kafka any more: found, sent again, and one result each; and those that
only look as if."""

import pytest
from confluent_kafka.admin import NewTopic

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
    wait_until(lambda: pool.broker.members(pool.prefix + "workers") == 0, 30,
               "the consumer group is empty")


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


def test_what_was_sent_and_not_noted_is_sent_again_and_has_one_result(pool, held):
    """As a feeder leaves it that dies between its last record and its first write."""
    connect, worker, campaign = held()
    pool.sql("update item set unsent = true")
    pool.await_count(ITEMS, "item where not unsent")
    assert len(pool.broker.read(pool.topic("requests"))) == 2 * ITEMS
    assert doctor(pool) == [("ok", "none is lost")]
    connect.release()
    assert outcomes(pool.complete(campaign)) == {"succeeded": ITEMS}
    wait_until(lambda: worker.metric("rebuild_requests_deduplicated_total") == ITEMS, 20,
               "every copy was told apart")

"""Offsets that are gone, go back, jump or cannot be read, and requests that stand in the log twice:
one result for each request all the same."""

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition

from partitions import partition_of
from waiting import wait_until

WINDOW = 20480  # offsets above the base that a worker keeps, WINDOW_OFFSETS
SLOTS = 9


def group(pool):
    return pool.env()["REBUILD_KAFKA_GROUP_ID"]


def select(rows):
    return [word for row in rows for word in ("--guid", row["guid"])]


def deduplicated(worker, reason):
    return worker.metric("rebuild_requests_deduplicated_total", reason=reason) or 0


def bases(pool):
    return pool.broker.bases(group(pool), pool.topic("requests"))


def await_bases(pool, records):
    """Waits until nothing is left undone behind these records."""
    ends = {}
    for record in records:
        ends[record.partition] = max(record.offset + 1, ends.get(record.partition, 0))
    wait_until(lambda: ends.items() <= bases(pool).items(), 20,
               lambda: f"{ends} is committed; it is {bases(pool)}")


# ---- a group that forgot -------------------------------------------------------------------------


def delete_group(pool):
    for future in pool.broker.admin.delete_consumer_groups([group(pool)]).values():
        future.result(30)


def reset_to_the_beginning(pool):
    topics = [pool.topic("requests"), pool.topic("requests.high")]
    places = [TopicPartition(t, p, 0) for t in topics for p in pool.broker.partitions(t)]
    asked = [ConsumerGroupTopicPartitions(group(pool), places)]
    for future in pool.broker.admin.alter_consumer_group_offsets(asked).values():
        future.result(30)


@pytest.mark.parametrize("forget", [delete_group, reset_to_the_beginning])
def test_a_group_that_forgot_its_offsets_publishes_nothing_again(pool, connect_with, forget):
    connect = connect_with(items=24, build_ms=(10, 20))
    rows = pool.load_content()
    first = pool.worker()
    done = pool.campaign("--warm-up", "0", *select(rows[:12]))
    pool.complete(done)
    connect.hold()
    running = pool.campaign("--warm-up", "0", "--name", "running", *select(rows[12:]))
    connect.await_running(SLOTS)
    pool.await_count(SLOTS, "attempt where ended_at is null and task_id is not null")
    assert first.term() == 0
    forget(pool)
    worker = pool.worker()
    wait_until(lambda: deduplicated(worker, "copy") == 12, 20, "what is out was dropped")
    connect.release()
    assert len(pool.complete(running)) == 12
    assert len(pool.complete(done)) == 12 and len(pool.results()) == 24
    assert connect.state()["builds"] == 24
    await_bases(pool, pool.broker.read(pool.topic("requests")))


# ---- one request, two records --------------------------------------------------------------------


@pytest.mark.parametrize("other", ["partition", "offset"])
@pytest.mark.parametrize("first", ["record", "copy"])
def test_a_request_at_two_places_has_one_result(pool, connect_with, other, first):
    """first: which of the two has the place. It is built; the other one is dropped, before it in
    the log or behind it."""
    connect = connect_with(items=3, build_ms=(10, 20), replicas=1, limit=3)
    connect.hold()
    campaign = pool.campaign("--warm-up", "0")
    records = pool.broker.read(pool.topic("requests"))
    for r in records:
        to = r.partition if other == "offset" else (r.partition + 6) % 12
        pool.broker.produce(pool.topic("requests"), [(r.key, r.raw, list(r.headers.items()))], to)
    copies = [r for r in pool.broker.read(pool.topic("requests"))
              if (r.partition, r.offset) not in {(o.partition, o.offset) for o in records}]
    assert len(copies) == 3
    for r in records if first == "record" else copies:
        pool.sql("update item set place_lane = 0, place_partition = %s, place_offset = %s"
                 " where request_id = %s", [r.partition, r.offset, r.request_id])
    victim = pool.worker()
    connect.await_running(3)
    pool.await_count(3, "attempt where task_id is not null")
    victim.kill()
    worker = pool.worker(ready=False)
    wait_until(lambda: pool.open_builds() == {worker.name: 3}, 40, "all were adopted")
    connect.release()
    results = pool.complete(campaign)
    places = {r.request_id: r for r in (records if first == "record" else copies)}
    for result in results.values():
        origin, place = result.value["data"]["origin"], places[result.request_id]
        assert (origin["partition"], origin["offset"]) == (place.partition, str(place.offset))
    assert connect.state()["builds"] == 3 and len(pool.results()) == 3
    await_bases(pool, records + copies)


# ---- gaps ----------------------------------------------------------------------------------------


def leave_a_gap(pool, partition, offsets):
    """A transaction that is aborted: its records are in the log and nobody reads them."""
    producer = Producer({"bootstrap.servers": pool.broker.servers, "linger.ms": 20,
                         "transactional.id": pool.prefix + "gap", "batch.size": 50000,
                         "queue.buffering.max.messages": 2 * offsets})
    producer.init_transactions(30)
    producer.begin_transaction()
    for _ in range(offsets):
        producer.produce(pool.topic("requests"), b"gone", partition=partition)
    assert producer.flush(30) == 0
    producer.abort_transaction(30)


def delete_until(pool, partition, offset):
    place = TopicPartition(pool.topic("requests"), partition, offset)
    for future in pool.broker.admin.delete_records([place]).values():
        future.result(30)


def one_partition(pool, rows):
    """Some rows whose requests go to the same partition, and that partition."""
    partition = partition_of(rows[0]["guid"])
    return partition, [r for r in rows if partition_of(r["guid"]) == partition]


def test_a_gap_wider_than_the_window_is_passed_when_what_is_before_it_is_done(pool, connect_with):
    connect = connect_with(items=60, build_ms=(10, 20))
    partition, (before, *behind) = one_partition(pool, pool.load_content())
    connect.hold()
    first = pool.campaign("--warm-up", "0", *select([before]))
    leave_a_gap(pool, partition, WINDOW + 100)
    second = pool.campaign("--warm-up", "0", "--name", "behind", *select(behind))
    victim = pool.worker()
    connect.await_running(1)
    pool.await_count(1, "attempt where task_id is not null")
    paused = "rebuild_kafka_paused_partitions"
    wait_until(lambda: victim.metric(paused) == 1, 20, "what is beyond the window is held back")
    wait_until(lambda: bases(pool).get(partition) == 0, 20, "the base is committed")
    assert victim.holds() == 1
    victim.kill()  # the gap is in its done map, or is met again
    heir = pool.worker(ready=False)
    wait_until(lambda: pool.open_builds() == {heir.name: 1}, 40, "it was adopted")
    heir.await_ready()
    wait_until(lambda: heir.metric(paused) == 1, 20, "it is held back again")
    connect.release()
    assert len(pool.complete(first)) == 1
    assert len(pool.complete(second)) == len(behind) > 0
    await_bases(pool, pool.broker.read(pool.topic("requests")))


def test_records_that_were_deleted_before_anybody_read_them_hold_up_nothing(pool, connect_with):
    connect = connect_with(items=60, build_ms=(10, 20))
    partition, (before, *behind) = one_partition(pool, pool.load_content())
    worker = pool.worker()
    pool.complete(pool.campaign("--warm-up", "0", *select([before])))
    assert worker.term() == 0
    leave_a_gap(pool, partition, WINDOW + 100)
    delete_until(pool, partition, WINDOW + 50)
    second = pool.campaign("--warm-up", "0", "--name", "behind", *select(behind))
    assert pool.worker().await_event("partition.trimmed")["partition"] == partition
    assert len(pool.complete(second)) == len(behind) > 0
    assert connect.state()["builds"] == 1 + len(behind)


def test_what_was_begun_has_its_result_though_its_record_was_deleted(pool, connect_with):
    connect = connect_with(items=60, build_ms=(10, 20))
    partition, (again, held, *behind) = one_partition(pool, pool.load_content())
    connect.item(again["guid"], fail="cache_race", fail_attempts=1)
    victim = pool.worker()
    campaigns = [pool.campaign("--warm-up", "0", "--backoff", "50s:50s", *select([again]))]
    pool.await_count(1, "attempt where ended_at is not null")
    connect.hold()
    campaigns.append(pool.campaign("--warm-up", "0", *select([held])))
    connect.await_running(1)
    pool.await_count(2, "attempt where task_id is not null")
    victim.kill()
    delete_until(pool, partition, 2)
    campaigns.append(pool.campaign("--warm-up", "0", *select(behind)))
    connect.release()
    heir = pool.worker(ready=False)
    heir.await_event("partition.trimmed", 40)
    pool.await_results(1 + len(behind))
    pool.sql("update item set due = now() where due is not null")
    assert heir.term() == 0  # its successor finds the base beyond what was deleted, or before it
    pool.worker()
    for campaign in campaigns:
        pool.complete(campaign, again=1)
    assert len(pool.results()) == 2 + len(behind) and behind
    assert connect.state()["builds"] == 3 + len(behind)


# ---- metadata ------------------------------------------------------------------------------------


def commit(pool, place):
    """By an operator's tool, while no worker is a member."""
    consumer = Consumer({"bootstrap.servers": pool.broker.servers, "group.id": group(pool),
                         "enable.auto.commit": False})
    try:
        consumer.commit(offsets=[place], asynchronous=False)
    finally:
        consumer.close()


@pytest.mark.parametrize("metadata", ["not a done map", "r1:AAAA"])
def test_a_partition_whose_metadata_cannot_be_read_is_refused_alone(pool, connect_with, metadata):
    connect = connect_with(items=40, build_ms=(10, 20))
    rows = pool.load_content()
    partition, there = one_partition(pool, rows)
    commit(pool, TopicPartition(pool.topic("requests"), partition, 0, metadata))
    worker = pool.worker(ready=False)
    refusal = worker.await_event("partition.refused")
    assert (refusal["topic"], refusal["partition"]) == (pool.topic("requests"), partition)
    assert "not worked on" in refusal["msg"] and "done map" in refusal["msg"]
    campaign = pool.campaign("--warm-up", "0")
    pool.await_results(len(rows) - len(there))
    status, text = worker.get("/readyz")
    assert status == 503 and "partition" in text
    assert worker.metric("rebuild_kafka_refused_partitions") == 1
    assert worker.get("/livez")[0] == 200
    left = {guid for guid, item in pool.items(campaign).items() if not item["published_at"]}
    wait_until(lambda: pool.count("item where published_at is null") == len(there), 20, "marked")
    assert pool.broker.committed(group(pool), pool.topic("requests"))[partition] == (0, metadata)
    assert {r["guid"] for r in there} <= left
    assert worker.term() == 0
    commit(pool, TopicPartition(pool.topic("requests"), partition, 0))
    mended = pool.worker()
    assert len(pool.complete(campaign)) == len(rows)
    assert mended.metric("rebuild_kafka_refused_partitions") == 0
    assert connect.state()["builds"] == len(rows)


# ---- many ----------------------------------------------------------------------------------------


def let_an_hour_pass(pool):
    """The ledger's clock is PostgreSQL's: what it wrote down lies an hour longer back. Returns when
    a worker has written twice since, and so has had time for a look at every campaign."""
    seen = {"n": 0, "last": None}
    for table, columns in (("campaign", ("created_at", "lease_until", "next_start")),
                           ("item", ("requested_at", "due")), ("worker", ("last_seen",)),
                           ("attempt", ("intent_at", "content_date"))):
        pool.sql(f"update {table} set " + ", ".join(
            f"{column} = {column} - interval '1 hour'" for column in columns))

    def look():
        last = pool.sql("select max(last_seen) as t from worker")[0]["t"]
        seen["n"] += last != seen["last"]
        seen["last"] = last
        return seen["n"] > 2
    wait_until(look, 20, "a worker was heard of twice")


def test_more_requests_than_window_and_producer_queues_hold(bare_pool, simulator):
    """One partition, its window full behind a build that does not end, and producers that take 250
    messages at a time. What waits for an hour is not published again."""
    pool, many, gap = bare_pool, 5000, 16000
    pool.producer("migrate")
    pool.producer("topics", "apply", "--partitions", "1")
    connect = pool.connect = simulator(items=many + 1, app_modes="shiny", build_ms=(10, 20),
                                       unmanaged_share=1)  # nothing to restore: skipped
    held, *others = pool.load_content()
    connect.item(held["guid"], managed=True)
    connect.hold()
    first = pool.campaign("--warm-up", "0", *select([held]))
    leave_a_gap(pool, 0, gap)
    second = pool.campaign("--exclude-guid", held["guid"], "--not-before", "in 1s",
                           "--validate", "off")
    worker = pool.worker("-X", "queue.buffering.max.messages=250")
    connect.await_running(1)
    within = WINDOW - (1 + gap + 1)  # the held one, the gap, the mark of its abort
    pool.await_count(within, "item where published_at is not null", deadline_s=60)
    wait_until(lambda: worker.metric("rebuild_kafka_paused_partitions") == 1, 20, "it is paused")
    wait_until(lambda: pool.sql("select cursor_rank from campaign where campaign_id = %s",
                                [second])[0]["cursor_rank"] == many - 1, 30, "all are published")
    assert len(worker.events("feeder.published")) >= many / 250
    let_an_hour_pass(pool)
    assert pool.count("item where published_at is not null") == within
    connect.release()
    for campaign in (first, second):
        pool.await_state(campaign)
    results = pool.results()
    assert len(results) == len({r.request_id for r in results}) == many + 1
    assert [r.outcome for r in results].count("skipped") == many
    assert len(pool.broker.read(pool.topic("requests"))) == many + 1  # none was published twice
    assert connect.state()["builds"] == 1

"""Transactions whose end is not known: the outcome is looked up, no result is out twice and none is
lost."""

import sys

import pytest
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import OffsetSpec

from kafka_proxy import KafkaProxy
from waiting import wait_until

ITEMS = 40


@pytest.fixture
def proxy(pool):
    made = KafkaProxy(int(pool.broker.servers.rpartition(":")[2]))
    yield made
    made.close()


def ends(pool, isolation):
    """The end of each partition of the results, as readers of this kind see it."""
    asked = {TopicPartition(pool.topic("results"), p): OffsetSpec.latest()
             for p in pool.broker.partitions(pool.topic("results"))}
    found = pool.broker.admin.list_offsets(asked, isolation_level=isolation)
    return [future.result(30).offset for future in found.values()]


def undecided(pool):
    """Is there a transaction that the broker has neither committed nor aborted?"""
    return (ends(pool, IsolationLevel.READ_COMMITTED)
            != ends(pool, IsolationLevel.READ_UNCOMMITTED))


def before_the_first_result(pool, connect, proxy):
    """A worker behind the proxy whose builds do not end yet, and which has nothing to commit."""
    connect.hold()
    worker = pool.worker(REBUILD_KAFKA_BOOTSTRAP_SERVERS=proxy.servers)
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(9)
    group = pool.env()["REBUILD_KAFKA_GROUP_ID"]
    for topic in ("requests", "requests.high"):
        wait_until(lambda t=topic: len(pool.broker.bases(group, pool.topic(t))) == 12, 20,
                   "the base of every partition is committed")
    return worker, campaign


def finish(pool, connect, campaign):
    assert len(pool.complete(campaign)) == len(pool.results()) == ITEMS
    assert connect.state()["builds"] == ITEMS


@pytest.mark.parametrize("what", ["answer", "request"])
def test_the_end_of_a_transaction_that_is_lost_is_sent_again(pool, connect_with, proxy, what):
    connect = connect_with(items=ITEMS, build_ms=(20, 60))
    worker, campaign = before_the_first_result(pool, connect, proxy)
    proxy.swallow(what, 3)
    connect.release()
    finish(pool, connect, campaign)
    assert proxy.count == 3 and worker.alive()


def test_a_commit_that_looks_failed_and_is_not_publishes_nothing_again(pool, connect_with, proxy):
    connect = connect_with(items=ITEMS, build_ms=(20, 60))
    worker, campaign = before_the_first_result(pool, connect, proxy)
    proxy.swallow("truth", 2)
    connect.release()
    worker.await_event("results.commit_unknown", n=2)
    finish(pool, connect, campaign)
    assert proxy.count == 2 and worker.alive()


def test_a_transaction_that_the_broker_gave_up_is_published_anew(pool, connect_with, proxy):
    connect = connect_with(items=ITEMS, build_ms=(20, 60))
    worker, campaign = before_the_first_result(pool, connect, proxy)
    proxy.swallow("request", sys.maxsize)
    connect.release()
    wait_until(lambda: proxy.count > 0 and undecided(pool), 30, "results are out, uncommitted")
    wait_until(lambda: not undecided(pool), 60, "the broker has aborted them")
    assert pool.results() == []
    proxy.swallow(None)
    worker.await_event("results.commit_unknown", 60)
    finish(pool, connect, campaign)
    assert worker.alive()

"""Kafka, PostgreSQL, a replica, all replicas: away, and back."""

from links import outlast
from waiting import wait_until

SLOTS = 9


def hold_all_slots(pool, connect, *args):
    connect.hold()
    campaign = pool.campaign("--warm-up", "0", *args)
    connect.await_running(SLOTS)
    pool.await_count(SLOTS, "attempt where task_id is not null")
    return campaign


def test_kafka(pool, connect_with, links):
    connect = connect_with(items=30, build_ms=(50, 150))
    worker = pool.worker(**links.env())
    campaign = hold_all_slots(pool, connect)
    links.kafka.down()
    connect.release()
    wait_until(lambda: worker.get("/readyz")[0] == 503, 20, "not ready")
    print(worker.get("/readyz"), worker.get("/status"))
    outlast()
    print(worker.text())
    print(connect.audit_summary())
    links.kafka.up()
    pool.complete(campaign)
    assert 0

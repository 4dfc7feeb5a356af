"""More workers, fewer workers: the work spreads, and no slot is lost or used twice."""

from waiting import wait_until

SLOTS = 9  # three replicas with a limit of three


def outcomes(results):
    return {r.outcome for r in results.values()}


def workers_of(results):
    return {r.value["data"]["worker"]["instance"] for r in results.values()}


def await_partitions(pool, n):
    """Waits until n workers share the partitions."""
    def shared():
        counts = [w.metric("rebuild_kafka_assigned_partitions") for w in pool.workers if w.alive()]
        return len(counts) == n and all(counts)
    wait_until(shared, 30, f"{n} workers have partitions")


def test_one_worker_three_and_one_again(pool, connect_with):
    connect = connect_with(items=90, build_ms=(100, 200))
    first = pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_builds(12)
    connect.hold()  # however long they take to join, there is work left for all
    for _ in range(2):
        pool.worker(ready=False)
    await_partitions(pool, 3)
    connect.release()
    connect.await_builds(connect.state()["builds"] + 15)
    assert first.term() == 0 and pool.workers[1].term() == 0
    results = pool.complete(campaign)
    assert len(results) == 90 and outcomes(results) == {"succeeded"}
    assert len(workers_of(results)) >= 2


def test_three_workers_fill_every_slot_and_pass_no_limit(pool, connect_with):
    connect = connect_with(items=60, build_ms=(50, 150))
    connect.hold()
    for _ in range(3):
        pool.worker(ready=False)
    await_partitions(pool, 3)
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(SLOTS)
    connect.release()
    results = pool.complete(campaign)
    audit = connect.audit_summary()
    assert outcomes(results) == {"succeeded"}
    assert audit["over_limit"] == 0 and set(audit["max_inflight_per_replica"].values()) == {3}
    assert len(workers_of(results)) == 3


def test_a_worker_that_drives_few_at_once_takes_no_more(pool, connect_with):
    connect = connect_with(items=12, build_ms=(30, 60))
    connect.hold()
    worker = pool.worker("--max-inflight", "2")
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(2)
    wait_until(lambda: worker.holds() == 12, 20, "all were read")
    assert connect.state()["running"] == 2
    connect.release()
    pool.complete(campaign)

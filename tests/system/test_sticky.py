"""Only one address is known, the simulator's own sticky front: what the worker takes it for, by
what its answers show. Real ingresses are in test_ingress.py."""

import collections


def start(pool, connect_with, hide_hostname=False, **options):
    connect = connect_with(items=30, build_ms=(50, 150), **options)
    if hide_hostname:
        connect.faults(hide_hostname=True)
    pool.extra_env["REBUILD_REPLICAS"] = ""
    return connect


def run(pool, connect):
    """One campaign; returns the largest number of builds at once per replica."""
    results = pool.complete(pool.campaign("--warm-up", "0"))
    assert len(results) == 30 and {r.outcome for r in results.values()} == {"succeeded"}
    audit = connect.audit()
    assert audit["polls_wrong_replica"] == 0 and audit["cookie_mixups"] == 0
    assert audit["builds"] == 30
    return collections.Counter(build["replica"] for build in audit["list"])


def found(worker):
    return {event["replica"] for event in worker.events("replica.found")}


def test_replicas_are_told_apart_by_their_hostname(pool, connect_with):
    connect = start(pool, connect_with, cookie_per_client=True)
    worker = pool.worker()
    assert set(run(pool, connect)) == set(connect.replicas) == found(worker)


def test_replicas_without_a_hostname_are_told_apart_by_the_value_of_the_cookie(pool, connect_with):
    connect = start(pool, connect_with, hide_hostname=True)
    workers = [pool.worker(), pool.worker()]
    assert set(run(pool, connect)) == set(connect.replicas)
    assert len(found(workers[0])) == 3 and found(workers[0]) == found(workers[1])


def test_what_cannot_be_told_apart_is_one_replica_with_one_limit(pool, connect_with):
    connect = start(pool, connect_with, hide_hostname=True, cookie_per_client=True)
    connect.hold()
    worker = pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(3)
    connect.release()
    pool.complete(campaign)
    assert worker.await_event("replica.front")["replica"] in connect.front
    assert not found(worker)
    assert connect.audit()["polls_wrong_replica"] == 0
    assert pool.count("replica") == 1


def test_an_address_that_sets_no_cookie_is_one_replica(pool, connect_with):
    connect = start(pool, connect_with)
    only = connect.replicas["connect-1"]
    worker = pool.worker(CONNECT_SERVER=only)
    assert set(run(pool, connect)) == {"connect-1"}
    assert worker.await_event("replica.front")["url"] == only


def test_an_address_given_a_name_is_that_replica(pool, connect_with):
    connect = start(pool, connect_with)
    pool.worker(REBUILD_REPLICAS=f"mine={connect.front}")
    run(pool, connect)
    assert [row["name"] for row in pool.sql("select name from replica")] == ["mine"]

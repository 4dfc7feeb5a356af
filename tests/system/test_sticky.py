"""Only the sticky ingress is known: builds spread, and each is followed where it runs."""

import collections


def test_behind_the_front_builds_spread_and_are_followed_where_they_run(pool, connect_with):
    connect = connect_with(items=60, build_ms=(50, 150), limit=12)
    pool.worker(REBUILD_REPLICAS="")
    pool.worker(REBUILD_REPLICAS="")
    results = pool.complete(pool.campaign("--warm-up", "0"))
    assert len(results) == 60 and {r.outcome for r in results.values()} == {"succeeded"}
    audit = connect.audit()
    assert audit["polls_wrong_replica"] == 0 and audit["cookie_mixups"] == 0
    assert audit["builds"] == 60
    spread = collections.Counter(build["replica"] for build in audit["list"])
    assert set(spread) == set(connect.replicas) and min(spread.values()) >= 6


def test_a_build_behind_the_front_is_adopted_with_its_cookies(pool, connect_with):
    connect = connect_with(items=20, build_ms=(50, 150), limit=9)
    connect.hold()
    first = pool.worker(REBUILD_REPLICAS="")
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(9)
    pool.await_count(9, "attempt where task_id is not null and cookies <> ''")
    other = pool.worker(ready=False, REBUILD_REPLICAS="")
    assert first.term() == 0
    other.await_event("build.adopted", n=9)
    connect.release()
    results = pool.complete(campaign)
    assert {r.outcome for r in results.values()} == {"succeeded"}
    assert sum(r.value["data"]["adopted"] for r in results.values()) == 9
    assert connect.audit_summary()["polls_wrong_replica"] == 0


def test_each_client_with_a_cookie_of_its_own(pool, connect_with):
    connect = connect_with(items=20, build_ms=(30, 90), limit=9, cookie_per_client=True)
    pool.worker(REBUILD_REPLICAS="")
    results = pool.complete(pool.campaign("--warm-up", "0"))
    assert {r.outcome for r in results.values()} == {"succeeded"}
    audit = connect.audit_summary()
    assert audit["polls_wrong_replica"] == 0 and audit["builds"] == 20

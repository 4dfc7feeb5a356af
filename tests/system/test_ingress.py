"""One address, a sticky ingress behind it: real HAProxy and nginx over simulated replicas. The
worker finds the replicas, keeps each one's limit, and follows a build where it runs."""

import collections
import os

import pytest

from ingress import HaProxy, Nginx
from waiting import wait_until


@pytest.fixture
def behind(pool, connect_with, pool_logs):
    """behind(HaProxy, replicas=3, ...): a Connect that workers reach through the ingress only."""
    started = []

    def start(kind, **options):
        connect = connect_with(**options)
        directory = os.path.join(pool_logs, "ingress")
        os.makedirs(directory)
        started.append(kind(directory, connect.replicas))
        started[-1].start([])
        pool.extra_env.update(REBUILD_REPLICAS="", CONNECT_SERVER=started[-1].url,
                              REBUILD_REPLICA_LOOKUP="1s")
        return connect
    yield start
    for ingress in started:
        ingress.stop()


def followed_where_they_ran(connect):
    audit = connect.audit()
    assert audit["polls_wrong_replica"] == 0 and audit["cookie_mixups"] == 0
    return audit


@pytest.mark.parametrize("ingress", [HaProxy, Nginx])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_every_replica_behind_it_is_found_and_filled_to_its_limit(pool, behind, print_out, ingress,
                                                                  n):
    connect = behind(ingress, replicas=n, items=48, build_ms=(50, 150), limit=2)
    connect.hold()
    workers = [pool.worker(), pool.worker()]
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(2 * n)
    connect.release()
    results = pool.complete(campaign)
    assert {r.outcome for r in results.values()} == {"succeeded"}
    audit = followed_where_they_ran(connect)
    assert set(audit["max_inflight_per_replica"].values()) == {2}
    spread = collections.Counter(build["replica"] for build in audit["list"])
    print_out(f"builds per replica {dict(spread)}")
    for worker in workers:
        assert {e["replica"] for e in worker.events("replica.found")} == set(connect.replicas)
    assert {row["name"] for row in pool.sql("select name from replica")} == set(connect.replicas)


def test_work_that_lasts_is_spread_evenly(pool, behind):
    connect = behind(HaProxy, replicas=3, items=90, build_ms=(100, 110), limit=3)
    pool.worker()
    pool.complete(pool.campaign("--warm-up", "0"))
    spread = collections.Counter(b["replica"] for b in followed_where_they_ran(connect)["list"])
    assert len(spread) == 3 and max(spread.values()) <= 1.2 * min(spread.values()), spread


def test_a_backend_that_dies_and_whose_cookie_then_points_nowhere(pool, behind):
    connect = behind(HaProxy, replicas=3, items=20, build_ms=(50, 100), limit=2)
    pool.extra_env.update(REBUILD_LOST_AFTER="3s", REBUILD_TASK_WAIT="1s")
    connect.hold()
    worker = pool.worker()
    campaign = pool.campaign("--warm-up", "0", "--backoff", "1s:1s")
    connect.await_running(6)
    connect.replica("connect-1", restart=True, up=False)  # its builds die with it
    assert worker.await_event("replica.gone")["replica"] == "connect-1"
    worker.await_event("build.lookup", n=2)
    connect.release()
    pool.complete(campaign, again=2)
    connect.replica("connect-1", up=True)
    wait_until(lambda: len(worker.events("replica.found")) == 4, 30, "it is found again")


def test_an_adopted_build_is_followed_by_its_own_cookies(pool, behind):
    connect = behind(HaProxy, replicas=3, items=20, build_ms=(50, 150), limit=2)
    connect.hold()
    first = pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(6)
    pool.await_count(6, "attempt where task_id is not null and cookies <> ''")
    other = pool.worker(ready=False)
    assert first.term() == 0
    other.await_event("build.adopted", n=6)
    connect.release()
    pool.complete(campaign)
    followed_where_they_ran(connect)
    assert not other.events("build.lookup")

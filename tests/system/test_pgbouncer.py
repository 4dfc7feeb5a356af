"""PgBouncer in transaction mode, with fewer connections than it has clients."""

import re

import pytest

from pgbouncer import PgBouncer

SLOTS = 9
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
POOL_SIZE = 3  # each worker holds three connections, and each verb one


def times_of(outcome):
    return {name: value for name, value in outcome.items() if name.endswith("_at") and value}


@pytest.fixture
def pooler_of(stack, pool_logs):
    """pooler_of(pool): a pooler that every verb and worker of the pool goes through."""
    server = PgBouncer(pool_logs, stack.postgres)

    def start(pool):
        # what only a session could set: times as text must be ISO all the same
        pool.sql(f"alter database {pool.prefix.rstrip('.')} set datestyle = 'German'")
        server.start([POOL_SIZE])
        pool.extra_env["REBUILD_DATABASE_URL"] = server.url(pool.database_url)
        return server
    yield start
    server.stop()
    server.remove()


@pytest.fixture
def pooler(pooler_of, pool):
    return pooler_of(pool)


def test_everything_is_set_up_through_it(bare_pool, pooler_of):
    pooler_of(bare_pool)
    bare_pool.set_up()
    assert bare_pool.json("campaigns") == []
    acts = bare_pool.json("acts")
    assert all(ISO.match(at) for act in acts for at in times_of(act).values())


def test_a_campaign_with_kills(pool, connect_with, pooler):
    assert pooler.pid()
    connect = connect_with(items=40, build_ms=(50, 200))
    pool.extra_env["REBUILD_LOST_AFTER"] = "2s"  # of a build that was claimed and not yet posted
    for _ in range(3):
        pool.worker()
    campaign = pool.campaign("--warm-up", "0", "--max-attempts", "5", "--backoff", "1s:1s")
    for builds in (8, 20):
        connect.await_builds(builds)
        pool.busiest()[0].kill()
        pool.worker()
    results = pool.complete(campaign)
    assert {r.outcome for r in results.values()} == {"succeeded"} and len(results) == 40
    assert all(ISO.match(at) for at in times_of(pool.status(campaign)).values())
    for worker in pool.workers:
        assert len(worker.events("postgresql.no_listen")) == 1, "it is said once"
        assert not worker.events("presence.failed")
    servers = pool.count("pg_stat_activity where datname = current_database()"
                         " and application_name like 'rebuild%%'")
    assert servers <= POOL_SIZE


def test_a_freed_slot_is_found_without_listen(pool, connect_with, pooler):
    """Two workers and one slot: whoever waits looks again within a second, and wants nothing."""
    assert pooler.pid()
    connect = connect_with(items=12, replicas=1, build_ms=(20, 60), limit=1)
    workers = [pool.worker(), pool.worker()]
    campaign = pool.campaign("--warm-up", "0")
    results = pool.complete(campaign)
    assert len(results) == 12
    assert pool.count("worker where want_until is not null") == 0
    assert all(w.alive() for w in workers)


def test_the_pooler_is_killed_and_comes_back(pool, connect_with, pooler):
    connect = connect_with(items=30, build_ms=(50, 150))
    workers = [pool.worker(), pool.worker()]
    connect.hold()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(SLOTS)
    pooler.kill()
    for worker in workers:
        worker.await_event("postgresql.down")
    connect.release()
    pooler.start([POOL_SIZE])
    assert len(pool.complete(campaign)) == 30
    assert all(len(w.events("postgresql.no_listen")) == 1 for w in workers)

"""A process, a connection or an answer is lost at the worst moment: nothing is built twice."""

import contextlib

import psycopg

from waiting import wait_until

SLOTS = 9
ROW_DELAY_MS = 3000  # of a job in Connect's table
FAST_RETRY = ("--warm-up", "0", "--backoff", "1s:1s")


def outcomes(results):
    return {r.outcome for r in results.values()}


def hold_all_slots(pool, connect):
    connect.hold()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(SLOTS)
    pool.await_count(SLOTS, "attempt where task_id is not null")
    return campaign


@contextlib.contextmanager
def locked(pool, table):
    """Its rows are locked; yields how often somebody is waiting for that."""
    with psycopg.connect(pool.database_url) as connection:
        connection.execute(f"select * from rebuild.{table} for update")
        yield lambda: pool.count("pg_stat_activity where datname = current_database()"
                                 " and wait_event_type = 'Lock'")


def freeze_at_a_claim(waiters, worker):
    wait_until(waiters, 30, "a claim waits for the replicas")
    worker.freeze()


def frozen_with_a_claim(pool, worker):
    """A campaign, and its worker frozen with a claim that was granted and not yet answered. It has
    waited for a lock, at most a second, so the freeze may come too late: then once more."""
    with locked(pool, "replica") as waiters:
        campaign = pool.campaign(*FAST_RETRY)
        freeze_at_a_claim(waiters, worker)

    def granted():
        with contextlib.suppress(AssertionError):
            pool.await_count(1, "attempt", deadline_s=2)
            return True
        with locked(pool, "replica") as waiters:
            worker.thaw()
            freeze_at_a_claim(waiters, worker)
        return False
    wait_until(granted, 40, "a claim is granted to a frozen worker")
    return campaign


def test_a_worker_that_freezes_between_claim_and_post_never_posts(pool, connect_with):
    connect = connect_with(items=12, build_ms=(20, 60))
    pool.extra_env["REBUILD_LOST_AFTER"] = "1s"
    frozen = pool.worker()
    campaign = frozen_with_a_claim(pool, frozen)
    assert connect.state()["builds"] == 0
    pool.worker(ready=False)
    pool.await_state(campaign)
    frozen.thaw()
    results = pool.complete(campaign)
    assert outcomes(results) == {"succeeded"}
    assert connect.audit_summary()["builds"] == 12


def test_a_post_whose_answer_was_lost_and_whose_job_is_listed_late(pool, connect_with, print_out):
    connect = connect_with(items=SLOTS, build_ms=(20, 60),
                           fault=[f"job_row_delay_ms={ROW_DELAY_MS}"])
    connect.faults(only_route="build", reset_after_share=1)
    worker = pool.worker(REBUILD_LOST_AFTER="8s")
    results = pool.complete(pool.campaign("--warm-up", "0"))
    assert outcomes(results) == {"succeeded"} and len(worker.events("build.lookup")) == SLOTS
    assert connect.audit_summary()["builds"] == SLOTS
    print_out(f"jobs listed after {ROW_DELAY_MS / 1000:.0f} s, the slowest build ended after "
              f"{max(r.value['data']['timing']['build_s'] for r in results.values()):.1f} s")


def test_a_worker_killed_when_the_build_has_ended_and_the_ledger_does_not_know(pool, connect_with):
    connect = connect_with(items=SLOTS, build_ms=(20, 60))
    victim = pool.worker()
    campaign = hold_all_slots(pool, connect)
    with locked(pool, "attempt") as waiters:
        connect.release()
        wait_until(waiters, 30, "the worker tells the ledger of an end")
        victim.kill()
        pool.sql("select pg_terminate_backend(pid) from pg_stat_activity"
                 " where datname = current_database() and wait_event_type = 'Lock'")
        wait_until(lambda: not waiters(), 10, "its statement is gone")
        assert pool.count("attempt where ended_at is null") == SLOTS
    pool.worker(ready=False)
    results = pool.complete(campaign)
    assert outcomes(results) == {"succeeded"}
    assert connect.audit_summary()["builds"] == SLOTS
    assert sum(r.value["data"]["adopted"] for r in results.values()) == SLOTS


def test_one_answer_in_fifty_is_spoilt_over_300_builds(pool, connect_with):
    connect = connect_with(items=300, build_ms=(20, 60), limit=10)
    connect.faults(http_502_share=0.01, reset_before_share=0.005, reset_after_share=0.005)
    for _ in range(2):
        pool.worker(REBUILD_LOST_AFTER="2s")
    results = pool.complete(pool.campaign(*FAST_RETRY))
    assert len(results) == 300 and outcomes(results) == {"succeeded"}
    assert connect.audit_summary()["builds"] == 300

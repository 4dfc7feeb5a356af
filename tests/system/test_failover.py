"""PostgreSQL fails over to a standby that lacks the last commits: nothing that Connect knew is
built again, every request has one result, and the ledger ends up knowing it."""

import shutil
import subprocess

import pytest

from waiting import wait_until

SLOTS = 9


class Standby:
    """A copy of the server's files, taken while it is down: all that happens after it is lost by
    fail_over()."""

    def __init__(self, postgres):
        self.postgres, self.copy = postgres, postgres.state["data"] + ".standby"
        postgres.stop()
        self.sync(postgres.state["data"], self.copy)
        postgres.start([])

    @staticmethod
    def sync(source, target):
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", source, target], check=True)

    def fail_over(self):
        self.postgres.kill()
        self.sync(self.copy, self.postgres.state["data"])
        shutil.rmtree(self.copy)
        self.postgres.start([])


def await_reconnected(workers, n):
    for worker in workers:
        worker.await_event("postgresql.up", n=n)
        wait_until(lambda w=worker: w.get("/readyz")[0] == 200, 30, f"{worker.name} is ready")


def assert_ledger_knows(pool, campaign, n):
    rows = pool.items(campaign).values()
    assert len(rows) == n
    assert {(r["state"], r["published_at"] is None, r["attempts"]) for r in rows} == {
        ("succeeded", False, 1)}
    assert pool.count("attempt where ended_at is null") == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_the_last_second_of_the_ledger_is_lost_under_a_running_pool(pool, connect_with, stack,
                                                                    workers):
    connect = connect_with(items=50, build_ms=(50, 100))
    started = [pool.worker() for _ in range(workers)]
    connect.hold()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(SLOTS)
    pool.await_count(SLOTS, "attempt where task_id is not null")
    standby = Standby(stack.postgres)
    await_reconnected(started, 1)
    for n in (2, 3):  # ends, outcomes, results, claims that the standby never hears of
        connect.release_held()
        connect.await_builds(n * SLOTS)
    pool.await_count(2 * SLOTS, "item where published_at is not null")
    pool.await_count(3 * SLOTS, "attempt where task_id is not null")
    standby.fail_over()
    await_reconnected(started, 2)
    lost = [event["attempts"] for w in started for event in w.events("ledger.lost_attempts")]
    assert sum(lost) == SLOTS
    connect.release()
    pool.await_state(campaign)
    results = pool.assert_one_result_each(campaign)
    assert {r.outcome for r in results.values()} == {"succeeded"}
    audit = connect.audit_summary()
    assert audit["built_twice"] == 0 and audit["builds"] == 50, audit
    if workers == 1:  # of two, the quicker one may take a slot that the other one's build has
        connect.assert_promises()
    assert_ledger_knows(pool, campaign, 50)


def test_outcomes_that_only_the_result_topic_knows_are_read_back(pool, connect_with, stack):
    connect = connect_with(items=SLOTS, build_ms=(20, 60))
    worker = pool.worker()
    connect.hold()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(SLOTS)
    pool.await_count(SLOTS, "attempt where task_id is not null")
    standby = Standby(stack.postgres)
    await_reconnected([worker], 1)
    connect.release()
    pool.await_results(SLOTS)
    worker.kill()  # with all that it kept for the case
    standby.fail_over()
    assert pool.count("item where ended_at is not null") == 0
    heir = pool.worker()
    heir.await_event("ledger.lost_outcomes")
    pool.await_state(campaign)
    results = pool.assert_one_result_each(campaign)
    assert {r.outcome for r in results.values()} == {"succeeded"}
    connect.assert_promises()
    assert_ledger_knows(pool, campaign, SLOTS)

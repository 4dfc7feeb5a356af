"""Pause, resume, cancel and deadlines: whatever happens to a campaign, each request has one result.
"""

import pytest

from waiting import wait_until

SLOTS = 9
ITEMS = 24


def outcomes(results):
    found = {}
    for result in results.values():
        found[result.outcome] = found.get(result.outcome, 0) + 1
    return found


@pytest.fixture
def in_flight(pool, connect_with):
    """A campaign whose first nine builds do not end, and the rest waits in the workers."""
    def start(*args):
        connect = connect_with(items=ITEMS, build_ms=(20, 60))
        connect.hold()
        pool.worker()
        campaign = pool.campaign("--warm-up", "0", *args)
        connect.await_running(SLOTS)
        pool.await_count(SLOTS, "attempt where task_id is not null")
        return connect, campaign
    return start


def await_published(pool, n):
    wait_until(lambda: len(pool.results()) >= n, 20, f"{n} results are out")


def test_a_campaign_that_is_paused_parks_what_waits_and_goes_on(pool, in_flight):
    connect, campaign = in_flight()
    pool.set_state(campaign, "paused")
    pool.await_count(ITEMS - SLOTS, "item where state = 'parked'")
    connect.release()
    await_published(pool, SLOTS)  # what was running ends as it would have
    assert connect.state()["builds"] == SLOTS
    assert pool.count("item where state = 'parked'") == ITEMS - SLOTS
    pool.set_state(campaign, "open")
    assert outcomes(pool.complete(campaign)) == {"succeeded": ITEMS}


def test_pause_and_resume_at_once_lose_nothing(pool, in_flight):
    connect, campaign = in_flight()
    pool.set_state(campaign, "paused")
    pool.await_count(1, "item where state = 'parked'")
    pool.set_state(campaign, "open")
    connect.release()
    assert outcomes(pool.complete(campaign)) == {"succeeded": ITEMS}


def test_a_worker_that_dies_with_a_paused_campaign(pool, in_flight):
    connect, campaign = in_flight()
    pool.set_state(campaign, "paused")
    pool.await_count(ITEMS - SLOTS, "item where state = 'parked'")
    pool.workers[0].kill()
    connect.release()
    pool.worker(ready=False)
    await_published(pool, SLOTS)
    pool.set_state(campaign, "open")
    assert outcomes(pool.complete(campaign)) == {"succeeded": ITEMS}


def test_cancel_ends_what_waits_and_lets_run_what_runs(pool, in_flight):
    connect, campaign = in_flight()
    pool.set_state(campaign, "cancelling")
    await_published(pool, ITEMS - SLOTS)
    connect.release()
    results = pool.complete(campaign, "cancelled")
    assert outcomes(results) == {"succeeded": SLOTS, "cancelled": ITEMS - SLOTS}
    classes = {r.value["data"]["error"]["class"] for r in results.values()
               if r.outcome == "cancelled"}
    assert classes == {"cancelled"}
    assert connect.state()["builds"] == SLOTS


def test_cancel_of_a_paused_campaign(pool, in_flight):
    connect, campaign = in_flight()
    pool.set_state(campaign, "paused")
    pool.await_count(ITEMS - SLOTS, "item where state = 'parked'")
    pool.set_state(campaign, "cancelling")
    connect.release()
    results = pool.complete(campaign, "cancelled")
    assert outcomes(results) == {"succeeded": SLOTS, "cancelled": ITEMS - SLOTS}


def test_cancel_before_anything_was_published(pool, connect_with):
    connect = connect_with(items=10)
    campaign = pool.campaign("--not-before", "1h")
    pool.worker()
    pool.set_state(campaign, "cancelling")
    results = pool.complete(campaign, "cancelled", deadline_s=20)
    assert outcomes(results) == {"cancelled": 10}
    assert connect.state()["builds"] == 0


def test_a_deadline_expires_what_waits_and_lets_run_what_runs(pool, in_flight):
    connect, campaign = in_flight("--deadline", "1h")
    pool.sql("update campaign set deadline = now()")
    await_published(pool, ITEMS - SLOTS)
    connect.release()
    results = pool.complete(campaign)
    assert outcomes(results) == {"succeeded": SLOTS, "expired": ITEMS - SLOTS}
    classes = {r.value["data"]["error"]["class"] for r in results.values()
               if r.outcome == "expired"}
    assert classes == {"request.expired"}


def test_a_deadline_that_passes_while_the_campaign_is_paused(pool, in_flight):
    connect, campaign = in_flight("--deadline", "1h")
    pool.set_state(campaign, "paused")
    pool.await_count(ITEMS - SLOTS, "item where state = 'parked'")
    connect.release()
    pool.sql("update campaign set deadline = now()")
    results = pool.complete(campaign)
    assert outcomes(results) == {"succeeded": SLOTS, "expired": ITEMS - SLOTS}


def test_too_many_failures_pause_the_campaign(pool, connect_with):
    connect = connect_with(items=ITEMS, build_ms=(20, 60), limit=1, replicas=1,
                           fault=["fail_share=1", "fail_class=render"])
    pool.worker()
    campaign = pool.campaign("--warm-up", "0", "--max-failures", "3")
    pool.await_state(campaign, "paused")
    pool.await_count(1, "item where state = 'parked'")
    assert 3 <= connect.state()["builds"] <= 6
    assert "pause" in {act["act"] for act in pool.json("acts")}
    connect.faults(fail_share=0)
    pool.sql("update campaign set max_failures = null, state = 'open'")
    found = outcomes(pool.complete(campaign))
    assert 3 <= found["build_failed"] <= 6 and sum(found.values()) == ITEMS

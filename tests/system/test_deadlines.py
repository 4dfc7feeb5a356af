"""A deadline passes at any moment: a result for each request, and no attempt that stays open."""

import collections

import pytest

from waiting import wait_until

SLOTS = 9
ITEMS = 20


def pass_deadline(pool):
    pool.sql("update campaign set deadline = now()")


def outcomes(results):
    return collections.Counter(r.outcome for r in results.values())


def assert_expired(results, n):
    classes = [r.value["data"]["error"]["class"] for r in results.values()
               if r.outcome == "expired"]
    assert classes == ["request.expired"] * n


@pytest.mark.parametrize("state", ["open", "paused"])
def test_before_anything_was_published(pool, connect_with, state):
    connect = connect_with(items=ITEMS)
    campaign = pool.campaign("--not-before", "1h", "--deadline", "2h")
    pool.set_state(campaign, state)
    pool.worker()
    pass_deadline(pool)
    results = pool.complete(campaign, deadline_s=30)
    assert outcomes(results) == {"expired": ITEMS} and connect.state()["builds"] == 0
    assert_expired(results, ITEMS)


def test_between_two_attempts_of_an_item_that_is_parked(pool, connect_with):
    connect = connect_with(items=1, build_ms=(20, 40), app_modes="shiny")
    guid = pool.load_content()[0]["guid"]
    connect.item(guid, fail="cache_race")
    pool.worker()
    campaign = pool.campaign("--warm-up", "0", "--backoff", "1d:1d", "--deadline", "2d")
    pool.await_count(1, "item where state = 'parked'")
    pass_deadline(pool)
    results = pool.complete(campaign, deadline_s=30)
    assert_expired(results, 1)
    assert results[guid].value["data"]["attempt"] == 1
    assert connect.state()["builds"] == 1


def test_with_all_slots_held_and_the_only_worker_killed(pool, connect_with):
    connect = connect_with(items=ITEMS, build_ms=(20, 60))
    connect.hold()
    victim = pool.worker()
    campaign = pool.campaign("--warm-up", "0", "--deadline", "1h")
    connect.await_running(SLOTS)
    pool.await_count(SLOTS, "attempt where task_id is not null")
    victim.kill()
    pass_deadline(pool)
    pool.worker(ready=False)
    wait_until(lambda: len(pool.results()) == ITEMS - SLOTS, 60, "what had not begun has expired")
    assert sum(pool.open_builds().values()) == SLOTS
    connect.release()
    results = pool.complete(campaign)
    assert outcomes(results) == {"succeeded": SLOTS, "expired": ITEMS - SLOTS}
    assert_expired(results, ITEMS - SLOTS)
    assert pool.open_builds() == {} and connect.state()["builds"] == SLOTS

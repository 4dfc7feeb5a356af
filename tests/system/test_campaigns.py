"""Campaigns that are paused, cancelled, late or too unlucky, and who is told of their end."""

import json

from waiting import wait_until
from web import web_server

SLOTS = 9


def outcomes(results):
    counts = {}
    for result in results.values():
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
    return counts


def hold_all_slots(pool, connect, *args):
    """Two workers and a campaign whose first builds do not end. Returns its id."""
    connect.hold()
    pool.worker()
    pool.worker()
    campaign = pool.campaign("--warm-up", "0", *args)
    connect.await_running(SLOTS)
    pool.await_count(SLOTS, "attempt where task_id is not null")
    return campaign


# ---- paused, cancelled, late -----------------------------------------------------------------------


def test_a_paused_campaign_is_parked_and_goes_on_when_it_is_resumed(pool, connect_with):
    connect = connect_with(items=30, build_ms=(30, 90))
    campaign = hold_all_slots(pool, connect)
    pool.set_state(campaign, "paused")
    pool.await_count(30 - SLOTS, "item where state = 'parked' and place_offset is null")
    connect.release()
    pool.await_results(SLOTS)  # what runs keeps its true outcome
    assert connect.state()["builds"] == SLOTS
    assert pool.count("item where state = 'parked'") == 30 - SLOTS
    pool.set_state(campaign, "open")
    assert outcomes(pool.complete(campaign)) == {"succeeded": 30}


def test_a_campaign_that_is_paused_holds_up_no_other(pool, connect_with):
    connect = connect_with(items=24, build_ms=(30, 90))
    guids = [row["guid"] for row in pool.load_content()]
    paused = pool.campaign("--warm-up", "0", *(w for g in guids[:16] for w in ("--guid", g)))
    pool.set_state(paused, "paused")
    other = pool.campaign("--warm-up", "0", *(w for g in guids[16:] for w in ("--guid", g)))
    pool.worker()
    assert outcomes(pool.complete(other)) == {"succeeded": 8}
    assert connect.state()["builds"] == 8
    pool.await_count(16, "item where state = 'parked'")
    pool.set_state(paused, "open")
    assert outcomes(pool.complete(paused)) == {"succeeded": 16}


def test_every_item_of_a_cancelled_campaign_has_its_one_result(pool, connect_with):
    connect = connect_with(items=40, build_ms=(30, 90))
    campaign = hold_all_slots(pool, connect)
    pool.set_state(campaign, "cancelling")
    pool.await_results(40 - SLOTS)
    connect.release()
    results = pool.complete(campaign, "cancelled")
    assert outcomes(results) == {"cancelled": 40 - SLOTS, "succeeded": SLOTS}
    assert connect.state()["builds"] == SLOTS


def test_a_campaign_cancelled_while_it_is_paused(pool, connect_with):
    connect = connect_with(items=30, build_ms=(30, 90))
    campaign = hold_all_slots(pool, connect)
    pool.set_state(campaign, "paused")
    pool.await_count(30 - SLOTS, "item where state = 'parked'")
    pool.set_state(campaign, "cancelling")
    connect.release()
    assert outcomes(pool.complete(campaign, "cancelled")) == {
        "cancelled": 30 - SLOTS, "succeeded": SLOTS}


def test_a_campaign_cancelled_before_it_was_published(pool, connect_with):
    connect = connect_with(items=80, build_ms=(30, 90))
    answer = pool.enqueue("--not-before", "in 1h")
    assert answer["published"] == 0
    pool.set_state(answer["campaign_id"], "cancelling")
    pool.worker()
    assert outcomes(pool.complete(answer["campaign_id"], "cancelled")) == {"cancelled": 80}
    assert connect.state()["builds"] == 0


def test_what_has_not_started_by_the_deadline_expires(pool, connect_with):
    connect = connect_with(items=30, build_ms=(30, 90))
    campaign = hold_all_slots(pool, connect, "--deadline", "in 1h")
    pool.sql("update campaign set deadline = now()")
    pool.await_results(30 - SLOTS)
    connect.release()
    results = pool.complete(campaign)
    assert outcomes(results) == {"expired": 30 - SLOTS, "succeeded": SLOTS}
    assert connect.state()["builds"] == SLOTS


def test_a_deadline_ends_what_is_parked(pool, connect_with):
    connect = connect_with(items=12, build_ms=(30, 90))
    campaign = pool.campaign("--deadline", "in 1h", "--warm-up", "0")
    pool.set_state(campaign, "paused")
    pool.worker()
    pool.await_count(12, "item where state = 'parked'")
    pool.sql("update campaign set deadline = now()")
    assert outcomes(pool.complete(campaign)) == {"expired": 12}
    assert connect.state()["builds"] == 0


# ---- failures --------------------------------------------------------------------------------------


def test_too_many_failures_pause_the_campaign(pool, connect_with):
    connect = connect_with(items=40, build_ms=(20, 40), limit=1, fault="fail_share=1")
    pool.worker()
    campaign = pool.campaign("--warm-up", "0", "--max-attempts", "1", "--max-failures", "5")
    pool.await_state(campaign, "paused")
    pool.await_count(1, "act where act = 'pause' and target = %s", campaign)
    wait_until(lambda: pool.open_builds() == {}, 20, "nothing runs any more")
    failed = pool.count("item where state = 'build_failed'")
    assert 5 <= failed <= 5 + 3 + 1  # what ran when the last of them failed
    connect.faults(fail_share=0)
    pool.sql("update campaign set state = 'open', max_failures = null")
    assert outcomes(pool.complete(campaign)) == {"build_failed": failed, "succeeded": 40 - failed}


def test_a_long_back_off_is_waited_for_in_the_ledger(pool, connect_with):
    connect = connect_with(items=4, build_ms=(20, 40), app_modes="shiny")
    guid = pool.load_content()[0]["guid"]
    connect.item(guid, fail="cache_race", fail_attempts=1)
    pool.worker()
    campaign = pool.campaign("--warm-up", "0", "--backoff", "1d:1d")
    pool.await_count(1, "item where state = 'parked' and due > now()")
    pool.sql("update item set due = now() where state = 'parked'")
    results = pool.complete(campaign, again=1)
    assert outcomes(results) == {"succeeded": 4}
    assert results[guid].value["data"]["attempt"] == 2


# ---- who is told -----------------------------------------------------------------------------------


def test_the_end_of_a_campaign_is_told_until_it_is_heard(pool, connect_with):
    connect_with(items=6, build_ms=(20, 40))
    pool.worker()
    pool.worker()
    with web_server(lambda told: (500 if len(told) == 1 else 200, b"")) as (url, told):
        campaign = pool.campaign("--warm-up", "0", "--on-complete", url + "/hook?a=1")
        pool.complete(campaign)
        pool.await_count(1, "campaign where on_complete_status = 'answered with 500'")
        pool.sql("update campaign set on_complete_due = now()")
        pool.await_count(1, "campaign where on_complete_at is not null")
    assert [(r.method, r.path) for r in told] == [("POST", "/hook?a=1")] * 2
    assert {r.headers["Idempotency-Key"] for r in told} == {campaign}
    body = json.loads(told[1].body)
    assert body["campaign_id"] == campaign and body["state"] == "completed"
    assert body["outcomes"] == {"succeeded": 6} and body["selected"] == 6

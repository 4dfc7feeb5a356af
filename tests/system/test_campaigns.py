"""Campaigns beside each other, in the ledger for a while, and who is told of their end."""

import json

from web import web_server


def outcomes(results):
    counts = {}
    for result in results.values():
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
    return counts


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

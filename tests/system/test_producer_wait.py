"""rebuild-producer that stays until a campaign ends: waiting, and results as they come."""

import csv
import io
import json
import signal

from producing import make_content, producer_process
from waiting import wait_until


def test_waiting_ends_with_the_time_and_the_campaign_goes_on(pool):
    make_content(pool, 2)
    done = pool.producer("enqueue", "-y", "--wait=1s", "-o", "json", status=124)
    answer = json.loads(done.stdout)
    assert answer["state"] == "open" and answer["campaign_id"] in done.stderr


def test_an_interrupted_wait_says_how_to_go_on(pool):
    make_content(pool, 2)
    process = producer_process(pool, "enqueue", "-y", "--wait", "-o", "json")
    wait_until(lambda: pool.sql("select 1 as x from campaign where cursor_rank = 1"
                                " and lease_holder is null"), 30, "it waits")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    answer = json.loads(out)
    assert process.returncode == 130
    assert answer["state"] == "open" and answer["published"] == 2
    assert f"enqueue --campaign-id {answer['campaign_id']} --wait" in err


def test_wait_tells_good_from_failed_campaigns(pool, simulator):
    pool.connect = simulator(items=6, build_ms=(20, 50), app_modes="shiny")
    rows = pool.load_content()
    pool.worker()
    done = pool.producer("enqueue", "--published", "-y", "--wait=60s", "--warm-up", "0", "-o",
                         "json", deadline_s=90)
    campaign = json.loads(done.stdout)["campaign_id"]
    status = pool.status(campaign)
    assert status["state"] == "completed" and status["items"]["succeeded"] == 6
    assert status["results"] == 6 and status["failures"] == {}

    pool.connect.item(rows[0]["guid"], fail="package")
    failed = pool.producer("enqueue", "--published", "-y", "--wait=60s", "--warm-up", "0", "-o",
                           "json", status=8, deadline_s=90)
    failed_id = json.loads(failed.stdout)["campaign_id"]
    assert pool.status(failed_id)["failures"] == {"build.package_install": 1}
    table = pool.producer("items", failed_id, "--error", "build").stdout
    assert rows[0]["guid"] in table and len(table.splitlines()) == 2

    history = pool.json("history", rows[0]["guid"])
    assert [h["outcome"] for h in history] == ["build_failed", "succeeded"]
    everything = pool.json("results", "tail", "--from-beginning")
    assert len(everything) == 12
    one = pool.producer("results", "tail", "--from-beginning", "--campaign", failed_id, "-o",
                        "jsonl").stdout.splitlines()
    assert len(one) == 6 and {json.loads(r)["correlationid"] for r in one} == {failed_id}
    rows = list(csv.DictReader(io.StringIO(pool.producer(
        "results", "tail", "--from-beginning", "-o", "csv").stdout)))
    assert len(rows) == 12 and rows[0]["outcome"] in ("succeeded", "build_failed")
    assert [r["name"] for r in pool.json("replicas")] == sorted(pool.connect.replicas)
    assert [w["state"] for w in pool.json("workers")] == ["running"]
    assert [c["failed"] for c in pool.json("campaigns")] == [1, 0]


def test_a_worker_that_was_not_heard_of_for_long_is_dead(pool):
    """WORKER_DEAD_MS, whatever it said last; one that has stopped is not dead."""
    for name, state, seconds in (("a", "running", 0), ("b", "running", 16), ("c", "stopped", 16)):
        pool.sql("insert into worker (worker_id, version, state, last_seen)"
                 " values (%s, '1', %s, now() - %s * interval '1 s')", (name, state, seconds))
    assert {w["worker_id"]: w["state"] for w in pool.json("workers")} == {
        "a": "running", "b": "dead", "c": "stopped"}


def test_results_are_followed_as_they_come(pool, simulator):
    pool.connect = simulator(items=3, build_ms=(20, 50))
    pool.load_content()
    process = producer_process(pool, "results", "tail", "-o", "jsonl", "--limit", "3")
    pool.worker()
    campaign = pool.enqueue()["campaign_id"]
    pool.await_state(campaign)
    # what was there before the reader was ready does not count, so there may be more to come
    while process.poll() is None and pool.enqueue("--guid", pool.json("list")[0]["guid"]):
        pool.await_state(pool.json("campaigns")[0]["campaign_id"])
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and len(out.splitlines()) == 3

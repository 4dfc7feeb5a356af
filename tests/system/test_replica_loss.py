"""Replicas that go, come back or forget: Connect's jobs tell elsewhere what became of a build."""

import collections
import json
import urllib.request

import pytest

from waiting import wait_until

SLOTS = 9
GONE = "connect-2"
FAST_RETRY = ("--warm-up", "0", "--backoff", "1s:1s")


def hold_all_slots(pool, connect, worker):
    connect.hold()
    campaign = pool.campaign(*FAST_RETRY)
    connect.await_running(SLOTS)
    pool.await_count(SLOTS, "attempt where task_id is not null")
    assert worker.alive()
    return campaign


def succeed(pool, campaign, n):
    results = pool.complete(campaign)
    assert len(results) == n and {r.outcome for r in results.values()} == {"succeeded"}
    assert {r.value["data"]["access"]["verdict"] for r in results.values()} == {"ok"}
    assert pool.connect.audit_summary()["builds"] == n
    return results


def built_on(results):
    return collections.Counter(r.value["data"]["replica"] for r in results.values())


@pytest.mark.parametrize("up", [True, False])
def test_a_replica_that_was_removed_from_the_list(pool, connect_with, up):
    connect = connect_with(items=SLOTS, build_ms=(20, 60))
    first = pool.worker()
    campaign = hold_all_slots(pool, connect, first)
    assert first.term() == 0
    connect.replica(GONE, up=up)
    rest = ",".join(f"{n}={url}" for n, url in connect.replicas.items() if n != GONE)
    second = pool.worker(ready=False, REBUILD_REPLICAS=rest)
    assert {second.await_event("build.lookup", n=n + 1)["replica"] for n in range(3)} == {GONE}
    connect.release()
    assert built_on(succeed(pool, campaign, SLOTS))[GONE] == 3
    assert len(second.events("build.lookup")) == 3
    # what it was asked before it left the list, and nothing since: the key does not go there
    assert second.metric("rebuild_connect_requests_total", replica=GONE) is None


def test_a_replica_that_is_away_for_longer_than_its_builds_wait_for_it(pool, connect_with):
    connect = connect_with(items=SLOTS, build_ms=(20, 60))
    worker = pool.worker(REBUILD_LOST_AFTER_REPLICA="1s")
    campaign = hold_all_slots(pool, connect, worker)
    connect.replica(GONE, up=False)
    worker.await_event("build.lookup", n=3)
    connect.release()
    assert built_on(succeed(pool, campaign, SLOTS))[GONE] == 3


def test_a_replica_that_comes_back_before_that_is_asked_for_its_tasks(pool, connect_with):
    connect = connect_with(items=SLOTS, build_ms=(20, 60))
    worker = pool.worker()
    campaign = hold_all_slots(pool, connect, worker)
    connect.replica(GONE, up=False)
    wait_until(lambda: worker.metric("rebuild_connect_requests_total", replica=GONE, route="task"),
               30, "its polls have failed")
    connect.replica(GONE, up=True)
    connect.release()
    succeed(pool, campaign, SLOTS)
    assert not worker.events("build.lookup")


# ---- two runtimes: two jobs in turn --------------------------------------------------------------


def jobs_of(connect, guid):
    """{tag: (status, exit code)} of the newest restore of each runtime, as Connect tells it."""
    url = f"{next(iter(connect.replicas.values()))}/__api__/v1/content/{guid}/jobs"
    request = urllib.request.Request(url, headers={"Authorization": f"Key {connect.key}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        jobs = [job for job in json.load(answer) if job["tag"].endswith("_restore")]
    return {job["tag"]: (job["status"], job["exit_code"]) for job in reversed(jobs)}


def lose_the_task_between_two_jobs(pool, connect_with, **item):
    """A build of R and Python, whose task is forgotten when it is in its second job."""
    connect = connect_with(items=1, replicas=1, app_modes="shiny")
    guid = pool.load_content()[0]["guid"]
    connect.item(guid, py_version="3.11.7", build_ms=3000, **item)
    worker = pool.worker(REBUILD_LOST_AFTER="3s")
    campaign = pool.campaign("--max-attempts", "1", *FAST_RETRY)
    wait_until(lambda: jobs_of(connect, guid).get("python_restore") == (0, None), 20,
               lambda: f"the second job runs; {jobs_of(connect, guid)}")
    assert jobs_of(connect, guid)["packrat_restore"][1] == 0
    connect.replica("connect-0", restart=True, jobs="continue")
    worker.await_event("build.lookup")
    return pool.complete(campaign)[guid]


def test_the_verdict_on_two_runtimes_comes_from_both_their_jobs(pool, connect_with):
    result = lose_the_task_between_two_jobs(pool, connect_with)
    assert result.outcome == "succeeded" and pool.connect.audit_summary()["builds"] == 1
    assert result.value["data"]["timing"]["build_s"] >= 3


def test_a_first_job_that_was_good_does_not_hide_a_second_that_failed(pool, connect_with):
    result = lose_the_task_between_two_jobs(pool, connect_with, fail="python_package")
    assert result.outcome == "build_failed" and pool.connect.audit_summary()["builds"] == 1

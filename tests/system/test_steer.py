"""pause, resume, cancel, limit: what the verbs say, write and refuse, and how soon workers obey."""

import time

import pytest

from producing import guid, make_content
from waiting import wait_until

SLOTS = 9
ITEMS = 24


def outcomes(results):
    found = {}
    for result in results.values():
        found[result.outcome] = found.get(result.outcome, 0) + 1
    return found


def steer(pool, verb, campaign, *args):
    """One of the verbs, with a yes; its row."""
    return pool.json(verb, campaign, "--reason", "system test", "-y", *args)[0]


def acts(pool, *names):
    return [act for act in pool.json("acts") if act["act"] in names]


def guids_file(pool, name, rows):
    path = f"{pool.logs}/{name}.guids"
    with open(path, "w", encoding="utf-8") as out:
        out.write("".join(row["guid"] + "\n" for row in rows))
    return path


def records(pool, topic="requests"):
    return pool.broker.read(pool.topic(topic), committed=False)


@pytest.fixture
def in_flight(pool, connect_with):
    """A campaign whose first nine builds do not end, and the rest waits in the worker."""
    def start(*args):
        connect = connect_with(items=ITEMS, build_ms=(20, 60))
        connect.hold()
        pool.worker()
        campaign = pool.campaign("--warm-up", "0", *args)
        connect.await_running(SLOTS)
        pool.await_count(SLOTS, "attempt where task_id is not null")
        return connect, campaign
    return start


# ---- what the verbs say ------------------------------------------------------------------------


def test_a_campaign_is_paused_resumed_and_cancelled_and_each_is_an_act(pool):
    make_content(pool, 3)
    campaign = pool.campaign()
    assert steer(pool, "pause", campaign) == {
        "campaign_id": campaign, "name": "test", "was": "open", "state": "paused", "changed": True,
        "because": pool.status(campaign)["state_reason"]}
    assert "system test" in pool.status(campaign)["state_reason"]
    again = pool.producer("pause", "test")
    assert "is paused already" in again.stderr
    assert steer(pool, "resume", campaign)["state"] == "open"
    assert pool.status(campaign)["state_reason"] is None
    assert steer(pool, "cancel", campaign, "--actor", "kim")["state"] == "cancelling"
    assert "already" in pool.producer("cancel", campaign, "-y").stderr
    done = acts(pool, "pause", "resume", "cancel")
    assert [a["act"] for a in done] == ["cancel", "resume", "pause"]
    assert {a["target"] for a in done} == {campaign}
    assert {a["reason"] for a in done} == {"system test"}
    assert done[0]["actor"] == "kim" and done[0]["details"]["was"] == "open"


def test_a_change_that_cannot_be_is_a_sentence_and_exit_5(pool):
    make_content(pool, 3)
    campaign = pool.campaign()
    steer(pool, "cancel", campaign)
    for verb, word in (("pause", "paused"), ("resume", "resumed")):
        refused = pool.producer(verb, campaign, status=5)
        assert f"is cancelling: it cannot be {word}" in refused.stderr and not refused.stdout
    pool.set_state(campaign, "completed")
    for verb in ("pause", "resume", "cancel"):
        assert "is completed" in pool.producer(verb, campaign, "-y", status=5).stderr
    assert "no limits" in pool.producer("limit", campaign, "--max-inflight", "2", status=5).stderr
    assert len(acts(pool, "pause", "resume", "cancel", "limit")) == 1


def test_cancel_asks_and_where_nobody_can_answer_it_does_nothing(pool):
    make_content(pool, 3)
    campaign = pool.campaign()
    refused = pool.producer("cancel", campaign, status=2)
    assert "--yes" in refused.stderr
    assert pool.state_of(campaign) == "open" and not acts(pool, "cancel")


def test_what_is_steered_must_be_named_and_must_be_there(pool):
    make_content(pool, 3)
    campaign = pool.campaign()
    assert "or --all" in pool.producer("pause", status=2).stderr
    assert "or --all" in pool.producer("pause", campaign, "--all", status=2).stderr
    assert "no campaign" in pool.producer("pause", "nobody", status=2).stderr
    assert "--max-inflight" in pool.producer("limit", campaign, status=2).stderr
    assert "no replica" in pool.producer("limit", "nowhere=3", status=2).stderr
    assert "for replicas" in pool.producer("limit", campaign, "--drain", status=2).stderr


def test_all_live_campaigns_are_paused_at_once(pool):
    make_content(pool, 9)
    first, second, third = (pool.campaign("--guid", guid(i), "--name", f"c{i}") for i in range(3))
    pool.set_state(third, "completed")
    steer(pool, "pause", first)
    rows = pool.json("pause", "--all")
    assert {row["campaign_id"]: row["changed"] for row in rows} == {first: False, second: True}
    assert pool.state_of(second) == "paused" and pool.state_of(third) == "completed"
    assert all(row["changed"] for row in pool.json("resume", "--all"))


def test_a_window_does_not_take_back_what_a_person_paused(pool):
    make_content(pool, 3)
    campaign = pool.campaign("--window", "00:00-24:00")
    pool.sql("update campaign set state = 'paused', state_reason = 'outside --window'")
    assert steer(pool, "pause", campaign)["changed"]
    assert pool.status(campaign)["state_reason"].startswith("paused by")
    pool.sql("update campaign set open_window = to_char(now() + interval '1 h', 'HH24:00')"
             " || '-' || to_char(now() + interval '2 h', 'HH24:00')")
    resumed = pool.producer("resume", campaign)
    assert "outside its window" in resumed.stderr
    assert pool.status(campaign)["state_reason"] == "outside --window"


# ---- how workers obey --------------------------------------------------------------------------


def of_campaign(pool, campaign):
    return sum(r.value["data"]["campaign"]["id"] == campaign for r in records(pool))


def test_resume_goes_on_behind_the_backlog_of_another_campaign(pool, connect_with, print_out):
    connect = connect_with(items=5500, build_ms=(1, 2), limit=60)
    rows = pool.load_content()
    worker = pool.worker()
    pool.await_count(3, "replica")
    pool.producer("limit", *(f"{name}=0" for name in connect.replicas))
    ours = pool.campaign("--guids-from", guids_file(pool, "ours", rows[:500]), "--warm-up", "0",
                         "--name", "ours")
    wait_until(lambda: worker.holds() == 500, 20, "the worker has read all 500")
    steer(pool, "pause", ours)
    pool.await_count(500, "item where state = 'parked'")
    theirs = pool.campaign("--guids-from", guids_file(pool, "theirs", rows[500:]), "--warm-up",
                           "0", "--name", "theirs")
    assert of_campaign(pool, ours) == 500
    began = time.monotonic()
    steer(pool, "resume", ours)
    wait_until(lambda: pool.count("item where state = 'parked' or unsent") == 0, 20,
               "what was parked is in Kafka again")
    print_out(f"{time.monotonic() - began:.2f} s from resume until 500 requests were sent again")
    assert [row["verdict"] for row in pool.json("doctor") if row["check"] == "requests"] == ["ok"]
    assert of_campaign(pool, ours) == 1000
    pool.producer("limit", *(f"{name}=60" for name in connect.replicas))
    assert outcomes(pool.complete(ours)) == {"succeeded": 500}
    # what it was there for, it has done, if it has not ended by itself
    pool.producer("cancel", theirs, "--reason", "system test", "-y", status=None)
    wait_until(lambda: pool.state_of(theirs) in ("cancelled", "completed"), 60, "theirs has ended")
    assert [row["verdict"] for row in pool.json("doctor") if row["check"] == "requests"] == ["ok"]


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_a_kill_while_all_slots_are_held_leaves_no_open_attempt(pool, in_flight, verb):
    connect, campaign = in_flight()
    steer(pool, verb, campaign)
    pool.workers[0].kill()
    connect.release()
    pool.worker(ready=False)
    wait_until(lambda: pool.count("attempt where ended_at is null") == 0, 40,
               "what was open was adopted and has ended")
    pool.await_count(SLOTS, "item where published_at is not null and state = 'succeeded'")
    assert connect.state()["builds"] == SLOTS
    if verb == "pause":
        assert pool.state_of(campaign) == "paused"
        steer(pool, "cancel", campaign)
    results = pool.complete(campaign, "cancelled")
    assert outcomes(results) == {"succeeded": SLOTS, "cancelled": ITEMS - SLOTS}


def test_cancel_while_parked_gives_each_its_result(pool, in_flight):
    connect, campaign = in_flight()
    steer(pool, "pause", campaign)
    pool.await_count(ITEMS - SLOTS, "item where state = 'parked'")
    steer(pool, "cancel", campaign)
    connect.release()
    results = pool.complete(campaign, "cancelled")
    assert outcomes(results) == {"succeeded": SLOTS, "cancelled": ITEMS - SLOTS}


def test_cancel_before_publication_gives_each_its_result(pool, connect_with):
    connect = connect_with(items=10)
    campaign = pool.campaign("--not-before", "1h")
    assert not records(pool)
    steer(pool, "cancel", campaign)
    pool.worker()
    assert outcomes(pool.complete(campaign, "cancelled")) == {"cancelled": 10}
    assert connect.state()["builds"] == 0


def test_results_of_a_cancelled_campaign_do_not_wait_for_the_busy_one_before_it(
        pool, connect_with, print_out):
    connect = connect_with(items=300)
    rows = pool.load_content()
    connect.hold()
    pool.worker()
    busy = pool.campaign("--guids-from", guids_file(pool, "busy", rows[:200]), "--warm-up", "0")
    connect.await_running(SLOTS)
    behind = pool.campaign("--guids-from", guids_file(pool, "behind", rows[200:]), "--warm-up",
                           "0", "--name", "behind")
    wait_until(lambda: pool.workers[0].holds() == 300, 20, "the worker has read all of both")
    began = time.monotonic()
    steer(pool, "cancel", behind)
    assert outcomes(pool.complete(behind, "cancelled")) == {"cancelled": 100}
    print_out(f"{time.monotonic() - began:.2f} s from cancel to the hundredth result")
    assert connect.state()["builds"] == SLOTS  # nothing of the busy one has ended
    steer(pool, "cancel", busy)
    connect.release()
    pool.complete(busy, "cancelled")


def test_failures_are_forgiven_by_resume(pool, connect_with):
    connect = connect_with(items=ITEMS, build_ms=(5, 10), limit=1, replicas=1,
                           fault=["fail_share=1", "fail_class=render"])
    pool.worker()
    campaign = pool.campaign("--warm-up", "0", "--max-failures", "3")
    pool.await_state(campaign, "paused")
    first = pool.count("item where state = 'build_failed'")
    steer(pool, "resume", campaign)
    wait_until(lambda: pool.state_of(campaign) == "paused", 20, "as many failed once more")
    assert pool.count("item where state = 'build_failed'") >= first + 3
    connect.faults(fail_share=0)
    steer(pool, "resume", campaign)
    pool.complete(campaign)


# ---- limits ------------------------------------------------------------------------------------


def test_a_limit_that_is_lowered_starts_nothing_and_one_that_is_raised_is_taken(
        pool, connect_with, print_out):
    connect = connect_with(items=60, build_ms=(5, 10), limit=4, replicas=1)
    connect.hold()
    worker = pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(4)
    name = next(iter(connect.replicas))
    lowered = pool.json("limit", f"{name}=2", "--reason", "people are at work")[0]
    assert (lowered["max_inflight"], lowered["was_max_inflight"]) == (2, 4)
    wait_until(lambda: worker.metric("rebuild_builds_in_flight_limit", replica=name) == 2, 10,
               "the worker knows the limit")
    connect.release_some(2)
    pool.await_count(2, "item where state = 'succeeded'")
    assert connect.state()["builds"] == 4  # two run, two may: nothing was started
    began = time.monotonic()
    connect.limit(6)
    pool.producer("limit", name, "--max-inflight", "6")
    connect.await_running(6)
    print_out(f"{time.monotonic() - began:.2f} s from limit to the builds it lets start")
    connect.release()
    pool.complete(campaign)
    assert [a["target"] for a in acts(pool, "limit")] == [name, name]
    assert acts(pool, "limit")[1]["reason"] == "people are at work"


def test_a_worker_that_starts_leaves_what_people_set_until_they_reset_it(pool, connect_with):
    connect = connect_with(items=2, limit=4, replicas=2)
    pool.worker()
    first, second = connect.replicas
    pool.await_count(2, "replica")
    pool.producer("limit", f"{first}=1", f"{second}=2")
    pool.worker(REBUILD_REPLICA_MAX_INFLIGHT=7)
    limits = {row["name"]: row["max_inflight"] for row in pool.json("replicas")}
    assert limits == {first: 1, second: 2}
    pool.producer("limit", second, "--reset")
    pool.worker(REBUILD_REPLICA_MAX_INFLIGHT=7)
    wait_until(lambda: {row["name"]: row["max_inflight"] for row in pool.json("replicas")}
               == {first: 1, second: 7}, 20, "the configuration counts again")


def test_a_replica_that_is_drained_gets_nothing_until_its_next_limit(pool, connect_with):
    connect = connect_with(items=20, build_ms=(5, 10), replicas=2)
    pool.worker()
    first, second = connect.replicas
    pool.await_count(2, "replica")
    assert pool.json("limit", first, "--drain")[0]["state"] == "draining"
    half = pool.campaign("--limit", "10", "--warm-up", "0")
    pool.complete(half)
    assert {b["replica"] for b in connect.audit()["list"]} == {second}
    assert pool.json("limit", first, "--max-inflight", "3")[0]["state"] == "active"
    pool.producer("limit", second, "--drain")
    pool.complete(pool.campaign("--warm-up", "0", "--reprocess", "missing"))
    assert {b["replica"] for b in connect.audit()["list"][10:]} == {first}


def test_a_campaigns_own_limits_are_changed_while_it_runs(pool, connect_with, print_out):
    connect = connect_with(items=30, build_ms=(5, 10))
    connect.hold()
    pool.worker()
    campaign = pool.campaign("--warm-up", "0", "--max-inflight", "2", "--start-rate", "1/h")
    connect.await_running(1)
    began = time.monotonic()
    pool.producer("limit", campaign, "--start-rate", "0")
    connect.await_running(2)
    print_out(f"{time.monotonic() - began:.2f} s from limit --start-rate to the next build")
    assert pool.json("limit", campaign, "--max-inflight", "0")[0]["max_inflight"] is None
    connect.await_running(SLOTS)
    pool.producer("limit", campaign, "--max-inflight", "3")
    connect.release()
    pool.complete(campaign)


# ---- retry -------------------------------------------------------------------------------------


@pytest.fixture
def half_failed(pool, connect_with):
    """A campaign of ten that has ended: three failed with one error, two with another."""
    connect = connect_with(items=10, build_ms=(5, 10))
    rows = sorted(pool.load_content(), key=lambda row: row["guid"])
    for row in rows[:3]:
        connect.item(row["guid"], fail="package")
    for row in rows[3:5]:
        connect.item(row["guid"], fail="env_not_found")
    pool.worker()
    path = f"{pool.logs}/important.csv"
    with open(path, "w", encoding="utf-8") as out:
        out.write("guid,access_paths\n")
        out.writelines(f"{row['guid']},/content/{row['guid']}/\n" for row in rows)
    campaign = pool.campaign("--important", path, "--name", "first", "--max-attempts", "1",
                             "--warm-up", "0", "--max-failures", "90%")
    pool.await_state(campaign)
    assert pool.count("item where state = 'build_failed'") == 5
    return connect, campaign, [row["guid"] for row in rows]


def test_what_failed_is_built_again_in_a_campaign_with_its_parent_and_its_policies(
        pool, half_failed):
    connect, first, guids = half_failed
    for guid_ in guids[:5]:
        connect.item(guid_, fail=None)
    assert "--failed" in pool.producer("retry", first, "-y", status=2).stderr
    assert "--yes" in pool.producer("retry", first, "--failed", status=2).stderr
    assert pool.json("retry", "first", "--failed", "--dry-run")["selected"] == 5
    made = pool.json("retry", "first", "--failed", "-y", "--reason", "once more", "--wait")
    assert made["selected"] == 5 and made["state"] == "completed" and made["name"] == "first"
    second = pool.status(made["campaign_id"])
    assert second["parent"] == first and second["reason"] == "once more"
    assert (second["options"]["max_attempts"], second["options"]["max_failures"]) == (1, "90%")
    results = pool.assert_one_result_each(made["campaign_id"])
    assert outcomes(results) == {"succeeded": 5}
    again, before = pool.items(made["campaign_id"]), pool.items(first)
    assert [g for g in guids if g in again] == guids[:5]
    assert {g: i["rank"] for g, i in again.items()} == {g: n for n, g in enumerate(guids[:5])}
    assert all(item["access_paths"] == before[g]["access_paths"] for g, item in again.items())
    act, = acts(pool, "retry")
    assert act["target"] == made["campaign_id"] and act["details"]["parent"] == first


def test_retry_takes_error_classes_and_filters(pool, half_failed):
    _, first, guids = half_failed
    errors = {str(i["content_guid"]): i["error_class"] for i in pool.items(first).values()}
    one = errors[guids[3]]
    dry = ("--dry-run",)
    assert pool.json("retry", first, "--error", one, *dry)["selected"] == 2
    assert pool.json("retry", first, "--error", "build", *dry)["selected"] == 5
    assert pool.json("retry", first, "--failed", "--guid", guids[0], "--guid", guids[9],
                     *dry)["selected"] == 1
    assert pool.json("retry", first, "--guid", guids[9], *dry)["selected"] == 1
    nothing = pool.producer("retry", first, "--error", "replica", "-y", "--fail-empty", status=4)
    assert "nothing of the campaign" in nothing.stderr
    assert pool.count("campaign") == 1

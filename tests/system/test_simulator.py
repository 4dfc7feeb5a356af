"""The contract of the simulated Connect, as facts/connect-api.md has it."""

import http.client
import pathlib
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "simulator"))
from simulator_client import (  # noqa: E402
    BINARY, DEADLINE_S, KEY, Simulator, call, first_of, raw_connection, until)


@pytest.fixture(scope="module")
def shared():
    """For tests that only read, or build items of their own."""
    with Simulator(items=60) as simulator:
        yield simulator


@pytest.fixture
def own():
    with Simulator() as simulator:
        yield simulator


# -- command line --------------------------------------------------------------

def run(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=DEADLINE_S,
                          env={"PATH": "/usr/bin:/bin"})


@pytest.mark.parametrize("arguments, word", [
    ((), "--ports"),
    (("--ports", "0"), "--api-key"),
    (("--ports", "0,x", "--api-key", "K"), "--ports"),
    (("--ports", "0", "--api-key", "K", "--items", "many"), "--items"),
    (("--ports", "0", "--api-key", "K", "--build-ms", "9,1"), "--build-ms"),
    (("--ports", "0", "--api-key", "K", "--fault", "fail_share=2"), "fail_share"),
    (("--ports", "0", "--api-key", "K", "--fault", "gremlins=1"), "gremlins"),
    (("--ports", "0", "--api-key", "K", "--nonsense"), "--nonsense"),
    (("--ports",), "--ports"),
])
def test_a_bad_argument_is_one_sentence_that_names_it(arguments, word):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1 and word in done.stderr


def test_help_names_options_and_faults():
    done = run("--help")
    assert done.returncode == 0
    assert "--build-ms" in done.stdout and "reset_after_share" in done.stdout


def test_a_port_in_use_is_refused(shared):
    port = str(shared.places["replicas"][0]["port"])
    done = run("--ports", port, "--api-key", "K")
    assert done.returncode == 1 and port in done.stderr


def test_items_are_a_function_of_the_seed():
    def guids(seed):
        with Simulator("--seed", seed, replicas=1) as simulator:
            return [(item["guid"], item["app_mode"], item["bundle_id"])
                for item in simulator.content()]
    assert guids("7") == guids("7") != guids("8")


# -- identity ------------------------------------------------------------------

def test_a_key_is_needed_and_must_be_right(shared):
    none = shared.api("v1/user", key=None)
    wrong = shared.api("v1/user", key="wrong")
    assert (none.status, none.json["code"]) == (401, 24)
    assert (wrong.status, wrong.json["code"]) == (401, 30)
    assert set(none.json) == {"code", "error", "payload"}
    other = shared.api("v1/user", key=None, X_RSC_Authorization=f"Key {KEY}")
    assert other.json["user_role"] == "administrator"


def test_answers_carry_date_type_and_correlation_id(shared):
    answer = shared.api("v1/user", X_Correlation_ID="attempt-1")
    assert answer.headers["X-Correlation-ID"] == "attempt-1"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Date"].endswith("GMT")


def test_replicas_tell_their_names(shared):
    names = [shared.api("server_settings", replica=i).json["hostname"] for i in range(3)]
    assert names == ["connect-0", "connect-1", "connect-2"]
    assert [host["hostname"] for host in shared.api("v1/system/hosts").json] == names
    assert shared.api("server_settings", key=None).json["version"] == ""
    assert call(shared.replicas[0] + "/__ping__", key=None).status == 200


def test_unknown_paths_and_guids(shared):
    assert shared.api("v1/nothing").json["code"] == 2
    assert shared.api("v1/content/no-guid").json["code"] == 3
    missing = shared.api("v1/content/00000000-0000-4000-8000-000000000000")
    assert (missing.status, missing.json["code"]) == (404, 4)


# -- builds --------------------------------------------------------------------

def test_a_build_runs_on_one_replica_and_others_do_not_know_its_task(own):
    item = first_of(own, app_mode="shiny")
    task = own.build(item["guid"], item["bundle_id"]).json["task_id"]
    other = own.api(f"v1/tasks/{task}", replica=1)
    assert (other.status, other.json["code"]) == (404, 141)
    done = own.finished(task)
    assert (done["code"], done["error"]) == (0, "") and done["last"] == len(done["output"])
    own.faults(old_task_404=True)
    assert own.api(f"v1/tasks/{task}", replica=1).json["code"] == 4
    audit = own.audit()
    assert audit["builds"] == 1 and audit["polls_wrong_replica"] == 2
    assert audit["list"][0]["bundle_asked"] == item["bundle_id"]


def test_a_long_poll_ends_with_the_build_and_not_before(own):
    guid = own.content()[0]["guid"]
    own.item(guid, build_ms=300)
    started = time.monotonic()
    task = own.build(guid).json["task_id"]
    at_once = own.api(f"v1/tasks/{task}").json
    assert not at_once["finished"] and at_once["code"] == 0 and at_once["result"] is None
    done = own.api(f"v1/tasks/{task}?first={at_once['last']}&wait=30").json
    assert done["finished"] and 0.29 < time.monotonic() - started < 15
    assert len(done["output"]) == done["last"] - at_once["last"]


def test_a_long_poll_without_an_end_answers_when_wait_is_over(own):
    own.faults(hold_builds=True)
    task = own.build(own.content()[0]["guid"]).json["task_id"]
    started = time.monotonic()
    assert not own.api(f"v1/tasks/{task}?wait=1").json["finished"]
    assert time.monotonic() - started >= 0.99
    own.faults(poll_ignores_wait=True)
    assert not own.api(f"v1/tasks/{task}?wait=3600").json["finished"]
    own.admin("/builds/release", b"")
    assert own.api(f"v1/tasks/{task}").json["finished"]


def test_a_poll_whose_client_hangs_up_frees_its_connection(own):
    own.faults(hold_builds=True)
    task = own.build(own.content()[0]["guid"]).json["task_id"]
    files = pathlib.Path(f"/proc/{own.process.pid}/fd")
    before = len(list(files.iterdir()))
    with raw_connection(own.replicas[0]) as connection:
        connection.request("GET", f"/__api__/v1/tasks/{task}?wait=600",
                           headers={"Authorization": f"Key {KEY}"})
        until(lambda: own.admin("/audit?summary=1")["requests"]["task"], "the poll has arrived")
        assert len(list(files.iterdir())) > before
    until(lambda: len(list(files.iterdir())) <= before, "its socket is closed")


def test_without_bundle_id_the_newest_upload_is_built_and_activated(own):
    guid = own.content()[0]["guid"]
    own.item(guid, bundle_id=5000)
    own.item(guid, upload=5001)
    assert own.api(f"v1/content/{guid}").json["bundle_id"] == "5000"
    own.finished(own.build(guid, "5000").json["task_id"])
    assert own.api(f"v1/content/{guid}").json["bundle_id"] == "5000"
    own.finished(own.build(guid).json["task_id"])
    assert own.api(f"v1/content/{guid}").json["bundle_id"] == "5001"
    listed = own.api(f"v1/content/{guid}/bundles").json
    assert [bundle["id"] for bundle in listed][:2] == ["5001", "5000"]
    assert own.api(f"v1/content/{guid}/bundles/5001").json["active"]
    body = {"bundle_id": "5000", "activate": False}
    own.finished(own.api(f"v1/content/{guid}/build", body).json["task_id"])
    assert own.api(f"v1/content/{guid}").json["bundle_id"] == "5001"


def test_refused_builds():
    with Simulator("--unpublished-share", "0.2", "--locked-share", "0.2") as simulator:
        items = simulator.content()
        locked = next(item for item in items if item["locked"])
        never = next(item for item in items if item["bundle_id"] is None and not item["locked"])
        plain = next(item for item in items if item["bundle_id"] is not None and not item["locked"])

        def refusal(item, bundle_id=None):
            answer = simulator.build(item["guid"], bundle_id)
            return answer.status, answer.json["code"]
        assert refusal(locked) == (403, 222)
        assert refusal(never) == (404, 28)
        assert refusal(plain, "999999") == (400, 82)
        assert simulator.api(f"v1/content/{plain['guid']}/build", b"{").status == 400
        assert simulator.audit()["builds"] == 0


def test_failures_fail_with_their_texts(own):
    items = [item for item in own.content() if item["r_version"]][:3]
    own.item(items[0]["guid"], fail="package")
    own.item(items[1]["guid"], fail="cache_race", fail_attempts=1)
    own.item(items[2]["guid"], fail="env_not_found")
    tasks = [own.finished(own.build(item["guid"]).json["task_id"]) for item in items]
    assert [task["code"] for task in tasks] == [1, 1, 1]
    assert "compilation failed for package" in "\n".join(tasks[0]["output"])
    assert tasks[0]["error"] == "Error code: r-package-install-failed"
    assert tasks[0]["result"]["type"] == "build-failed-error"
    assert "nrow(content) == 1 is not TRUE" in "\n".join(tasks[1]["output"])
    assert tasks[2]["error"].startswith("Cannot find compatible environment")
    assert own.finished(own.build(items[1]["guid"]).json["task_id"])["code"] == 0
    jobs = own.api(f"v1/content/{items[2]['guid']}/jobs").json
    assert all(job["status"] == 2 and job["exit_code"] == 0 for job in jobs), "only old jobs"


def test_slots_are_shared_by_what_runs():
    with Simulator("--slots", "1", "--build-ms", "100,100", replicas=1) as simulator:
        tasks = [simulator.build(item["guid"]).json["task_id"] for item in simulator.content()[:3]]
        for task in tasks:
            simulator.finished(task)
        audit = simulator.audit()
        spans = [build["ended_ms"] - build["started_ms"] for build in audit["list"]]
        assert audit["max_inflight_per_replica"]["connect-0"] == 3
        assert min(spans) > 150 and max(build["ended_ms"] for build in audit["list"]) >= (
            audit["list"][0]["started_ms"] + 299)


# -- jobs ----------------------------------------------------------------------

def restores(simulator, guid):
    """Restore jobs of rebuilds, oldest first. Those of the deployment ended by 2025-06-01."""
    jobs = simulator.api(f"v1/content/{guid}/jobs", replica=2).json
    return [job for job in reversed(jobs)
            if job["tag"].endswith("_restore") and job["start_time"] > "2025-06-02"]


def test_content_with_two_runtimes_restores_them_in_turn(own):
    item = next(item for item in own.content() if item["r_version"] and item["py_version"])
    own.item(item["guid"], build_ms=400)
    task = own.build(item["guid"]).json["task_id"]
    first = restores(own, item["guid"])
    assert [(job["tag"], job["status"], job["exit_code"]) for job in first] == [
        ("packrat_restore", 0, None)]
    assert own.finished(task)["code"] == 0
    both = restores(own, item["guid"])
    assert [job["tag"] for job in both] == ["packrat_restore", "python_restore"]
    assert all(job["status"] in (1, 2) and job["exit_code"] == 0 for job in both)
    assert both[0]["end_time"] <= both[1]["start_time"]
    assert both[0]["hostname"] == "connect-0" and both[0]["bundle_id"] == item["bundle_id"]
    log = own.api(f"v1/content/{item['guid']}/jobs/{both[0]['key']}/log", replica=1).json
    assert log["entries"][0]["data"]


def test_killing_the_job_ends_the_task(own):
    own.faults(hold_builds=True)
    guid = first_of(own, app_mode="shiny")["guid"]
    task = own.build(guid).json["task_id"]
    job = restores(own, guid)[0]
    path = f"v1/content/{guid}/jobs/{job['key']}"
    assert own.api(path, method="DELETE", replica=1).status == 200
    done = own.api(f"v1/tasks/{task}").json
    assert done["finished"] and done["code"] != 0 and done["error"]
    again = own.api(path, method="DELETE")
    assert (again.status, again.json["code"]) == (409, 163)
    assert own.audit()["killed"] == 1


def test_job_rows_may_come_late(own):
    own.faults(job_row_delay_ms=200, hold_builds=True)
    guid = first_of(own, app_mode="shiny")["guid"]
    own.build(guid)
    assert restores(own, guid) == []
    until(lambda: restores(own, guid), "the job is listed")


# -- replicas ------------------------------------------------------------------

@pytest.mark.parametrize("jobs, exit_code", [("continue", 0), ("die", 137)])
def test_a_restart_loses_tasks_but_not_jobs(own, jobs, exit_code):
    own.faults(hold_builds=True)
    guid = first_of(own, app_mode="shiny")["guid"]
    task = own.build(guid).json["task_id"]
    own.admin("/replicas/connect-0", {"restart": True, "jobs": jobs})
    assert own.api(f"v1/tasks/{task}").json["code"] == 141
    own.admin("/builds/release", b"")
    assert restores(own, guid)[0]["exit_code"] == exit_code


def test_a_replica_that_is_down_refuses_and_comes_back(own):
    own.faults(hold_builds=True)
    task = own.build(own.content()[0]["guid"]).json["task_id"]
    outcome = []

    def poll():
        try:
            outcome.append(own.api(f"v1/tasks/{task}?wait=600").status)
        except (OSError, http.client.HTTPException) as error:
            outcome.append(error)
    poller = threading.Thread(target=poll)
    poller.start()
    until(lambda: own.admin("/audit?summary=1")["requests"]["task"], "the poll has arrived")
    assert not own.admin("/replicas/connect-0", {"up": False})["up"]
    poller.join(DEADLINE_S)
    assert isinstance(outcome[0], Exception)
    with pytest.raises(OSError):
        own.api("v1/user")
    hosts = own.api("v1/system/hosts?active=true", replica=1).json
    assert [host["hostname"] for host in hosts] == ["connect-1", "connect-2"]
    assert own.admin("/replicas/connect-0", {"up": True})["up"]
    assert own.api(f"v1/tasks/{task}").json["id"] == task, "only the network was gone"


def test_slow_replicas_take_longer(own):
    guid = own.content()[0]["guid"]
    own.item(guid, build_ms=50)
    own.admin("/replicas/connect-0", {"slow": 4})
    own.finished(own.build(guid).json["task_id"])
    build = own.audit()["list"][0]
    assert build["ended_ms"] - build["started_ms"] >= 199


# -- the front -----------------------------------------------------------------

def test_the_front_sticks_by_cookie(own):
    def hostname(**headers):
        return own.api("server_settings", base=own.front, **headers)
    seen = [hostname() for _ in range(3)]
    assert {answer.json["hostname"] for answer in seen} == {"connect-0", "connect-1", "connect-2"}
    assert all(answer.cookie.startswith("posit-connect=") for answer in seen)
    kept = seen[1]
    again = hostname(Cookie=kept.cookie)
    assert again.json["hostname"] == kept.json["hostname"] and again.cookie == ""
    own.admin(f"/replicas/{kept.json['hostname']}", {"up": False})
    moved = hostname(Cookie=kept.cookie)
    assert moved.json["hostname"] != kept.json["hostname"] and moved.cookie not in ("", kept.cookie)


def test_the_audit_sees_a_correlation_id_change_its_cookie(own):
    guid = own.content()[0]["guid"]
    submitted = own.build(guid, base=own.front, X_Correlation_ID="one")
    path = f"v1/tasks/{submitted.json['task_id']}"
    own.api(path, base=own.front, Cookie=submitted.cookie, X_Correlation_ID="one")
    assert own.audit()["cookie_mixups"] == 0
    own.api(path, base=own.front, X_Correlation_ID="one")
    assert own.audit()["cookie_mixups"] == 1


def test_a_cookie_may_be_one_per_client():
    with Simulator("--cookie-per-client", "--cookie-name", "AWSALB") as simulator:
        cookies = {simulator.api("server_settings", base=simulator.front).cookie for _ in range(6)}
        assert len(cookies) == 6 and all(cookie.startswith("AWSALB=") for cookie in cookies)

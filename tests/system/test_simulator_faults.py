"""Content pages, faults and the audit of the simulated Connect."""

import csv
import http.client
import io
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "simulator"))
from simulator_client import KEY, Simulator, call, first_of, raw_connection  # noqa: E402


@pytest.fixture
def own():
    with Simulator() as simulator:
        yield simulator


# -- content -------------------------------------------------------------------

@pytest.mark.parametrize("access_type, anonymous, keyed", [
    ("all", 200, 200), ("logged_in", 404, 200), ("acl", 404, 200)])
def test_access_rules(own, access_type, anonymous, keyed):
    guid = own.content()[0]["guid"]
    own.item(guid, access_type=access_type)
    page = f"{own.replicas[1]}/content/{guid}/some/path"
    assert (call(page, key=None).status, call(page).status) == (anonymous, keyed)
    audit = own.audit()
    assert (audit["access_anonymous"], audit["access_keyed"]) == (1, 1)


def test_access_faults(own):
    guid = first_of(own, app_mode="shiny")["guid"]
    page = f"{own.replicas[0]}/content/{guid}/"
    assert call(page[:-1]).headers["Location"] == f"/content/{guid}/"
    own.item(guid, access_status=502)
    assert call(page).status == 502
    own.item(guid, access_status=0, access_type="acl", too_open=True)
    assert call(page, key=None).status == 200
    own.item(guid, too_open=None, forbidden=True)
    assert call(page).status == 404
    assert own.api(f"v1/content/{guid}").json["app_role"] == "none"
    own.faults(forbidden_code_19=True)
    assert own.api(f"v1/content/{guid}").json["code"] == 19
    own.faults(login_redirect=True)
    assert call(page, key=None).headers["Location"] == "/__login__"
    own.item(guid, bundle_id=None)
    assert call(page).status in (302, 404)


def test_a_cold_start_is_late_once_per_build(own):
    own.faults(cold_start_ms=300)
    guid = first_of(own, app_mode="python-dash")["guid"]
    page = f"{own.replicas[0]}/content/{guid}/"
    own.item(guid, access_type="all")

    def took():
        started = time.monotonic()
        assert call(page).status == 200
        return time.monotonic() - started
    assert took() >= 0.29 > took()
    own.finished(own.build(guid).json["task_id"])
    assert took() >= 0.29


def test_an_api_may_have_no_root(own):
    guid = first_of(own, app_mode="python-fastapi")["guid"]
    own.faults(api_root_404=True)
    assert call(f"{own.replicas[0]}/content/{guid}/").status == 404
    assert call(f"{own.replicas[0]}/content/{guid}/health").status == 200


# -- faults --------------------------------------------------------------------

@pytest.mark.parametrize("fault, status", [("http_502_share", 502), ("http_503_share", 503),
                                           ("http_429_share", 429), ("http_401_share", 401)])
def test_http_faults(own, fault, status):
    own.faults(**{fault: 1, "retry_after_s": 7})
    answer = own.api("v1/user")
    assert answer.status == status
    if status == 429:
        assert answer.json["code"] == 277 and answer.headers["Retry-After"] == "7"
    else:
        assert answer.headers["Content-Type"].startswith("text/html")
    assert call(own.replicas[0] + "/__ping__").status == 200, "API requests only"


@pytest.mark.parametrize("fault, builds", [("reset_before_share", 0), ("reset_after_share", 1)])
def test_resets_before_and_after_the_effect(own, fault, builds):
    guid = own.content()[0]["guid"]
    own.faults(**{fault: 1, "only_route": "build"})
    with raw_connection(own.replicas[0]) as connection, pytest.raises(ConnectionResetError):
        connection.request("POST", f"/__api__/v1/content/{guid}/build", "{}",
                           {"Authorization": f"Key {KEY}"})
        connection.getresponse()
    assert own.audit()["builds"] == builds


def test_a_cut_answer_is_shorter_than_it_says(own):
    own.faults(cut_share=1)
    with pytest.raises(http.client.IncompleteRead):
        own.api("v1/content")


def test_ids_may_be_numbers_and_logs_may_be_ugly(own):
    own.faults(numeric_ids=True, log_line_bytes=2 * 1024 * 1024, log_nul=True, submit_status=202)
    item = own.content()[0]
    assert isinstance(item["bundle_id"], int) and isinstance(item["id"], int)
    answer = own.build(item["guid"], str(item["bundle_id"]))
    assert answer.status == 202
    output = own.finished(answer.json["task_id"])["output"]
    assert max(map(len, output)) > 2 * 1024 * 1024
    assert any("\0" in line for line in output)


def test_faults_are_set_all_or_none(own):
    before = own.admin("/faults")
    answer = call(own.admin_url + "/faults", {"fail_share": 1, "cut_share": 7}, key=None)
    assert answer.status == 400 and "cut_share" in answer.json["error"]
    assert own.admin("/faults") == before


def test_shares_of_items_are_about_right():
    faults = ("--fault", "fail_share=0.25", "--fault", "fail_class=unknown")
    with Simulator(*faults, items=400) as simulator:
        tasks = [simulator.build(item["guid"]).json["task_id"] for item in simulator.content()]
        failed = sum(simulator.finished(task)["code"] for task in tasks)
        assert 60 < failed < 140


# -- audit ---------------------------------------------------------------------

def test_the_audit_counts_what_must_not_happen(own):
    one, two = (item["guid"] for item in own.content()[:2])
    own.admin("/audit/limit", {"limit": 1})
    own.finished(own.build(one).json["task_id"])
    own.finished(own.build(one).json["task_id"])
    own.faults(hold_builds=True)
    own.build(two)
    own.build(two)
    own.build(two, replica=1)
    audit = own.admin("/audit?summary=1")
    assert "list" not in audit
    assert audit["builds"] == 5 and audit["per_replica"]["connect-1"] == 1
    assert audit["after_success"] == 1 and audit["overlapping_same_guid"] == 2
    assert audit["built_twice"] == 3 and audit["guids_built_more_than_once"] == 2
    assert audit["over_limit"] == 1
    own.admin("/audit/reset", b"")
    audit = own.audit()
    assert audit["builds"] == 0 and audit["list"] == [] and audit["limit"] == 1


def test_content_csv_has_the_columns_of_the_content_table(own):
    table = call(own.admin_url + "/content.csv", key=None).body.decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert list(rows[0]) == (
        "guid,bundle_id,app_mode,title,name,owner_guid,owner_username,access_type,locked,r_version,"
        "py_version,quarto_version,image_name,content_category,created_time,last_deployed_time,tags"
    ).split(",")
    items = {item["guid"]: item for item in own.api("v1/content?include=owner,tags").json}
    assert len(rows) == len(items) == 40
    for row in rows:
        item = items[row["guid"]]
        assert row["bundle_id"] == item["bundle_id"] and row["app_mode"] == item["app_mode"]
        assert row["owner_username"] == item["owner"]["username"]
        assert row["tags"] == ",".join(tag["name"] for tag in item["tags"])

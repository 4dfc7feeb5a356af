"""What becomes of each item: its outcome, the class of its error, how often it was tried."""

import pytest

from waiting import wait_until

MODES = "shiny,python-dash,rmd-static"
FAST_RETRY = ("--warm-up", "0", "--backoff", "1s:2s")

# (name, app mode or None for any, what is changed in Connect after the enqueue, and what must come
# of it: outcome, error class, attempts, access verdict)
ENDS = [
    ("compile error", "shiny", {"fail": "package"},
     "build_failed", "build.package_install", 1, "not_checked"),
    ("no such wheel", "python-dash", {"fail": "python_package"},
     "build_failed", "build.package_install", 1, "not_checked"),
    ("no such R", None, {"fail": "env_not_found"},
     "build_failed", "build.env_not_found", 1, "not_checked"),
    ("script error", None, {"fail": "render"},
     "build_failed", "build.script", 1, "not_checked"),
    ("no reason told", None, {"fail": "unknown"},
     "build_failed", "build.package_install", 2, "not_checked"),
    ("repository down", None, {"fail": "repository"},
     "build_failed", "build.repository", 3, "not_checked"),
    ("cache race once", "shiny", {"fail": "cache_race", "fail_attempts": 1},
     "succeeded", None, 2, "ok"),
    ("cache race twice", "shiny", {"fail": "cache_dir", "fail_attempts": 2},
     "succeeded", None, 3, "ok"),
    ("repository back", "python-dash", {"fail": "repository_reset", "fail_attempts": 1},
     "succeeded", None, 2, "ok"),
    ("static", None, {"app_mode": "static"}, "skipped", None, 0, "not_checked"),
    ("locked", None, {"locked": True}, "skipped", "content.locked", 0, "not_checked"),
    ("unpublished", None, {"bundle_id": None}, "skipped", "content.no_bundle", 0, "not_checked"),
    ("deleted", None, {"deleted": True}, "skipped", "content.not_found", 0, "not_checked"),
    ("not managed", None, {"managed": False}, "skipped", None, 0, "not_checked"),
    ("does not start", "shiny", {"access_status": 500},
     "access_failed", "access.http_5xx", 1, "failed"),
    ("renders nothing", "rmd-static", {"access_status": 404},
     "access_failed", "access.unexpected", 1, "failed"),
    ("open to anybody", None, {"access_type": "acl", "too_open": True},
     "access_failed", "access.too_open", 1, "too_open"),
    ("closed to the key", None, {"access_type": "acl", "forbidden": True},
     "succeeded", None, 1, "forbidden_to_key"),
]


def change_items(connect, rows):
    """Gives each of ENDS an item; returns {guid: name}."""
    left, chosen = list(rows), {}
    for name, mode, change, *_ in ENDS:
        row = next(r for r in left if mode in (None, r["app_mode"]))
        left.remove(row)
        connect.item(row["guid"], **change)
        chosen[row["guid"]] = name
    return chosen


def what_came(result):
    data = result.value["data"]
    return (data["outcome"], data["error"]["class"], data["attempt"], data["access"]["verdict"])


def test_every_item_ends_once_and_as_it_should(pool, connect_with):
    connect = connect_with(items=60, build_ms=(50, 150), app_modes=MODES, draft_share=0.3)
    rows = pool.load_content()
    campaign = pool.campaign(*FAST_RETRY)
    chosen = change_items(connect, rows)
    pool.worker()
    pool.worker()
    results = pool.complete(campaign, again=6)
    expected = {name: tuple(end) for name, _, _, *end in ENDS}
    assert {name: what_came(results[guid]) for guid, name in chosen.items()} == expected
    others = {guid: what_came(r) for guid, r in results.items() if guid not in chosen}
    assert set(others.values()) == {("succeeded", None, 1, "ok")}
    assert len(results) == 60


def test_the_active_bundle_is_built_and_not_a_newer_draft(pool, connect_with):
    connect = connect_with(items=12, build_ms=(20, 50), draft_share=1)
    rows = {row["guid"]: row for row in pool.load_content()}
    pool.worker()
    results = pool.complete(pool.campaign("--warm-up", "0"))
    for build in connect.audit()["list"]:
        assert build["bundle_asked"] == rows[build["guid"]]["bundle_id"]
    for guid, result in results.items():
        assert result.value["data"]["build"]["bundle_id"] == rows[guid]["bundle_id"]


def test_a_failure_says_what_failed_and_shows_the_end_of_the_log(pool, connect_with):
    connect = connect_with(items=3, build_ms=(20, 50), app_modes="shiny")
    guid = pool.load_content()[0]["guid"]
    connect.item(guid, fail="package")
    pool.worker()
    data = pool.complete(pool.campaign("--warm-up", "0"))[guid].value["data"]
    assert "compilation failed for package 'sf'" in data["error"]["message"]
    assert any("compilation failed" in line for line in data["build"]["log_tail"])
    assert data["build"]["code"] == 1 and data["replica"] in connect.replicas
    assert data["links"]["content"] == f"{connect.front}/content/{guid}/"


def test_validation_off_asks_for_no_page(pool, connect_with):
    connect = connect_with(items=10, build_ms=(20, 50))
    pool.worker()
    results = pool.complete(pool.campaign("--warm-up", "0", "--validate", "off"))
    audit = connect.audit_summary()
    assert (audit["access_keyed"], audit["access_anonymous"]) == (0, 0)
    assert {what_came(r) for r in results.values()} == {("succeeded", None, 1, "not_checked")}


@pytest.mark.parametrize("validate, outcome", [("auto", "succeeded"), ("strict", "access_failed")])
def test_an_api_without_a_root_fails_only_strict_validation(pool, connect_with, validate, outcome):
    connect_with(items=3, build_ms=(20, 50), app_modes="python-fastapi", fault="api_root_404=true")
    pool.worker()
    results = pool.complete(pool.campaign("--warm-up", "0", "--validate", validate))
    assert {r.outcome for r in results.values()} == {outcome}


@pytest.mark.parametrize("validate, end", [
    ("auto", ("succeeded", None, 1, "ok")),
    ("strict", ("access_failed", "access.unexpected", 1, "failed"))])
def test_an_api_that_answers_401_itself_is_not_about_the_key(pool, connect_with, validate, end):
    connect_with(items=6, build_ms=(20, 50), app_modes="python-fastapi", fault="api_root_401=true")
    worker = pool.worker()
    results = pool.complete(pool.campaign("--warm-up", "0", "--validate", validate))
    assert {what_came(r) for r in results.values()} == {end}
    wait_until(lambda: worker.get("/readyz")[0] == 200, 10, "the worker goes on")
    assert worker.alive() and not worker.events("connect.key_refused")


def test_an_empty_campaign_completes_at_once(pool, connect_with):
    connect_with(items=3)
    pool.sql("delete from public.content")
    pool.worker()
    assert pool.complete(pool.campaign(), deadline_s=10) == {}

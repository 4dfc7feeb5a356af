"""Answers and logs that no good server gives: one clear end for the item, and none for the pool."""

import re

BAD = ("huge", "headers", "header", "deep", "types")  # and "drip", which takes its time-outs
GOOD = 20
NOT_READ = ("build_failed", "replica.http_5xx", 0)
FINE = ("succeeded", None, 1)
STRANGE = ("access_failed", "access.unexpected", 1)
NO_VERDICT = ("build_failed", "build.timeout", 1)
SAYS_WHY = re.compile("too large|not JSON|is not a|does not end|did not end|not be read")

# (kind, routes): what must come of an item that is answered so
EXPECTED = {
    **{(kind, "content"): NOT_READ for kind in BAD},
    **{(kind, "build"): FINE for kind in BAD},
    **{(kind, "task"): FINE for kind in BAD},
    **{(kind, "task jobs"): NO_VERDICT for kind in BAD},
    **{(kind, "page"): STRANGE if kind.startswith("header") else FINE for kind in BAD},
    ("drip", "content"): ("build_failed", "replica.timeout", 0),
    ("drip", "build"): FINE,
    ("drip", "page"): STRANGE,
}
SOON = {"REBUILD_CONNECT_REQUEST_TIMEOUT": "1s", "REBUILD_ACCESS_TIMEOUT": "3s",
        "REBUILD_BUILD_TIMEOUT": "8s"}
MEMORY_MAX_MB = 300  # one of the five huge answers has 200


def peak_mb(worker):
    with open(f"/proc/{worker.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) // 1024


def what_came(result):
    data = result.value["data"]
    return data["outcome"], data["error"]["class"], data["attempt"]


def test_hostile_answers_end_their_items_and_nothing_else(pool, connect_with, print_out):
    connect = connect_with(items=len(EXPECTED) + GOOD, build_ms=(20, 60), limit=20)
    guids = sorted(row["guid"] for row in pool.load_content())
    spoilt = dict(zip(guids, EXPECTED))
    for guid, (kind, routes) in spoilt.items():
        connect.item(guid, hostile=f"{kind} {routes}", access_type="all")
    worker = pool.worker(**SOON)
    results = pool.complete(pool.campaign("--warm-up", "0", "--max-attempts", "1"))
    came = {what: what_came(results[guid]) for guid, what in spoilt.items()}
    assert came == EXPECTED
    for guid, what in spoilt.items():
        message = results[guid].value["data"]["error"]["message"]
        assert came[what] == FINE or SAYS_WHY.search(message), (what, message)
    assert {what_came(results[guid]) for guid in guids[len(EXPECTED):]} == {FINE}
    not_built = sum(outcome in (NOT_READ, EXPECTED["drip", "content"])
                    for outcome in EXPECTED.values())
    assert connect.audit_summary()["builds"] == len(guids) - not_built
    print_out(f"{len(EXPECTED)} hostile items, at most {peak_mb(worker)} MB")
    assert worker.alive() and peak_mb(worker) < MEMORY_MAX_MB


# ---- logs ----------------------------------------------------------------------------------------


def build_of(result):
    return result.value["data"]["build"]


def test_a_log_of_bytes_that_are_no_text(pool, connect_with):
    connect = connect_with(items=4, build_ms=(20, 60), app_modes="shiny", fault=[
        f"log_line_bytes={2 * 1024 * 1024}", "log_nul=true", "log_invalid=true"])
    guid = pool.load_content()[0]["guid"]
    connect.item(guid, fail="package")
    pool.worker()
    results = pool.complete(pool.campaign("--warm-up", "0"))
    assert sorted(r.outcome for r in results.values()) == ["build_failed"] + 3 * ["succeeded"]
    lines = build_of(results[guid])["log_tail"]
    assert any("before the NUL\ufffdafter it" in line for line in lines)
    assert any("before the bytes\ufffd" in line and "after them" in line for line in lines)
    assert any(line.endswith("xxxx") for line in lines)
    assert max(len(line.encode()) for line in lines) <= 1024
    assert build_of(results[guid])["log_truncated"] is True
    assert results[guid].value["data"]["error"]["class"] == "build.package_install"


def test_a_log_of_a_million_lines(pool, connect_with, print_out):
    connect = connect_with(items=2, replicas=1, build_ms=(20, 60), app_modes="shiny",
                           log_lines=1000000)
    bad, good = (row["guid"] for row in pool.load_content())
    connect.item(bad, fail="package")
    worker = pool.worker()
    results = pool.complete(pool.campaign("--warm-up", "0"))
    assert what_came(results[good]) == FINE
    assert what_came(results[bad]) == ("build_failed", "build.package_install", 1)
    assert any("compilation failed" in line for line in build_of(results[bad])["log_tail"])
    assert all(build_of(r)["log_truncated"] for r in (results[bad], results[good]))
    print_out(f"at most {peak_mb(worker)} MB")
    assert peak_mb(worker) < MEMORY_MAX_MB

"""What a worker says about itself: probes, metrics, status, log."""

import json
import re
import subprocess

import pytest

from pool import BUILD
from waiting import wait_until

FAMILIES = {
    "rebuild_worker_build_info": "gauge", "rebuild_worker_state": "gauge",
    "rebuild_worker_requests": "gauge", "rebuild_worker_waiting_requests": "gauge",
    "rebuild_slots_total": "gauge", "rebuild_builds_in_flight": "gauge",
    "rebuild_builds_in_flight_limit": "gauge", "rebuild_replica_up": "gauge",
    "rebuild_replica_circuit_open": "gauge", "rebuild_kafka_assigned_partitions": "gauge",
    "rebuild_kafka_lag_messages": "gauge", "rebuild_requests_received_total": "counter",
    "rebuild_items_finished_total": "counter", "rebuild_attempts_total": "counter",
    "rebuild_results_published_total": "counter", "rebuild_build_duration_seconds": "histogram",
    "rebuild_queue_wait_seconds": "histogram", "rebuild_connect_requests_total": "counter",
    "rebuild_access_checks_total": "counter",
}
NOWHERE = "127.0.0.1:1"  # the port of tcpmux, which nobody serves
SAMPLE = re.compile(r"[a-z_]+(\{([a-z_]+=\"[^\"]*\",?)*\})? [-+0-9.eEInfNa]+")


def test_probes_follow_the_life_of_a_worker(pool, connect_with):
    connect = connect_with(items=9, build_ms=(20, 60))
    connect.hold()
    worker = pool.worker(REBUILD_DRAIN_MODE="finish")
    assert worker.get("/livez") == (200, "live\n") and worker.get("/readyz") == (200, "ready\n")
    assert worker.get("/nowhere")[0] == 404 and worker.get("/metrics", "POST")[0] == 405
    port = worker.address().rpartition(":")[2]
    for probe, status in (("live", 0), ("ready", 0)):
        assert healthcheck(f"127.0.0.1:{port}", probe) == status
    pool.campaign("--warm-up", "0")
    connect.await_running(9)
    worker.signal(15)
    worker.await_event("worker.leaving")
    assert worker.get("/livez")[0] == 200
    status, text = worker.get("/readyz")
    assert status == 503 and "draining" in text
    assert healthcheck(f"127.0.0.1:{port}", "ready") == 1
    connect.release()
    assert worker.wait() == 0
    assert healthcheck(f"127.0.0.1:{port}", "live") == 1


@pytest.mark.parametrize("path", ["/metrics", "/status", "/readyz", "/livez"])
def test_a_worker_that_still_starts_may_be_asked(pool, simulator, path):
    pool.connect = simulator(items=1)
    worker = pool.worker(ready=False, REBUILD_KAFKA_BOOTSTRAP_SERVERS=NOWHERE)
    for _ in range(3):
        status, text = worker.get(path)
        assert status == (503 if path == "/readyz" else 200), text
    assert worker.alive()


def healthcheck(listen, probe):
    return subprocess.run([f"{BUILD}/rebuild-worker", "--healthcheck", probe, "--admin-listen",
                           listen], capture_output=True, timeout=20, check=False).returncode


def test_metrics_have_the_names_that_dashboards_know(pool, connect_with):
    connect = connect_with(items=12, build_ms=(20, 60))
    worker = pool.worker()
    results = pool.complete(pool.campaign("--warm-up", "0"))
    lines = worker.get("/metrics")[1].splitlines()
    types = dict(line.split()[2:] for line in lines if line.startswith("# TYPE"))
    assert {name: types.get(name) for name in FAMILIES} == FAMILIES
    for line in lines:
        assert line.startswith("# ") or SAMPLE.fullmatch(line), line
    samples = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len(samples) == len(set(samples))
    wait_until(lambda: worker.metric("rebuild_results_published_total") == len(results), 10,
               "the published results are counted")
    assert worker.metric("rebuild_items_finished_total", outcome="succeeded") == 12
    assert worker.metric("rebuild_requests_received_total") == 12
    assert worker.metric("rebuild_build_duration_seconds_count") == 12
    assert worker.metric("rebuild_builds_in_flight_limit") == 9
    wait_until(lambda: worker.metric("rebuild_builds_in_flight") == 0, 10, "no build runs")
    assert worker.metric("rebuild_replica_up") == len(connect.replicas)
    assert worker.get("/metrics", headers={"Accept": "application/openmetrics-text"})[1].endswith(
        "# EOF\n")


def test_status_says_what_goes_on(pool, connect_with):
    connect = connect_with(items=12, build_ms=(20, 60))
    connect.hold()
    worker = pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(9)
    wait_until(lambda: worker.status()["in_flight"] == 9, 10, "nine are in flight")
    said = worker.status()
    assert said["state"] == "running" and said["postgresql"] is True
    assert said["partitions"] == 24 and said["slots"] == 9
    assert {r["name"]: (r["in_flight"], r["limit"]) for r in said["replicas"]} == {
        name: (3, 3) for name in connect.replicas}
    workers = pool.json("workers")
    assert [w["worker_id"] for w in workers] == [worker.name]
    connect.release()
    pool.complete(campaign)


def test_every_line_of_the_log_is_an_object_and_no_secret_is_in_it(pool, connect_with):
    connect = connect_with(items=6, build_ms=(20, 60))
    worker = pool.worker("--log-level", "debug")
    pool.complete(pool.campaign("--warm-up", "0"))
    assert worker.term() == 0
    for line in worker.text().splitlines():
        entry = json.loads(line)
        assert {"ts", "level", "event", "msg"} <= entry.keys() and entry["worker"] == worker.name
    assert connect.key not in worker.text()
    assert pool.database_url.split(":")[2].split("@")[0] not in worker.text()
    assert [e["exit_code"] for e in worker.events("worker.stopped")] == [0]

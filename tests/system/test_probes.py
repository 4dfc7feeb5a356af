"""What a worker says about itself on its admin address."""

import json
import re
import subprocess
import os

from pool import BUILD

# conventions.md section 7, without what the console and the command line write
METRICS = """
rebuild_worker_build_info rebuild_worker_state
rebuild_requests_received_total rebuild_requests_rejected_total rebuild_requests_deduplicated_total
rebuild_attempts_total rebuild_items_finished_total
rebuild_build_duration_seconds rebuild_queue_wait_seconds
rebuild_builds_in_flight rebuild_builds_in_flight_limit
rebuild_replica_up rebuild_replica_circuit_open rebuild_replica_throttled_seconds_total
rebuild_connect_requests_total rebuild_connect_request_duration_seconds
rebuild_access_checks_total rebuild_jobs_adopted_total rebuild_jobs_handed_off_total
rebuild_results_published_total rebuild_results_publish_errors_total
rebuild_results_oldest_unpublished_seconds rebuild_dlq_messages_total
rebuild_kafka_lag_messages
rebuild_kafka_offset_gap_messages rebuild_kafka_assigned_partitions
rebuild_kafka_paused_partitions rebuild_kafka_rebalances_total
rebuild_kafka_last_poll_timestamp_seconds rebuild_db_errors_total
rebuild_backlog_requests rebuild_slots_total
process_cpu_seconds_total process_resident_memory_bytes process_open_fds
process_start_time_seconds
""".split()


def families(text):
    """The names that have a TYPE line, and those of the series."""
    typed = set(re.findall(r"^# TYPE (\S+) ", text, re.M))
    series = {re.sub(r"_(bucket|sum|count)$", "", name) if name not in typed else name
              for name in re.findall(r"^([a-z]\w*)(?:\{[^}]*\})? \S+$", text, re.M)}
    return typed, series


def test_every_metric_has_a_series_after_a_campaign(pool, connect_with):
    connect_with(items=10, build_ms=(20, 50))
    worker = pool.worker()
    pool.complete(pool.campaign("--warm-up", "0"))
    typed, series = families(worker.get("/metrics")[1])
    assert [name for name in METRICS if name not in typed] == []
    assert [name for name in METRICS if name not in series] == []


def test_metrics_count_what_happened(pool, connect_with):
    connect_with(items=10, build_ms=(20, 50), app_modes="shiny")
    worker = pool.worker()
    pool.complete(pool.campaign("--warm-up", "0"))
    assert worker.metric("rebuild_requests_received_total", lane="normal") == 10
    assert worker.metric("rebuild_attempts_total", result="succeeded") == 10
    assert worker.metric("rebuild_items_finished_total", app_mode="shiny",
                         outcome="succeeded") == 10
    assert worker.metric("rebuild_results_published_total", type="result") == 10
    assert worker.metric("rebuild_access_checks_total", result="ok") == 10
    assert worker.metric("rebuild_connect_requests_total", route="build", code="200") == 10
    assert worker.metric("rebuild_builds_in_flight") == 0
    assert worker.metric("rebuild_slots_total") == 9
    assert worker.metric("rebuild_backlog_requests") == 0
    assert worker.metric("rebuild_worker_state", state="running") == 1


def test_counters_stand_at_zero_from_the_start(pool, connect_with):
    connect_with(items=1)
    worker = pool.worker()
    for name, labels in (("rebuild_dlq_messages_total", {"error_class": "request.invalid"}),
                         ("rebuild_results_publish_errors_total", {}),
                         ("rebuild_results_published_total", {"type": "result"}),
                         ("rebuild_jobs_adopted_total", {}), ("rebuild_db_errors_total", {})):
        assert worker.metric(name, **labels) == 0, name


def test_open_metrics_when_asked_for(pool, connect_with):
    connect_with(items=1)
    worker = pool.worker()
    text = worker.get("/metrics", headers={"Accept": "application/openmetrics-text"})[1]
    assert text.endswith("# EOF\n")
    assert "# TYPE rebuild_requests_received counter" in text


def test_probes_and_status_of_a_running_worker(pool, connect_with):
    connect_with(items=1)
    worker = pool.worker()
    assert [worker.get(path)[0] for path in ("/startupz", "/livez", "/readyz")] == [200, 200, 200]
    status = json.loads(worker.get("/status")[1])
    assert (status["state"], status["partitions"], status["in_flight"]) == ("running", 24, 0)
    assert {r["name"] for r in status["replicas"]} == set(pool.connect.replicas)
    assert worker.get("/nothing")[0] == 404
    assert worker.get("/metrics", method="POST", body=b"x")[0] == 405


def test_the_log_level_changes_live(pool, connect_with):
    connect_with(items=3, build_ms=(20, 50))
    worker = pool.worker()
    assert worker.get("/loglevel", method="PUT", body=b"debug")[0] in (200, 204)
    pool.complete(pool.campaign("--warm-up", "0"))
    assert any(line["level"] == "debug" for line in worker.events())
    assert worker.get("/loglevel", method="PUT", body=b"loud")[0] == 400


def test_healthcheck_asks_the_worker(pool, connect_with):
    connect_with(items=1)
    worker = pool.worker()
    port = worker.await_event("admin.listening")["port"]

    def healthcheck(probe, at):
        return subprocess.run(
            [os.path.join(BUILD, "rebuild-worker"), f"--healthcheck={probe}", "--admin-listen",
             f"127.0.0.1:{at}"], env=pool.env(), timeout=20, capture_output=True,
            check=False).returncode
    assert (healthcheck("live", port), healthcheck("ready", port)) == (0, 0)
    worker.kill()
    assert healthcheck("live", port) == 1

"""What a worker says about itself at its start, at its end, and in its log."""

import json
import subprocess

from pool import BUILD

NOWHERE = "127.0.0.1:1"  # the port of tcpmux, which nobody serves


def test_probes_follow_the_life_of_a_worker(pool, connect_with):
    connect = connect_with(items=9, build_ms=(20, 60))
    connect.hold()
    worker = pool.worker(REBUILD_DRAIN_MODE="finish")
    assert worker.get("/livez") == (200, "live\n") and worker.get("/readyz") == (200, "ready\n")
    port = worker.address().rpartition(":")[2]
    assert healthcheck(f"127.0.0.1:{port}", "ready") == 0
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


def test_a_worker_that_still_starts_may_be_asked(pool, simulator):
    pool.connect = simulator(items=1)
    worker = pool.worker(ready=False, REBUILD_KAFKA_BOOTSTRAP_SERVERS=NOWHERE)
    for path in ("/metrics", "/status", "/readyz", "/livez"):
        status, text = worker.get(path)
        assert status == (503 if path == "/readyz" else 200), text
    assert worker.alive() and worker.metric("rebuild_worker_state", state="starting") == 1


def healthcheck(listen, probe):
    return subprocess.run([f"{BUILD}/rebuild-worker", "--healthcheck", probe, "--admin-listen",
                           listen], capture_output=True, timeout=20, check=False).returncode


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

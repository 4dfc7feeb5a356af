"""Settings and servers that a worker cannot use: a sentence, the exit code, and nothing touched.
More of them: test_start.py."""

import subprocess

import pytest

from pool import BUILD
from web import web_server

NOWHERE = "127.0.0.1:1"  # the port of tcpmux, which nobody serves
WORKER = BUILD + "/rebuild-worker"


def not_started(pool, status, *says, **env):
    """Exits with status after one event worker.not_started that has all of says."""
    worker = pool.worker(ready=False, **env)
    assert worker.wait() == status, worker.text()
    event, = worker.events("worker.not_started")
    for part in says:
        assert part in event["msg"], event["msg"]
    assert [e["exit_code"] for e in worker.events("worker.stopped")] == [status]
    assert not worker.events("kafka.assigned")


def test_secret_files_that_cannot_be_trusted_or_read(bare_pool, tmp_path):
    open_file, empty = tmp_path / "open", tmp_path / "empty"
    open_file.write_text("secret\n")
    open_file.chmod(0o644)
    empty.write_text("")
    empty.chmod(0o600)
    for path, says in ((open_file, "mode 0644"), (tmp_path / "gone", "No such file"),
                       (empty, "empty"), (tmp_path, "")):
        done = subprocess.run([WORKER, "--connect-api-key-file", str(path)], env=bare_pool.env(),
                              capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 2 and done.stdout == ""
        sentence, = done.stderr.splitlines()
        assert str(path) in sentence and says in sentence


def test_replicas_that_cannot_be_used(bare_pool):
    bare_pool.extra_env["CONNECT_API_KEY"] = "k"
    not_started(bare_pool, 2, "REBUILD_REPLICAS", CONNECT_SERVER="", REBUILD_REPLICAS="")
    not_started(bare_pool, 2, "a and b have the same address",
                REBUILD_REPLICAS="a=http://h:1,b=http://H:1/")


def test_an_older_ledger(pool, simulator):
    pool.connect = simulator(items=1)
    pool.sql("update schema_version set version = 0, name = 'past'")
    not_started(pool, 2, "rebuild-producer migrate")


def test_topics_that_this_installation_does_not_have(pool, simulator):
    pool.connect = simulator(items=3)
    not_started(pool, 2, "nowhere.requests.v1", "topics apply", REBUILD_TOPIC_PREFIX="nowhere.")
    pool.broker.delete_topics(pool.topic("dlq"))
    not_started(pool, 2, pool.topic("dlq"), "topics apply")


def test_a_worker_that_waits_for_its_servers_leaves_when_it_is_told(pool, simulator):
    pool.connect = simulator(items=3)
    for name, value in (("REBUILD_KAFKA_BOOTSTRAP_SERVERS", NOWHERE),
                        ("REBUILD_DATABASE_URL", f"postgresql://u:p@{NOWHERE}/d")):
        worker = pool.worker(ready=False, **{name: value})
        assert worker.get("/livez")[0] == 200 and worker.get("/readyz")[0] == 503
        assert worker.term(deadline_s=5) == 0


@pytest.fixture
def web_page():
    """The url of a page that says 200 to everything, and what it was asked."""
    with web_server(lambda _: (200, b"<html>It works!</html>")) as page:
        yield page


def test_a_replica_that_is_not_connect_gets_no_builds_and_no_key(pool, connect_with, web_page):
    connect = connect_with(items=12, build_ms=(20, 60))
    url, requests = web_page
    named = [f"{name}={address}" for name, address in connect.replicas.items()]
    pool.extra_env["REBUILD_REPLICAS"] = ",".join(named[:2] + [f"page={url}"])
    worker = pool.worker()
    worker.await_event("replica.not_connect")
    results = pool.complete(pool.campaign("--warm-up", "0"))
    assert {r.outcome for r in results.values()} == {"succeeded"}
    assert {r.value["data"]["replica"] for r in results.values()} == set(list(connect.replicas)[:2])
    event, = worker.events("replica.not_connect")
    assert event["replica"] == "page" and event["url"] == url
    assert requests and not [r for r in requests if "Authorization" in r.headers]
    assert connect.key not in str([(r.headers, r.path, r.body) for r in requests])


def test_when_no_replica_is_connect_nothing_is_lost(pool, connect_with, web_page):
    connect = connect_with(items=4, build_ms=(20, 60))
    worker = pool.worker(REBUILD_REPLICAS=f"page={web_page[0]}")
    campaign = pool.campaign("--warm-up", "0")
    worker.await_event("replica.not_connect")
    assert worker.alive() and pool.results() == [] and connect.state()["builds"] == 0
    assert {i["attempts"] for i in pool.items(campaign).values()} == {0}
    worker.term()
    pool.worker()
    assert len(pool.complete(campaign)) == 4

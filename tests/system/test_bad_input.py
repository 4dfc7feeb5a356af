"""A worker that cannot start says so in one sentence, with the right exit code, and touches nothing.
"""

import subprocess

import pytest

from pool import BUILD
from web import web_server

NOWHERE = "127.0.0.1:1"  # the port of tcpmux, which nobody serves
WORKER = BUILD + "/rebuild-worker"


def run(pool, *args, **env):
    settings = {**pool.env(), **env}
    return subprocess.run([WORKER, *args], capture_output=True, text=True, timeout=30, check=False,
                          env={k: v for k, v in settings.items() if v is not None})


def refused(pool, *args, says, **env):
    """Exits with 2 before its log is there: one sentence on stderr."""
    done = run(pool, *args, **env)
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert done.stdout == "" and len(lines) == 1 and lines[0].startswith("rebuild-worker: ")
    for part in [says] if isinstance(says, str) else says:
        assert part in lines[0], lines[0]


def not_started(pool, status, *says, **env):
    """Exits with status after one event worker.not_started that has all of says."""
    worker = pool.worker(ready=False, **env)
    assert worker.wait() == status, worker.text()
    event, = worker.events("worker.not_started")
    for part in says:
        assert part in event["msg"], event["msg"]
    assert [e["exit_code"] for e in worker.events("worker.stopped")] == [status]
    assert not worker.events("kafka.assigned")


# ---- options -----------------------------------------------------------------------------------

WORDS = {
    "option": (["--max-inflite", "3"], ["--max-inflite", "did you mean --max-inflight"]),
    "out of range": (["--max-inflight", "0"], ["--max-inflight", "from 1 to 100000"]),
    "no number": (["--max-inflight", "many"], ["--max-inflight", "many"]),
    "no duration": (["--task-wait", "soon"], ["--task-wait", "soon"]),
    "no choice": (["--drain-mode", "now"], ["--drain-mode", "handoff, finish"]),
    "operand": (["start"], "start"),
    "key as option": (["--connect-api-key=abc"], ["--connect-api-key", "process list"]),
    "password as option": (["--database-url", "postgresql://u:p@h/d"],
                           ["--database-url", "process list"]),
    "address": (["--admin-listen", "nowhere"], ["--admin-listen", "nowhere"]),
    "broken kafka property": (["-X", "linger.ms"], "linger.ms"),
    "no such file": (["--config", "/nowhere.conf"], "/nowhere.conf"),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_that_are_not_understood(bare_pool, name):
    args, says = WORDS[name]
    refused(bare_pool, *args, says=says)


def test_an_environment_that_is_not_understood_names_the_variable(bare_pool):
    refused(bare_pool, says=["REBUILD_MAX_INFLIGHT", "lots"], REBUILD_MAX_INFLIGHT="lots")


def test_secret_files_that_cannot_be_trusted_or_read(bare_pool, tmp_path):
    open_file, empty = tmp_path / "open", tmp_path / "empty"
    open_file.write_text("secret\n")
    open_file.chmod(0o644)
    empty.write_text("")
    empty.chmod(0o600)
    for path, says in ((open_file, "mode 0644"), (tmp_path / "gone", "No such file"),
                       (empty, "empty"), (tmp_path, "")):
        refused(bare_pool, "--connect-api-key-file", str(path), says=[str(path), says])


# ---- what is not there ---------------------------------------------------------------------------


@pytest.fixture
def wired(bare_pool, simulator):
    """A pool with a Connect, an empty database and no topics."""
    bare_pool.connect = simulator(items=3)
    return bare_pool


def test_what_is_needed_and_not_given(wired):
    not_started(wired, 2, "CONNECT_API_KEY", CONNECT_API_KEY="")
    not_started(wired, 2, "REBUILD_REPLICAS", CONNECT_SERVER="", REBUILD_REPLICAS="")
    not_started(wired, 2, "REBUILD_KAFKA_BOOTSTRAP_SERVERS", REBUILD_KAFKA_BOOTSTRAP_SERVERS="")
    not_started(wired, 2, "replicas", REBUILD_REPLICAS="a=ftp://h")
    not_started(wired, 2, "b=", REBUILD_REPLICAS="a=http://h:1,b=http://h:1")


def test_a_ledger_that_is_missing_or_of_another_version(wired):
    not_started(wired, 2, "migrate")
    wired.producer("migrate")
    not_started(wired, 2, "topic", "topics apply")
    wired.producer("topics", "apply")
    wired.sql("update schema_version set version = 0, name = 'past'")
    not_started(wired, 2, "rebuild-producer migrate")
    wired.sql("insert into schema_version (version, name) values (999, 'future')")
    not_started(wired, 2, "999", "newer")
    wired.sql("update schema_version set compatible_from = 1 where version = 999")
    assert wired.worker().term() == 0  # a newer one that suits this program


def test_a_group_or_topics_that_this_installation_does_not_have(pool, simulator):
    pool.connect = simulator(items=3)
    not_started(pool, 2, "kafka-group-id is other", "read every request again",
                REBUILD_KAFKA_GROUP_ID="other")
    not_started(pool, 2, "nowhere.requests.v1", "topics apply", REBUILD_TOPIC_PREFIX="nowhere.")
    pool.broker.delete_topics(pool.topic("dlq"))
    not_started(pool, 2, pool.topic("dlq"), "topics apply")
    pool.sql("delete from installation")
    pool.producer("topics", "apply")


def test_a_database_that_refuses(wired):
    url = wired.database_url
    password = url.split(":")[2].split("@")[0]
    not_started(wired, 6, "PostgreSQL", REBUILD_DATABASE_URL=url.replace(password, "wrong"))
    not_started(wired, 2, "gone", REBUILD_DATABASE_URL=url.rpartition("/")[0] + "/gone")
    for worker in wired.workers:
        assert password not in worker.text()


def test_a_worker_that_waits_for_its_servers_leaves_when_it_is_told(pool, simulator):
    pool.connect = simulator(items=3)
    for name, value in (("REBUILD_KAFKA_BOOTSTRAP_SERVERS", NOWHERE),
                        ("REBUILD_DATABASE_URL", f"postgresql://u:p@{NOWHERE}/d")):
        worker = pool.worker(ready=False, **{name: value})
        assert worker.get("/livez")[0] == 200 or worker.alive()
        worker.term(deadline_s=15)


# ---- a replica that is not Connect -----------------------------------------------------------------


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

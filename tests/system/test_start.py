"""What a worker cannot start with: one sentence, the exit code that says whose fault it is, and
nothing done."""

import os
import subprocess

import pytest

from pool import BUILD
from worker import Worker

REFUSED = "127.0.0.1:1"  # nobody listens there


def refuse(pool, *args, **env):
    """Runs a worker that must not start. Returns its exit code and its sentence."""
    worker = pool.worker(*args, ready=False, **env)
    code = worker.wait()
    said = worker.events("worker.not_started")
    assert len(said) == 1, worker.text()
    assert said[0]["level"] == "error" and "\n" not in said[0]["msg"]
    return code, said[0]["msg"]


def refuse_arguments(pool, *args, **env):
    """The same for what is refused before there is a log: the sentence is on stderr."""
    settings = {name: value for name, value in {**pool.env(), **env}.items() if value is not None}
    done = subprocess.run([os.path.join(BUILD, "rebuild-worker"), *args], env=settings,
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout == ""
    lines = done.stderr.strip().split("\n")
    assert len(lines) == 1 and lines[0].startswith("rebuild-worker: "), done.stderr
    return done.returncode, lines[0]


@pytest.fixture
def served(pool, connect_with):
    connect_with(items=1)
    return pool


@pytest.mark.parametrize("args, env, names", [
    (["--nonsense"], {}, "--nonsense"),
    (["--max-inflight", "0"], {}, "max-inflight"),
    (["--max-inflight", "many"], {}, "max-inflight"),
    (["--task-wait", "2h"], {}, "task-wait"),
    (["--drain-mode", "never"], {}, "drain-mode"),
    (["--connect-api-key", "hunter2"], {}, "connect-api-key"),
    (["surplus"], {}, "surplus"),
    ([], {"REBUILD_MAX_INFLIGHT": "x"}, "REBUILD_MAX_INFLIGHT"),
    ([], {"CONNECT_API_KEY": None, "CONNECT_API_KEY_FILE": "/nowhere/key"}, "/nowhere/key"),
    (["--config", "/nowhere/rebuild.conf"], {}, "/nowhere/rebuild.conf"),
])
def test_a_bad_argument_is_one_sentence_that_names_it(served, args, env, names):
    code, sentence = refuse_arguments(served, *args, **env)
    assert code == 2 and names in sentence
    assert "hunter2" not in sentence


def test_a_key_file_that_others_can_read_is_refused(served, tmp_path):
    key = tmp_path / "key"
    key.write_text("k", encoding="utf-8")
    key.chmod(0o644)
    code, sentence = refuse_arguments(served, CONNECT_API_KEY=None, CONNECT_API_KEY_FILE=str(key))
    assert code == 2 and str(key) in sentence


@pytest.mark.parametrize("missing, names", [
    ("CONNECT_API_KEY", "API key"), ("REBUILD_KAFKA_BOOTSTRAP_SERVERS", "broker"),
])
def test_without_what_it_needs(served, missing, names):
    code, sentence = refuse(served, **{missing: ""})
    assert code == 2 and names in sentence


def test_without_topics(bare_pool, simulator):
    bare_pool.connect = simulator(items=1)
    bare_pool.producer("migrate")
    code, sentence = refuse(bare_pool)
    assert code == 2 and bare_pool.topic("requests") in sentence and "topics apply" in sentence


def test_without_a_ledger(bare_pool, simulator):
    bare_pool.connect = simulator(items=1)
    code, sentence = refuse(bare_pool)
    assert code == 2 and "rebuild-producer migrate" in sentence


def test_with_a_newer_ledger(served):
    served.sql("insert into schema_version (version, name, compatible_from)"
               " values (999, 'future', 999)")
    code, sentence = refuse(served)
    assert code == 2 and "999" in sentence and "newer" in sentence


def test_a_newer_ledger_that_suits_this_worker(served):
    served.sql("insert into schema_version (version, name, compatible_from)"
               " values (999, 'future', 1)")
    served.worker()


def test_as_a_member_of_another_group(served):
    code, sentence = refuse(served, REBUILD_KAFKA_GROUP_ID="renamed")
    assert code == 2 and "renamed" in sentence and served.prefix + "workers" in sentence


def test_with_the_brokers_of_another_installation(served):
    served.sql("update installation set cluster_id = 'another'")
    code, sentence = refuse(served)
    assert code == 2 and "another" in sentence


def test_with_another_password(served):
    url = served.database_url.replace("postgres:", "postgres:wrong", 1)
    code, sentence = refuse(served, REBUILD_DATABASE_URL=url)
    assert code in (2, 6) and "PostgreSQL" in sentence


def test_with_an_address_that_is_taken(served):
    port = served.worker().await_event("admin.listening")["port"]
    code, sentence = refuse(served, REBUILD_ADMIN_LISTEN=f"127.0.0.1:{port}")
    assert code == 5 and str(port) in sentence


@pytest.mark.deadline(150)
@pytest.mark.parametrize("dependency", ["postgres", "kafka"])
def test_a_dependency_that_is_not_reached_within_a_minute(unreachable, dependency):
    worker = unreachable[dependency]
    assert worker.wait(deadline_s=120) == 3
    said = worker.events("worker.not_started")
    assert len(said) == 1 and "127.0.0.1" in said[0]["msg"], worker.text()


@pytest.fixture
def unreachable(slow_starts):
    return slow_starts


def start_unreachable(pool):
    """For conftest: workers that wait a minute for nobody while other tests run."""
    env = {**pool.env(), "CONNECT_API_KEY": "k", "CONNECT_SERVER": "http://127.0.0.1:1"}
    broken = {"postgres": {"REBUILD_DATABASE_URL": f"postgresql://x@{REFUSED}/x"},
              "kafka": {"REBUILD_KAFKA_BOOTSTRAP_SERVERS": REFUSED}}
    return {name: Worker(os.path.join(BUILD, "rebuild-worker"), name, {**env, **change},
                         os.path.join(pool.logs, name + ".log")) for name, change in broken.items()}

"""Fixtures of the system tests: one PostgreSQL and one Kafka for all, everything else per test.
Under pytest-xdist each of its processes has servers of its own.

    stack       the servers; stack.kafka.kill(), stack.postgres.start([]) and so on
    simulator   simulator(items=50, build_ms=(20, 50)) starts a Connect of this test's own
    pool        a migrated database, applied topics, verbs, workers, results (support/pool.py)
    bare_pool   the same with an empty database and no topics
    connect_with  connect_with(items=50, limit=3): a simulator whose content is in the pool's table
    pool_logs   the directory of this test's logs, build/test-logs/TESTNAME

The servers are killed and restarted by tests; whatever a test leaves down is started again.
"""

import os
import re
import shutil
import signal
import tempfile
import time
import uuid

import psycopg
import pytest

import services
from broker import Broker
from pool import BUILD, Pool, fresh_logs
from simulator import SimulatedConnect

DEADLINE_S = 120

# Minutes each: `make storm` and `make crash` run them, `make check` does not.
collect_ignore = [] if os.environ.get("LONG_TESTS") else [
    "test_crash_matrix.py", "test_requeue_crash.py", "test_storm.py"]
TAIL_LINES = 40
FIGURE = "figure"


def say(config, sentence):
    """Progress, past pytest's capture; a process of pytest-xdist has no terminal to say it on."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not reporter:
        return
    with config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        reporter.write_line(sentence)


def own(name):
    """A name that the other processes of pytest-xdist do not use."""
    return name + os.environ.get("PYTEST_XDIST_WORKER", "").replace("gw", "-")


class Stack:
    """PostgreSQL and Kafka of this session."""

    def __init__(self, directory):
        self.postgres = services.Postgres(directory)
        self.kafka = services.Kafka(directory)
        self.template = None

    def heal(self):
        for service in (self.postgres, self.kafka):
            service.start([])

    def url(self, database):
        return self.postgres.url(database)

    def admin_sql(self, statement):
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def close(self):
        for service in (self.postgres, self.kafka):
            service.stop()
            service.remove()


@pytest.fixture(scope="session")
def stack(request):
    directory = tempfile.mkdtemp(prefix="rebuild-tests-")
    started = time.monotonic()
    servers = Stack(directory)
    try:
        servers.heal()
        say(request.config, f"PostgreSQL and Kafka are up after {time.monotonic() - started:.1f} s "
            f"in {directory}")
        yield servers
    finally:
        servers.close()
        keep = os.path.join(os.path.dirname(fresh_logs(own("servers"))), own("servers"))
        for service in (servers.postgres, servers.kafka):
            if os.path.exists(service.log):
                shutil.copy(service.log, keep)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(stack):
    """The name of a database that was migrated once; a copy of it takes milliseconds."""
    stack.admin_sql("create database migrated")
    logs = fresh_logs(own("migrated"))
    Pool(Broker(stack.kafka.env()["REBUILD_KAFKA_BOOTSTRAP_SERVERS"]), stack.url("migrated"),
         "none.", logs).producer("migrate")
    return "migrated"


@pytest.fixture
def pool_logs(request):
    return fresh_logs(re.sub(r"[^\w.-]+", "_", request.node.name))


@pytest.fixture
def simulator(pool_logs):
    started = []

    def start(**options):
        directory = os.path.join(pool_logs, f"simulator-{len(started) + 1}")
        started.append(SimulatedConnect(directory, **options))
        return started[-1]
    yield start
    for connect in started:
        connect.stop()


def make_pool(stack, logs, template):
    stack.heal()
    name = "t" + uuid.uuid4().hex[:10]
    stack.admin_sql(f"create database {name} template {template}")
    broker = Broker(stack.kafka.env()["REBUILD_KAFKA_BOOTSTRAP_SERVERS"])
    return Pool(broker, stack.url(name), name + ".", logs)


def drop_pool(stack, pool):
    """Topics and database go, so that the servers are as fast for the last test as for the first.
    """
    pool.close()
    stack.heal()
    pool.broker.delete_topics(pool.prefix)
    stack.admin_sql(f"drop database {pool.prefix.rstrip('.')} with (force)")


@pytest.fixture
def bare_pool(stack, pool_logs):
    made = make_pool(stack, pool_logs, "template0")
    yield made
    drop_pool(stack, made)


@pytest.fixture
def pool(stack, migrated, pool_logs):
    made = make_pool(stack, pool_logs, migrated)
    try:
        made.producer("topics", "apply")
        yield made
    finally:
        drop_pool(stack, made)


@pytest.fixture
def connect_with(pool, simulator):
    """Starts the Connect of the pool. limit: builds that a replica may run, for workers and audit.
    """
    def start(limit=3, **options):
        pool.connect = simulator(**options)
        pool.connect.limit(limit)
        pool.extra_env["REBUILD_REPLICA_MAX_INFLIGHT"] = str(limit)
        pool.load_content()
        return pool.connect
    return start


@pytest.fixture(scope="session", autouse=True)
def slow_starts(request):
    """Workers that wait a minute for a server that is not there, while other tests run."""
    wanted = [item for item in request.session.items if "unreachable" in item.fixturenames]
    if not wanted:
        yield {}
        return
    stack = request.getfixturevalue("stack")
    servers = stack.kafka.env()["REBUILD_KAFKA_BOOTSTRAP_SERVERS"]
    template = request.getfixturevalue("migrated")
    stack.admin_sql(f"create database slow_starts template {template}")  # they stay connected to it
    pool = Pool(Broker(servers), stack.url("slow_starts"), "none.", fresh_logs(own("slow_starts")))
    workers = wanted[0].module.start_unreachable(pool)
    yield workers
    for worker in workers.values():
        worker.kill()


@pytest.fixture
def print_out(request):
    """A figure that a person may want to see, and no test asserts."""
    def print_it(sentence):
        say(request.config, f"{request.node.name}: {sentence}")
        request.node.user_properties.append((FIGURE, sentence))
    return print_it


class FiguresOfProcesses:
    """Under pytest-xdist the figures come with the reports, and are said by who has the terminal.
    """

    def __init__(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        if report.when == "teardown" and hasattr(report, "node"):
            for name, sentence in report.user_properties:
                if name == FIGURE:
                    say(self.config, f"{report.nodeid.partition('::')[2]}: {sentence}")


def pytest_configure(config):
    config.pluginmanager.register(FiguresOfProcesses(config))


def deadline_of(item):
    marker = item.get_closest_marker("deadline")
    return marker.args[0] if marker else DEADLINE_S


def pytest_collection_modifyitems(items):
    """What takes longest comes first, so that no process works alone at the end."""
    items.sort(key=deadline_of, reverse=True)


# ---- deadlines, and logs of what failed --------------------------------------------------------


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test that hangs fails, with its logs, and the next one runs."""
    seconds = deadline_of(item)

    def too_long(_signal, _frame):
        raise TimeoutError(f"the test took more than {seconds} s")
    previous = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    logs = getattr(item, "funcargs", {}).get("pool_logs")
    if not report.failed or not logs:
        return
    for folder, _, names in sorted(os.walk(logs)):
        for name in sorted(n for n in names if n.endswith(".log")):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8", errors="replace") as log:
                tail = "".join(log.readlines()[-TAIL_LINES:])
            report.sections.append((f"end of {os.path.relpath(path)}", tail))


def pytest_report_header():
    return f"programs and test-logs of {os.path.relpath(BUILD)}"

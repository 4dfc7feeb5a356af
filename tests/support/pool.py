"""The system under test, as an operator has it: a database, topics, verbs, workers, results."""

import collections
import contextlib
import csv
import io
import json
import os
import shutil
import signal
import subprocess

import psycopg

import instrumented
from events import check_event
from waiting import BUILD, SLOWNESS, wait_until
from worker import Worker

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEPT_ENV = ("PATH", "HOME", "LD_LIBRARY_PATH", *instrumented.OPTIONS)
LEAVE_S = 5


class Pool:
    """One test's own database, topic prefix and consumer group on the shared servers. The Connect
    is given by the test: pool.connect = simulator(...)."""

    def __init__(self, broker, database_url, prefix, logs):
        self.broker, self.database_url, self.prefix, self.logs = broker, database_url, prefix, logs
        self.connect = None
        self.workers = []
        self.extra_env = {}

    # ---- environment --------------------------------------------------------------------------

    def env(self):
        """Nothing but what is meant: the settings of whoever runs the tests must not leak in."""
        env = {name: os.environ[name] for name in KEPT_ENV if name in os.environ}
        env.update({
            "REBUILD_DATABASE_URL": self.database_url,
            "REBUILD_KAFKA_BOOTSTRAP_SERVERS": self.broker.servers,
            "REBUILD_KAFKA_GROUP_ID": self.prefix + "workers",
            "REBUILD_KAFKA_SESSION_TIMEOUT": "6s",
            "REBUILD_TOPIC_PREFIX": self.prefix,
            "REBUILD_ADMIN_LISTEN": "127.0.0.1:0",
        })
        if self.connect:
            env.update(self.connect.env())
        env.update(self.extra_env)
        return env

    def topic(self, name):
        """requests, requests.high, results or dlq"""
        return f"{self.prefix}{name}.v1"

    # ---- producer -----------------------------------------------------------------------------

    def producer(self, *args, status=0, deadline_s=60, env=None, text=None):
        """Runs one verb; its exit status must be as given (None: any)."""
        done = subprocess.run(
            [os.path.join(BUILD, "rebuild-producer"), *args], env={**self.env(), **(env or {})},
            input=text, stdin=None if text is not None else subprocess.DEVNULL,
            capture_output=True, text=True, timeout=deadline_s * SLOWNESS, check=False)
        with open(os.path.join(self.logs, "producer.log"), "a", encoding="utf-8") as log:
            log.write(f"$ rebuild-producer {' '.join(args)}\n{done.stdout}{done.stderr}"
                      f"-> {done.returncode}\n")
        assert status in (None, done.returncode), (
            f"rebuild-producer {args} exited {done.returncode}, not {status}\n{done.stderr}")
        return done

    def json(self, *args, **options):
        """A verb with -o json, parsed."""
        return json.loads(self.producer(*args, "-o", "json", **options).stdout)

    def set_up(self):
        """migrate and topics apply; returns self."""
        self.producer("migrate")
        self.producer("topics", "apply")
        return self

    def enqueue(self, *args, **options):
        """Everything published, unless args select otherwise; returns what enqueue printed."""
        selects = any(a.startswith(("--guid", "--important")) for a in args)
        select = [] if selects else ["--published"]
        named = [] if "--name" in args else ["--name", "test", "--reason", "system test"]
        return self.json("enqueue", *select, *named, *args, "-y", **options)

    def campaign(self, *args, **options):
        """enqueue; returns the campaign's id."""
        return self.enqueue(*args, **options)["campaign_id"]

    def status(self, campaign):
        return self.json("status", campaign)

    def await_state(self, campaign, state="completed", deadline_s=90):
        """Waits until the ledger says so; returns what `status` says then."""
        wait_until(lambda: self.state_of(campaign) == state, deadline_s,
                   lambda: f"campaign is {state}; it is {self.status(campaign)}")
        said = self.status(campaign)
        assert said["state"] == state
        return said

    def complete(self, campaign, state="completed", again=0, deadline_s=90):
        """Waits for the end of a campaign and checks the promises: one result for each item, none
        built twice, no replica over its limit (again: see assert_promises). Returns the results
        by content guid."""
        self.await_state(campaign, state, deadline_s)
        results = self.assert_one_result_each(campaign)
        self.connect.assert_promises(again)
        return {r.value["data"]["content"]["guid"]: r for r in results.values()}

    # ---- the ledger -----------------------------------------------------------------------------

    def state_of(self, campaign):
        return self.sql("select state from campaign where campaign_id = %s", [campaign])[0]["state"]

    def set_state(self, campaign, state):
        self.sql("update campaign set state = %s where campaign_id = %s", [state, campaign])

    def items(self, campaign):
        """{content guid: row}"""
        return {str(row["content_guid"]): row for row in self.sql(
            "select * from item where campaign_id = %s", [campaign])}

    def count(self, what, *parameters):
        """count("item where state = %s", "parked")"""
        return self.sql("select count(*) as n from " + what, parameters)[0]["n"]

    def await_count(self, n, what, *parameters, deadline_s=30):
        """Waits until at least n rows are there."""
        wait_until(lambda: self.count(what, *parameters) >= n, deadline_s,
                   lambda: f"{n} of {what} {parameters}; it is {self.count(what, *parameters)}")

    def open_builds(self):
        """{worker: open attempts}"""
        return {row["worker_id"]: row["n"] for row in self.sql(
            "select worker_id, count(*) as n from attempt where ended_at is null group by 1")}

    def busiest(self):
        """The living worker with the most open attempts, and how many those are. What the dead left
        counts when it was adopted."""
        def look():
            builds = self.open_builds()
            living = [w for w in self.workers if w.alive() and w.name in builds]
            return max(((builds[w.name], w) for w in living), key=lambda b: b[0], default=None)
        number, worker = wait_until(look, 60, "a living worker builds")
        return worker, number

    # ---- workers ------------------------------------------------------------------------------

    def worker(self, *args, name=None, ready=True, **env):
        """Starts a worker; env are further settings. Waits until it is ready unless told not to."""
        name = name or f"worker-{len(self.workers) + 1}"
        settings = {**self.env(), **{key: str(value) for key, value in env.items()}}
        worker = Worker(os.path.join(BUILD, "rebuild-worker"), name, settings,
                        os.path.join(self.logs, name + ".log"), args)
        self.workers.append(worker)
        return worker.await_ready() if ready else worker

    def close(self):
        """Ends what still runs, also what is frozen. Programs that watch themselves may say what
        they have seen: they are asked to end first."""
        if SLOWNESS > 1:
            self.leave()
        for worker in self.workers:
            worker.thaw()
            worker.kill()

    def leave(self):
        living = [worker for worker in self.workers if worker.alive()]
        for worker in living:
            worker.signal(signal.SIGTERM)
            worker.thaw()
        with contextlib.suppress(AssertionError):  # its server may be away
            wait_until(lambda: not any(w.alive() for w in living), LEAVE_S, "the workers leave")

    # ---- database -----------------------------------------------------------------------------

    def sql(self, statement, parameters=None):
        """Rows as dictionaries; [] for a statement without any. The schema is on the path."""
        with psycopg.connect(self.database_url, autocommit=True,
                             row_factory=psycopg.rows.dict_row) as connection:
            connection.execute("set search_path = rebuild, public")
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def load_content(self, table="content"):
        """Fills a table with the simulator's content; returns the rows. Every column is text: the
        product takes any type that has a text form."""
        text = self.connect.content_csv()
        rows = list(csv.DictReader(io.StringIO(text)))
        columns = ", ".join(f'"{name}" text' for name in text.partition("\n")[0].strip().split(","))
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(f"drop table if exists {table}")
            connection.execute(f"create table {table} ({columns})")
            with connection.cursor().copy(f"copy {table} from stdin (format csv, header)") as copy:
                copy.write(text)
        return rows

    # ---- results ------------------------------------------------------------------------------

    def results(self):
        """Every result as an audit consumer sees it."""
        return self.broker.read(self.topic("results"))

    def dead_letters(self):
        return self.broker.read(self.topic("dlq"))

    def await_results(self, n, deadline_s=90):
        seen = []

        def look():
            seen[:] = self.results()
            return seen if len(seen) >= n else None
        return wait_until(look, deadline_s, lambda: f"{n} results are out; there are {len(seen)}")

    def assert_one_result_each(self, campaign=None):
        """Promise 1: every item has exactly one result, and every result an item. Returns the
        results by request id."""
        items = {str(row["request_id"]) for row in self.sql(
            "select request_id from item where %(c)s::text is null or campaign_id::text = %(c)s",
            {"c": campaign})}
        self.broker.await_stable(self.topic("results"))
        results = [r for r in self.results()
                   if campaign is None or r.value["data"]["campaign"]["id"] == campaign]
        counts = collections.Counter(r.request_id for r in results)
        for result in results:
            check_event(result, "result")
        twice = [request for request, n in counts.items() if n > 1]
        assert not twice, f"{len(twice)} requests have more than one result: {twice[:5]}"
        assert set(counts) == items, (f"{len(items - set(counts))} requests have no result, "
                                      f"{len(set(counts) - items)} results no request")
        return {r.request_id: r for r in results}


def fresh_logs(name):
    """build/test-logs/NAME, emptied; beside the programs: two builds may be tested at once."""
    path = os.path.join(BUILD, "test-logs", name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path

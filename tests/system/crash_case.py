"""One small installation that is stopped at a checkpoint (common/base/checkpoint.h), and what must
be true of it in the end. test_crash_matrix.py says where it is stopped."""

import collections
import json
import os
import threading
import time
import uuid

import psycopg

from conftest import make_pool, remove_pool
from simulator import SimulatedConnect
from waiting import wait_until

LIMIT_S = 90     # of each wait of a case; ten of them share two cores with other tests
SESSION_S = 6    # REBUILD_KAFKA_SESSION_TIMEOUT of the tests
FROZEN_S = 3 * SESSION_S
LONG_MS = 1000 * (FROZEN_S + 6)  # a build that runs before, while and after a worker stands still
BACKOFF = "1s:1s"
MAIN = 5         # items of the main campaign; then the parked, the expired and the external one
ITEMS = MAIN + 3
making = threading.Lock()  # the servers are looked after by one thread at a time


class Case:
    """Eight requests: one build fails, one fails first, one item is locked, two succeed; one is
    parked and comes back, one expires, one is of another producer."""

    def __init__(self, stack, pool):
        self.stack, self.pool = stack, pool
        # on a machine that has much to do the only broker may have lost its controller for a second
        wait_until(lambda: pool.producer("topics", "apply", "--partitions", "2", status=None)
                   .returncode == 0, LIMIT_S, "the topics are there")
        pool.connect = SimulatedConnect(os.path.join(pool.logs, "simulator"), items=ITEMS,
                                        build_ms=(30, 60), static_share=0, unmanaged_share=0)
        pool.connect.limit(1)
        # a POST that never was is known to be none within seconds, not a minute
        pool.extra_env.update(REBUILD_LOST_AFTER="3s", REBUILD_REPLICA_MAX_INFLIGHT="1",
                              REBUILD_TASK_WAIT="1s")
        self.guids = sorted(row["guid"] for row in pool.load_content())
        pool.connect.item(self.guids[0], fail="package")
        pool.connect.item(self.guids[1], fail="cache_race", fail_attempts=1)
        pool.connect.item(self.guids[2], locked=True)
        pool.connect.item(self.guids[3], access_status=404)
        pool.connect.item(self.guids[4], build_ms=1500)  # more than one poll
        self.database = psycopg.connect(pool.database_url, autocommit=True)
        self.database.execute("set search_path = rebuild, public")
        self.parked = None

    def ask(self, statement, *parameters):
        """The first row of the ledger's answer."""
        return self.database.execute(statement, parameters).fetchone()

    def worker(self, **env):
        """A worker that writes down the checkpoints that it passes."""
        name = f"worker-{len(self.pool.workers) + 1}"
        return self.pool.worker(ready=False, name=name,
                                REBUILD_CHECKPOINT_COUNT=self.count_file(name), **env)

    def count_file(self, name):
        return os.path.join(self.pool.logs, name + ".count")

    def passed(self, worker):
        """{checkpoint: how often the worker passed it}, in the order of their first passings"""
        return counted(self.count_file(worker.name))

    # ---- what there is to do ------------------------------------------------------------------

    def select(self, guids, *args):
        chosen = [word for guid in guids for word in ("--guid", guid)]
        return [*chosen, "--warm-up", "0", "--backoff", BACKOFF, *args]

    def beside(self):
        """All but the main campaign, before any worker is there that could be too fast."""
        self.parked = self.pool.campaign(*self.select([self.guids[MAIN]]))
        self.pool.set_state(self.parked, "paused")
        expired = self.pool.campaign(*self.select([self.guids[MAIN + 1]], "--deadline", "2s"))
        self.pool.set_state(expired, "paused")
        external = self.ask("insert into campaign (campaign_id, external, name, actor, warm_up,"
                            " backoff_min_ms, backoff_max_ms) values (%s, true, 'nightly', 'cron',"
                            " 0, 1000, 1000) returning campaign_id", uuid.uuid4())[0]
        event = {"specversion": "1.0", "id": "1", "source": "/cron/nightly",
                 "type": "org.connect-rebuild.request.v1",
                 "data": {"request_id": str(uuid.uuid4()), "campaign": {"id": str(external)},
                          "content": {"guid": self.guids[MAIN + 2]}}}
        key = self.guids[MAIN + 2].encode()
        self.pool.broker.produce(self.pool.topic("requests"),
                                 [(key, json.dumps(event).encode(), None)])

    def main(self, *args, **options):
        """enqueue of the main campaign. The address answers 404: that it is told is an act,
        whatever comes back. Returns the exit status."""
        url = next(iter(self.pool.connect.replicas.values())) + "/told"
        return self.pool.producer("enqueue", *self.select(self.guids[:MAIN], "--on-complete", url),
                                  "--name", "main", "--reason", "test", "-y", *args,
                                  **options).returncode

    def begin(self):
        self.beside()
        self.main()

    # ---- to the end ---------------------------------------------------------------------------

    def tend(self):
        """Another worker where all are gone; the paused campaign goes on once its item is parked.
        """
        if not any(worker.alive() for worker in self.pool.workers):
            self.worker()
            # who died while it told --on-complete had two minutes for it
            self.ask("update campaign set on_complete_due = null returning 1")
        if self.ask("select 1 from item where campaign_id = %s and state = 'parked'", self.parked):
            self.ask("update campaign set state = 'open' where campaign_id = %s returning 1",
                     self.parked)

    def ended(self):
        published, campaigns = self.ask(
            "select (select count(*) from item where published_at is not null), (select count(*)"
            " from campaign where not external and (state not in ('completed', 'cancelled')"
            "   or (on_complete is not null and on_complete_status is null)))")
        return published == ITEMS and campaigns == 0

    def finish(self):
        def over():
            self.tend()
            return self.ended()
        wait_until(over, LIMIT_S, lambda: "everything ends; not published: " + repr(
            self.pool.sql("select content_guid, state, due, place_partition, place_offset, unsent"
                          " from item where published_at is null")))

    def end_state(self):
        """{guid: (outcome, builds)}: what must be the same whatever died on the way."""
        results = self.pool.assert_one_result_each()
        audit = self.pool.connect.audit()
        for name in ("over_limit", "built_twice", "cookie_mixups"):
            assert audit[name] == 0, f"{name} is {audit[name]}"
        assert self.ask("select count(*) from attempt where ended_at is null")[0] == 0
        builds = collections.Counter(build["guid"] for build in audit["list"])
        guids = {r.value["data"]["content"]["guid"]: r.outcome for r in results.values()}
        return {guid: (outcome, builds[guid]) for guid, outcome in guids.items()}

    def close(self):
        self.database.close()
        self.pool.connect.stop()
        self.pool.close()
        remove_pool(self.stack, self.pool)


def counted(path):
    if not os.path.exists(path):
        return collections.Counter()
    with open(path, encoding="utf-8") as lines:
        return collections.Counter(lines.read().split())


def make_case(stack, template, logs):
    os.makedirs(logs, exist_ok=True)
    with making:
        pool = make_pool(stack, logs, template)
    return Case(stack, pool)


def same(found, expected):
    """A build that failed for good may be built once more: its log died with the task id, and
    without it nobody can tell that the failure will stay. Nothing else may differ."""
    return found.keys() == expected.keys() and all(
        (outcome, builds) == expected[guid]
        or outcome == expected[guid][0] == "build_failed" and builds == expected[guid][1] + 1
        for guid, (outcome, builds) in found.items())


def frozen(worker):
    with open(f"/proc/{worker.pid}/stat", encoding="utf-8") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"


def await_end_of(worker, or_else=lambda: False, what="the worker dies"):
    wait_until(lambda: not worker.alive() or or_else(), LIMIT_S, what)


# ---- lives of a worker: each starts one, which the environment may stop, and comes to the end ----


def works(case, **env):
    """The only worker, from the start to the end. At first no build ends, so that some requests
    wait for a slot and their campaigns are looked at."""
    case.begin()
    case.pool.connect.hold()
    worker = case.worker(**env)
    await_end_of(worker, lambda: case.passed(worker)["ledger.campaign_states"] > 0,
                 "campaigns are looked at")
    case.pool.connect.release()
    case.finish()
    return worker


def takes_over_builds(case, **env):
    """Another worker died: some of its builds have a task id in the ledger, some have not. The
    limit of a replica was lowered meanwhile."""
    case.begin()
    await_end_of(case.worker(REBUILD_CHECKPOINT="ledger.task:2"))
    case.pool.connect.limit(2)
    case.ask("update replica set max_inflight = 2, set_by = 'test' returning 1")
    worker = case.worker(**env)
    case.finish()
    return worker


def takes_over_results(case, **env):
    """Another worker died when outcomes were in the ledger and their results not yet out."""
    case.begin()
    await_end_of(case.worker(REBUILD_CHECKPOINT="txn.produce:1"))
    worker = case.worker(**env)
    case.finish()
    return worker


def takes_over_publishing(case, **env):
    """enqueue died with nothing published; the lease lapses, and a worker does it."""
    case.beside()
    case.main(status=None, env={"REBUILD_CHECKPOINT": "outbox.page:1"})
    worker = case.worker(**env)
    case.finish()
    return worker


def takes_over_lost_outcomes(case, **env):
    """The last words of another worker are lost with the ledger's last seconds: a result is out,
    and nobody but the result topic knows what it says."""
    case.begin()
    case.worker()
    case.finish()
    case.pool.workers[0].kill()
    request = case.ask("update item set state = 'running', ended_at = null, published_at = null"
                       " where content_guid::text = %s returning request_id", case.guids[3])[0]
    case.ask("update attempt set ended_at = null where request_id = %s returning 1", request)
    case.ask("update campaign set state = 'open', ended_at = null where campaign_id = (select"
             " campaign_id from item where request_id = %s) returning 1", request)
    worker = case.worker(**env)
    case.finish()
    return worker


def finds_replicas(case, **env):
    """A worker that knows one address only, behind which it finds the replicas."""
    case.pool.extra_env["REBUILD_REPLICAS"] = ""
    case.begin()
    worker = case.worker(**env)
    case.finish()
    return worker


def leaves(case, **env):
    """A worker that is told to leave while its builds run."""
    case.begin()
    case.pool.connect.hold()
    worker = case.worker(**env)
    case.pool.connect.await_running(2)
    worker.signal(15)
    await_end_of(worker)
    case.pool.connect.release()
    case.finish()
    return worker


def is_refused(case, **env):
    """A worker whose key was revoked; with the key that is good again another one goes on."""
    case.begin()
    case.pool.connect.faults(key_revoked=True)
    worker = case.worker(**env)
    await_end_of(worker)
    case.pool.connect.faults(key_revoked=False)
    case.finish()
    return worker


def is_slowed_down(case, **env):
    """Connect asks for fewer requests until the limit of a replica was lowered."""
    case.begin()
    case.pool.connect.limit(4)
    case.pool.connect.faults(http_429_share=1, only_route="content")
    worker = case.worker(REBUILD_REPLICA_MAX_INFLIGHT=4, **env)
    await_end_of(worker, lambda: case.ask("select 1 from replica where limit_now < max_inflight"),
                 "a limit is lowered")
    case.pool.connect.faults(http_429_share=0)
    case.finish()
    return worker


def wakes_up(case, **env):
    """A worker that stood still in the middle of a transaction while another one did the work."""
    points = [env.pop(name) for name in ("REBUILD_CHECKPOINT",) if name in env]
    case.begin()
    worker = case.worker(
        REBUILD_CHECKPOINT=",".join(["txn.commit:2=freeze", *points]), **env)
    stand_still(case, worker, 0)
    return worker


def stand_still(case, worker, seconds):
    """The worker freezes itself, unless it does not get there; another one works until it wakes up
    after so many seconds (0: after everything has ended). False: it did not get there."""
    wait_until(lambda: frozen(worker) or (case.tend(), case.ended())[1], LIMIT_S,
               "the worker stands still")
    if not frozen(worker):
        return False
    since = time.monotonic()
    other = case.worker()
    wait_until(lambda: (case.tend(), time.monotonic() - since >= seconds)[1], seconds + LIMIT_S,
               "the time is over")
    if seconds == 0:
        case.finish()
    assigned = len(other.events("kafka.assigned"))
    worker.thaw()
    case.finish()
    # it is a member again, and what it still meant to do is done or refused
    await_end_of(worker, lambda: len(other.events("kafka.assigned")) > assigned
                 and worker.get("/readyz")[0] == 200, "the group has its member again")
    worker.signal(15)
    assert worker.wait() in (0, -9), f"the worker exited {worker.wait()}"
    assert other.alive()
    return True


def freezes(case, point):
    """A worker that stands still for three session time-outs; a build runs all the time. False: it
    did not get there."""
    case.pool.connect.item(case.guids[MAIN - 1], build_ms=LONG_MS)
    case.begin()
    worker = case.worker(REBUILD_CHECKPOINT=point + "=freeze")
    return stand_still(case, worker, FROZEN_S)

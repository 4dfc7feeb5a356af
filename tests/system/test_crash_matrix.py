"""A crash at every checkpoint (common/base/checkpoint.h), a new process, and the end is that of a
run that nobody disturbed: the same outcomes, one result each, as many builds.

`make crash` runs it, with CRASH_ALL=1 at all passings, else at the first of each. The cases run
several at a time, because nearly all of one is waiting for the broker to drop a dead member."""

import collections
import concurrent.futures
import os
import subprocess
import threading

import pytest

import pool as pools
from conftest import drop_pool, make_pool
from simulator import SimulatedConnect
from waiting import wait_until

ALL = os.environ.get("CRASH_ALL") == "1"
CRASH_BUILD = os.path.join(pools.ROOT, "build", "crash")
AT_ONCE = 6
LIMIT_S = 60  # of one case
BACKOFF = "1s:1s"
ITEMS = 6
servers = threading.Lock()  # healing them is not made for threads


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """The programs with checkpoints in them; a shipped one has none."""
    subprocess.run(["make", "-s", "B=build/crash", "CHECKPOINTS=1", "all"], cwd=pools.ROOT,
                   check=True, stdout=subprocess.DEVNULL)
    monkeypatch.setattr(pools, "BUILD", CRASH_BUILD)


class Case:
    """A small campaign of its own: successes, one that fails first, one that fails, one static."""

    def __init__(self, stack, template, logs):
        os.makedirs(logs, exist_ok=True)
        self.stack = stack
        with servers:
            self.pool = make_pool(stack, logs, template)
        self.pool.producer("topics", "apply")
        self.pool.connect = SimulatedConnect(os.path.join(logs, "simulator"), items=ITEMS,
                                             build_ms=(30, 60))
        self.pool.connect.limit(3)
        # a POST that never was is known to be none within seconds, not a minute
        self.pool.extra_env["REBUILD_LOST_AFTER"] = "3s"
        guids = sorted(row["guid"] for row in self.pool.load_content())
        self.pool.connect.item(guids[0], fail="package")
        self.pool.connect.item(guids[1], fail="cache_race", fail_attempts=1)
        self.pool.connect.item(guids[2], locked=True)

    def campaign(self, **options):
        return self.pool.campaign("--warm-up", "0", "--backoff", BACKOFF, **options)

    def end_state(self, campaign):
        """What must be the same whatever died on the way."""
        self.pool.await_state(campaign, deadline_s=LIMIT_S)
        results = self.pool.assert_one_result_each(campaign)
        audit = self.pool.connect.audit()
        assert audit["over_limit"] == 0 and audit["built_twice"] == 0, audit
        assert self.pool.count("attempt where ended_at is null") == 0
        builds = collections.Counter(build["guid"] for build in audit["list"])
        return {r.value["data"]["content"]["guid"]:
                (r.outcome, builds[r.value["data"]["content"]["guid"]]) for r in results.values()}

    def close(self):
        self.pool.connect.stop()
        with servers:
            drop_pool(self.stack, self.pool)


def counted(path):
    """{checkpoint: how often it was passed}"""
    with open(path, encoding="utf-8") as lines:
        return collections.Counter(lines.read().split())


def undisturbed(stack, template, logs):
    """(end state, passings of the worker, passings of enqueue)"""
    case = Case(stack, template, logs)
    try:
        files = [os.path.join(logs, name) for name in ("worker.count", "enqueue.count")]
        case.pool.worker(REBUILD_CHECKPOINT_COUNT=files[0])
        campaign = case.campaign(env={"REBUILD_CHECKPOINT_COUNT": files[1]})
        return case.end_state(campaign), counted(files[0]), counted(files[1])
    finally:
        case.close()


def points(passed):
    """NAME:N for the first passing of each, or for all."""
    return [f"{name}:{n}" for name, times in sorted(passed.items())
            for n in range(1, (times if ALL else 1) + 1)]


def crash_worker(case, point):
    """A worker that dies at the point. It need not get there: a run differs in its polls."""
    case.pool.worker(ready=False, REBUILD_CHECKPOINT=point)
    campaign = case.campaign()
    first = case.pool.workers[0]
    wait_until(lambda: not first.alive() or case.pool.state_of(campaign) == "completed", LIMIT_S,
               f"{point} is reached or the campaign ends")
    case.pool.worker(ready=False)
    return campaign


def freeze_worker(case, point):
    """A worker that stands still at the point for three session time-outs, and wakes up."""
    frozen = case.pool.worker(ready=False, REBUILD_CHECKPOINT=point,
                              REBUILD_CHECKPOINT_ACT="freeze")
    campaign = case.campaign()
    other = case.pool.worker(ready=False)
    case.pool.await_state(campaign, deadline_s=LIMIT_S)
    frozen.thaw()
    frozen.await_ready()
    assert other.alive()
    return campaign


def crash_enqueue(case, point):
    """enqueue dies at the point; what it left is finished by the same enqueue given again."""
    case.pool.worker(ready=False)
    campaign = "5b1ad2d8-3c3c-4a52-9f1f-0d0e3b0f6a11"
    given = ["enqueue", "--published", "--name", "test", "--reason", "system test", "--warm-up",
             "0", "--backoff", BACKOFF, "--campaign-id", campaign, "-y"]
    case.pool.producer(*given, status=None, env={"REBUILD_CHECKPOINT": point})
    case.pool.producer(*given)
    return campaign


def same(found, expected):
    """A build that failed for good may be built once more: its log died with the task id, and
    without it nobody can tell that the failure will stay. Nothing else may differ."""
    return found.keys() == expected.keys() and all(
        (outcome, builds) == expected[guid]
        or outcome == expected[guid][0] == "build_failed" and builds == expected[guid][1] + 1
        for guid, (outcome, builds) in found.items())


def run_points(make_case, what, passed, expected):
    """Runs every point; all failures are told, not the first alone."""
    def one(point):
        case = make_case(point.replace(":", "-"))
        try:
            found = case.end_state(what(case, point))
            return None if same(found, expected) else f"{point}: {found}, not {expected}"
        except Exception as error:  # pylint: disable=broad-exception-caught
            return f"{point}: {error!r}"
        finally:
            case.close()
    chosen = points(passed)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as threads:
        failures = [said for said in threads.map(one, chosen) if said]
    assert not failures, f"{len(failures)} of {len(chosen)}:\n" + "\n".join(failures)


@pytest.mark.deadline(3600)
@pytest.mark.parametrize("what", [crash_worker, freeze_worker, crash_enqueue])
def test_the_end_is_the_same_whatever_checkpoint_it_died_at(stack, migrated, pool_logs, what):
    expected, worker, enqueue = undisturbed(stack, migrated, os.path.join(pool_logs, "undisturbed"))
    run_points(lambda name: Case(stack, migrated, os.path.join(pool_logs, name)), what,
               enqueue if what is crash_enqueue else worker, expected)

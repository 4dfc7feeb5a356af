"""A crash at every checkpoint (common/base/checkpoint.h), a new process, and the end is that of a
run that nobody disturbed: the same outcomes, one result each, as many builds. A worker that stands
still for three session time-outs as well.

`make check` stops at the first passing of each checkpoint and freezes at a few; `make crash` (with
CRASH_ALL=1) at all passings of both. Many cases run at a time, because nearly all of one is waiting
for the broker to drop a dead member."""

import concurrent.futures
import fcntl
import functools
import os
import subprocess
import sys

import pytest

import crash_case as cases
import pool as pools
from conftest import make_pool, drop_pool
from waiting import wait_until

sys.path.insert(0, os.path.join(pools.ROOT, "tests", "lint"))
import checkpoints  # noqa: E402  pylint: disable=wrong-import-position

ALL = os.environ.get("CRASH_ALL") == "1"
AT_ONCE = 16
TURNS = 3  # what a worker happened not to reach is tried again
LIVES = (cases.works, cases.takes_over_builds, cases.takes_over_results,
         cases.takes_over_publishing, cases.takes_over_lost_outcomes, cases.finds_replicas,
         cases.leaves, cases.is_refused, cases.is_slowed_down, cases.wakes_up)
# Not passed in any of these lives, or only by chance, and why.
ELSEWHERE = {
    "ledger.restore": "the ledger was set back; when the worker that remembers dies too, nothing"
                      " is promised",
    "outbox.release": "only enqueue gives a lease back",
    "outbox.renew": "only in a turn of more than five seconds",
    "txn.abort": "an answer that only the mock cluster gives on demand, test_publisher.c",
}
FREEZES = ("http.build:1", "ledger.turn_answer:1", "txn.commit:2", "ledger.outcome:1",
           "outbox.produce:1")


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """The programs with checkpoints in them; a shipped one has none. Made by one process."""
    os.makedirs(os.path.join(pools.ROOT, "build"), exist_ok=True)
    with open(os.path.join(pools.ROOT, "build", "crash.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "B=build/crash", "CHECKPOINTS=1", "all"], cwd=pools.ROOT,
                       check=True, stdout=subprocess.DEVNULL)
    monkeypatch.setattr(pools, "BUILD", os.path.join(pools.ROOT, "build", "crash"))


class Matrix:
    """Runs cases side by side; all failures are told, not the first alone."""

    def __init__(self, stack, template, logs):
        self.stack, self.template, self.logs = stack, template, logs
        self.failures = []

    def run(self, name, function):
        """The end state of one case, or None: it failed."""
        try:
            case = cases.make_case(self.stack, self.template, os.path.join(self.logs, name))
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.failures.append(f"{name}: {error!r}")
            return None
        try:
            function(case)
            return case.end_state()
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.failures.append(f"{name}: {error!r}")
            return None
        finally:
            case.close()

    def run_all(self, functions):
        """{name: end state} of {name: function(case)}."""
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as threads:
            return dict(zip(functions, threads.map(self.run, functions, functions.values())))

    def undisturbed(self, lives):
        """What is expected, and for each life what it passes: {life: counter}."""
        passed = {}

        def live(life, case):
            passed[life] = case.passed(life(case))
        ends = self.run_all({life.__name__: functools.partial(live, life) for life in lives})
        self.check()
        expected = ends[lives[0].__name__]
        self.compare(ends, expected)
        self.check()
        return expected, passed

    def compare(self, ends, expected):
        self.failures += [f"{name}: {end}, not {expected}" for name, end in ends.items()
                          if end is not None and not cases.same(end, expected)]

    def check(self):
        assert not self.failures, f"{len(self.failures)} failed:\n" + "\n".join(self.failures)


@pytest.fixture
def matrix(stack, migrated, pool_logs):
    return Matrix(stack, migrated, pool_logs)


def points(passed):
    """NAME:N for the first passing of each, or for all."""
    return [f"{name}:{n}" for name, times in passed.items()
            for n in range(1, (times if ALL else 1) + 1)]


def dies(life, point, missed):
    """The life with a worker that is killed at the point; missed gets those that it did not reach:
    a run differs in its polls and its claims."""
    def run(case):
        if life(case, REBUILD_CHECKPOINT=point).process.poll() != -9:
            missed.add(point)
    return run


def lives_of(passed):
    """{point: the lives that pass it}, those first that take longest."""
    lives = {}
    for life in reversed(LIVES):
        for point in points(passed[life]):
            lives.setdefault(point, []).insert(0, life)
    if ALL:  # what an earlier life passes as well is met there, and only its own here
        return {point: ways[:1] for point, ways in lives.items()}
    return dict(sorted(lives.items(), key=lambda way: -LIVES.index(way[1][0])))


@pytest.mark.deadline(7200 if ALL else 480)
def test_a_worker_dies_at_every_checkpoint(matrix, print_out):
    expected, passed = matrix.undisturbed(LIVES)
    known = checkpoints.names(p for p in checkpoints.sources() if not p.startswith("producer"))
    reached = set().union(*passed.values())
    strange = set(known) ^ (reached | set(ELSEWHERE))
    assert not strange, f"in no life, or unknown: {sorted(strange)}"
    lives = {point: ways for point, ways in lives_of(passed).items()
             if point.partition(":")[0] not in ELSEWHERE}
    missed = set(lives)
    for turn in range(1 if ALL else TURNS):
        now, missed = missed, set()
        matrix.compare(matrix.run_all({
            f"{turn}-{point}": dies(ways[turn % len(ways)], point, missed)
            for point, ways in lives.items() if point in now}), expected)
    print_out(f"{len(lives)} crashes at {len(reached)} checkpoints; not reached: {missed}")
    matrix.check()
    assert ALL or not missed, f"first passings that no worker came to: {missed}"


@pytest.mark.deadline(7200 if ALL else 360)
def test_a_worker_that_stands_still_at_a_checkpoint_wakes_up_harmless(matrix, print_out):
    expected, passed = matrix.undisturbed([cases.works])
    chosen = points(passed[cases.works]) if ALL else FREEZES
    missed = set()

    def freezes(point, case):
        if not cases.freezes(case, point):
            missed.add(point)
    ends = matrix.run_all({f"freezes-{point}": functools.partial(freezes, point)
                           for point in chosen})
    matrix.compare(ends, expected)
    print_out(f"{len(chosen)} freezes; not reached: {missed}")
    matrix.check()
    assert ALL or not missed, f"points that no worker came to: {missed}"


@pytest.mark.parametrize("point, server", [("start.topic", "kafka"),
                                           ("start.installation", "postgres")])
def test_a_server_that_goes_away_between_two_steps_of_a_start_is_waited_for(
        pool, connect_with, stack, point, server):
    connect_with(items=2)
    campaign = pool.campaign("--warm-up", "0")
    worker = pool.worker(ready=False, REBUILD_CHECKPOINT=f"{point}:1=freeze")
    wait_until(lambda: cases.frozen(worker), 30, f"the worker is at {point}")
    service = getattr(stack, server)
    service.kill()
    worker.thaw()
    worker.await_event({"kafka": "kafka.unreachable"}.get(server, "postgresql.unreachable"))
    service.start([])
    worker.await_ready(deadline_s=60)
    assert len(pool.complete(campaign)) == 2


# ---- the producer --------------------------------------------------------------------------------

CAMPAIGN = "5b1ad2d8-3c3c-4a52-9f1f-0d0e3b0f6a11"


def enqueues(case, again, **env):
    """enqueue under a worker that works; again: by the same campaign's id, else the worker alone
    must finish what is in the ledger."""
    case.beside()
    case.pool.worker()
    status = case.main("--campaign-id", CAMPAIGN, status=None, env=env)
    begun = case.ask("select 1 from campaign where campaign_id = %s", CAMPAIGN)
    if again or not begun:
        case.main("--campaign-id", CAMPAIGN)
    case.finish()
    assert status == (-9 if "REBUILD_CHECKPOINT" in env else 0), f"enqueue exited {status}"


@pytest.mark.deadline(1800 if ALL else 300)
def test_enqueue_dies_at_every_checkpoint_and_its_id_or_a_worker_resumes_it(matrix, print_out):
    name = "enqueues"
    file = os.path.join(matrix.logs, name + ".count")
    expected = matrix.run_all({name: lambda case: enqueues(
        case, True, REBUILD_CHECKPOINT_COUNT=file)})[name]
    matrix.check()
    passed = cases.counted(file)
    functions = {f"{how}-{point}": lambda case, point=point, again=again: enqueues(
        case, again, REBUILD_CHECKPOINT=point)
        for how, again in (("by-id", True), ("by-worker", False)) for point in points(passed)}
    matrix.compare(matrix.run_all(functions), expected)
    print_out(f"{len(functions)} crashes at {len(passed)} checkpoints")
    matrix.check()


def sets_up(matrix, verb, name, **env):
    """A verb that prepares an empty database, or the topics; what it left is finished by the same
    verb given again. Returns versions of the ledger, installations, topics."""
    logs = os.path.join(matrix.logs, name)
    os.makedirs(logs)
    pool = make_pool(matrix.stack, logs, "template0")
    try:
        if verb != ["migrate"]:
            pool.producer("migrate")
        status = pool.producer(*verb, status=None, env=env).returncode
        assert status == (-9 if "REBUILD_CHECKPOINT" in env else 0), f"{name} exited {status}"
        pool.producer(*verb)
        topics = len(pool.broker.topics(pool.prefix))
        return pool.count("schema_version"), pool.count("installation"), topics
    finally:
        drop_pool(matrix.stack, pool)


@pytest.mark.deadline(900 if ALL else 120)
@pytest.mark.parametrize("verb", ["migrate", "topics apply --partitions 2"])
def test_a_verb_that_sets_up_dies_at_every_checkpoint_and_is_given_again(matrix, verb, print_out):
    words = verb.split()
    name = words[0]
    file = os.path.join(matrix.logs, name + ".count")
    expected = sets_up(matrix, words, name, REBUILD_CHECKPOINT_COUNT=file)
    chosen = points(cases.counted(file))
    assert len(chosen) >= 3
    for point in chosen:
        assert sets_up(matrix, words, f"{name}-{point}", REBUILD_CHECKPOINT=point) == expected
    print_out(f"{len(chosen)} crashes")


# ---- verbs that steer ----------------------------------------------------------------------------

STEERING = {"pause": "paused", "resume": "open", "limit": "open", "cancel": "cancelling"}


def steers(pool, guid, verb, **env):
    """A campaign of one item, the verb, and where it was killed the verb again. Returns the
    campaign's state, and how often the act was written."""
    campaign = pool.campaign("--guid", guid)
    if verb == "resume":
        pool.producer("pause", campaign)
    args = {"limit": ["--max-inflight", "3"], "cancel": ["-y"]}.get(verb, [])
    status = pool.producer(verb, campaign, *args, status=None, env=env).returncode
    assert status == (-9 if "REBUILD_CHECKPOINT" in env else 0), f"{verb} exited {status}"
    if status != 0:
        pool.producer(verb, campaign, *args)
    return pool.state_of(campaign), pool.count("act where act = %s and target = %s", verb, campaign)


def test_a_verb_that_steers_dies_at_every_checkpoint_and_is_given_again(pool, connect_with,
                                                                        print_out):
    connect_with(items=100)
    guids = iter(sorted(row["guid"] for row in pool.load_content()))
    crashes = 0
    for verb, state in STEERING.items():
        file = os.path.join(pool.logs, verb + ".count")
        assert steers(pool, next(guids), verb, REBUILD_CHECKPOINT_COUNT=file) == (state, 1)
        chosen = points(cases.counted(file))
        assert len(chosen) >= 2
        for point in chosen:
            assert steers(pool, next(guids), verb, REBUILD_CHECKPOINT=point) == (state, 1), point
            crashes += 1
    print_out(f"{crashes} crashes")

#!/usr/bin/env python3
"""A storm of everything that dies, over a pool that works, and what must be true afterwards.

    storm.py [--seconds 300] [--seed N] [--runs 1]

Everything random is drawn from one seed, which is printed; the machine's timing is not, so a seed
that failed fails again often, not always. test_storm.py is the minute of it that `make check` runs.
"""

import argparse
import itertools
import os
import random
import subprocess
import sys
import time

import psycopg

HERE = os.path.dirname(os.path.abspath(__file__))
# pytest.ini names these for tests; this file is a program as well.
sys.path[:0] = [os.path.join(HERE, "..", "support"),
                os.path.join(HERE, "..", "..", "deploy", "local")]

# pylint: disable=wrong-import-position
from process import ServiceError  # noqa: E402
from waiting import wait_until  # noqa: E402
# pylint: enable=wrong-import-position

SESSION_S = 6        # REBUILD_KAFKA_SESSION_TIMEOUT of the tests
MOST_METADATA = 3900  # characters of commit metadata; the broker takes 4,096
SERVER_S = 120       # a server that was killed is up again
CALM_S = 120         # and half of the storm: from its end to the last result
# A worker may be killed, may leave, or may give up a publisher that hangs (75).
FAIR_EXITS = (-15, -9, 0, 75)
WEATHER = {"http_502_share": 0.01, "reset_before_share": 0.005, "reset_after_share": 0.005}


class Storm:
    """Does one thing after the other to the pool; what must be undone later waits in self.later."""

    def __init__(self, stack, pool, seed, say=print):
        self.stack, self.pool, self.say = stack, pool, say
        self.draw = random.Random(seed)
        self.wanted = 3
        self.later = []  # (time, what, function)
        self.started = time.monotonic()
        self.done = {}
        self.frozen = set()
        self.deck = []
        self.sizes = itertools.cycle([1, 4, 1, 3])  # of the pool, one after the other

    # ---- what can happen ----------------------------------------------------------------------

    def next_act(self):
        """From a deck of 26 that is dealt to its end: about a minute, in which all of it happens.
        """
        if not self.deck:
            acts = [(6, self.kill_worker), (4, self.freeze_worker), (2, self.term_worker),
                    (3, self.scale), (2, self.kill_broker), (3, self.kill_database),
                    (3, self.restart_replica), (3, self.lose_answers)]
            self.deck = [act for number, act in acts for _ in range(number)]
            self.draw.shuffle(self.deck)
        return self.deck.pop()

    def living(self):
        return [w for w in self.pool.workers if w.alive() and w.name not in self.frozen]

    def kill_worker(self):
        victim = self.draw.choice(self.living() or [None])
        if victim:
            victim.kill()
            return victim.name
        return None

    def freeze_worker(self):
        """Longer than the session time-out, so the others take over and the frozen one wakes up to
        a world that went on without it."""
        victim = self.draw.choice(self.living() or [None])
        if not victim or len(self.frozen) > 1:
            return None
        victim.freeze()
        self.frozen.add(victim.name)
        self.plan(self.draw.uniform(SESSION_S + 0.5, 2 * SESSION_S), "thaw " + victim.name,
                  lambda: self.thaw(victim))
        return victim.name

    def thaw(self, worker):
        worker.thaw()
        self.frozen.discard(worker.name)

    def term_worker(self):
        victim = self.draw.choice(self.living() or [None])
        if victim:
            victim.signal(15)
            return victim.name
        return None

    def scale(self):
        self.wanted = next(self.sizes)
        for worker in self.living()[self.wanted:]:
            worker.signal(15)
        return f"to {self.wanted}"

    def kill_broker(self):
        return self.kill_service(self.stack.kafka)

    def kill_database(self):
        return self.kill_service(self.stack.postgres)

    def kill_service(self, service):
        if service.pid() is None:
            return None
        try:
            service.kill()
        except ServiceError:  # it waits for a child that ended by itself before it was killed
            assert service.pid() is None, f"{service.name} survives SIGKILL"
        service_down_s = self.draw.uniform(0.2, 5)
        self.plan(service_down_s, "start " + service.name, lambda: service.start([]))
        return f"for {service_down_s:.1f} s"

    def restart_replica(self):
        name = self.draw.choice(sorted(self.pool.connect.replicas))
        self.pool.connect.replica(name, restart=True)
        return name

    def lose_answers(self):
        """The build starts, the answer to its POST does not come."""
        self.pool.connect.faults(http_502_share=0, reset_before_share=0, reset_after_share=0.4,
                                 only_route="build")
        self.plan(2, "answers again", self.fair_weather)
        return "for 2 s"

    def fair_weather(self):
        self.pool.connect.faults(only_route="", **WEATHER)

    # ---- the run of it ------------------------------------------------------------------------

    def plan(self, seconds, what, function):
        self.later.append((time.monotonic() + seconds, what, function))

    def tell(self, what):
        self.say(f"{time.time():.3f} {time.monotonic() - self.started:7.2f} {what}")

    def turn(self):
        """What is due, and workers in place of those that are gone."""
        now = time.monotonic()
        due = [act for act in self.later if act[0] <= now]
        self.later = [act for act in self.later if act[0] > now]
        for _, what, function in due:
            function()
            self.tell(what)
        for worker in self.pool.workers:
            assert worker.alive() or worker.wait() in FAIR_EXITS, (
                f"{worker.name} exited {worker.wait()}")
        alive = sum(w.alive() for w in self.pool.workers)
        if alive < self.wanted and self.draw.random() < 0.3:
            self.tell("start " + self.pool.worker(ready=False).name)

    def act(self):
        chosen = self.next_act()
        said = chosen()
        if said:
            self.done[chosen.__name__] = self.done.get(chosen.__name__, 0) + 1
            self.tell(f"{chosen.__name__} {said}")

    def blow(self, seconds, over):
        """Until the time is up, or over() is true: the work has ended."""
        self.fair_weather()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not over():
            self.turn()
            self.act()
            pause = time.monotonic() + self.draw.uniform(0.2, 3)
            wait_until(lambda: self.turn() or time.monotonic() >= pause, SERVER_S, "it is time")

    def calm(self):
        """Everything is started and thawed; errors stay at 1 %."""
        self.later.sort(key=lambda act: act[0])
        while self.later:
            _, what, function = self.later.pop(0)
            function()
            self.tell("calm: " + what)
        self.stack.heal()
        self.fair_weather()
        self.wanted = max(self.wanted, 2)

    def send_home(self):
        """Whoever is left leaves in order."""
        self.wanted = 0
        for worker in self.living():
            worker.signal(15)
        for worker in self.pool.workers:
            assert worker.wait() in FAIR_EXITS, f"{worker.name} exited {worker.wait()}"


def ended(pool, campaign):
    """False also while PostgreSQL is away."""
    try:
        return pool.state_of(campaign) in ("completed", "cancelled")
    except psycopg.OperationalError:
        return False


def assert_nothing_left(pool):
    """The ledger, the group's offsets and the log of results are at rest."""
    assert pool.count("attempt where ended_at is null") == 0, "attempts are open"
    unpublished = pool.sql("select request_id, state from item where published_at is null")
    assert not unpublished, f"{len(unpublished)} items are not published: {unpublished[:5]}"
    for name in ("results", "dlq"):
        pool.broker.await_stable(pool.topic(name))
    for name in ("requests", "requests.high"):
        await_all_committed(pool, pool.topic(name))


def await_all_committed(pool, topic):
    """Every record that was ever read is behind the base: no offset stands open for ever, and no
    transaction holds one back."""
    ends = {p: n for p, n in pool.broker.ends(topic).items() if n > 0}

    def behind():
        committed = pool.broker.committed(pool.prefix + "workers", topic)
        for partition, (_, metadata) in committed.items():
            assert len(metadata or "") <= MOST_METADATA, f"{topic}/{partition}: {len(metadata)}"
        return {p: (committed.get(p), n) for p, n in ends.items()
                if p not in committed or committed[p][0] < n}
    wait_until(lambda: not behind(), 30, lambda: f"{topic} is done to its end; open: {behind()}")


def explain(pool):
    """Writes ledger and audit beside the logs, for whoever must find out why."""
    for table in ("campaign", "item", "attempt", "replica", "runtime_group"):
        with open(os.path.join(pool.logs, table + ".txt"), "w", encoding="utf-8") as out:
            for row in pool.sql(f"select * from {table}"):
                out.write(repr(row) + "\n")
    with open(os.path.join(pool.logs, "audit.txt"), "w", encoding="utf-8") as out:
        audit = pool.connect.audit()
        for build in audit.pop("list"):
            out.write(repr(build) + "\n")
        out.write(repr(audit) + "\n")


def run(storm, connect_with, seconds, seed):
    """One storm with a campaign that lasts about as long; everything that must be true after it."""
    pool, say = storm.pool, storm.say
    say(f"storm of {seconds} s, seed {seed}")
    connect = connect_with(items=5 * seconds, seed=seed, build_ms=(200, 1500),
                           static_share=0.02, fault=["fail_share=0.03", "flaky_share=0.1"])
    pool.extra_env.update(REBUILD_LOST_AFTER="5s", REBUILD_LOST_AFTER_REPLICA="20s")
    for _ in range(storm.wanted):
        pool.worker(ready=False)
    # Builds die with their replica: enough attempts that no item fails because of the storm.
    campaign = pool.campaign("--max-attempts", "20", "--backoff", "1s:4s")
    try:
        storm.blow(seconds, lambda: ended(pool, campaign))
        storm.calm()
        wait_until(lambda: storm.turn() or ended(pool, campaign), CALM_S + seconds / 2,
                   lambda: f"the campaign ends; {pool.status(campaign)}")
        say(f"ended after {time.monotonic() - storm.started:.1f} s; {storm.done}")
        results = pool.assert_one_result_each(campaign)
        audit = connect.audit_summary()
        for name in ("built_twice", "over_limit", "cookie_mixups"):
            assert audit[name] == 0, f"{name} is {audit[name]}: {audit}"
        assert_nothing_left(pool)
        storm.send_home()
        assert_nothing_left(pool)
        outcomes = {r.outcome for r in results.values()}
        assert outcomes <= {"succeeded", "build_failed", "skipped"}, outcomes
    except BaseException:
        storm.calm()
        explain(pool)
        raise
    say(f"passed, seed {seed}: {len(results)} results, {audit['builds']} builds, "
        f"{audit['died']} of them died")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, help="the first; the next run takes the next number")
    parser.add_argument("--runs", type=int, default=1)
    wanted = parser.parse_args()
    seed = wanted.seed if wanted.seed is not None else random.SystemRandom().randrange(10**6)
    failed = []
    for number in range(seed, seed + wanted.runs):
        env = {**os.environ, "STORM_SECONDS": str(wanted.seconds), "STORM_SEED": str(number)}
        status = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x",
                                 os.path.join(HERE, "test_storm.py")], env=env, check=False)
        if status.returncode:
            failed.append(number)
    print(f"{wanted.runs} storms, failed seeds: {failed or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

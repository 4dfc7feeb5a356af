#!/usr/bin/env python3
"""The pool as a whole, measured: how near to ideal it comes, how fast it starts, how much it holds,
how it leaves. Prints a Markdown table and asserts nothing on time; `make bench` runs it."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
for directory in ("tests/support", "deploy/local"):
    sys.path.insert(0, os.path.join(ROOT, directory))

import psycopg  # noqa: E402

import services  # noqa: E402
from broker import Broker  # noqa: E402
from pool import BUILD, Pool, fresh_logs  # noqa: E402
from simulator import SimulatedConnect  # noqa: E402
from waiting import wait_until  # noqa: E402

MANY = 1000  # builds in flight
INSTANT = 6000
DEADLINE_S = 300


class Bench:
    """Servers for all measurements; a pool and a Connect of its own for each."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="rebuild-bench-")
        self.postgres = services.Postgres(self.directory)
        self.kafka = services.Kafka(self.directory)
        for service in (self.postgres, self.kafka):
            service.start([])
        self.rows = []
        self.open = []

    def pool(self, limit, **options):
        """A pool whose content is in the table. The servers keep nothing of the one before."""
        self.close_pool()
        name = "b" + uuid.uuid4().hex[:10]
        with psycopg.connect(self.postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        logs = fresh_logs("bench-" + name)
        pool = Pool(Broker(self.kafka.env()["REBUILD_KAFKA_BOOTSTRAP_SERVERS"]),
                    self.postgres.url(name), name + ".", logs)
        pool.connect = SimulatedConnect(os.path.join(logs, "simulator"), **options)
        pool.connect.limit(limit)
        pool.extra_env["REBUILD_REPLICA_MAX_INFLIGHT"] = str(limit)
        pool.set_up()
        pool.load_content()
        self.open.append(pool)
        return pool

    def close_pool(self):
        while self.open:
            pool = self.open.pop()
            pool.close()
            pool.connect.stop()
            pool.broker.delete_topics(pool.prefix)

    def close(self):
        self.close_pool()
        for service in (self.postgres, self.kafka):
            service.stop()
            service.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

    def say(self, what, figure, wanted):
        self.rows.append((what, figure, wanted))
        print(f"  {what}: {figure}", file=sys.stderr, flush=True)


def epoch(pool, expression):
    return float(pool.sql(f"select extract(epoch from {expression}) as t")[0]["t"])


def rss_mb(worker):
    with open(f"/proc/{worker.pid}/status", encoding="utf-8") as status:
        kib = next(line.split()[1] for line in status if line.startswith("VmRSS"))
    return int(kib) / 1024


def makespan(bench):
    pool = bench.pool(4, items=600, build_ms=(200, 600))
    for _ in range(2):
        pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    pool.complete(campaign, deadline_s=DEADLINE_S)
    builds = pool.connect.audit()["list"]
    ideal = sum(b["ended_ms"] - b["started_ms"] for b in builds) / 12
    actual = max(b["ended_ms"] for b in builds) - min(b["started_ms"] for b in builds)
    bench.say("600 builds of 200 to 600 ms, 3 replicas x 4 slots, 2 workers, validation on: "
              "ideal/actual", f"{ideal / actual:.3f} ({actual / 1000:.2f} s)", ">= 0.97")


def start(bench):
    pool = bench.pool(4, items=12, build_ms=(10, 20))
    pool.campaign("--warm-up", "0")
    started = time.time()
    pool.worker(ready=False)
    pool.await_count(1, "attempt")
    took = epoch(pool, "(select min(intent_at) from attempt)") - started
    bench.say("start of a worker to its first claim, warm broker", f"{took:.2f} s", "< 2 s")


def many_in_flight(bench):
    pool = bench.pool(400, items=MANY, build_ms=(100, 200))
    pool.connect.hold()
    worker = pool.worker()
    idle = rss_mb(worker)
    campaign = pool.campaign("--warm-up", "0")
    pool.await_count(MANY, "attempt where task_id is not null", deadline_s=DEADLINE_S)
    bench.say(f"memory of a worker with {MANY} builds in flight (idle: {idle:.0f} MB)",
              f"{rss_mb(worker):.0f} MB", "< 100 MB")
    leave(bench, pool, worker)
    pool.connect.release()
    pool.complete(campaign, deadline_s=DEADLINE_S)
    built = pool.connect.audit_summary()["builds"]
    bench.say(f"builds of those {MANY} items", str(built), str(MANY))


def leave(bench, pool, worker):
    other = pool.worker()
    began = time.monotonic()
    status = worker.term(deadline_s=60)
    left = time.monotonic() - began
    wait_until(lambda: pool.open_builds() == {other.name: MANY}, 60, "all builds are adopted")
    adopted = time.monotonic() - began - left
    bench.say(f"SIGTERM with {MANY} builds in flight to the exit (status {status})",
              f"{left:.2f} s", "< 1 s")
    bench.say("exit to the last adoption", f"{adopted:.2f} s", "< 5 s")


def cpu_s(worker):
    with open(f"/proc/{worker.pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def instant(bench):
    pool = bench.pool(64, items=INSTANT, build_ms=(0, 0))
    campaign = pool.campaign("--warm-up", "0")
    worker = pool.worker(ready=False)
    pool.await_state(campaign, deadline_s=DEADLINE_S)
    took = (epoch(pool, "(select max(published_at) from item)") -
            epoch(pool, "(select min(intent_at) from attempt)"))
    used = cpu_s(worker)
    pool.complete(campaign)
    bench.say("instant builds, one worker beside broker, database and server",
              f"{INSTANT / took:.0f}/s", ">= 2,000/s")
    bench.say("processor time of the worker for each of them",
              f"{1000 * used / INSTANT:.2f} ms", "<= 0.5 ms")


def memory_gb():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def machine(bench):
    with psycopg.connect(bench.postgres.url("postgres")) as connection:
        postgres = connection.execute("show server_version").fetchone()[0].split()[0]
    jars = services.Kafka.classpath().split(":")
    kafka = next((os.path.basename(j) for j in jars if "kafka-server-" in j or "kafka_2" in j), "?")
    version = subprocess.run([os.path.join(BUILD, "rebuild-worker"), "--version"], check=True,
                             capture_output=True, text=True).stdout.strip()
    return (f"{os.cpu_count()} cores, {memory_gb():.0f} GB, {platform.system()} "
            f"{platform.release()}, PostgreSQL {postgres}, {kafka.removesuffix('.jar')}, {version}")


def main():
    wanted, load = sys.argv[1:], os.getloadavg()[0]
    bench = Bench()
    try:
        for measure in (makespan, start, many_in_flight, instant):
            if not wanted or measure.__name__ in wanted:
                measure(bench)
        print(f"\nMeasured on {machine(bench)}; load before: {load:.1f}\n")
        print("| what | measured | to reach |\n|---|---|---|")
        for row in bench.rows:
            print("| " + " | ".join(row) + " |")
    finally:
        bench.close()


if __name__ == "__main__":
    main()

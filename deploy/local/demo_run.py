"""One run of the demo, step by step; see deploy/local/demo."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request

from demo_audit import Audit
from process import wait_until
from services import ROOT, Kafka, Postgres, Simulator

BUILD = os.path.join(ROOT, os.environ.get("B", "build"))
STACK = os.path.join(ROOT, "deploy", "local", "stack")
REPLICA_LIMIT = 4  # builds at once on one replica
BUILD_MS = "200,600"  # of a simulated build
SESSION_TIMEOUT = "6s"  # how long Kafka takes to notice a killed worker
DEADLINE_S = 180
STATUS_LINE_S = 5  # between two lines where there is no terminal


class DemoError(Exception):
    """A sentence: what did not work."""


class Results(threading.Thread):
    """Counts the results as they become visible to a read_committed consumer."""

    def __init__(self, servers, topic):
        super().__init__(daemon=True)
        self.count = 0
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["kcat", "-C", "-q", "-u", "-b", servers, "-t", topic, "-o", "beginning",
             "-f", "%o\\n", "-X", "isolation.level=read_committed"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.start()

    def run(self):
        for _ in self.process.stdout:
            self.count += 1

    def stop(self):
        self.process.kill()
        self.process.wait()


class Progress:
    """A bar on a terminal; elsewhere a line now and then."""

    def __init__(self, total):
        self.total = total
        self.started = time.monotonic()
        self.next_line = 0.0
        self.tty = sys.stderr.isatty()

    def show(self, done, note=""):
        now = time.monotonic()
        rate = done / max(now - self.started, 0.001)
        text = f"{done}/{self.total} results, {rate:.1f}/s {note}"
        if self.tty:
            filled = 40 * done // max(self.total, 1)
            print(f"\r  [{'#' * filled}{'-' * (40 - filled)}] {text}\033[K", end="",
                  file=sys.stderr, flush=True)
        elif now >= self.next_line:
            print(f"  {text}", file=sys.stderr, flush=True)
            self.next_line = now + STATUS_LINE_S

    def line(self, done, note=""):
        """A line that stays, wherever it goes."""
        self.next_line = 0.0
        self.show(done, note)
        if self.tty:
            print(file=sys.stderr)


class Demo:
    def __init__(self, directory, items):
        self.directory, self.items = directory, items
        self.workers = []
        self.results = None
        self.env = {}
        self.note = ""

    # ---- small things -------------------------------------------------------------------------

    @staticmethod
    def say(sentence):
        print(f"demo: {sentence}", file=sys.stderr, flush=True)

    def producer(self, *args):
        done = subprocess.run([os.path.join(BUILD, "rebuild-producer"), *args], env=self.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              check=False, timeout=60)
        if done.returncode != 0:
            raise DemoError(f"rebuild-producer {' '.join(args)} exited {done.returncode}")
        return done.stdout

    @staticmethod
    def run_whole(argv):
        """Runs argv to its end, also when somebody interrupts: half started, it would leave
        processes behind that nobody knows of."""
        with subprocess.Popen(argv, start_new_session=True) as process:
            try:
                process.wait()
            except KeyboardInterrupt:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                process.wait()
                raise
        if process.returncode != 0:
            raise DemoError(f"{' '.join(argv[:2])} exited {process.returncode}")

    def start_worker(self):
        name = f"worker-{len(self.workers) + 1}"
        with open(os.path.join(self.directory, name + ".log"), "wb") as log:
            self.workers.append(subprocess.Popen(
                [os.path.join(BUILD, "rebuild-worker")],
                env={**self.env, "REBUILD_WORKER_ID": name},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))

    def check_workers(self, expected_dead=()):
        for number, worker in enumerate(self.workers, 1):
            if worker.poll() is not None and number not in expected_dead:
                raise DemoError(f"worker-{number} exited {worker.returncode}")

    # ---- the steps ----------------------------------------------------------------------------

    def run(self):
        """Returns True if everything that was promised holds."""
        self.start_stack()
        self.load_content()
        campaign, selected = self.enqueue()
        self.work(campaign, selected)
        print(self.producer("status", campaign))
        self.stop_workers()
        audit = Audit(self.env, campaign, selected)
        return audit.report()

    def start_stack(self):
        self.say("starting PostgreSQL, Kafka and three Connect replicas")
        started = time.monotonic()
        self.run_whole([STACK, "start", self.directory, "--fsync", "--replicas", "3", "--items",
                        str(self.items), "--build-ms", BUILD_MS])
        stack = {}
        for service in (Postgres, Kafka, Simulator):
            stack.update(service(self.directory).env())
        self.env = {name: os.environ[name] for name in ("PATH", "HOME", "TERM", "USER", "LOGNAME")
                    if name in os.environ}
        self.env.update(stack, REBUILD_ADMIN_LISTEN="127.0.0.1:0",
                        REBUILD_REPLICA_MAX_INFLIGHT=str(REPLICA_LIMIT),
                        REBUILD_KAFKA_SESSION_TIMEOUT=SESSION_TIMEOUT)
        # the replicas' own record counts what starts where the limit is reached already
        urllib.request.urlopen(self.env["SIMULATOR_ADMIN"] + "/audit/limit",
                               json.dumps({"limit": REPLICA_LIMIT}).encode()).close()
        self.say(f"they are up after {time.monotonic() - started:.1f} s")

    def load_content(self):
        """The shared content table, as an installation has it: here the simulator's catalogue."""
        with urllib.request.urlopen(self.env["SIMULATOR_ADMIN"] + "/content.csv") as answer:
            rows = answer.read()
        columns = rows.split(b"\n", 1)[0].decode().strip().split(",")
        table = ", ".join(f'"{name}" text' for name in columns)
        subprocess.run([Postgres.program("psql"), "-qX", "-v", "ON_ERROR_STOP=1",
                        self.env["REBUILD_DATABASE_URL"], "-c", f"create table content ({table})",
                        "-c", "\\copy content from pstdin with (format csv, header)"],
                       input=rows, check=True)
        self.say(f"loaded the content table: {rows.count(bytes([10])) - 1} items")

    def enqueue(self):
        self.producer("migrate")
        self.producer("topics", "apply")
        self.say("rebuild-producer doctor says")
        print(self.producer("doctor"), file=sys.stderr)
        answer = json.loads(self.producer("enqueue", "--published", "--name", "demo", "--reason",
                                          "make demo", "-y", "-o", "json"))
        self.say(f"campaign {answer['campaign_id']}: {answer['selected']} items selected, "
                 f"{answer['published']} published")
        return answer["campaign_id"], answer["selected"]

    def work(self, campaign, selected):
        """Two workers; one is killed when half of the results are out, and replaced."""
        self.results = Results(self.env["REBUILD_KAFKA_BOOTSTRAP_SERVERS"], "rebuild.results.v1")
        self.start_worker()
        self.start_worker()
        progress = Progress(selected)
        self.wait_for_results(progress, selected // 2)
        self.workers[0].send_signal(signal.SIGKILL)
        self.workers[0].wait()
        self.note = "(worker-1 killed with kill -9, worker-3 started)"
        self.start_worker()
        progress.line(self.results.count, self.note)
        self.wait_for_results(progress, selected)
        progress.line(self.results.count)
        wait_until(lambda: json.loads(self.producer("status", campaign, "-o", "json"))["state"]
                   == "completed", 30, "the campaign is completed")

    def wait_for_results(self, progress, n):
        def enough():
            self.check_workers(expected_dead=(1,) if self.note else ())
            progress.show(self.results.count, self.note)
            return self.results.count >= n
        wait_until(enough, DEADLINE_S, f"{n} results are out")

    # ---- the end ------------------------------------------------------------------------------

    def stop_workers(self):
        """In order; what does not go is killed."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.terminate()
        for worker in self.workers:
            try:
                worker.wait(15)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()

    def stop(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second ^C
        if self.results:
            self.results.stop()
        self.stop_workers()
        try:
            subprocess.run([STACK, "remove", self.directory], check=True)
        except subprocess.SubprocessError as error:
            self.say(f"could not stop everything: {error}")

    def print_addresses(self):
        """For KEEP=1; the workers have ended in order, since nothing is left to do."""
        self.results.stop()
        print(f"\nThe servers are still up. To use them:  . {self.directory}/env\n"
              f"  database  {self.env['REBUILD_DATABASE_URL']}\n"
              f"  Kafka     {self.env['REBUILD_KAFKA_BOOTSTRAP_SERVERS']}\n"
              f"  Connect   {self.env['CONNECT_SERVER']}  (front)\n"
              f"            {self.env['REBUILD_REPLICAS']}\n"
              f"  simulator {self.env['SIMULATOR_ADMIN']}  (audit and faults)\n"
              f"A console:    {BUILD}/rebuild-producer serve\n"
              f"To stop them: {STACK} remove {self.directory}")

"""One rebuild-worker process, and what it says about itself."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request

from waiting import SLOWNESS, wait_until


class Worker:
    """Started at once; await_ready() waits for its admin address. Its log is a file."""

    def __init__(self, program, name, env, log, args=()):
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self.from_byte = out.tell()
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [program, *args], env={**env, "REBUILD_WORKER_ID": name}, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True)

    # ---- what it says -----------------------------------------------------------------------

    def text(self):
        with open(self.log, "rb") as log:
            log.seek(self.from_byte)
            return log.read().decode("utf-8", "replace")

    def events(self, event=None):
        """The lines of its log as objects, all or those of one event."""
        found = []
        for line in self.text().split("\n"):
            if line.startswith("{"):
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue  # the last line, half written
                if event in (None, entry.get("event")):
                    found.append(entry)
        return found

    def await_event(self, event, deadline_s=30, n=1):
        """Waits for the n-th line of that event and returns it."""
        def look():
            found = self.events(event)
            if len(found) < n and not self.alive():
                raise AssertionError(f"{self.name} exited {self.process.returncode} before {event}")
            return found[n - 1] if len(found) >= n else None
        return wait_until(look, deadline_s, f"{self.name} logs {event}")

    def await_ready(self, deadline_s=30):
        """Waits for the admin address, and for /readyz."""
        self.address()
        wait_until(lambda: self.get("/readyz")[0] == 200, deadline_s, f"{self.name} is ready")
        return self

    def address(self):
        return f"http://127.0.0.1:{self.await_event('admin.listening')['port']}"

    def get(self, path, method="GET", body=None, headers=None):
        """(status, text) of one request to the admin address; (0, reason) if nobody answers."""
        request = urllib.request.Request(self.address() + path, method=method, data=body,
                                         headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def metric(self, name, **labels):
        """The sum over the series of name that have these labels; None if there is none."""
        values = []
        for line in self.get("/metrics")[1].split("\n"):
            series, _, value = line.rpartition(" ")
            family = series.partition("{")[0]
            if family == name and all(f'{k}="{v}"' in series for k, v in labels.items()):
                values.append(float(value))
        return sum(values) if values else None

    def status(self):
        """What /status says, parsed; {} while nobody answers."""
        code, text = self.get("/status")
        return json.loads(text) if code == 200 else {}

    def holds(self):
        """How many requests it has read and not ended."""
        said = self.status()
        return said.get("waiting", 0) + said.get("busy", 0)

    # ---- what is done to it -------------------------------------------------------------------

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def wait(self, deadline_s=30):
        """Its exit status; negative is the signal that ended it."""
        try:
            return self.process.wait(deadline_s * SLOWNESS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {deadline_s} s") from None

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def kill(self):
        """kill -9, and waits for the end."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def term(self, deadline_s=30):
        """SIGTERM; returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(deadline_s)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

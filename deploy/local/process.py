"""Processes that outlive the command that starts them: state, a log, a free port, a deadline."""

import collections
import json
import os
import random
import signal
import socket
import subprocess
import time

POLL_S = 0.02  # between two looks at a state that is waited for


class ServiceError(Exception):
    """A sentence for the person who runs the stack."""


def wait_until(condition, deadline_s, what):
    """Waits for the state, not for a time: returns condition()'s first true value."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise ServiceError(f"{what}: not within {deadline_s} s")
        time.sleep(POLL_S)


def write_private(path, text):
    """Writes the file whole or not at all; it may hold a password."""
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
              encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


PORTS = range(15000, 30000)
# UDP sockets on the ports given last: nobody serves UDP there, so they are marks that every process
# sees, and the kernel takes them away with whoever set them. A service listens long before its mark
# is pushed out.
marks = collections.deque(maxlen=200)


def free_port():
    """A port of 127.0.0.1 that nobody listens on, another one each time and in each process: who
    got it first may not listen yet. Below the ports that the kernel hands out to clients, because a
    service that is down must find its port free when it comes back."""
    for _ in range(200):
        port = random.choice(PORTS)
        mark = socket.socket(type=socket.SOCK_DGRAM)
        try:
            mark.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            continue
        marks.append(mark)
        return port
    raise ServiceError(f"no free port between {PORTS[0]} and {PORTS[-1]}")


def started_at(pid):
    """When pid was started, in kernel ticks; None if it is gone. Tells a process from another one
    that got its number. A zombie (nobody reaps it in some containers) counts as gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def children_of(pid):
    """The pids whose parent is pid."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8") as stat:
                    if int(stat.read().rpartition(")")[2].split()[1]) == pid:
                        found.append(int(name))
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


class Service:
    """One process with its state in directory/NAME.json and its output in directory/NAME.log.
    A subclass says how to start it and when it is ready."""

    name = ""
    stop_signal = signal.SIGTERM
    start_deadline_s = 60
    stop_deadline_s = 30

    def __init__(self, directory):
        self.directory = directory
        self.log = os.path.join(directory, self.name + ".log")
        self.state = self.load()

    # ---- for the subclass -----------------------------------------------------------------------

    def prepare(self, options):
        """Makes data and ports before the first start; keeps what it needs in self.state."""

    def command(self):
        """The argument list."""
        raise NotImplementedError

    def ready(self):
        """True when it can be used. Must not block for long."""
        raise NotImplementedError

    def after_start(self):
        """Once it is ready."""

    def user(self):
        """Arguments of Popen for another user than the caller."""
        return {}

    # ---- what everybody does --------------------------------------------------------------------

    def file(self, *parts):
        return os.path.join(self.directory, *parts)

    def load(self):
        try:
            with open(self.file(self.name + ".json"), encoding="utf-8") as state:
                return json.load(state)
        except FileNotFoundError:
            return {}

    def save(self):
        write_private(self.file(self.name + ".json"), json.dumps(self.state))

    def pid(self):
        """The pid if it runs, else None."""
        pid = self.state.get("pid")
        if pid and started_at(pid) == self.state.get("started"):
            return pid
        return None

    def start(self, options):
        if self.pid() is None:
            self.prepare(options)
            self.launch()
        wait_until(self.alive_and_ready, self.start_deadline_s, f"{self.name} is ready")
        self.after_start()
        self.save()

    def launch(self):
        with open(self.log, "ab") as log:
            self.state["log_from"] = log.tell()
            process = subprocess.Popen(  # pylint: disable=consider-using-with
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, **self.user())
        self.state.update(pid=process.pid, started=started_at(process.pid))
        self.save()

    def alive_and_ready(self):
        if self.pid() is None:
            raise ServiceError(f"{self.name} ended while it started; its log ends with\n"
                               + self.log_tail())
        return self.ready()

    def log_tail(self, lines=15):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                return "".join(log.readlines()[-lines:]).rstrip()
        except FileNotFoundError:
            return "(no log)"

    def log_since_start(self):
        with open(self.log, "rb") as log:
            log.seek(self.state.get("log_from", 0))
            return log.read().decode("utf-8", "replace")

    def signal(self, number):
        try:
            os.kill(self.state["pid"], number)
        except ProcessLookupError:
            pass

    def stop(self):
        """In order, and by force when that takes too long."""
        if self.pid() is None:
            return
        self.signal(self.stop_signal)
        try:
            wait_until(lambda: self.pid() is None, self.stop_deadline_s, f"{self.name} has stopped")
        except ServiceError:
            self.kill()

    def kill(self):
        """At once, with its children, as a power cut would."""
        pid = self.pid()
        if pid is None:
            return
        # one that ends between the two looks has no start, and would never be seen to be gone
        family = [(child, started) for child in children_of(pid)
                  if (started := started_at(child)) is not None]
        self.signal(signal.SIGKILL)
        for child, started in family:
            if started_at(child) == started:
                try:
                    os.kill(child, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        wait_until(lambda: self.pid() is None and all(started_at(c) != s for c, s in family),
                   10, f"{self.name} is gone")

    def remove(self):
        """What lies outside directory; called when it is stopped."""

    def describe(self):
        pid = self.pid()
        return f"{self.name:10} {'running, pid ' + str(pid) if pid else 'stopped'}"

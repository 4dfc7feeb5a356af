"""Starts build/connect-simulator for a test and talks to it; standard library only."""

import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import threading
import time
import urllib.error
import urllib.request

KEY = "test-key"
ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SIMULATOR", str(ROOT / "build" / "connect-simulator"))
DEADLINE_S = 30  # for anything a test waits for; generous, because machines of CI are slow


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def cookie(self):
        """The cookie that the answer sets, as a request header would carry it."""
        return (self.headers.get("Set-Cookie") or "").split(";")[0]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)


def call(url, body=None, method=None, key=KEY, **headers):
    """One request; any status is an Answer. body: bytes, or anything JSON can carry."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        headers["Authorization"] = f"Key {key}"
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with OPENER.open(request, timeout=DEADLINE_S) as reply:
            return Answer(reply.status, reply.headers, reply.read())
    except urllib.error.HTTPError as reply:
        with reply:
            return Answer(reply.code, reply.headers, reply.read())


def until(condition, what):
    """Waits for condition() to be true; fails with what after the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {DEADLINE_S} s: {what}"
        pause.wait(0.01)
    return result


class Simulator:
    """A running simulator; use as a context manager. options: more of its command line."""

    def __init__(self, *options, replicas=3, items=40):
        self.process = subprocess.Popen(
            [BINARY, "--ports", ",".join(["0"] * replicas), "--front", "0", "--admin", "0"]
            + ["--items", str(items), "--api-key", KEY, "--build-ms", "30,60", *options],
            stdout=subprocess.PIPE, text=True)
        self.places = json.loads(self.process.stdout.readline())
        self.replicas = [place["url"] for place in self.places["replicas"]]
        self.front = self.places["front"]["url"]
        self.admin_url = self.places["admin"]["url"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(timeout=DEADLINE_S)
        self.process.stdout.close()
        assert code == 0, f"the simulator ended with {code}"

    def admin(self, path, body=None):
        answer = call(self.admin_url + path, body, key=None)
        assert answer.status == 200, answer.body
        return answer.json

    def faults(self, **values):
        return self.admin("/faults", values)

    def item(self, guid, **changes):
        return self.admin(f"/items/{guid}", changes)

    def audit(self):
        return self.admin("/audit")

    def api(self, path, *args, replica=0, base=None, **kwargs):
        return call(f"{base or self.replicas[replica]}/__api__/{path}", *args, **kwargs)

    def content(self):
        return self.api("v1/content").json

    def build(self, guid, bundle_id=None, **kwargs):
        return self.api(f"v1/content/{guid}/build", {"bundle_id": bundle_id}, **kwargs)

    def finished(self, task_id, **kwargs):
        """The task's last answer, once it has finished."""
        def poll():
            task = self.api(f"v1/tasks/{task_id}?wait=1", **kwargs).json
            return task if task["finished"] else None
        return until(poll, f"task {task_id} finished")


def first_of(simulator, **wanted):
    """The first item of the content list with these values."""
    return next(item for item in simulator.content()
                if all(item[name] == value for name, value in wanted.items()))


@contextlib.contextmanager
def raw_connection(url):
    """An http.client connection: for answers that urllib would not survive."""
    connection = http.client.HTTPConnection(url.split("//")[1].split("/")[0], timeout=DEADLINE_S)
    try:
        yield connection
    finally:
        connection.close()

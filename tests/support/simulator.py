"""A simulated Connect of one test."""

import json
import os
import urllib.request

import services
from waiting import wait_until


class SimulatedConnect:
    """Started with free ports; the same ports again after restart(). Keyword arguments are the
    program's options: items=300, build_ms=(200, 600), replicas=2, fault=["a=1", "b=2"]."""

    def __init__(self, directory, **options):
        os.makedirs(directory, exist_ok=True)
        self.argv = []
        for name, value in options.items():
            for one in value if isinstance(value, list) else [value]:
                self.argv += self.option(name, one)
        self.service = services.Simulator(directory)
        self.service.start(self.argv)

    @staticmethod
    def option(name, value):
        flag = "--" + name.replace("_", "-")
        if value is True:
            return [flag]
        if isinstance(value, (tuple, range)):
            value = ",".join(str(v) for v in value)
        return [flag, str(value)]

    @property
    def answer(self):
        return self.service.state["answer"]

    @property
    def key(self):
        return self.service.state["key"]

    @property
    def front(self):
        return self.answer["front"]["url"]

    @property
    def replicas(self):
        """{name: url}"""
        return {r["name"]: r["url"] for r in self.answer["replicas"]}

    def env(self):
        """What a worker needs to reach the replicas one by one."""
        env = self.service.env()
        env.pop("SIMULATOR_ADMIN")
        return env

    def request(self, path, method="GET", body=None):
        """One request to the admin API; parsed if it is JSON, else text."""
        data = None if body is None else json.dumps(body).encode()
        url = self.answer["admin"]["url"] + path
        request = urllib.request.Request(url, data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read().decode()
            return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text

    def post(self, path, **body):
        return self.request(path, "POST", body)

    def content_csv(self):
        return self.request("/content.csv")

    def faults(self, **faults):
        """Sets faults from now on."""
        return self.post("/faults", **faults)

    def item(self, guid, **overrides):
        """Changes what one item is or does."""
        return self.post(f"/items/{guid}", **overrides)

    def replica(self, name, **change):
        """up=False, restart=True, slow=3"""
        return self.post(f"/replicas/{name}", **change)

    def hold(self):
        """Builds that start from now on do not end before release()."""
        self.faults(hold_builds=True)

    def release(self):
        self.faults(hold_builds=False)

    def release_held(self):
        """Ends the builds that are held; those that start next are held again."""
        self.post("/builds/release")

    def release_some(self, n):
        """The n oldest builds that are held end now; those that start go on being held."""
        self.post(f"/builds/release?n={n}")

    def state(self):
        return self.request("/state")

    def await_running(self, n, deadline_s=30):
        """Waits until n builds run at the same time."""
        wait_until(lambda: self.state()["running"] >= n, deadline_s,
                   lambda: f"{n} builds run; {self.state()['running']} do")

    def await_builds(self, n, deadline_s=60):
        """Waits until n builds were started, from the beginning on."""
        wait_until(lambda: self.state()["builds"] >= n, deadline_s,
                   lambda: f"{n} builds were started; {self.state()['builds']} were")

    def limit(self, n):
        """A build that starts where n run already counts as over_limit in the audit."""
        return self.post("/audit/limit", limit=n)

    def audit(self):
        """Counts, and in "list" every build it was asked for, in the order of their starts."""
        return self.request("/audit")

    def audit_summary(self):
        return self.request("/audit?summary=1")

    def assert_promises(self, again=0):
        """Promises 2 and 3, as Connect itself saw it: nothing was built while it was being built
        or after it had succeeded, and no replica was over its limit. again: how many items may
        have been built more than once, because their first builds failed."""
        audit = self.audit_summary()
        for name, most in (("built_twice", 0), ("over_limit", 0), ("cookie_mixups", 0),
                           ("guids_built_more_than_once", again)):
            assert audit[name] <= most, f"{name} is {audit[name]}: {audit}"
        return audit

    def kill(self):
        self.service.kill()

    def restart(self):
        self.service.start(self.argv)

    def stop(self):
        self.service.stop()

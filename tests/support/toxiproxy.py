"""A proxy between a program and what it depends on, which makes that slow, or takes it away.

toxiproxy (https://github.com/Shopify/toxiproxy) does the work; this starts it and speaks to its
HTTP API."""

import json
import os
import subprocess
import urllib.error
import urllib.request

from process import Service, ServiceError, free_port
from services import HERE, ROOT

API_TIMEOUT_S = 10
DOWN, UP = "downstream", "upstream"  # toxiproxy's words: to the client, to the server


class Toxiproxy(Service):
    """The process; proxy() makes a Proxy in it."""

    name = "toxiproxy"
    start_deadline_s = 20

    def prepare(self, options):
        self.state.setdefault("api_port", free_port())

    @staticmethod
    def program():
        """build/toxiproxy; made now if `make check` did not."""
        path = os.path.join(ROOT, "build", "toxiproxy")
        done = subprocess.run([os.path.join(HERE, "install-deps"), "toxiproxy"], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise ServiceError(f"there is no toxiproxy:\n{done.stdout}")
        return path

    def command(self):
        return [self.program(), "-host", "127.0.0.1", "-port", str(self.state["api_port"])]

    def ready(self):
        try:
            return self.call("/version") is not None
        except OSError:
            return False

    def call(self, path, method="GET", body=None):
        """One request to the API; what it answers, parsed."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.state['api_port']}{path}",
                                         data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=API_TIMEOUT_S) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise ServiceError(f"toxiproxy {method} {path}: {error.code} "
                               f"{error.read().decode()}") from None

    def proxy(self, name, upstream_port, port=None):
        """A Proxy from port, or a free one, to upstream_port, both of 127.0.0.1."""
        return Proxy(self, name, port or free_port(), upstream_port)


class Proxy:
    """From its port to a server's. The words are those of somebody who looks at the server."""

    def __init__(self, server, name, port, upstream_port):
        self.server, self.name, self.port = server, name, port
        self.toxics = []
        server.call("/proxies", "POST", {
            "name": name, "listen": f"127.0.0.1:{port}", "enabled": True,
            "upstream": f"127.0.0.1:{upstream_port}"})

    # ---- away --------------------------------------------------------------------------------

    def down(self):
        """Connections are cut, new ones refused."""
        self.server.call(f"/proxies/{self.name}", "POST", {"enabled": False})

    def up(self):
        self.server.call(f"/proxies/{self.name}", "POST", {"enabled": True})

    # ---- bad ---------------------------------------------------------------------------------

    def toxic(self, kind, stream, **attributes):
        """Any toxic, on all connections; see toxiproxy's README."""
        name = f"{kind}_{stream}"
        self.server.call(f"/proxies/{self.name}/toxics", "POST", {
            "name": name, "type": kind, "stream": stream, "attributes": attributes})
        self.toxics.append(name)

    def latency(self, ms):
        """Every answer takes so much longer."""
        self.toxic("latency", DOWN, latency=ms)

    def bandwidth(self, kib_per_s):
        """So many KiB/s in each direction, for each connection."""
        for stream in (DOWN, UP):
            self.toxic("bandwidth", stream, rate=kib_per_s)

    def half_open(self):
        """Connections stay open and new ones are taken, but what is sent vanishes, both ways."""
        for stream in (DOWN, UP):
            self.toxic("timeout", stream, timeout=0)

    def resets(self, after_ms):
        """Every connection is reset, so long after the server began to answer; the client gets
        nothing of the answer."""
        self.toxic("reset_peer", DOWN, timeout=after_ms)

    def cut_after(self, n):
        """Every connection is closed in the middle of an answer, after n bytes."""
        self.toxic("limit_data", DOWN, bytes=n)

    def well(self):
        """As if nothing had been; connections that are half open get closed."""
        for name in self.toxics:
            self.server.call(f"/proxies/{self.name}/toxics/{name}", "DELETE")
        self.toxics = []
        self.up()

    def remove(self):
        self.server.call(f"/proxies/{self.name}", "DELETE")

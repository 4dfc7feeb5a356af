"""PgBouncer in transaction mode before the tests' PostgreSQL. Each transaction gets a server
connection of its own, so nothing that lives in a session works: LISTEN, SET, named statements.
"""

import os
import shutil
import socket
import tempfile
import urllib.parse

from process import Service, ServiceError, free_port, write_private


class PgBouncer(Service):
    """Like PostgreSQL it does not run as root. Options of start(): the number of connections to
    PostgreSQL, for each database and user."""

    name = "pgbouncer"
    start_deadline_s = 20

    def __init__(self, directory, postgres):
        super().__init__(directory)
        self.postgres = postgres

    def user(self):
        return self.postgres.user()

    def prepare(self, options):
        self.state.setdefault("port", free_port())
        if "base" not in self.state:
            self.state["base"] = tempfile.mkdtemp(prefix="rebuild-pgbouncer-")
        server = urllib.parse.urlsplit(self.postgres.url())
        write_private(self.path("users"), f'"{server.username}" "{server.password}"\n')
        write_private(self.path("conf"), "".join(f"{line}\n" for line in (
            "[databases]",
            f"* = host={server.hostname} port={server.port}",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {self.state['port']}",
            "unix_socket_dir =",
            "auth_type = scram-sha-256",
            f"auth_file = {self.path('users')}",
            "pool_mode = transaction",
            f"default_pool_size = {options[0]}",
        )))
        if os.geteuid() == 0:
            for name in ("", "users", "conf"):
                shutil.chown(self.path(name), "postgres", "postgres")

    def path(self, name):
        return os.path.join(self.state["base"], name)

    def command(self):
        program = shutil.which("pgbouncer", path=f"/usr/sbin:/usr/local/sbin:{os.environ['PATH']}")
        if not program:
            raise ServiceError("pgbouncer is not installed (make deps SET=check)")
        return [program, self.path("conf")]

    def ready(self):
        try:
            socket.create_connection(("127.0.0.1", self.state["port"]), timeout=2).close()
        except OSError:
            return False
        return True

    def url(self, direct):
        """A connection string of PostgreSQL, through here."""
        there = urllib.parse.urlsplit(direct)
        return there._replace(netloc=there.netloc.replace(f":{there.port}",
                                                          f":{self.state['port']}")).geturl()

    def remove(self):
        if "base" in self.state:
            shutil.rmtree(self.state["base"], ignore_errors=True)

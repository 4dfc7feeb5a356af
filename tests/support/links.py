"""What lies between the workers of a test and Kafka, PostgreSQL and each replica: a proxy each."""

import os
import time
import urllib.parse

from waiting import wait_until

# How long a server stays away after everything that is asserted of its absence was seen.
AWAY_S = float(os.environ.get("AWAY_SECONDS", "0"))


class Links:
    """kafka, postgres, and replicas[NAME]; env() sends a worker through all of them."""

    def __init__(self, toxiproxy, stack, pool):
        self.toxiproxy, self.pool = toxiproxy, pool
        port = urllib.parse.urlsplit(pool.database_url).port
        kafka = stack.kafka.state
        self.kafka = self.make("kafka", kafka["behind_port"], kafka["proxied_port"])
        self.postgres = self.make("postgres", port)
        self.replicas = {}

    def make(self, name, upstream_port, port=None):
        return self.toxiproxy.proxy(self.pool.prefix + name, upstream_port, port)

    def all(self):
        return [self.kafka, self.postgres, *self.replicas.values()]

    def env(self):
        """Settings of a worker that reaches nothing but through a proxy; pool.connect is there."""
        for name, url in self.pool.connect.replicas.items():
            if name not in self.replicas:
                self.replicas[name] = self.make(name, urllib.parse.urlsplit(url).port)
        there = urllib.parse.urlsplit(self.pool.database_url)
        database = there._replace(netloc=there.netloc.replace(str(there.port),
                                                              str(self.postgres.port)))
        return {
            "REBUILD_DATABASE_URL": database.geturl(),
            "REBUILD_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.kafka.port}",
            "REBUILD_REPLICAS": ",".join(f"{name}=http://127.0.0.1:{proxy.port}"
                                         for name, proxy in self.replicas.items()),
        }

    def well(self):
        for proxy in self.all():
            proxy.well()

    def remove(self):
        for proxy in self.all():
            proxy.remove()


def outlast():
    """AWAY_SECONDS, by default none, go by: the length of an outage is not a state to wait for."""
    end = time.monotonic() + AWAY_S
    wait_until(lambda: time.monotonic() >= end, AWAY_S + 10, "time goes by")

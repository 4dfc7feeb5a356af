"""The three services of the local stack. See process.py for what they have in common."""

import base64
import glob
import json
import os
import pwd
import re
import secrets
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import uuid

from process import Service, ServiceError, free_port, write_private

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def ports_of(state, *names):
    """Gives each name a port once and for all."""
    for name in names:
        if name not in state:
            state[name] = free_port()


class Postgres(Service):
    """PostgreSQL refuses to run as root: then it runs as the user that its package made, with its
    data below the temporary directory, where that user can reach it."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends the sessions, then itself
    database = "connect"

    @staticmethod
    def program(name):
        """The newest version's, wherever the distribution keeps it."""
        found = [path for pattern in ("/usr/lib/postgresql/*/bin/", "/usr/pgsql-*/bin/")
                 for path in glob.glob(pattern + name)]
        found.sort(key=lambda path: int(re.search(r"\d+", path).group()))
        path = found[-1] if found else shutil.which(name)
        if not path:
            raise ServiceError(f"PostgreSQL's {name} is not installed (make deps SET=demo)")
        return path

    def user(self):
        if os.geteuid() != 0:
            return {}
        try:
            entry = pwd.getpwnam("postgres")
        except KeyError:
            raise ServiceError("PostgreSQL does not run as root, and there is no user postgres "
                               "to run it as") from None
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}

    def prepare(self, options):
        ports_of(self.state, "port")
        if "data" in self.state:
            self.forget_the_dead()
            return
        base = tempfile.mkdtemp(prefix="rebuild-postgres-")
        data, secret_file = os.path.join(base, "data"), os.path.join(base, "password")
        self.state.update(base=base, password=secrets.token_hex(12))
        with open(secret_file, "w", encoding="utf-8") as secret:
            secret.write(self.state["password"])
        if os.geteuid() == 0:
            shutil.chown(base, "postgres", "postgres")
            shutil.chown(secret_file, "postgres", "postgres")
        self.save()
        subprocess.run([self.program("initdb"), "--pgdata", data, "--username", "postgres",
                        "--pwfile", secret_file, "--auth", "scram-sha-256", "--encoding", "UTF8",
                        "--locale", "C.UTF-8", "--no-sync"],
                       check=True, stdout=subprocess.DEVNULL, **self.user())
        os.remove(secret_file)
        with open(os.path.join(data, "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.write(self.settings("--fsync" in options))
        self.state["data"] = data

    def forget_the_dead(self):
        """Removes the lock file of a server that was killed: it would take a zombie for alive, or
        another process that has its number by now."""
        try:
            os.remove(os.path.join(self.state["data"], "postmaster.pid"))
        except FileNotFoundError:
            pass

    def settings(self, fsync):
        return "".join(f"{name} = {value}\n" for name, value in {
            "listen_addresses": "'127.0.0.1'",
            "port": self.state["port"],
            "unix_socket_directories": "''",
            "max_connections": 200,
            "fsync": "on" if fsync else "off",  # off survives a killed process, not a power cut
            "timezone": "'UTC'",
            "jit": "off",  # it makes short statements slow
            "log_min_duration_statement": 1000,
            "log_line_prefix": "'%m [%p] %a '",
        }.items())

    def command(self):
        return [self.program("postgres"), "-D", self.state["data"]]

    def ready(self):
        try:
            with open(os.path.join(self.state["data"], "postmaster.pid"), encoding="utf-8") as pid:
                lines = pid.read().split("\n")
        except FileNotFoundError:
            return False
        return len(lines) > 7 and int(lines[0]) == self.state["pid"] and lines[7].strip() == "ready"

    def after_start(self):
        if self.state.get("created"):
            return
        subprocess.run([self.program("psql"), "-qX", self.url("postgres"), "-c",
                        f"create database {self.database}"], check=True)
        self.state["created"] = True

    def url(self, database=None):
        return (f"postgresql://postgres:{self.state['password']}@127.0.0.1:{self.state['port']}"
                f"/{database or self.database}")

    def remove(self):
        if "base" in self.state:
            shutil.rmtree(self.state["base"], ignore_errors=True)

    def env(self):
        return {"REBUILD_DATABASE_URL": self.url()} if "data" in self.state else {}


class Kafka(Service):
    """One node, broker and controller in one. The jars are in Maven's cache. proxied: a second
    listener, whose clients are sent to another port, proxied_port, where a proxy stands between."""

    name = "kafka"
    start_deadline_s = 90
    java = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile=file:{HERE}/kafka/log4j2.properties"]

    def __init__(self, directory, proxied=False):
        super().__init__(directory)
        self.proxied = proxied

    @staticmethod
    def classpath():
        path = os.path.join(ROOT, "build", "kafka.classpath")
        if not os.path.exists(path):
            subprocess.run([os.path.join(HERE, "install-deps"), "kafka"], check=True)
        with open(path, encoding="utf-8") as classpath:
            return classpath.read().strip()

    def listeners(self):
        """What it listens on, and what it tells its clients: a client goes where it was told."""
        listens, told = {"PLAINTEXT": "port"}, {"PLAINTEXT": "port"}
        if self.proxied:
            listens["PROXIED"], told["PROXIED"] = "behind_port", "proxied_port"

        def text(ports):
            return ",".join(f"{name}://127.0.0.1:{self.state[port]}"
                            for name, port in ports.items())
        return text({**listens, "CONTROLLER": "controller_port"}), text(told)

    def settings(self):
        controller = self.state["controller_port"]
        listens, told = self.listeners()
        return "".join(f"{name}={value}\n" for name, value in {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": listens,
            "advertised.listeners": told,
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map":
                "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self.file("kafka-data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            # a group of one starts at once, and tests may use sessions of seconds
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            # a broker that was killed registers again when its old session is over
            "broker.session.timeout.ms": 2000,
            "broker.heartbeat.interval.ms": 400,
        }.items())

    def prepare(self, options):
        ports_of(self.state, "port", "controller_port")
        if self.proxied:
            ports_of(self.state, "behind_port", "proxied_port")
        if self.state.get("formatted"):
            return
        with open(self.file("kafka.properties"), "w", encoding="utf-8") as properties:
            properties.write(self.settings())
        done = subprocess.run(
            [*self.java, "-cp", self.classpath(), "kafka.tools.StorageTool", "format",
             "--cluster-id", self.cluster_id(), "--config", self.file("kafka.properties"),
             "--ignore-formatted"], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise ServiceError("Kafka's storage was not formatted:\n" + done.stdout.decode())
        self.state["formatted"] = True

    def cluster_id(self):
        """A UUID in base64url. Kafka's tools take a leading dash for an option."""
        while self.state.get("cluster", "-").startswith("-"):
            self.state["cluster"] = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:22]
        return self.state["cluster"]

    def command(self):
        return [*self.java, "-cp", self.classpath(), "kafka.Kafka", self.file("kafka.properties")]

    def ready(self):
        """True when the broker answers a metadata request with itself: only then has it joined."""
        request = struct.pack(">hhih", 3, 0, 1, -1) + struct.pack(">i", 0)
        try:
            with socket.create_connection(("127.0.0.1", self.state["port"]), timeout=2) as broker:
                broker.sendall(struct.pack(">i", len(request)) + request)
                answer = broker.recv(64)
        except OSError:
            return False
        return len(answer) >= 12 and struct.unpack(">i", answer[8:12])[0] >= 1

    def env(self):
        if "port" not in self.state:
            return {}
        return {"REBUILD_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.state['port']}"}


class Simulator(Service):
    """connect-simulator; the answer it prints when it is ready is kept in the state."""

    name = "simulator"
    start_deadline_s = 20

    def prepare(self, options):
        options = list(options) or self.state.get("options", [])
        self.state["options"] = options
        n = 3
        if "--replicas" in options:
            at = options.index("--replicas")
            n = int(options[at + 1])
            options = options[:at] + options[at + 2:]
        ports_of(self.state, "front_port", "admin_port", *(f"port_{i}" for i in range(n)))
        self.state.setdefault("key", "simulator-" + secrets.token_hex(12))
        ports = ",".join(str(self.state[f"port_{i}"]) for i in range(n))
        self.state["argv"] = [
            os.path.join(ROOT, os.environ.get("B", "build"), "connect-simulator"), "--ports", ports,
            "--front", str(self.state["front_port"]), "--admin", str(self.state["admin_port"]),
            "--api-key", self.state["key"], *options]
        if not os.access(self.state["argv"][0], os.X_OK):
            raise ServiceError(f"{self.state['argv'][0]} is not built (make)")

    def command(self):
        return self.state["argv"]

    def ready(self):
        for line in self.log_since_start().split("\n")[:-1]:
            if line.startswith('{"replicas"'):
                self.state["answer"] = json.loads(line)
                return True
        return False

    def env(self):
        answer = self.state.get("answer")
        if not answer:
            return {}
        return {
            "CONNECT_SERVER": answer["front"]["url"],
            "CONNECT_API_KEY": self.state["key"],
            "REBUILD_REPLICAS": ",".join(f"{r['name']}={r['url']}" for r in answer["replicas"]),
            "SIMULATOR_ADMIN": answer["admin"]["url"],
        }


def write_env(directory):
    """DIR/env: what programs and people need to use the stack."""
    values = {"REBUILD_ADMIN_LISTEN": "127.0.0.1:0"}
    for service in (Postgres, Kafka, Simulator):
        values.update(service(directory).env())
    write_private(os.path.join(directory, "env"), "".join(
        f"export {name}={shlex.quote(value)}\n" for name, value in values.items()))

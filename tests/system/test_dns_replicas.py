"""dns+http://NAME: every address of the name is a replica, and the name may change its mind.

The name is served from a file to this test's workers alone (nss_wrapper), and the simulated
replicas have loopback addresses of their own on one port, as pods behind a headless service."""

import collections
import glob
import os

import pytest

from process import free_port
from waiting import wait_until

NAME = "connect.test"
REPLICAS = {f"connect-{i}": f"127.0.0.{i + 2}" for i in range(3)}
WRAPPER = "/usr/lib/*/libnss_wrapper.so"


class Names:
    """What the workers' system says of NAME."""

    def __init__(self, path):
        self.path = path

    def set(self, *replicas):
        with open(self.path + ".new", "w", encoding="utf-8") as hosts:
            hosts.writelines(f"{REPLICAS[r]} {NAME}\n" for r in replicas)
        os.replace(self.path + ".new", self.path)


@pytest.fixture
def names(pool, pool_logs):
    made = Names(os.path.join(pool_logs, "hosts"))
    made.set(*REPLICAS)
    pool.extra_env.update(LD_PRELOAD=glob.glob(WRAPPER)[0], NSS_WRAPPER_HOSTS=made.path,
                          REBUILD_REPLICA_LOOKUP="1s")
    return made


@pytest.fixture
def connect(pool, connect_with, names):  # pylint: disable=redefined-outer-name,unused-argument
    def start(**options):
        port = free_port()
        made = connect_with(ports=",".join(f"{a}:{port}" for a in REPLICAS.values()), **options)
        pool.extra_env["REBUILD_REPLICAS"] = f"dns+http://{NAME}:{port}"
        return made
    return start


def found(worker):
    return {event["replica"] for event in worker.events("replica.found")}


def test_each_address_of_the_name_is_a_replica_with_a_limit_of_its_own(pool, connect):
    connect = connect(items=30, build_ms=(50, 100), limit=3)
    connect.hold()
    workers = [pool.worker(), pool.worker()]
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(9)
    for worker in workers:
        assert found(worker) == set(REPLICAS.values())
    connect.release()
    pool.complete(campaign)
    audit = connect.audit()
    assert set(audit["max_inflight_per_replica"].values()) == {3}
    assert {row["name"] for row in pool.sql("select name from replica")} == set(REPLICAS.values())


def test_an_address_that_is_gone_gets_nothing_and_its_builds_are_found_elsewhere(pool, connect,
                                                                                names):
    connect = connect(items=12, build_ms=(50, 100), limit=2)
    connect.hold()
    worker = pool.worker("--task-wait", "1s")
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(6)
    names.set("connect-1", "connect-2")
    assert worker.await_event("replica.gone")["replica"] == REPLICAS["connect-0"]
    worker.await_event("build.lookup", n=2)
    asked = connect.audit_summary()["builds"]
    connect.release()
    pool.complete(campaign)
    audit = connect.audit()
    assert audit["builds"] == 12 and asked == 6
    later = collections.Counter(build["replica"] for build in audit["list"][6:])
    assert "connect-0" not in later


def test_a_new_address_takes_builds_and_one_that_comes_back_too(pool, connect, names):
    names.set("connect-0")
    connect = connect(items=20, build_ms=(50, 100), limit=2)
    connect.hold()
    worker = pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(2)
    names.set("connect-0", "connect-1")
    connect.await_running(4)
    names.set("connect-0")
    worker.await_event("replica.gone")
    names.set("connect-0", "connect-1")
    wait_until(lambda: len(worker.events("replica.found")) == 3, 30, "it is found again")
    connect.release()
    pool.complete(campaign)


def test_a_name_without_an_answer_changes_nothing(pool, connect, names):
    connect = connect(items=12, build_ms=(50, 100), limit=2)
    connect.hold()
    worker = pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    connect.await_running(6)
    names.set()
    worker.await_event("replica.no_address")
    connect.release()
    pool.complete(campaign)
    assert not worker.events("replica.gone")


def test_a_name_that_does_not_exist_yet_is_waited_for(pool, connect, names):
    names.set()
    connect = connect(items=6, build_ms=(50, 100))
    worker = pool.worker(ready=False)
    worker.await_event("replica.no_address")
    campaign = pool.campaign("--warm-up", "0")
    names.set("connect-2")
    pool.complete(campaign)
    assert {build["replica"] for build in connect.audit()["list"]} == {"connect-2"}


def test_an_address_in_place_of_a_name_is_refused(pool):
    pool.connect = None
    worker = pool.worker(ready=False, CONNECT_API_KEY="key",
                         REBUILD_REPLICAS="dns+http://127.0.0.1:3939")
    assert worker.wait() == 2
    assert "no name to look up" in worker.text()

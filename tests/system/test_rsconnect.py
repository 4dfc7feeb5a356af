"""The real rsconnect client works against the simulator, directly and through the sticky front.

The client is looked for beside the Python that runs the tests: pip install rsconnect-python."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "simulator"))
from simulator_client import DEADLINE_S, KEY, Simulator  # noqa: E402

RSCONNECT = pathlib.Path(sys.executable).with_name("rsconnect")
ITEMS = 12

pytestmark = pytest.mark.skipif(not RSCONNECT.exists() and "CI" not in os.environ,
                                reason=f"no rsconnect at {RSCONNECT}: pip install rsconnect-python")


@pytest.fixture(scope="module")
def simulator():
    with Simulator(items=ITEMS) as running:
        yield running


@pytest.fixture(params=["direct", "front"])
def rsconnect(request, simulator, tmp_path):
    """Runs the client against one replica or the front, with a home of its own."""
    server = simulator.front if request.param == "front" else simulator.replicas[1]
    simulator.admin("/audit/reset", b"")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8",
                   "CONNECT_CONTENT_BUILD_DIR": str(tmp_path / "builds")}

    def run(*words, code=0):
        done = subprocess.run([RSCONNECT, "content", *words, "--server", server, "--api-key", KEY],
                              capture_output=True, text=True, timeout=2 * DEADLINE_S,
                              env=environment, cwd=tmp_path)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout
    return run


def guids_of(rsconnect):
    return [item["guid"] for item in json.loads(rsconnect("search", "--published"))]


def add(rsconnect, guids):
    rsconnect("build", "add", *(word for guid in guids for word in ("--guid", guid)))


def statuses(rsconnect):
    return {item["guid"]: item["rsconnect_build_status"]
            for item in json.loads(rsconnect("build", "ls"))}


def test_search_add_run_and_logs(rsconnect, simulator):
    guids = guids_of(rsconnect)
    assert len(guids) == ITEMS
    add(rsconnect, guids)
    rsconnect("build", "run", "--parallelism", "6")
    assert set(statuses(rsconnect).values()) == {"COMPLETE"}
    assert "Building " in rsconnect("build", "logs", "--guid", guids[0])
    audit = simulator.audit()
    assert audit["builds"] == ITEMS and audit["built_twice"] == 0
    assert audit["polls_wrong_replica"] == audit["polls_unknown_task"] == 0
    assert sorted(audit["per_replica"].values()) == [0, 0, ITEMS], "one cookie jar, one replica"


def test_a_failed_build_is_its_error(rsconnect, simulator):
    guids = guids_of(rsconnect)[:2]
    simulator.item(guids[0], fail="package")
    add(rsconnect, guids)
    rsconnect("build", "run", code=1)
    assert statuses(rsconnect) == {guids[0]: "ERROR", guids[1]: "COMPLETE"}
    assert "Error code: " in rsconnect("build", "logs", "--guid", guids[0])
    simulator.item(guids[0], fail=None)

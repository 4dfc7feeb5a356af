"""Content that is deployed or deleted between its request and the end of its build."""

import pytest

NEWER = "9000001"


@pytest.fixture
def one(pool, connect_with):
    """One content, the campaign that asks for it, and its bundle then."""
    def start(**options):
        connect = connect_with(items=1, replicas=1, app_modes="shiny", build_ms=(20, 60), **options)
        row = pool.load_content()[0]
        connect.item(row["guid"], access_type="all")
        return connect, pool.campaign("--warm-up", "0"), row["guid"], row["bundle_id"]
    return start


def build(pool, connect):
    """A worker whose build runs until it is released."""
    connect.hold()
    worker = pool.worker()
    connect.await_running(1)
    pool.await_count(1, "attempt where task_id is not null")
    return worker


def end(pool, campaign, guid):
    data = pool.complete(campaign)[guid].value["data"]
    return (data["outcome"], data["error"]["class"], data["error"]["message"]), data


def test_deployed_before_the_build(pool, one):
    connect, campaign, guid, asked = one()
    connect.item(guid, bundle_id=NEWER)
    pool.worker()
    (outcome, *_), data = end(pool, campaign, guid)
    assert outcome == "succeeded"
    assert (data["content"]["bundle_id"], data["build"]["bundle_id"]) == (asked, NEWER)
    assert [b["bundle_asked"] for b in connect.audit()["list"]] == [NEWER]


def test_deployed_during_the_build(pool, one):
    connect, campaign, guid, asked = one()
    build(pool, connect)
    connect.item(guid, bundle_id=NEWER)
    connect.release()
    (outcome, *_), data = end(pool, campaign, guid)
    assert outcome == "succeeded"
    assert (data["content"]["bundle_id"], data["build"]["bundle_id"]) == (asked, asked)
    assert connect.state()["builds"] == 1


def test_deployed_during_a_build_whose_task_is_lost(pool, one):
    connect, campaign, guid, asked = one()
    worker = build(pool, connect)
    connect.item(guid, bundle_id=NEWER)
    connect.replica("connect-0", restart=True, jobs="continue")
    worker.await_event("build.lookup")
    connect.release()
    (outcome, *_), data = end(pool, campaign, guid)
    assert outcome == "succeeded" and data["build"]["bundle_id"] == asked
    assert connect.state()["builds"] == 1


def test_deleted_before_the_build(pool, one):
    connect, campaign, guid, _ = one()
    connect.item(guid, deleted=True)
    pool.worker()
    came, data = end(pool, campaign, guid)
    assert came == ("skipped", "content.not_found", "the content is not on the server any more")
    assert data["attempt"] == 0 and connect.state()["builds"] == 0


def test_deleted_during_the_build(pool, one):
    connect, campaign, guid, _ = one()
    build(pool, connect)
    connect.item(guid, deleted=True)
    connect.release()
    came, _ = end(pool, campaign, guid)
    assert came == ("access_failed", "access.unexpected",
                    f"/content/{guid}/: Connect no longer has the content")


def test_deleted_during_a_build_whose_task_is_lost(pool, one):
    connect, campaign, guid, _ = one()
    worker = build(pool, connect)
    connect.item(guid, deleted=True)
    connect.replica("connect-0", restart=True, jobs="continue")
    worker.await_event("build.lookup")
    came, _ = end(pool, campaign, guid)
    assert came == ("build_failed", "content.not_found",
                    "the content was deleted while it was built")
    assert connect.state()["builds"] == 1

"""What an audit consumer and an operator find on the topics: events, copies, dead letters."""

import json
import uuid

from events import check_event
from waiting import wait_until

GUID = "99999999-9999-4999-8999-999999999999"


def request_records(pool):
    return pool.broker.read(pool.topic("requests"))


def headers_of(record):
    return list(record.headers.items())


def foreign(content_guid, request_id=None, **content):
    """A request that some other program made."""
    return {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "https://other.example/jobs",
            "type": "org.connect-rebuild.request.v1",
            "data": {"request_id": request_id or str(uuid.uuid4()),
                     "content": {"guid": content_guid, **content}}}


def send(pool, *events, topic="requests"):
    pool.broker.produce(pool.topic(topic), [
        (event["data"]["content"]["guid"].encode(), json.dumps(event).encode(), [])
        for event in events])


def await_done(pool, n):
    """Waits until the workers are done with n records of the request topic."""
    def done():
        places = pool.broker.committed(pool.prefix + "workers", pool.topic("requests"))
        return sum(offset for offset, _ in places.values()) == n
    wait_until(done, 30, f"{n} records are done with")


def test_every_event_fits_its_schema_and_its_headers(pool, connect_with):
    connect = connect_with(items=12, build_ms=(20, 60))
    connect.faults(fail_share=0.3)
    pool.worker()
    results = pool.complete(pool.campaign("--warm-up", "0", "--max-attempts", "1"))
    requests = {r.request_id: r for r in request_records(pool)}
    assert len(requests) == 12
    for request in requests.values():
        check_event(request, "request")
    for result in results.values():  # which complete() has checked
        event, sent = result.value, requests[result.request_id]
        request = sent.value
        assert event["source"] == request["source"]
        assert event["causationid"] == request["id"]
        assert event["correlationid"] == request["correlationid"]
        assert event["traceparent"][3:35] == request["traceparent"][3:35]  # one trace
        assert event["data"]["origin"] == {"topic": sent.topic, "partition": sent.partition,
                                           "offset": str(sent.offset)}


def test_a_copy_of_a_request_is_neither_built_nor_answered_again(pool, connect_with):
    connect = connect_with(items=12, build_ms=(20, 60))
    connect.hold()
    campaign = pool.campaign("--warm-up", "0")
    originals = request_records(pool)

    def copy(partition):
        pool.broker.produce(pool.topic("requests"),
                            [(r.key, r.raw, headers_of(r)) for r in originals], partition)
    copy(None)  # another offset
    copy(3)  # another partition
    worker = pool.worker()
    connect.await_running(9)
    copy(5)  # of what runs
    connect.release()
    pool.complete(campaign)
    copy(None)  # of what is done
    await_done(pool, 5 * len(originals))
    assert len(pool.results()) == 12 and connect.audit_summary()["builds"] == 12
    assert pool.dead_letters() == [] and worker.alive()


def test_records_that_nobody_can_read_are_dead_letters(pool, connect_with):
    connect_with(items=12, build_ms=(20, 60))
    bad_guid = foreign("not-a-guid")
    bad_type = {**foreign(GUID), "type": "org.example.other"}
    sent = [(b"k1", b"\xff\xfe not JSON", [("mine", b"1"), ("mine", b"2")]),
            (b"k2", json.dumps(bad_guid).encode(), []),
            (b"k3", json.dumps(bad_type).encode(), []),
            (b"k4", b"[" * 10000, []),
            (b"k5", b"", []),
            (None, None, [])]
    pool.broker.produce(pool.topic("requests"), sent, partition=4)
    campaign = pool.campaign("--warm-up", "0")
    worker = pool.worker()
    pool.complete(campaign)
    letters = pool.dead_letters()
    assert [(x.key, x.raw) for x in sorted(letters, key=offset)] == [(k, v) for k, v, _ in sent]
    for letter in letters:
        errors = {n: v for n, v in letter.headers.items() if n.startswith("rebuild.errors.")}
        assert {n.removeprefix("rebuild.errors.") for n in errors} == {
            "topic", "partition", "offset", "timestamp", "stage", "class", "message", "worker"}
        assert errors["rebuild.errors.topic"] == pool.topic("requests")
        assert errors["rebuild.errors.partition"] == "4"
        assert errors["rebuild.errors.worker"] == worker.name
        assert errors["rebuild.errors.class"] == "request.invalid"
        assert letter.headers["x-original-topic"] == pool.topic("requests")
        assert errors["rebuild.errors.message"]
    messages = [x.headers["rebuild.errors.message"] for x in sorted(letters, key=offset)]
    assert "guid" in messages[1] and "type" in messages[2]
    assert sorted(letters, key=offset)[0].headers["mine"] in ("1", "2")
    assert worker.metric("rebuild_dlq_messages_total") == len(sent)


def offset(letter):
    return int(letter.headers["rebuild.errors.offset"])


def test_a_request_of_another_program_is_built_and_answered_once(pool, connect_with):
    connect = connect_with(items=6, build_ms=(20, 60), app_modes="shiny")
    guids = [row["guid"] for row in pool.load_content()]
    worker = pool.worker()
    one = foreign(guids[0])
    send(pool, one, foreign(guids[1]), one)
    send(pool, foreign(guids[2]), topic="requests.high")
    pool.await_results(3, deadline_s=30)
    send(pool, foreign(GUID))  # no such content
    results = {r.value["data"]["content"]["guid"]: r for r in pool.await_results(4, deadline_s=30)}
    for result in results.values():
        check_event(result, "result")
    assert {guid: r.outcome for guid, r in results.items()} == {
        guids[0]: "succeeded", guids[1]: "succeeded", guids[2]: "succeeded", GUID: "skipped"}
    assert results[guids[0]].request_id == one["data"]["request_id"]
    assert len(pool.results()) == 4 and pool.dead_letters() == [] and worker.alive()
    connect.assert_promises()
    assert pool.count("campaign where external") == 1


def test_a_request_of_ours_that_the_ledger_does_not_know_is_held(pool, connect_with):
    connect = connect_with(items=6, build_ms=(20, 60))
    guid = pool.load_content()[0]["guid"]
    source = pool.sql("select source from installation")[0]["source"]
    worker = pool.worker()
    send(pool, {**foreign(guid), "source": source})
    worker.await_event("request.unknown")
    results = pool.complete(pool.campaign("--warm-up", "0"))
    assert len(results) == 6 and len(pool.results()) == 6
    assert connect.audit_summary()["builds"] == 6

"""What comes in on the request topics and what goes out: events, copies, requests of others, and
records that are none."""

import json
import uuid

from events import check_event

from waiting import wait_until

ERRORS = ("topic", "partition", "offset", "timestamp", "stage", "class", "message", "worker")
FOREIGN_SOURCE = "/cron/nightly"


def enqueue_all(pool):
    return pool.campaign("--warm-up", "0")


def foreign(guid, **data):
    """A request that our producer did not make: (key, value, headers) and its request id."""
    request_id = str(uuid.uuid4())
    event = {"specversion": "1.0", "id": "nightly-1", "source": FOREIGN_SOURCE,
             "type": "org.connect-rebuild.request.v1",
             "data": {"request_id": request_id, "content": {"guid": guid}, **data}}
    return (guid.encode(), json.dumps(event).encode(), None), request_id


def await_result(pool, request_id):
    return wait_until(lambda: next((r for r in pool.results() if r.request_id == request_id), None),
                      30, f"the result of {request_id} is out")


# ---- events --------------------------------------------------------------------------------------


def test_each_request_and_result_is_an_event_of_its_schema(pool, connect_with):
    connect_with(items=20, build_ms=(20, 50), static_share=0.2)
    campaign = enqueue_all(pool)
    requests = pool.broker.read(pool.topic("requests"))
    assert len(requests) == 20
    for request in requests:
        assert check_event(request, "request")["campaign"]["id"] == campaign
    pool.worker()
    results = pool.complete(campaign)
    places = {r.request_id: r for r in requests}
    for result in results.values():
        data, request = check_event(result, "result"), places[result.request_id]
        assert data["origin"] == {"topic": request.topic, "partition": request.partition,
                                  "offset": str(request.offset)}
        assert result.value["causationid"] == request.value["id"]
        assert result.value["correlationid"] == campaign
        assert result.value["source"] == request.value["source"]


# ---- copies --------------------------------------------------------------------------------------


def copies_of(pool):
    records = pool.broker.read(pool.topic("requests"))
    return [(r.key, r.raw, list(r.headers.items())) for r in records]


def test_a_request_that_is_read_twice_is_built_once(pool, connect_with):
    connect = connect_with(items=12, build_ms=(20, 50))
    connect.hold()
    campaign = enqueue_all(pool)
    copies = copies_of(pool)
    pool.broker.produce(pool.topic("requests"), copies)  # at other offsets
    pool.broker.produce(pool.topic("requests"), copies, partition=3)  # most at another partition
    pool.broker.produce(pool.topic("requests.high"), copies)
    workers = [pool.worker(), pool.worker()]
    connect.await_running(9)
    connect.release()
    assert len(pool.complete(campaign)) == 12
    wait_until(lambda: sum(w.metric("rebuild_requests_deduplicated_total", reason="copy")
                           for w in workers) >= 36, 20, "all copies were dropped")
    assert connect.state()["builds"] == 12
    assert len(pool.results()) == 12


def test_copies_that_come_after_the_end_change_nothing(pool, connect_with):
    connect = connect_with(items=6, build_ms=(20, 50))
    worker = pool.worker()
    campaign = enqueue_all(pool)
    pool.await_state(campaign)
    pool.broker.produce(pool.topic("requests"), copies_of(pool))
    wait_until(lambda: worker.metric("rebuild_requests_deduplicated_total", reason="copy") == 6,
               20, "the copies were dropped")
    assert len(pool.complete(campaign)) == 6
    assert connect.state()["builds"] == 6


# ---- requests of others --------------------------------------------------------------------------


def test_a_request_of_another_producer_is_built_and_has_its_result(pool, connect_with):
    connect = connect_with(items=6, build_ms=(20, 50))
    guid = pool.load_content()[0]["guid"]
    pool.worker()
    record, request_id = foreign(guid)
    pool.broker.produce(pool.topic("requests"), [record])
    result = await_result(pool, request_id)
    data = check_event(result, "result")
    assert (data["outcome"], data["content"]["guid"]) == ("succeeded", guid)
    assert pool.sql("select external from campaign")[0]["external"]
    connect.assert_promises()


def test_a_request_of_another_producer_names_campaign_lane_and_paths(pool, connect_with):
    connect = connect_with(items=6, build_ms=(20, 50))
    guid = pool.load_content()[0]["guid"]
    campaign = str(uuid.uuid4())
    pool.worker()
    record, request_id = foreign(guid.upper(), campaign={"id": campaign},
                                 access_paths=["/reports/"])
    pool.broker.produce(pool.topic("requests.high"), [record])
    data = await_result(pool, request_id).value["data"]
    assert (data["outcome"], data["campaign"]["id"]) == ("succeeded", campaign)
    assert data["access"]["checks"][0]["path"].endswith("/reports/")
    connect.assert_promises()


def test_a_request_of_ours_that_the_ledger_does_not_know_is_held_and_not_built(pool, connect_with):
    connect = connect_with(items=2, build_ms=(20, 50))
    campaign = enqueue_all(pool)
    pool.sql("delete from item; delete from runtime_group; delete from campaign")
    worker = pool.worker()
    worker.await_event("request.unknown", n=2)
    second = enqueue_all(pool)  # the pool goes on
    assert len(pool.complete(second)) == 2
    assert campaign != second and len(pool.results()) == 2
    assert connect.state()["builds"] == 2


# ---- what is no request --------------------------------------------------------------------------


def test_what_cannot_be_read_goes_to_the_dead_letters_and_the_pool_goes_on(pool, connect_with):
    connect_with(items=12, build_ms=(20, 50))
    broken, _ = foreign("no-guid")
    bad = [(b"key", b"\x00\xff not JSON", [("x", b"1")]), (None, b"", None), (b"gone", None, None),
           broken]
    pool.broker.produce(pool.topic("requests"), bad)
    worker = pool.worker()
    assert len(pool.complete(enqueue_all(pool))) == 12
    letters = wait_until(lambda: len(pool.dead_letters()) >= 4 and pool.dead_letters(), 20,
                         "four dead letters are out")
    origins = {(r.partition, r.offset): r for r in pool.broker.read(pool.topic("requests"))}
    assert len(letters) == 4
    for letter in letters:
        assert all(letter.headers["rebuild.errors." + name] for name in ERRORS)
        at = (int(letter.headers["rebuild.errors.partition"]),
              int(letter.headers["rebuild.errors.offset"]))
        original = origins[at]
        assert (letter.key, letter.raw) == (original.key, original.raw)
        assert letter.timestamp_ms == original.timestamp_ms
        assert letter.headers["rebuild.errors.class"] == "request.invalid"
        assert letter.headers["rebuild.errors.topic"] == pool.topic("requests")
        assert letter.headers["rebuild.errors.timestamp"] == str(original.timestamp_ms)
        assert letter.headers["rebuild.errors.worker"] == worker.name
        assert letter.headers["x-original-topic"] == pool.topic("requests")
        for name, value in original.headers.items():
            assert letter.headers[name] == value
    assert any("guid" in r.headers["rebuild.errors.message"] for r in letters)
    assert worker.metric("rebuild_dlq_messages_total", error_class="request.invalid") == 4
    assert len(pool.results()) == 12


def test_a_broken_record_with_the_id_of_a_live_request_does_not_end_it(pool, connect_with):
    connect = connect_with(items=6, build_ms=(20, 50))
    connect.hold()
    campaign = enqueue_all(pool)
    broken = []
    for key, value, headers in copies_of(pool):
        event = json.loads(value)
        event["data"]["content"]["guid"] = "x"
        broken.append((key, json.dumps(event).encode(), headers))
    pool.worker()
    connect.await_running(6)
    pool.broker.produce(pool.topic("requests"), broken)
    wait_until(lambda: len(pool.dead_letters()) == 6, 20, "they are dead letters")
    connect.release()
    assert {r.outcome for r in pool.complete(campaign).values()} == {"succeeded"}


def test_dead_letters_are_not_written_again_by_the_next_worker(pool, connect_with):
    connect_with(items=2, build_ms=(20, 50))
    pool.broker.produce(pool.topic("requests"), [(b"k", b"?", None)] * 5)
    first = pool.worker()
    wait_until(lambda: len(pool.dead_letters()) == 5, 20, "five dead letters are out")
    assert first.term() == 0
    pool.worker()
    assert len(pool.complete(enqueue_all(pool))) == 2
    assert len(pool.dead_letters()) == 5

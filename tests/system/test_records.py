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


# ---- what is no request, but says whose it is --------------------------------------------------


def broken_of(guid):
    """A record that is no request, of a request that nobody knows: (record, request id)."""
    return foreign(guid, rank="first")


def test_a_broken_record_that_says_whose_it_is_has_a_rejected_result(pool, connect_with):
    connect = connect_with(items=6, build_ms=(20, 50))
    records, ids = zip(*[broken_of(row["guid"]) for row in pool.load_content()])
    workers = [pool.worker(), pool.worker()]
    pool.broker.produce(pool.topic("requests"), records)
    pool.await_results(6)
    letters = pool.dead_letters()
    results = pool.assert_one_result_each()
    assert set(results) == set(ids)
    places = {(r.partition, r.offset) for r in pool.broker.read(pool.topic("requests"))}
    assert {(int(r.headers["rebuild.errors.partition"]), int(r.headers["rebuild.errors.offset"]))
            for r in letters} == places and len(letters) == 6
    for result in results.values():
        data = check_event(result, "result")
        assert (data["outcome"], data["error"]["class"]) == ("rejected", "request.invalid")
        assert "rank" in data["error"]["message"]
    assert connect.state()["builds"] == 0
    assert sum(w.metric("rebuild_dlq_messages_total", error_class="request.invalid")
               for w in workers) == 6
    # once more: the ids are known now
    pool.broker.produce(pool.topic("requests"), records)
    wait_until(lambda: len(pool.dead_letters()) == 12, 20, "the copies are dead letters")
    assert len(pool.results()) == 6


def test_a_broken_record_with_the_id_of_a_request_that_waits_or_runs_does_not_end_it(pool,
                                                                                     connect_with):
    connect = connect_with(items=20, build_ms=(20, 50))
    connect.hold()
    campaign = enqueue_all(pool)
    broken = []
    for key, value, headers in copies_of(pool):
        event = json.loads(value)
        event["data"]["rank"] = "first"
        broken.append((key, json.dumps(event).encode(), headers))
    worker = pool.worker()
    connect.await_running(9)
    pool.broker.produce(pool.topic("requests"), broken)
    pool.broker.produce(pool.topic("requests.high"), broken)  # met before the request itself
    wait_until(lambda: worker.metric("rebuild_dlq_messages_total",
                                     error_class="request.invalid") >= 18, 20, "they are letters")
    connect.release()
    assert {r.outcome for r in pool.complete(campaign).values()} == {"succeeded"}
    wait_until(lambda: len(pool.dead_letters()) == 40, 20, "all are dead letters")
    assert len(pool.results()) == 20


def test_a_request_that_the_ledger_refuses_for_good_is_a_dead_letter(pool, connect_with):
    connect = connect_with(items=3, build_ms=(20, 50))
    rows = pool.load_content()
    campaign = enqueue_all(pool)
    pool.sql("alter table item add constraint no_nonsense check (app_mode <> 'nonsense')")
    bad, _ = foreign(rows[0]["guid"])
    event = json.loads(bad[1])
    event["data"]["content"]["app_mode"] = "nonsense"
    ours, _ = foreign(rows[1]["guid"], campaign={"id": campaign})
    pool.broker.produce(pool.topic("requests"), [(bad[0], json.dumps(event).encode(), None), ours])
    pool.worker()
    assert len(pool.complete(campaign)) == 3
    letters = wait_until(lambda: len(pool.dead_letters()) == 2 and pool.dead_letters(), 20,
                         "both are dead letters")
    said = [r.headers["rebuild.errors.message"] for r in letters]
    assert any("no_nonsense" in s for s in said) and any("campaign" in s for s in said)
    assert {r.headers["rebuild.errors.stage"] for r in letters} == {"insert"}
    assert connect.state()["builds"] == 3


def test_two_workers_insert_requests_of_others_at_the_same_time(pool, connect_with):
    connect_with(items=40, build_ms=(10, 20))
    records = [foreign(row["guid"])[0] for row in pool.load_content()]
    workers = [pool.worker(), pool.worker()]
    pool.broker.produce(pool.topic("requests"), records)
    assert {r.outcome for r in pool.await_results(40)} == {"succeeded"}
    assert len(pool.assert_one_result_each()) == 40
    assert not [e for w in workers for e in w.events("external.not_inserted")]


def test_a_result_that_is_too_large_for_the_broker_is_cut(pool, connect_with):
    connect = connect_with(items=12, build_ms=(20, 50), log_lines=200)
    pool.broker.set_config(pool.topic("results"), {"max.message.bytes": "6000"})
    worker = pool.worker("-X", "compression.codec=none")  # the broker looks at what is compressed
    campaign = enqueue_all(pool)
    results = pool.complete(campaign)
    assert {r.outcome for r in results.values()} == {"succeeded"}
    assert all(len(r.raw) <= 6000 for r in results.values())
    assert all(r.value["data"]["build"]["log_truncated"] for r in results.values())
    assert worker.events("results.too_large") and worker.alive()
    connect.assert_promises()

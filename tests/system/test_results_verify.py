"""results verify: the result topic against the ledger, with faults that are planted."""

import collections
import copy
import csv
import io
import json
import os
import uuid

import pytest
from confluent_kafka import TopicPartition
from events import MEMBERS, VALIDATORS

from services import ROOT

FINDINGS = 9


def copied(record, **changes):
    """A record to produce again, with members of its data changed: (key, value, headers)."""
    event = json.loads(record.raw)
    event["data"].update(changes)
    return record.key, json.dumps(event).encode(), list(record.headers.items())


def renamed(record, request_id, **changes):
    """The same of another request: its ids, headers and all."""
    event = json.loads(record.raw)
    event["data"].update(changes, request_id=request_id)
    space = uuid.UUID(request_id)
    event["id"] = str(uuid.uuid5(space, event["type"]))
    event["causationid"] = str(uuid.uuid5(space, "org.connect-rebuild.request.v1"))
    headers = {**record.headers, "ce_id": event["id"]}
    return record.key, json.dumps(event).encode(), list(headers.items())


def verify(pool, *args, status=0):
    return pool.json("results", "verify", *args, status=status)


def kinds(said):
    return {kind: n for kind, n in said["findings_by_kind"].items() if n}


@pytest.fixture
def rebuilt(pool, connect_with):
    """A campaign of twelve items that has ended, its results by partition and offset."""
    connect_with(items=12, build_ms=(20, 50), limit=6)
    pool.worker().await_ready()
    campaign = pool.campaign("--warm-up", "0")
    pool.complete(campaign)
    return campaign, pool.results()


def test_a_topic_that_says_what_the_ledger_says_has_no_findings(pool, rebuilt):
    campaign, results = rebuilt
    said = verify(pool)
    assert said["well"] and kinds(said) == {} and said["findings"] == []
    assert said["items"] == {"published": 12, "beyond_retention": 0, "open": 0, "unmarked": 0}
    assert (said["results"]["read"], said["results"]["matched"]) == (12, 12)
    table = pool.producer("results", "verify", "test").stdout
    assert "12 published" in table and "none" in table
    assert verify(pool, "--since", "1h ago")["results"]["matched"] == len(results)


def test_items_that_have_no_result_yet_are_open(pool, connect_with):
    connect_with(items=5)
    campaign = pool.campaign()
    said = verify(pool, campaign)
    assert said["well"]
    assert said["items"] == {"published": 0, "beyond_retention": 0, "open": 5, "unmarked": 0}


def test_every_planted_fault_is_found_and_named(pool, rebuilt):
    campaign, results = rebuilt
    twice, contradicts, marked, stranger, key, header = results[:6]
    topic = pool.topic("results")
    orphan = str(uuid.uuid4())
    pool.broker.produce(topic, [
        copied(twice),
        copied(contradicts, outcome="build_failed", attempt=2),
        renamed(stranger, orphan),
        (b"not the guid", key.raw, list(key.headers.items())),
        (header.key, header.raw, list({**header.headers, "ce_id": orphan}.items())),
        (b"k", b"{", None), (None, None, None)])
    pool.sql("update item set state = 'skipped' where request_id = %s", [marked.request_id])
    extra = pool.enqueue("--guid", marked.key.decode(), "--not-before", "in 1h")["campaign_id"]
    pool.sql("update item set published_at = now() where campaign_id = %s", [extra])
    said = verify(pool, status=FINDINGS)
    assert kinds(said) == {"missing": 1, "twice": 2, "contradicts": 2, "no_item": 1, "invalid": 4}
    found = collections.defaultdict(list)
    for finding in said["findings"]:
        found[finding["finding"]].append(finding)
    assert found["missing"][0]["campaign_id"] == extra
    assert found["missing"][0]["content_guid"] == marked.key.decode()
    assert found["missing"][0]["offset"] is None
    assert {f["request_id"] for f in found["twice"]} == {twice.request_id, contradicts.request_id}
    assert f"{twice.partition}:{twice.offset}" in next(
        f["detail"] for f in found["twice"] if f["request_id"] == twice.request_id)
    details = {f["request_id"]: f["detail"] for f in found["contradicts"]}
    assert ('outcome is "build_failed", in the ledger "succeeded"; attempt is "2", in the ledger '
            '"1"' in details[contradicts.request_id])
    assert '"skipped"' in details[marked.request_id]
    assert found["no_item"][0]["request_id"] == orphan
    why = " ".join(f["detail"] for f in found["invalid"])
    assert "key" in why and "ce_id" in why and "no value" in why and "JSON" in why
    assert not said["well"] and said["findings_left_out"] == 0


def test_a_broken_result_is_one_finding_whichever_is_read_first(pool, rebuilt):
    """In the first partition and in the last, so before the good one and after it."""
    _, results = rebuilt
    last = max(pool.broker.partitions(pool.topic("results")))
    for partition in (0, last):
        pool.broker.produce(pool.topic("results"), [
            (b"not the guid", r.raw, list(r.headers.items())) for r in results], partition)
    said = verify(pool, status=FINDINGS)
    assert kinds(said) == {"invalid": 24} and said["results"]["matched"] == 12


def test_findings_are_shown_up_to_a_limit_and_counted_all(pool, rebuilt):
    _, results = rebuilt
    pool.broker.produce(pool.topic("results"), [copied(r) for r in results])
    said = verify(pool, "--limit", "3", status=FINDINGS)
    assert len(said["findings"]) == 3 and said["findings_left_out"] == 9
    assert kinds(said) == {"twice": 12}
    table = pool.producer("results", "verify", "--limit", "3", status=FINDINGS).stdout
    assert "12 twice" in table and "and 9 more" in table
    rows = list(csv.DictReader(io.StringIO(
        pool.producer("results", "verify", "-o", "csv", status=FINDINGS).stdout)))
    assert {r["finding"] for r in rows} == {"twice"} and len(rows) == 12
    lines = pool.producer("results", "verify", "-o", "jsonl", status=FINDINGS)
    assert [json.loads(line)["finding"] for line in lines.stdout.splitlines()] == ["twice"] * 12
    assert "12 twice" in lines.stderr


def test_results_of_pruned_campaigns_and_other_installations_are_counted_apart(pool, rebuilt):
    campaign, results = rebuilt
    foreign = json.loads(results[0].raw)
    foreign["source"] = "https://elsewhere.example/rebuild"
    pool.broker.produce(pool.topic("results"), [(results[0].key, json.dumps(foreign).encode(),
                                                 None)])
    second = pool.campaign("--guid", results[0].key.decode())
    pool.await_state(second)
    pool.sql("delete from item where campaign_id = %s", [campaign])
    pool.sql("delete from runtime_group where campaign_id = %s", [campaign])
    pool.sql("delete from campaign where campaign_id = %s", [campaign])
    said = verify(pool)
    assert (said["results"]["pruned"], said["results"]["foreign"]) == (12, 1)
    assert (said["results"]["matched"], said["items"]["published"]) == (1, 1)
    assert verify(pool, second)["results"]["other_campaigns"] == 12


def test_what_the_topics_retention_deleted_is_not_missing(pool, rebuilt):
    _, results = rebuilt
    by_partition = collections.defaultdict(list)
    for result in results:
        by_partition[result.partition].append(result)
    gone, *others = sorted(by_partition.values(), key=len)
    end = max(r.offset for r in gone) + 1
    done = pool.broker.admin.delete_records([TopicPartition(pool.topic("results"),
                                                            gone[0].partition, end)])
    for future in done.values():
        future.result(30)
    said = verify(pool)
    assert said["items"]["beyond_retention"] == len(gone) and said["well"]
    there = others[0][0]  # its partition lost nothing: a result that is not there is missing
    extra = pool.enqueue("--guid", there.key.decode(), "--not-before", "in 1h")["campaign_id"]
    pool.sql("update item set published_at = now() where campaign_id = %s", [extra])
    assert kinds(verify(pool, status=FINDINGS)) == {"missing": 1}


def test_since_leaves_out_what_ended_before(pool, rebuilt):
    campaign, results = rebuilt
    pool.sql("update item set ended_at = now() - interval '3 days',"
             " published_at = now() - interval '3 days' where request_id = %s",
             [results[0].request_id])
    said = verify(pool, campaign, "--since", "1h ago")
    assert said["items"]["published"] == 11
    assert (said["results"]["matched"], said["results"]["earlier"]) == (11, 1)


# ---- the rules of the schema ---------------------------------------------------------------------

VALUES = (None, "", "X y", 7, -1, 0.5, True, [], {}, [7])
AGREEMENT = tuple(f'{name} is "' for name in ("id", "causationid", "subject", "partitionkey",
                                              "correlationid", "time")) + ("the header", "the key")


def sample(source):
    path = os.path.join(ROOT, "deploy", "schema", "events", "samples", "result.v1.succeeded.json")
    with open(path, encoding="utf-8") as file:
        return {**json.load(file), "source": source}


def paths_of(node, path=()):
    """Every member of an event, those of the first entry of an array too."""
    entries = node.items() if isinstance(node, dict) else list(enumerate(node))[:1]
    for name, child in entries:
        yield (*path, name)
        if isinstance(child, (dict, list)):
            yield from paths_of(child, (*path, name))


def mutants(event):
    """The event with one member left out, or with another value in its place."""
    for path in paths_of(event):
        for value in (*VALUES, KeyError):
            changed = copy.deepcopy(event)
            place = changed
            for name in path[:-1]:
                place = place[name]
            if value is not KeyError:
                place[path[-1]] = value
            elif isinstance(place, dict):
                del place[path[-1]]
            yield changed


def as_message(event):
    headers = [("content-type", "application/cloudevents+json; charset=UTF-8")]
    headers += [("ce_" + name, str(event.get(name)).encode()) for name in MEMBERS]
    content = event.get("data") and event["data"].get("content") if isinstance(
        event.get("data"), dict) else None
    guid = content.get("guid") if isinstance(content, dict) else None
    return str(guid).encode(), json.dumps(event).encode(), headers


def test_what_the_schema_refuses_is_invalid_and_nothing_else_is(pool, print_out):
    source = pool.sql("select source from installation")[0]["source"]
    events = [sample(source), *mutants(sample(source))]
    pool.broker.produce(pool.topic("results"), [as_message(e) for e in events], partition=0)
    said = verify(pool, "--limit", "100000", status=FINDINGS)
    invalid = {f["offset"]: f["detail"] for f in said["findings"] if f["finding"] == "invalid"}
    refused = 0
    for offset, event in enumerate(events):
        valid = VALIDATORS["result"].is_valid(event)
        why = invalid.get(offset, "")
        refused += not valid
        if event.get("source") == source or not isinstance(event.get("source"), str):
            assert why if not valid else not why or why.startswith(AGREEMENT), (why, event)
    assert 0 not in invalid and refused > 300
    print_out(f"{len(events)} events, {refused} of them refused by schema and program")


@pytest.mark.parametrize("args, word", [
    (("results", "verify", "no such"), "no such"),
    (("results", "verify", "a", "--campaign", "b"), "once"),
    (("results", "verify", "--outcome", "skipped"), "--outcome"),
    (("results", "tail", "campaign"), "campaign"),
    (("results", "audit"), "audit"),
])
def test_what_verify_cannot_take_is_refused_by_name(pool, args, word):
    done = pool.producer(*args, status=2)
    assert word in done.stderr and done.stdout == ""

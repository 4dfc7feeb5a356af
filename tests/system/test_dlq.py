"""dlq: what nobody could read, shown, and sent again."""

import json
import os
import subprocess

import pytest
from pool import BUILD

from waiting import wait_until

ESCAPES = b"\x1b[2J\x1b]0;owned\x07\xe2\x80\xae not JSON"


def bury(pool, messages, topic="requests"):
    """Sends what is no request and has a worker bury it; returns the dead letters."""
    n = len(pool.dead_letters()) + len(messages)
    pool.broker.produce(pool.topic(topic), messages)
    if not pool.workers:
        pool.worker()
    return await_letters(pool, n)


def await_letters(pool, n):
    return wait_until(lambda: len(pool.dead_letters()) >= n and pool.dead_letters(), 30,
                      f"{n} dead letters are out")


def place(record):
    return f"{record.partition}:{record.offset}"


def redriven(pool, topic="requests"):
    return [r for r in pool.broker.read(pool.topic(topic)) if "rebuild.redrive.count" in r.headers]


def acts(pool):
    return pool.json("acts", "--act", "dlq.redrive")


@pytest.fixture
def buried(pool, connect_with):
    connect_with(items=2)
    return bury(pool, [(b"key", b"\x00\xff not JSON", [("x", b"1")]), (None, b"{}", None),
                       (b"\xff\x00", ESCAPES, [("\x1b[31mred", ESCAPES)]), (b"gone", None, None)])


def test_dead_letters_are_listed_and_shown_without_control_characters(pool, buried):
    listed = {row["place"]: row for row in pool.json("dlq", "ls")}
    assert set(listed) == {place(r) for r in buried}
    by_raw = {r.raw: listed[place(r)] for r in buried}
    assert by_raw[b"\x00\xff not JSON"]["value"] == "0x" + b"\x00\xff not JSON".hex()
    assert (by_raw[b"{}"]["value"], by_raw[b"{}"]["key"]) == ("{}", None)
    assert (by_raw[None]["value"], by_raw[None]["key"], by_raw[None]["bytes"]) == (None, "gone", 0)
    assert by_raw[ESCAPES]["key"] == "0xff00"
    assert all((row["class"], row["redriven"]) == ("request.invalid", 0) for row in listed.values())
    assert pool.json("dlq", "ls", "--class", "other") == []
    assert len(pool.json("dlq", "ls", "--limit", "3")) == 3
    assert len(pool.json("dlq", "ls", "--since", "1h ago")) == 4
    escapes = next(r for r in buried if r.raw == ESCAPES)
    for args in (("ls",), ("show", place(escapes)), ("show", place(escapes), "-o", "json")):
        text = pool.producer("dlq", *args).stdout
        assert text and not any(c in text for c in "\x1b\x07\u202e"), args


def test_one_letter_is_shown_whole_or_as_its_bytes(pool, buried):
    letter = next(r for r in buried if r.key == b"key")
    shown = pool.json("dlq", "show", place(letter))
    assert shown["topic"] == pool.topic("requests") and shown["binary"] is True
    assert {"name": "x", "value": "1"} in shown["headers"]
    assert shown["offset"] == int(letter.headers["rebuild.errors.offset"])
    raw = subprocess.run([os.path.join(BUILD, "rebuild-producer"), "dlq", "show", place(letter),
                          "--raw"], env=pool.env(), capture_output=True, check=True).stdout
    assert raw == letter.raw
    assert "no dead letter" in pool.producer("dlq", "show", "0:100000", status=2).stderr


def test_a_letter_is_sent_again_as_it_was_and_counted_when_it_comes_back(pool, buried):
    letter = next(r for r in buried if r.key == b"key")
    sent = pool.json("dlq", "redrive", place(letter), "-y", "--reason", "CHG-1", "--actor", "ann")
    assert [(s["place"], s["action"], s["redriven"]) for s in sent] == [(place(letter), "sent", 1)]
    again = redriven(pool)[0]
    assert (again.key, again.raw) == (letter.key, letter.raw)
    assert again.headers == {"rebuild.redrive.count": "1", "rebuild.redrive.by": "ann",
                             "rebuild.redrive.reason": "CHG-1", "x": "1"}
    assert (again.partition, again.offset) == (sent[0]["partition"], sent[0]["offset"])
    act = acts(pool)[0]
    assert (act["actor"], act["reason"], act["target"]) == ("ann", "CHG-1", pool.topic("dlq"))
    assert act["details"] == {"letters": [place(letter)], "force": False}
    letters = await_letters(pool, 5)
    back = next(r for r in letters if r.headers.get("rebuild.redrive.count") == "1")
    assert back.headers["rebuild.errors.topic"] == pool.topic("requests")
    assert back.headers["rebuild.errors.offset"] == str(again.offset)
    assert {row["place"]: row["redriven"] for row in pool.json("dlq", "ls")}[place(back)] == 1


def test_a_letter_that_dies_three_times_is_not_sent_again_without_force(pool, buried):
    letter = next(r for r in buried if r.key == b"key")
    for turn in range(1, 4):
        pool.producer("dlq", "redrive", place(letter), "-y")
        letter = next(r for r in await_letters(pool, 4 + turn)
                      if r.headers.get("rebuild.redrive.count") == str(turn))
    refused = pool.producer("dlq", "redrive", place(letter), "-y", status=5)
    assert "3 times" in refused.stderr and len(redriven(pool)) == 3
    said = pool.producer("dlq", "redrive", "--all", "-y").stderr
    assert "left out" in said and "3 times" in said
    pool.producer("dlq", "redrive", place(letter), "-y", "--force")
    assert sorted(r.headers["rebuild.redrive.count"] for r in redriven(pool)
                  if r.key == b"key") == ["1", "2", "3", "4"]


def test_all_leaves_out_what_an_act_says_was_sent(pool, buried):
    first = pool.json("dlq", "redrive", "--all", "--limit", "1", "-y")
    assert len(first) == 1
    await_letters(pool, 5)
    pool.workers[0].kill()  # what is sent now stays where it is
    dry = pool.json("dlq", "redrive", "--all", "--dry-run")
    assert {d["action"] for d in dry} == {"would be sent"} and len(dry) == 4
    assert first[0]["place"] not in {d["place"] for d in dry}
    assert len(pool.json("dlq", "redrive", "--all", "-y")) == 4
    assert pool.json("dlq", "redrive", "--all", "-y") == []
    assert len(redriven(pool)) == 5 and len(acts(pool)) == 2
    assert len(pool.json("dlq", "redrive", "--all", "-y", "--class", "other", "--force")) == 0
    assert len(buried) == 4


def test_what_can_be_read_by_then_is_built(pool, connect_with):
    connect = connect_with(items=3, build_ms=(20, 50))
    row = pool.load_content()[0]
    request = {"specversion": "1.0", "id": "n-1", "source": "/cron",
               "type": "org.connect-rebuild.request.v1",
               "data": {"request_id": "5b0b3a7e-7c56-5d1f-9a52-0f7b1f3f9c21",
                        "content": {"guid": row["guid"]}}}
    headers = [("rebuild.errors.topic", pool.topic("requests.high").encode()),
               ("rebuild.errors.class", b"request.invalid")]
    pool.broker.produce(pool.topic("dlq"), [(row["guid"].encode(), json.dumps(request).encode(),
                                             headers)])
    pool.producer("dlq", "redrive", "--all", "-y")
    assert len(redriven(pool, "requests.high")) == 1
    pool.worker()
    assert pool.await_results(1)[0].outcome == "succeeded"
    connect.assert_promises()


def test_nothing_is_sent_to_a_topic_that_is_not_ours_or_without_a_yes(pool):
    pool.broker.produce(pool.topic("dlq"), [
        (b"k", b"?", [("rebuild.errors.topic", pool.topic("results").encode())]),
        (b"k", b"?" * 196608, [("rebuild.errors.topic", pool.topic("requests").encode())]),
        (b"k", b"?", [("rebuild.errors.topic", pool.topic("requests").encode())])], partition=0)
    assert "request topic" in pool.producer("dlq", "redrive", "0:0", "-y", status=5).stderr
    assert "cut off" in pool.producer("dlq", "redrive", "0:1", "0:2", "-y", status=5).stderr
    assert "--yes" in pool.producer("dlq", "redrive", "0:2", status=2).stderr
    assert pool.broker.read(pool.topic("requests")) == [] and acts(pool) == []
    assert "left out" in pool.producer("dlq", "redrive", "--all", "-y").stderr
    assert len(redriven(pool)) == 1


@pytest.mark.parametrize("args, word", [
    (("ls", "--raw"), "--raw"), (("ls", "1:2"), "1:2"), (("show",), "PARTITION:OFFSET"),
    (("show", "3"), "3:17"), (("redrive",), "--all"), (("redrive", "--all", "1:2"), "--all"),
    (("redrive", "1:2", "--class", "x"), "--class"), (("redrive", "1:2x", "-y"), "1:2x"),
    (("purge",), "redrive"), (("ls", "--reason", "x"), "--reason"),
])
def test_what_dlq_cannot_take_is_refused_by_name(pool, args, word):
    assert word in pool.producer("dlq", *args, status=2).stderr

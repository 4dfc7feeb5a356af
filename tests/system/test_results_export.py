"""results export: a file that later exports go on with, whenever one was killed."""

import csv
import io
import json
import os
import time

import pytest
from producing import producer_process

from waiting import wait_until


@pytest.fixture
def rebuilt(pool, connect_with):
    """The results of a campaign of twelve items, two of them failed."""
    connect = connect_with(items=12, build_ms=(20, 50), limit=6, app_modes="shiny")
    for row in pool.load_content()[:2]:
        connect.item(row["guid"], fail="package")
    pool.worker()
    pool.complete(pool.campaign("--warm-up", "0"))
    return pool.results()


@pytest.fixture
def paths(tmp_path):
    return str(tmp_path / "results"), str(tmp_path / "state")


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def lines(path):
    """Whole ones, while somebody may write the next."""
    return read(path).count("\n") if os.path.exists(path) else 0


def ids(text):
    return [json.loads(line)["data"]["request_id"] for line in text.splitlines()]


def more(pool, results, n):
    """n results more: copies, which an export takes as what they are."""
    pool.broker.produce(pool.topic("results"), [
        (r.key, r.raw, list(r.headers.items())) for r in (results * n)[:n]])


def places(pool, file, state, *args, status=0):
    """An export of rows that name their records; the places in the file."""
    pool.producer("results", "export", "--file", file, "--state", state, "-o", "csv", "--columns",
                  "partition,offset", *args, status=status)
    rows = csv.DictReader(io.StringIO(read(file)))
    return [(int(row["partition"]), int(row["offset"])) for row in rows]


def all_places(pool):
    return sorted((r.partition, r.offset) for r in pool.results())


def test_an_export_is_the_events_or_rows_of_them(pool, rebuilt):
    lines = pool.producer("results", "export").stdout
    assert sorted(ids(lines)) == sorted(r.request_id for r in rebuilt)
    by_id = {r.request_id: r.value for r in rebuilt}
    assert all(json.loads(line) == by_id[request] for line, request in
               zip(lines.splitlines(), ids(lines)))
    text = pool.producer("results", "export", "-o", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert "\r\n" in text or len(rows) == 12
    assert {r["request_id"] for r in rows} == set(by_id)
    assert sorted(r["outcome"] for r in rows) == ["build_failed"] * 2 + ["succeeded"] * 10
    failed = pool.producer("results", "export", "--outcome", "build_failed,skipped").stdout
    assert len(ids(failed)) == 2
    assert pool.producer("results", "export", "--campaign", rebuilt[0].request_id).stdout == ""


def test_an_event_with_line_ends_is_one_line(pool, rebuilt):
    pretty = json.dumps(rebuilt[0].value, indent=2).replace("\n", "\r\n").encode()
    pool.broker.produce(pool.topic("results"), [(rebuilt[0].key, pretty, None)])
    assert len(ids(pool.producer("results", "export").stdout)) == 13


def test_a_second_export_appends_what_came_since(pool, rebuilt, paths):
    assert len(places(pool, *paths)) == 12
    assert len(places(pool, *paths)) == 12
    more(pool, rebuilt, 30)
    found = places(pool, *paths)
    assert len(found) == 42 and sorted(found) == all_places(pool)
    assert read(paths[0]).count("partition,offset") == 1


def test_what_a_kill_left_behind_the_state_is_exported_again(pool, rebuilt, paths):
    file, state = paths
    places(pool, file, state, "--limit", "5")
    before = read(state)
    places(pool, file, state)
    with open(state, "w", encoding="utf-8") as old:  # killed after the rows, before the state
        old.write(before)
    with open(file, "a", encoding="utf-8") as half:  # and in the middle of a row
        half.write("11,")
    found = places(pool, file, state)
    assert sorted(found) == all_places(pool) and len(found) == 12
    assert len(rebuilt) == 12


def test_an_export_that_is_killed_again_and_again_leaves_nothing_out_and_nothing_twice(
        pool, rebuilt, paths):
    file, state = paths
    args = ("results", "export", "--file", file, "--state", state, "-o", "csv", "--columns",
            "partition,offset", "--follow")
    for turn in range(4):
        export = producer_process(pool, *args)
        size = os.path.getsize(file) if os.path.exists(file) else 0
        more(pool, rebuilt, 2500)
        wait_until(lambda: os.path.exists(file) and os.path.getsize(file) > size + 200 * turn, 20,
                   "the export writes")  # pylint: disable=cell-var-from-loop
        export.kill()
        export.communicate()
    found = places(pool, file, state)
    assert sorted(found) == all_places(pool) and len(found) == 10012


def test_an_export_that_follows_ends_in_order_when_it_is_told_to(pool, rebuilt, paths):
    file, state = paths
    export = producer_process(pool, "results", "export", "--file", file, "--state", state, "-f")
    wait_until(lambda: lines(file) == 12, 20, "all are out")
    assert pool.producer("results", "export", "--file", file, status=5).stderr.count("another")
    more(pool, rebuilt, 3)
    wait_until(lambda: lines(file) == 15, 20, "what came is out, too")
    export.terminate()
    export.communicate()
    assert export.returncode == 130
    assert len(ids(read(file))) == 15


def test_spans_that_meet_share_nothing_and_leave_nothing_out(pool, rebuilt):
    cut = sorted(r.timestamp_ms for r in rebuilt)[6]
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(cut / 1000)) + f".{cut % 1000:03d}Z"
    early = ids(pool.producer("results", "export", "--until", at).stdout)
    late = ids(pool.producer("results", "export", "--since", at).stdout)
    assert sorted(early + late) == sorted(r.request_id for r in rebuilt)
    assert set(late) == {r.request_id for r in rebuilt if r.timestamp_ms >= cut}


def test_a_state_is_not_taken_for_what_it_is_not(pool, rebuilt, paths):
    file, state = paths
    places(pool, file, state)
    other = pool.producer("results", "export", "--file", file, "--state", state, status=5)
    assert "jsonl" in other.stderr and "csv" in other.stderr
    with open(file, "w", encoding="utf-8") as short:
        short.write("x")
    assert "1 bytes" in pool.producer(
        "results", "export", "--file", file, "--state", state, "-o", "csv", "--columns",
        "partition,offset", status=5).stderr
    with open(state, "w", encoding="utf-8") as broken:
        broken.write("next 0 7\n")
    assert "no state" in pool.producer("results", "export", "--state", state, status=5).stderr
    assert len(rebuilt) == 12


def test_results_deleted_before_they_were_exported_are_a_hole_that_is_refused(pool, rebuilt,
                                                                             paths):
    from confluent_kafka import TopicPartition  # pylint: disable=import-outside-toplevel
    file, state = paths
    places(pool, file, state, "--limit", "1")
    last = {r.partition: r.offset for r in rebuilt}
    for future in pool.broker.admin.delete_records([
            TopicPartition(pool.topic("results"), p, o + 1) for p, o in last.items()]).values():
        future.result(30)
    done = pool.producer("results", "export", "--file", file, "--state", state, "-o", "csv",
                         "--columns", "partition,offset", status=5)
    assert "hole" in done.stderr


@pytest.mark.parametrize("args, word", [
    (("-o", "json"), "jsonl"),
    (("--follow", "--until", "1h ago"), "--until"),
    (("--since", "1h ago", "--until", "2h ago"), "--since"),
    (("--outcome", "good"), "succeeded"),
    (("--file", "/nonexistent/file"), "/nonexistent/file"),
    (("--file", "/dev/null"), "regular"),
    (("--from-beginning",), "--from-beginning"),
])
def test_what_export_cannot_do_is_refused_by_name(pool, args, word):
    assert word in pool.producer("results", "export", *args, status=2).stderr

"""rebuild-producer on a real PostgreSQL and a real Kafka: set-up, campaigns, what it prints."""

import json
import uuid

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from producing import guid, make_content, producer_process
from waiting import wait_until

KAFKA_UNSAFE = {"retention.ms": "1000", "max.message.bytes": "1000"}


def settings(pool, name):
    """Settings of a topic that somebody has set."""
    resource = ConfigResource(ResourceType.TOPIC, pool.topic(name))
    entries = pool.broker.admin.describe_configs([resource])[resource].result(30)
    return {entry.name: entry.value for entry in entries.values() if not entry.is_default}


def alter(pool, name, **values):
    resource = ConfigResource(ResourceType.TOPIC, pool.topic(name), incremental_configs=[
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        for key, value in values.items()])
    pool.broker.admin.incremental_alter_configs([resource])[resource].result(30)


# ---- migrate -----------------------------------------------------------------------------------


def test_migrate_creates_the_ledger_once_and_says_what_it_did(bare_pool):
    first = bare_pool.producer("migrate", "--reason", "CHG-1")
    assert "version 1" in first.stdout and "0001-ledger" in first.stdout
    made = bare_pool.sql("select table_name from information_schema.tables"
                         " where table_schema = 'rebuild' order by 1")
    assert "nothing to do" in bare_pool.producer("migrate").stdout
    assert bare_pool.json("migrate") == {"schema": "rebuild", "version": 1, "applied": [],
                                         "roles": "granted"}
    assert bare_pool.sql("select table_name from information_schema.tables"
                         " where table_schema = 'rebuild' order by 1") == made
    acts = bare_pool.json("acts")
    assert [(a["act"], a["reason"]) for a in acts] == [("migrate", "CHG-1")]


def test_two_migrates_at_once_are_as_good_as_one(bare_pool):
    both = [producer_process(bare_pool, "migrate", "-o", "json") for _ in range(4)]
    answers = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0] * 4, answers
    applied = [json.loads(out)["applied"] for out, _ in answers]
    assert sum(len(a) for a in applied) == 1
    assert len(bare_pool.sql("select * from schema_version")) == 1


def test_migrate_without_the_right_to_make_roles_prints_the_statements(bare_pool, stack):
    name = bare_pool.database_url.rsplit("/", 1)[1]
    roles = ("rebuild_operator", "rebuild_worker", "rebuild_reader")
    present = bare_pool.sql("select 1 as x from pg_roles where rolname = 'rebuild_operator'")
    stack.admin_sql(f"create role plain_{name} login password 'x'; "
                    f"grant create on database {name} to plain_{name}")
    try:
        host = bare_pool.database_url.split("@")[1]
        done = bare_pool.producer("migrate", env={
            "REBUILD_DATABASE_URL": f"postgresql://plain_{name}:x@{host}"})
        if present:  # then it may grant, as the owner of the schema
            assert "have their rights" in done.stdout
        else:
            assert all(role in done.stdout for role in roles)
            assert 'set search_path to "rebuild";' in done.stdout
            assert "administrator" in done.stderr
    finally:
        bare_pool.sql(f"drop owned by plain_{name} cascade")
        stack.admin_sql(f"drop role plain_{name}")


# ---- topics ------------------------------------------------------------------------------------


def test_topics_plan_changes_nothing_and_apply_does_it_once(bare_pool):
    bare_pool.producer("migrate")
    plan = bare_pool.json("topics", "plan", "--partitions", "3")
    assert {row["action"] for row in plan} == {"create"}
    assert bare_pool.broker.topics(bare_pool.prefix) == []
    assert bare_pool.sql("select * from installation") == []

    bare_pool.producer("topics", "apply", "--partitions", "3", "--reason", "new")
    names = ("requests", "requests.high", "results", "dlq")
    assert sorted(map(bare_pool.topic, names)) == bare_pool.broker.topics(bare_pool.prefix)
    assert all(len(bare_pool.broker.partitions(bare_pool.topic(n))) == 3 for n in names)
    assert settings(bare_pool, "requests") == settings(bare_pool, "requests.high")
    assert settings(bare_pool, "requests")["retention.ms"] == "-1"
    assert settings(bare_pool, "requests")["max.message.bytes"] == "65536"
    assert settings(bare_pool, "results")["retention.ms"] == str(90 * 86400 * 1000)
    assert settings(bare_pool, "dlq")["retention.ms"] == str(30 * 86400 * 1000)

    row = bare_pool.sql("select * from installation")
    assert row[0]["partitions"] == 3 and row[0]["group_id"] == bare_pool.prefix + "workers"
    assert {r["action"] for r in bare_pool.json("topics", "plan")} == {"keep"}
    bare_pool.producer("topics", "apply")  # what the ledger says is the default from now on
    assert bare_pool.sql("select * from installation") == row
    acts = [a for a in bare_pool.json("acts") if a["act"] == "topics.apply"]
    assert [a["reason"] for a in acts] == ["new"]


def test_topics_apply_mends_settings_and_keeps_what_others_have_set(pool):
    alter(pool, "requests", **KAFKA_UNSAFE, **{"segment.ms": "123456"})
    alter(pool, "results", **{"cleanup.policy": "compact"})
    expected = {(pool.topic("requests"), "retention.ms"),
                (pool.topic("requests"), "max.message.bytes"),
                (pool.topic("results"), "cleanup.policy")}
    # a broker may show the old values for a moment after the change
    wait_until(lambda: {(r["topic"], r["setting"]) for r in pool.json("topics", "plan")
                        if r["action"] == "alter"} == expected, 20, "the plan names what is wrong")
    pool.producer("topics", "apply")
    assert {r["action"] for r in pool.json("topics", "plan")} == {"keep"}
    assert settings(pool, "requests")["segment.ms"] == "123456"


def test_fewer_partitions_than_asked_for_are_refused(pool):
    done = pool.producer("topics", "apply", "--partitions", "24", status=5)
    assert pool.topic("requests") in done.stderr and "12" in done.stderr and "24" in done.stderr
    assert len(pool.broker.partitions(pool.topic("requests"))) == 12


def test_a_request_topic_that_was_used_and_is_gone_is_not_made_again(pool):
    make_content(pool, 3)
    pool.enqueue()
    pool.broker.delete_topics(pool.topic("requests.v1").removesuffix(".v1"))
    done = pool.producer("topics", "apply", status=5)
    assert pool.topic("requests") in done.stderr and "is gone" in done.stderr


def test_the_source_is_made_of_the_public_address(bare_pool):
    bare_pool.producer("migrate")
    bare_pool.producer("topics", "apply", env={"CONNECT_SERVER": "https://c.example.org/pub/"})
    assert bare_pool.sql("select source from installation") == [
        {"source": "https://c.example.org/pub/rebuild"}]


# ---- doctor ------------------------------------------------------------------------------------


def test_doctor_says_one_line_for_each_thing(pool, simulator):
    make_content(pool, 3)
    pool.connect = simulator(items=3)
    rows = pool.json("doctor")
    verdicts = {}
    for row in rows:
        verdicts.setdefault(row["check"], set()).add(row["verdict"])
    assert "fail" not in {r["verdict"] for r in rows}
    assert {"configuration", "database", "roles", "ledger", "content table", "kafka",
            "installation", "topics", "workers", "replica", "key", "clocks"} <= set(verdicts)
    assert verdicts["kafka"] == {"warn"}  # one broker
    assert len([r for r in rows if r["check"] == "replica"]) == len(pool.connect.replicas)


def test_doctor_exits_as_the_first_failure_says(pool, simulator):
    make_content(pool, 1)
    pool.connect = simulator(items=1)
    for env, status, check in (
            ({"CONNECT_API_KEY": "wrong"}, 6, "key"),
            ({"REBUILD_REPLICAS": "a=http://127.0.0.1:1"}, 3, "replica"),
            ({"REBUILD_REPLICAS": f"a={pool.connect.answer['admin']['url']}"}, 2, "replica"),
            ({"REBUILD_CONTENT_TABLE": "gone"}, 2, "content table"),
            ({"REBUILD_KAFKA_GROUP_ID": "other"}, 5, "installation")):
        rows = json.loads(pool.producer("doctor", "-o", "json", status=status, env=env).stdout)
        assert check in {r["check"] for r in rows if r["verdict"] == "fail"}
    alter(pool, "results", **{"cleanup.policy": "compact"})
    rows = json.loads(pool.producer("doctor", "-o", "json", status=1).stdout)
    assert any("cleanup.policy" in r["detail"] for r in rows if r["verdict"] == "fail")


# ---- enqueue -----------------------------------------------------------------------------------


def requests(pool, name="requests"):
    return [r.value for r in pool.broker.read(pool.topic(name))]


def test_enqueue_prints_one_object_and_publishes_in_order(pool):
    make_content(pool, 5)
    answer = pool.json("enqueue", "--name", "N", "--reason", "R", "-y", "--order-by", "guid")
    assert (answer["selected"], answer["left_out"], answer["published"]) == (5, 0, 5)
    campaign = answer["campaign_id"]
    assert uuid.UUID(campaign).version == 7
    items = pool.json("items", campaign)
    assert [i["content_guid"] for i in items] == [guid(i) for i in range(5)]
    assert {i["state"] for i in items} == {"waiting"}
    assert items[0]["groups"] == ["img/r/4.0.1"] and items[1]["groups"] == ["Local/r/4.1.1"]
    sent = {r["data"]["request_id"]: r for r in requests(pool)}
    assert sent.keys() == {i["request_id"] for i in items}
    for item in items:
        event = sent[item["request_id"]]
        assert item["request_id"] == str(uuid.uuid5(uuid.UUID(campaign), item["content_guid"]))
        assert event["data"]["rank"] == item["rank"]
        assert event["data"]["campaign"] == {"id": campaign, "name": "N", "reason": "R"}
    status = pool.json("status", "N")
    assert status["state"] == "open" and status["items"]["waiting"] == 5
    assert [a["target"] for a in pool.json("acts", "--act", "enqueue")] == [campaign]
    assert pool.json("status", campaign[:13])["campaign_id"] == campaign


def test_everything_about_a_campaign_is_stored(pool):
    make_content(pool, 1)
    campaign = pool.enqueue(
        "--lane", "high", "--max-attempts", "5", "--backoff", "1s:2m", "--warm-up", "2",
        "--max-inflight", "7", "--start-rate", "30/m", "--max-failures", "5%", "--validate",
        "strict", "--on-complete", "https://h.example/x?y=1", "--window", "00:00-24:00@UTC",
        "--not-before", "2001-01-01T00:00:00Z", "--deadline", "2101-01-01T00:00:00Z", "--actor",
        "akim", "--name", "all", "--reason", "CHG", "--limit", "9")["campaign_id"]
    row = pool.sql("select * from campaign")[0]
    expected = {"lane": 1, "max_attempts": 5, "backoff_min_ms": 1000, "backoff_max_ms": 120000,
                "warm_up": 2, "max_inflight": 7, "start_interval_ms": 2000.0, "max_failures": None,
                "max_failures_percent": 5.0, "validate": "strict",
                "on_complete": "https://h.example/x?y=1", "open_window": "00:00-24:00@UTC",
                "actor": "akim", "name": "all", "reason": "CHG", "lease_holder": None}
    assert {key: row[key] for key in expected} == expected
    assert row["not_before"].year == 2001 and row["deadline"].year == 2101
    assert row["selection"]["limit"] == 9 and row["options"]["max_failures"] == "5%"
    assert pool.sql("select * from runtime_group where campaign_id = %s", (campaign,))
    assert len(requests(pool, "requests.high")) == 1


def test_the_important_come_first_with_their_access_paths(pool, tmp_path):
    make_content(pool, 6)
    path = tmp_path / "important.csv"
    path.write_text(f"guid,access_paths\n{guid(4)},/a;b?c=1\n{guid(1)},\n{guid(4)},/twice\n"
                    f"99999999-0000-4000-8000-000000000000,/x\n{guid(3)},\"/d\"\n")
    done = pool.producer("enqueue", "--important", str(path), "-y", "-o", "json")
    answer = json.loads(done.stdout)
    assert answer["selected"] == 3 and answer["not_found"] == 1
    assert guid(4) in done.stderr and "more than once" in done.stderr
    assert "99999999-0000-4000-8000-000000000000" in done.stderr
    items = pool.json("items", answer["campaign_id"])
    assert [(i["content_guid"], i["access_paths"]) for i in items] == [
        (guid(4), ["/a", "b?c=1"]), (guid(1), []), (guid(3), ["/d"])]


def test_guids_with_bundles_and_from_standard_input(pool):
    make_content(pool, 4)
    answer = pool.json("enqueue", "-g", f"{guid(2)},77", "--guids-from", "-", "-y",
                       text=f"# two more\n{guid(0)},88\n{guid(3)}\n")
    items = pool.json("items", answer["campaign_id"])
    assert [(i["content_guid"], i["bundle_id"]) for i in items] == [
        (guid(2), "77"), (guid(0), "88"), (guid(3), "103")]


def test_an_open_request_is_not_doubled(pool):
    make_content(pool, 4)
    first = pool.enqueue("--guid", guid(0), "--guid", guid(1))
    second = pool.enqueue()
    assert (second["selected"], second["left_out"]) == (2, 2)
    assert pool.sql("select left_out from campaign where campaign_id = %s",
                    (second["campaign_id"],)) == [{"left_out": 2}]
    pool.sql("update item set state = 'succeeded', ended_at = now(), published_at = now()"
             " where campaign_id = %s", (first["campaign_id"],))
    assert pool.enqueue()["left_out"] == 2


def test_the_same_campaign_id_goes_on_and_selects_nothing_again(pool):
    make_content(pool, 3)
    campaign = str(uuid.uuid4())
    first = pool.enqueue("--campaign-id", campaign)
    assert first["campaign_id"] == campaign and first["published"] == 3
    pool.sql("update campaign set cursor_rank = 0")  # as if it had died after the first item
    pool.sql("insert into public.content (guid, bundle_id, app_mode)"
             " select gen_random_uuid(), 7, 'shiny'")
    again = pool.enqueue("--campaign-id", campaign)
    assert again["resumed"] and again["selected"] == 3 and again["published"] == 3
    assert len(pool.sql("select * from item")) == 3
    sent = [r["data"]["request_id"] for r in requests(pool)]
    assert len(sent) == 5 and len(set(sent)) == 3  # copies are told apart by their place
    assert len(pool.json("acts", "--act", "enqueue")) == 1


def test_the_same_command_twice_at_once_makes_one_campaign(pool):
    make_content(pool, 300)
    campaign = str(uuid.uuid4())
    both = [producer_process(pool, "enqueue", "-y", "--campaign-id", campaign, "-o", "json")
            for _ in range(3)]
    answers = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0] * 3, answers
    assert [json.loads(out)["selected"] for out, _ in answers] == [300] * 3
    assert len(pool.sql("select * from item")) == 300
    assert len(pool.json("acts", "--act", "enqueue")) == 1


def test_reprocess_missing_and_failed(pool):
    make_content(pool, 6)
    first = pool.enqueue()["campaign_id"]
    ends = {0: "succeeded", 1: "build_failed", 2: "access_failed", 3: "skipped", 4: "succeeded",
            5: "succeeded"}
    for i, state in ends.items():
        pool.sql("update item set state = %s, ended_at = now(), published_at = now(),"
                 " bundle_built = bundle_id where content_guid = %s", (state, guid(i)))
    pool.sql("update content set bundle_id = 999 where guid = %s", (guid(4),))
    pool.sql("update content set image_name = 'new' where guid = %s", (guid(5),))

    def chosen(*args):
        answer = pool.enqueue(*args)
        got = {i["content_guid"] for i in pool.json("items", answer["campaign_id"])}
        pool.sql("delete from runtime_group where campaign_id <> %s", (first,))
        pool.sql("delete from item where campaign_id <> %s", (first,))
        assert answer["left_out"] == 6 - len(got)
        return {int(g[-1]) for g in got}
    assert chosen("--reprocess", "all") == {0, 1, 2, 3, 4, 5}
    assert chosen("--reprocess", "missing") == {1, 2, 3, 4, 5}
    assert chosen("--reprocess", "failed") == {1, 2}
    pool.sql("update item set ended_at = now() - interval '2 days' where content_guid = any(%s)",
             ([guid(0), guid(1)],))
    assert chosen("--reprocess", "missing", "--since", "1d") == {0, 1, 2, 3, 4, 5}
    assert chosen("--reprocess", "failed", "--since", "1d") == {2}


def test_a_dry_run_changes_nothing(pool):
    make_content(pool, 5, ", i = 1 as locked, 'owner' || i % 2 as owner_username")
    pool.sql("update content set bundle_id = null where guid = %s", (guid(0),))
    pool.sql("update content set app_mode = 'static' where guid = %s", (guid(2),))
    pool.enqueue("--guid", guid(4))
    before = [pool.sql(f"select * from {t}") for t in ("campaign", "item", "act", "runtime_group")]
    answer = pool.json("enqueue", "--dry-run")
    assert answer["dry_run"] and answer["selected"] == 4 and answer["left_out"] == 1
    assert answer["app_modes"] == {"shiny": 3, "static": 1}
    assert answer["owners"] == {"owner0": 2, "owner1": 2}
    assert answer["skips"] == {"no_bundle": 1, "locked": 1, "nothing_to_restore": 1}
    assert answer["estimate_s"] is None
    lines = pool.producer("enqueue", "--dry-run", "-o", "jsonl", "--limit", "2").stdout.splitlines()
    assert [json.loads(line)["data"]["rank"] for line in lines] == [0, 1]
    assert "4 items would be enqueued" in pool.producer("enqueue", "--dry-run").stdout
    pool.producer("enqueue", "--dry-run", env={"REBUILD_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert before == [pool.sql(f"select * from {t}")
                      for t in ("campaign", "item", "act", "runtime_group")]
    assert len(requests(pool)) == 1


def test_nothing_selected(pool):
    make_content(pool, 1)
    answer = pool.json("enqueue", "--title-contains", "nowhere", "-y")
    assert answer["selected"] == 0 and answer["state"] == "completed"
    assert pool.status(answer["campaign_id"])["state"] == "completed"
    done = pool.producer("enqueue", "--title-contains", "nowhere", "-y", "--fail-empty", "-o",
                         "json", status=4)
    assert json.loads(done.stdout)["campaign_id"] is None
    assert len(pool.sql("select * from campaign")) == 1


def test_what_cannot_be_published_is_partly_enqueued_and_goes_on_later(pool):
    make_content(pool, 3)
    alter(pool, "requests", **{"max.message.bytes": "200"})
    done = pool.producer("enqueue", "-y", "-o", "json", status=7)
    answer = json.loads(done.stdout)
    resume = f"rebuild-producer enqueue --campaign-id {answer['campaign_id']}"
    assert answer["published"] == 0 and answer["selected"] == 3 and resume in done.stderr
    pool.producer("topics", "apply")
    assert pool.enqueue("--campaign-id", answer["campaign_id"])["published"] == 3
    assert len({r["data"]["request_id"] for r in requests(pool)}) == 3


@pytest.mark.parametrize("limited, published", [
    (["--max-inflight", "1"], 64), (["--not-before", "in 1h"], 0)])
def test_what_a_limit_holds_back_is_no_failure(pool, limited, published):
    make_content(pool, 70)
    answer = pool.enqueue(*limited)
    assert answer["selected"] == 70 and answer["published"] == published


@pytest.mark.deadline(240)
def test_a_hundred_thousand_items(pool):
    make_content(pool, 100000, ", repeat(md5(i::text), 10) as name")
    answer = pool.enqueue("--order-by", "guid", deadline_s=180)
    assert answer["selected"] == answer["published"] == 100000
    assert pool.sql("select count(*) as n, max(rank) as last from item") == [
        {"n": 100000, "last": 99999}]
    sent = pool.broker.read(pool.topic("requests"), deadline_s=60)
    assert len({r.request_id for r in sent}) == 100000
    assert pool.status(answer["campaign_id"])["items"]["waiting"] == 100000


def as_role(pool, role):
    """Environment of a user who has only what this role has, and may read the content table."""
    user = f"{role}_{pool.prefix.rstrip('.')}"
    pool.sql(f"create role {user} login password 'x' in role {role};"
             f"grant select on public.content to {user}")
    host = pool.database_url.split("@")[1]
    return user, {"REBUILD_DATABASE_URL": f"postgresql://{user}:x@{host}"}


def test_an_operator_may_enqueue_and_a_reader_may_only_look(pool):
    make_content(pool, 3)
    users = []
    try:
        user, operator = as_role(pool, "rebuild_operator")
        users.append(user)
        campaign = pool.enqueue(env=operator)["campaign_id"]
        assert pool.json("status", campaign, env=operator)["published"] == 3
        rows = pool.json("doctor", env=operator, status=None)
        assert {r["verdict"] for r in rows if r["check"] in ("roles", "ledger")} == {"ok"}
        assert "rights" not in {r["check"] for r in rows}
        user, reader = as_role(pool, "rebuild_reader")
        users.append(user)
        assert pool.json("status", campaign, env=reader)["published"] == 3
        assert len(pool.json("list", env=reader)) == 3
        denied = pool.producer("enqueue", "-y", env=reader, status=6)
        assert "permission denied" in denied.stderr
        rows = pool.json("doctor", env=reader, status=None)
        assert [r["verdict"] for r in rows if r["check"] == "rights"] == ["fail"]
    finally:
        for user in users:
            pool.sql(f"drop owned by {user}; drop role {user}")


def test_metrics_of_a_run(pool, tmp_path):
    make_content(pool, 3)
    path = tmp_path / "enqueue.prom"

    def values():
        lines = [line.split() for line in path.read_text().splitlines() if line[0] != "#"]
        return {name.removeprefix("rebuild_producer_"): float(value) for name, value in lines}
    pool.enqueue("--metrics-file", str(path))
    first = values()
    assert first["selected_items"] == first["enqueued_items_total"] == 3
    pool.producer("enqueue", "-y", "--owner", "x", "--metrics-file", str(path), status=2)
    second = values()
    assert second["selected_items"] == 0
    stamp = "last_success_timestamp_seconds"
    assert second[stamp] == first[stamp] > 1.7e9
    assert [p.name for p in tmp_path.iterdir()] == ["enqueue.prom"]

"""prune: what is old goes, in batches; what could still be needed stays."""

from producing import make_content
from waiting import wait_until

ITEMS = 20
OLD = "interval '200 days'"


def age(pool, campaign):
    """The campaign ended long ago."""
    pool.sql(f"update item set published_at = published_at - {OLD} where campaign_id = %s",
             [campaign])
    pool.sql(f"update campaign set ended_at = ended_at - {OLD} where campaign_id = %s", [campaign])


def prune(pool, *args):
    return pool.json("prune", "--reason", "system test", "-y", *args)


def ended(pool, connect_with, **options):
    connect = connect_with(items=ITEMS, build_ms=(5, 10), **options)
    pool.worker()
    campaign = pool.campaign("--warm-up", "0")
    pool.complete(campaign)
    return connect, campaign


def read_from_the_beginning(pool):
    """Every worker is gone, the group is forgotten, and a new worker comes."""
    for worker in pool.workers:
        worker.term()
    group = pool.prefix + "workers"
    wait_until(lambda: pool.broker.members(group) == 0, 20, "the group is empty")
    pool.broker.delete_group(group)
    return pool.worker()


def await_bases(pool, n):
    """So many requests are below the committed bases."""
    wait_until(lambda: sum(offset for offset, _ in pool.broker.committed(
        pool.prefix + "workers", pool.topic("requests")).values()) == n, 20,
        f"{n} requests are below the bases")


def low_marks(pool):
    return {p: low for p, (low, _) in pool.broker.watermarks(pool.topic("requests")).items()}


def test_nothing_is_built_when_the_group_is_deleted_after_a_prune(pool, connect_with):
    connect, campaign = ended(pool, connect_with)
    age(pool, campaign)
    kept = prune(pool)
    assert (kept["campaigns"], kept["items"], kept["still_in_topics"]) == (0, 0, 1)
    worker = read_from_the_beginning(pool)
    wait_until(lambda: worker.metric("rebuild_requests_deduplicated_total") == ITEMS, 20,
               "everything was read again, and dropped")
    await_bases(pool, ITEMS)
    gone = prune(pool, "--trim-requests")
    assert (gone["campaigns"], gone["items"], gone["attempts"]) == (1, ITEMS, ITEMS)
    assert gone["records"] == ITEMS and gone["still_in_topics"] == 0
    for table in ("campaign", "item", "attempt", "runtime_group"):
        assert pool.count(table) == 0
    worker = read_from_the_beginning(pool)
    after = pool.campaign("--limit", "1", "--name", "after")
    pool.await_state(after)
    assert worker.metric("rebuild_requests_received_total") == 1
    assert connect.state()["builds"] == ITEMS + 1 and len(pool.results()) == ITEMS + 1


def test_a_dry_run_says_what_a_prune_then_does(pool, connect_with):
    _, campaign = ended(pool, connect_with)
    age(pool, campaign)
    assert pool.producer("prune", status=2).stderr.count("--yes") == 1
    planned = pool.json("prune", "--trim-requests", "--dry-run")
    assert pool.count("item") == ITEMS and set(low_marks(pool).values()) == {0}
    assert not [a for a in pool.json("acts") if a["act"].startswith("prune")]
    done = prune(pool, "--trim-requests")
    assert planned == {**done, "dry_run": True}
    acts = {a["act"]: a for a in pool.json("acts")}
    assert acts["prune"]["target"] == campaign
    assert acts["prune"]["details"] == {"name": "test", "items": ITEMS, "attempts": ITEMS}
    assert acts["prune.trim"]["details"]["records"] == ITEMS
    assert {acts[name]["reason"] for name in ("prune", "prune.trim")} == {"system test"}


def test_what_is_young_live_or_unpublished_stays(pool, connect_with):
    connect, young = ended(pool, connect_with)
    pool.broker.trim(pool.topic("requests"))
    assert prune(pool, "--older-than", "1h")["campaigns"] == 0
    age(pool, young)
    pool.sql("update item set published_at = null where rank = 3")
    assert prune(pool)["campaigns"] == 0
    pool.sql("update item set published_at = now() where rank = 3")
    pool.sql("update attempt set ended_at = null where request_id ="
             " (select request_id from item where rank = 4)")
    assert prune(pool)["campaigns"] == 0
    pool.sql("update attempt set ended_at = now()")
    connect.hold()
    live = pool.campaign("--warm-up", "0", "--name", "live")
    connect.await_running(9)
    done = prune(pool)
    assert (done["campaigns"], done["items"]) == (1, ITEMS)
    assert pool.count("item where campaign_id = %s", live) == ITEMS
    connect.faults(hold_builds=False)
    pool.await_state(live)


def test_requests_are_trimmed_to_the_base_and_not_over_what_is_still_to_be_built(
        pool, connect_with):
    connect = connect_with(items=ITEMS, build_ms=(5, 10))
    rows = [row["guid"] for row in pool.load_content()]
    worker = pool.worker()
    first = pool.campaign("--warm-up", "0", *(w for g in rows[:10] for w in ("--guid", g)))
    pool.complete(first)
    connect.hold()
    second = pool.campaign("--warm-up", "0", "--name", "second",
                           *(w for g in rows[10:] for w in ("--guid", g)))
    connect.await_running(9)
    await_bases(pool, 10)
    done = prune(pool, "--trim-requests")
    left = sum(high - low for low, high in pool.broker.watermarks(pool.topic("requests")).values())
    assert done["records"] == 10 and left == 10
    assert [row["verdict"] for row in pool.json("doctor") if row["check"] == "requests"] == ["ok"]
    worker.kill()
    connect.release()
    pool.worker(ready=False)
    pool.complete(second)


def test_many_items_go_in_batches(pool):
    make_content(pool, 12000)
    campaign = pool.campaign()
    pool.broker.trim(pool.topic("requests"))
    pool.sql("update item set state = 'succeeded', ended_at = now(), published_at = now()")
    pool.sql("update campaign set state = 'completed', ended_at = now()")
    age(pool, campaign)
    done = prune(pool)
    assert (done["campaigns"], done["items"]) == (1, 12000)
    assert pool.count("item") == pool.count("campaign") == pool.count("runtime_group") == 0
    acts = [a["details"]["items"] for a in pool.json("acts") if a["act"] == "prune"]
    assert acts == [2000, 5000, 5000]

"""Claims that come at the same moment: the guards of the ledger let through what fits, and no more.
The statements are the worker's own, each claim on a connection of its own; all of them stand at the
locks before the first one gets on."""

import concurrent.futures
import contextlib
import uuid

import psycopg
import pytest

from producing import guid, make_content
from product_sql import statements
from waiting import wait_until

SQL = statements()
LOCKS = ("SQL_LOCK_GROUPS", "SQL_LOCK_CAMPAIGNS", "SQL_LOCK_ITEMS")  # after that of the replicas


class Proposal:
    """One request for one replica, as claim_unit.c sends it."""

    def __init__(self, row, replica, offset=0):
        self.attempt, self.token = uuid.uuid4(), uuid.uuid4().int >> 66
        self.request, self.replica, self.offset = row["request_id"], replica, offset

    def claim(self, url):
        """Whether it was granted."""
        attempts, tokens = [[self.attempt], [self.token]]
        values = [attempts, tokens, [self.request], [self.replica], [0], [0], [0], [self.offset],
                  ["1"], [None], str(self.attempt), "0"]
        with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
            connection.execute(SQL["SQL_LOCK_REPLICAS"], [[self.replica]])
            for name in LOCKS:
                connection.execute(SQL[name], [[self.request]])
            connection.execute(SQL["SQL_CLAIM"], values)
            granted = connection.execute(SQL["SQL_GRANTED"], [attempts, tokens]).fetchall()
        return len(granted) == 1


@contextlib.contextmanager
def barrier(pool):
    """Nobody gets a replica's lock within."""
    with psycopg.connect(pool.database_url) as connection:
        connection.execute("select 1 from rebuild.replica for update")
        yield


def stand_at_the_locks(pool):
    return pool.sql("select count(*) as n from pg_stat_activity where datname = current_database()"
                    " and wait_event_type = 'Lock'")[0]["n"]


def claim_together(pool, proposals):
    """All of them at once; returns those that were granted."""
    with concurrent.futures.ThreadPoolExecutor(len(proposals)) as threads:
        with barrier(pool):
            claims = [threads.submit(p.claim, pool.database_url) for p in proposals]
            wait_until(lambda: stand_at_the_locks(pool) == len(proposals), 60,
                       lambda: f"{len(proposals)} claims stand at the locks; "
                       f"{stand_at_the_locks(pool)} do")
        granted = [claim.result(60) for claim in claims]
    assert pool.count("attempt where ended_at is null") == sum(granted)
    return [p for p, yes in zip(proposals, granted) if yes]


@pytest.fixture
def ledger(pool):
    """ledger(n, options): n items of one campaign, two replicas with 100 slots each."""
    pool.sql("insert into replica (name, url, max_inflight, limit_now) values"
             " ('a', 'http://a', 100, 100), ('b', 'http://b', 100, 100)")

    def make(n, *options):
        make_content(pool, n, ", 'all'::text as access_type")
        pool.sql("update public.content set r_version = '4.1.1', image_name = 'one'")
        pool.campaign(*[w for i in range(n) for w in ("--guid", guid(i))], *options)
        return pool.sql("select * from item order by rank")
    return make


def test_of_two_claims_in_a_cold_group_one_is_granted(pool, ledger):
    one, other = ledger(2, "--warm-up", "1")
    granted = claim_together(pool, [Proposal(one, "a"), Proposal(other, "b", 1)])
    assert len(granted) == 1
    group, = pool.sql("select started, ended from runtime_group")
    assert (group["started"], group["ended"]) == (1, 0)
    waiting, = pool.sql("select * from item where state = 'waiting'")
    assert waiting["attempts"] == 0 and waiting["place_offset"] is None
    pool.sql("update runtime_group set restored = 2, ended = 1")  # it is warm
    assert Proposal(waiting, "b", 1).claim(pool.database_url)


def test_of_two_claims_in_a_campaign_with_a_limit_of_one_one_is_granted(pool, ledger):
    one, other = ledger(2, "--warm-up", "0", "--max-inflight", "1")
    granted = claim_together(pool, [Proposal(one, "a"), Proposal(other, "b", 1)])
    assert len(granted) == 1
    pool.sql("update attempt set ended_at = now()")
    waiting, = pool.sql("select * from item where state = 'waiting'")
    assert Proposal(waiting, "b", 1).claim(pool.database_url)


def test_a_start_rate_lets_one_of_two_claims_through(pool, ledger):
    one, other = ledger(2, "--warm-up", "0", "--start-rate", "1/h")
    assert len(claim_together(pool, [Proposal(one, "a"), Proposal(other, "b", 1)])) == 1


def test_64_claims_of_one_request_make_one_attempt(pool, ledger):
    row, = ledger(1, "--warm-up", "0")
    proposals = [Proposal(row, "ab"[i % 2], offset=i) for i in range(64)]
    granted, = claim_together(pool, proposals)
    item, = pool.sql("select * from item")
    assert (item["state"], item["attempts"]) == ("running", 1)
    assert item["place_offset"] == granted.offset
    assert pool.count("attempt") == 1


def test_64_requests_for_one_slot_make_one_attempt(pool, ledger):
    rows = ledger(64, "--warm-up", "0")
    pool.sql("update replica set limit_now = 1 where name = 'a'")
    assert len(claim_together(pool, [Proposal(row, "a", i) for i, row in enumerate(rows)])) == 1
    assert pool.count("item where state = 'waiting'") == 63


def test_64_requests_for_one_content_make_one_attempt(pool, ledger):
    """Of 64 campaigns: two builds of one content would be the same build twice at once."""
    ledger(1, "--warm-up", "0")
    for i in range(63):
        campaign = uuid.uuid4()
        pool.sql("insert into campaign (campaign_id, actor, warm_up, selected) values"
                 " (%s, 'test', 0, 1)", [campaign])
        pool.sql("insert into item (request_id, campaign_id, rank, content_guid)"
                 " values (%s, %s, %s, %s)", [uuid.uuid4(), campaign, i, guid(0)])
    rows = pool.sql("select * from item")
    assert len(rows) == 64
    granted = claim_together(pool, [Proposal(row, "ab"[i % 2], i) for i, row in enumerate(rows)])
    assert len(granted) == 1
    assert pool.count("item where state = 'waiting' and place_offset is null") == 63


def pairs_looked_at(node):
    """Of a plan that was run: what its joins looked at in vain."""
    return (node.get("Rows Removed by Join Filter", 0) * node["Actual Loops"]
            + sum(pairs_looked_at(child) for child in node.get("Plans", [])))


def test_outcomes_of_a_new_campaign_are_not_compared_with_all_that_is_open(pool, ledger):
    """The planner knows nothing of the campaign yet: nobody has analyzed its items."""
    ledger(1, "--warm-up", "0")
    ids, n = [uuid.uuid4() for _ in range(5000)], 256
    pool.sql("insert into item (request_id, campaign_id, rank, content_guid) select id,"
             " campaign_id, ord, gen_random_uuid() from campaign,"
             " unnest(%s::uuid[]) with ordinality u(id, ord)", [ids])
    same = [[value] * n for value in ("skipped", None, None, 0, 0)]
    values = [ids[:n], *same, list(range(n)), [None] * n, [None] * n, ["not_checked"] * n,
              ["[]"] * n, "w", "0"]
    with psycopg.connect(pool.database_url, cursor_factory=psycopg.RawCursor) as connection:
        plan, = connection.execute("explain (analyze, format json) " + SQL["SQL_SETTLE"],
                                   values).fetchone()
    assert pairs_looked_at(plan[0]["Plan"]) <= n * n
    assert pool.count("item where state = 'skipped'") == n

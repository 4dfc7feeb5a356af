"""What may run at once, and what goes first."""

import datetime
import itertools

from waiting import wait_until


def millis(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def builds_of(connect, guids):
    """The builds of these items, in the order of their starts."""
    return [b for b in connect.audit()["list"] if b["guid"] in guids]


def most_at_once(builds):
    """How many of them ran at the same time at most."""
    ends = sorted([(b["started_ms"], 1) for b in builds] + [(b["ended_ms"], -1) for b in builds])
    return max(itertools.accumulate(step for _, step in ends))


def guids_of(rows):
    return [row["guid"] for row in rows]


def select(rows):
    return [word for guid in guids_of(rows) for word in ("--guid", guid)]


def test_a_limited_campaign_keeps_its_limit_and_holds_up_no_other(pool, connect_with):
    connect = connect_with(items=36, build_ms=(100, 150))
    rows = pool.load_content()
    narrow, wide = rows[:8], rows[8:]
    limited = pool.campaign("--max-inflight", "1", "--warm-up", "0", *select(narrow))
    other = pool.campaign("--warm-up", "0", "--name", "wide", *select(wide))
    pool.worker()
    pool.worker()
    pool.await_state(other)
    assert pool.state_of(limited) == "open"
    pool.complete(limited)
    assert most_at_once(builds_of(connect, guids_of(narrow))) == 1
    assert most_at_once(builds_of(connect, guids_of(wide))) >= 6


def wanted_by_all_who_have_it(pool):
    """Each worker that read a request of the high lane says in the ledger that it wants a slot for
    it: now the request only waits for one."""
    wants = {row["worker_id"] for row in pool.sql(
        "select worker_id from worker where want_lane = 1 and want_until > now()")}
    readers = {w.name for w in pool.workers
               if w.metric("rebuild_requests_received_total", lane="high")}
    return readers and readers <= wants


def test_a_request_of_the_high_lane_takes_the_next_slot(pool, connect_with):
    connect = connect_with(items=40, build_ms=(50, 100), limit=1)
    *others, urgent = pool.load_content()
    connect.hold()
    pool.worker()
    pool.worker()
    backlog = pool.campaign("--warm-up", "0", *select(others))
    connect.await_running(3)
    fast = pool.campaign("--warm-up", "0", "--lane", "high", "--name", "urgent", *select([urgent]))
    wait_until(lambda: wanted_by_all_who_have_it(pool), 20, "the urgent one waits for a slot")
    connect.release()
    pool.complete(fast)
    pool.complete(backlog)
    order = [b["guid"] for b in connect.audit()["list"]]
    # three ran already, and three slots were free at the same moment
    assert order.index(urgent["guid"]) in (3, 4, 5)


def test_requests_run_in_the_order_of_the_list(pool, connect_with):
    connect = connect_with(items=10, build_ms=(20, 40), limit=1, replicas=1)
    rows = sorted(pool.load_content(), key=lambda row: row["guid"])
    connect.hold()
    campaign = pool.campaign("--warm-up", "0", "--order-by", "guid")
    worker = pool.worker()
    connect.await_running(1)
    wait_until(lambda: worker.holds() == 10, 20, "all of them were read")
    connect.release()
    pool.complete(campaign)
    order = [b["guid"] for b in connect.audit()["list"]]
    assert order[1:] == [guid for guid in guids_of(rows) if guid != order[0]]


def test_a_cold_group_has_one_open_build_until_the_first_success(pool, connect_with):
    connect = connect_with(items=16, build_ms=(50, 100), app_modes="shiny", images=1, r_versions=1)
    guids = guids_of(pool.load_content())
    connect.hold()
    pool.worker()
    pool.worker()
    campaign = pool.campaign("--warm-up", "1")
    connect.await_running(1)
    pool.await_count(1, "attempt where task_id is not null")
    wait_until(lambda: sum(w.holds() for w in pool.workers) == len(guids), 20, "all were read")
    assert connect.state()["builds"] == 1
    connect.release()
    pool.complete(campaign)
    first, *others = builds_of(connect, guids)
    assert min(b["started_ms"] for b in others) >= first["ended_ms"]
    assert most_at_once(others) >= 3
    assert {b["replica"] for b in others} == set(connect.replicas)


def test_a_start_rate_spreads_the_starts(pool, connect_with):
    connect = connect_with(items=12, build_ms=(10, 20))
    pool.worker()
    pool.complete(pool.campaign("--warm-up", "0", "--start-rate", "4/s"))
    starts = [b["started_ms"] for b in connect.audit()["list"]]
    # the first at once, a second's worth that was missed may be made up for, then 250 ms each
    assert starts[-1] - starts[0] >= (12 - 1 - 4) * 250 - 200  # the ways to Connect differ


def test_nothing_starts_before_its_time(pool, connect_with):
    connect = connect_with(items=4, build_ms=(10, 20))
    campaign = pool.campaign("--warm-up", "0", "--not-before", "in 2s")
    due = pool.sql("select extract(epoch from not_before) * 1000 as ms from campaign")[0]["ms"]
    pool.worker()
    pool.complete(campaign)
    assert min(millis(b["started_at"]) for b in connect.audit()["list"]) >= float(due) - 1


def test_builds_start_only_within_the_window(pool, connect_with):
    connect = connect_with(items=20, build_ms=(10, 20))
    pool.worker()
    at = pool.sql("select to_char(now() at time zone 'UTC' + interval '6 hours', 'HH24') as h")
    hour = int(at[0]["h"])
    later = f"{hour:02}:00-{(hour + 1) % 24:02}:00@UTC"
    campaign = pool.campaign("--warm-up", "0", "--window", later)
    assert pool.state_of(campaign) == "paused"
    connect.hold()
    open_window(pool, "00:00-23:59:59@UTC")
    connect.await_running(9)
    open_window(pool, later)
    pool.await_state(campaign, "paused", deadline_s=20)
    pool.await_count(20 - 9, "item where state = 'parked'")
    connect.release()
    wait_until(lambda: pool.open_builds() == {}, 20, "what ran has ended")
    assert connect.state()["builds"] == 9
    open_window(pool, "00:00-23:59:59@UTC")
    pool.complete(campaign)
    reasons = [a["act"] for a in pool.json("acts") if a["reason"] == "--window"]
    assert sorted(reasons) == ["pause", "resume", "resume"]


def open_window(pool, hours):
    pool.sql("update campaign set open_window = %s", [hours])

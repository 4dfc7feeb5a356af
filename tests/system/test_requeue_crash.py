"""What was requeued, and a feeder that dies at a checkpoint on its way: one result each.

`make check` stops at two of the checkpoints, `make crash` at all."""

import pytest

from test_crash_matrix import ALL, programs  # pylint: disable=unused-import
from test_requeue import ITEMS, await_empty_group, doctor, outcomes, requeue

POINTS = ["outbox.produce:10", "outbox.sent:1"]
MORE_POINTS = ["outbox.produce:1", "outbox.advance:1", "outbox.cursor:1"]


@pytest.fixture(autouse=True)
def soon_lost(pool):
    """A POST that never was is known to be none within seconds, not a minute."""
    pool.extra_env["REBUILD_LOST_AFTER"] = "3s"


def lose_everything(pool, campaign):
    """Records go, and requeue marks what was in them."""
    await_empty_group(pool)
    pool.broker.trim(pool.topic("requests"))
    return requeue(pool, campaign)


@pytest.mark.parametrize("point", POINTS + MORE_POINTS if ALL else POINTS)
def test_a_feeder_that_dies_on_the_way_of_what_was_requeued(pool, connect_with, point):
    connect = connect_with(items=ITEMS, build_ms=(20, 60))
    campaign = pool.campaign("--warm-up", "0", "--backoff", "1s:1s")
    assert lose_everything(pool, campaign)["requeued"] == ITEMS
    first = pool.worker(ready=False, REBUILD_CHECKPOINT=point)
    assert first.wait(30) == -9
    assert doctor(pool) == [("ok", "none is lost")]
    pool.worker(ready=False)
    assert outcomes(pool.complete(campaign)) == {"succeeded": ITEMS}
    assert connect.state()["builds"] == ITEMS
    assert doctor(pool) == [("ok", "none is lost")]


def test_items_with_an_outcome_and_a_feeder_that_dies_before_it_clears_the_mark(
        pool, connect_with):
    connect = connect_with(items=ITEMS, build_ms=(20, 60))
    worker = pool.worker(REBUILD_CHECKPOINT="txn.produce:1")
    campaign = pool.campaign("--warm-up", "0", "--backoff", "1s:1s")
    assert worker.wait(60) == -9
    ended = pool.count("item where ended_at is not null and published_at is null")
    assert ended > 0 and not pool.results()
    assert lose_everything(pool, campaign)["marked"] == 0
    assert pool.count("item where ended_at is not null and unsent") >= ended
    assert pool.worker(ready=False, REBUILD_CHECKPOINT="outbox.sent:1").wait(30) == -9
    pool.worker(ready=False)
    assert outcomes(pool.complete(campaign)) == {"succeeded": ITEMS}
    assert connect.state()["builds"] == ITEMS

/* Much that waits for long: requests while every slot is taken, results while Kafka takes none. */
#include "tests/support/fake_worker.h"

#include "common/outbox/outbox.h"
#include "worker/admit.h"
#include "worker/batch.h"
#include "worker/flow.h"
#include "worker/outgoing.h"
#include "worker/waiting.h"

/* ---- requests ---- */

#define REQUESTS    5000
#define HOUR_S      3600
#define SLOT_HEADS  8 /* as ask.c takes while nothing is free */
#define BACK_OFF_MS 1800000

static struct req requests[REQUESTS];

/* What the ledger says of one that was never begun, after so long: the answer and the policies have
 * no other clock than its due time and the campaign's deadline. */
static enum answer answer_of(int64_t due_in_ms)
{
    const struct item_facts f = { .state = ITEM_WAITING,
                                  .campaign = CAMPAIGN_OPEN,
                                  .due_in_ms = due_in_ms };

    return flow_answer(&f);
}

static enum admit_what admit_one(bool slot_free)
{
    const struct admit_replica replica = { .limit = 1, .open = slot_free ? 0 : 1, .usable = true };
    const struct admit_campaign campaign = { .limit = -1 };
    const struct admit_item item = { .groups = { -1, -1, -1, -1 }, .avoid_replica = -1 };
    const struct admit_input in = { .replicas = &replica,
                                    .replicas_n = 1,
                                    .campaigns = &campaign,
                                    .campaigns_n = 1,
                                    .items = &item,
                                    .items_n = 1 };
    struct admit_decision d;

    assert_int_equal(admit(&in, &d), 0);
    return d.what;
}

static void wait_in_lists(struct waiting *lists)
{
    static const struct {
        enum wait_reason reason;
        const char *key;
        int64_t due_ms;
    } ways[] = { { WAIT_SLOT, "", 0 },          { WAIT_START, "", BACK_OFF_MS },
                 { WAIT_DUE, "", BACK_OFF_MS }, { WAIT_GROUP, "c/r", 0 },
                 { WAIT_CONTENT, "guid", 0 },   { WAIT_CAMPAIGN, "c", 0 } };

    for (int i = 0; i < REQUESTS; i++) {
        size_t way = (size_t)i % (sizeof(ways) / sizeof(ways[0]));

        requests[i] = (struct req){ .rank = REQUESTS - i, .offset = i };
        assert_int_equal(
            waiting_put(lists, &requests[i], ways[way].reason, ways[way].key, ways[way].due_ms), 0);
    }
}

/* One question to the ledger; returns how many were asked about. All of them wait again. */
static size_t ask_once(struct waiting *lists, int64_t now_ms)
{
    struct req *heads[CLAIM_BATCH];
    size_t n = waiting_heads(lists, now_ms, SLOT_HEADS, heads, CLAIM_BATCH);

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(answer_of(0), ANSWER_CANDIDATE);
        assert_int_equal(admit_one(false), ADMIT_WAIT_SLOT);
        assert_int_equal(waiting_put(lists, heads[i], WAIT_SLOT, "", 0), 0);
    }
    return n;
}

static void requests_that_wait_for_an_hour_are_neither_parked_nor_published_again(void **state)
{
    struct waiting *lists = waiting_new();
    const struct outbox_valve valve = { "open", true, -1, REQUESTS, 0, false };
    struct req *best;

    (void)state;
    wait_in_lists(lists);
    for (int64_t s = 0; s <= HOUR_S; s++) {
        assert_true(ask_once(lists, s * 1000) >= SLOT_HEADS);
        assert_int_equal(waiting_total(lists), REQUESTS);
        assert_int_equal(outbox_valve_allows(&valve), 0);
    }
    assert_int_equal(waiting_n(lists, WAIT_START) + waiting_n(lists, WAIT_DUE), 0);
    assert_int_equal(admit_one(true), ADMIT_RUN);
    assert_int_equal(waiting_heads(lists, (int64_t)HOUR_S * 1000, 1, &best, 1), 1);
    assert_int_equal(best->rank, 1);
    waiting_free(lists);
}

/* ---- results ---- */

static struct worker *w;

static int set_up(void **state)
{
    (void)state;
    w = fake_worker_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_worker_free(w);
    return 0;
}

static void pend(struct part *part, int64_t offset)
{
    struct outgoing *out = calloc(1, sizeof(*out));

    assert_non_null(out);
    assert_int_equal(tracker_record(part->tracker, offset), TRACKER_NEW);
    out->part = part;
    out->epoch = part->epoch;
    out->offset = offset;
    out->since_ms = clock_boot_ms();
    list_push(&w->results->pending, &out->node);
}

/* So many that are in no batch, while one batch is under way. */
static void fill_the_queue(struct part *part)
{
    pend(part, 0);
    batch_send(w);
    assert_int_equal(fake_kafka.batch.messages_n, 1);
    for (int64_t o = 1; o < PUBLISH_QUEUE_RESULTS; o++)
        pend(part, o);
    assert_true(worker_may_start(w));
    pend(part, PUBLISH_QUEUE_RESULTS);
}

static void with_results_at_their_bound_no_build_starts_and_all_of_them_go_out(void **state)
{
    struct part *part = fake_own(w, 0, 0, NULL);
    size_t sent = 0;

    (void)state;
    fill_the_queue(part);
    assert_false(worker_may_start(w));
    batch_send(w); /* nothing: one batch at a time */
    for (; fake_kafka.busy; batch_send(w)) {
        sent += fake_kafka.batch.messages_n;
        assert_true(fake_kafka.batch.messages_n <= PUBLISH_BATCH_RESULTS);
        fake_published(PUBLISH_COMMITTED);
        assert_true(worker_may_start(w));
    }
    assert_int_equal(sent, PUBLISH_QUEUE_RESULTS + 1);
    assert_int_equal(results_waiting(w), 0);
    assert_int_equal(tracker_base(part->tracker), PUBLISH_QUEUE_RESULTS + 1);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_that_wait_for_an_hour_are_neither_parked_nor_published_again),
        T(with_results_at_their_bound_no_build_starts_and_all_of_them_go_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

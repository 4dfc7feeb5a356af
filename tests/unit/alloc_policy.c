/* Every allocation of the policy modules fails once, then all from there on: nothing leaks (ASan
 * says), nothing is half done, and it works again afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "tests/support/alloc_fail.h"
#include "worker/admit.h"
#include "worker/breaker.h"
#include "worker/donemap.h"
#include "worker/flow.h"
#include "worker/targets.h"
#include "worker/tracker.h"
#include "worker/waiting.h"

/* ---- trackers ---- */

static char map[DONEMAP_TEXT_BYTES]; /* offset 9 is done, 7 and 8 are not */

static bool use_tracker(void)
{
    struct err err = { 0 };
    struct tracker *t = tracker_new(7, map, &err);

    if (t == NULL) {
        assert_int_equal(err.kind, ERR_INTERNAL); /* never taken for a bad map */
        return false;
    }
    assert_int_equal(tracker_record(t, 7), TRACKER_NEW);
    assert_true(tracker_is_done(t, 9));
    tracker_free(t);
    return true;
}

static void a_tracker_without_memory_is_an_error(void **state)
{
    struct tracker *t = tracker_new(7, NULL, NULL);

    (void)state;
    assert_non_null(t);
    for (int64_t offset = 7; offset < 10; offset++)
        tracker_record(t, offset);
    tracker_done(t, 9);
    assert_int_equal(tracker_commit_text(t, map), 7);
    tracker_free(t);
    alloc_fail_each(use_tracker);
}

/* ---- waiting lists ---- */

#define REQS 200

static struct req reqs[REQS];

/* Many keys, so that uthash's table grows too. */
static size_t put_all(struct waiting *w)
{
    size_t in = 0;

    for (int i = 0; i < REQS; i++) {
        enum wait_reason reason = (enum wait_reason)(i % WAIT_REASONS);
        char key[16];

        snprintf(key, sizeof(key), "k%d", i);
        reqs[i] = (struct req){ .rank = i };
        if (waiting_put(w, &reqs[i], reason, i < REQS - 60 ? key : "one long list", i) == 0)
            in++;
        else
            assert_null(reqs[i].list);
        assert_int_equal(waiting_total(w), in);
    }
    return in;
}

/* Nothing of this may need memory. */
static size_t take_all(struct waiting *w)
{
    static struct req *out[REQS];
    size_t n = 0, more;

    waiting_release(w, WAIT_GROUP, "one long list");
    waiting_release(w, WAIT_CONTENT, "one long list");
    do {
        more = waiting_heads(w, INT64_MAX, REQS, out, REQS);
        n += more;
    } while (more > 0);
    return n;
}

static bool use_waiting(void)
{
    struct waiting *w = waiting_new();
    size_t in;

    if (w == NULL)
        return false;
    in = put_all(w);
    assert_int_equal(take_all(w), in);
    waiting_free(w);
    return in == REQS;
}

static struct waiting *full;

static bool empty_the_full(void)
{
    return take_all(full) == REQS;
}

static void a_request_that_cannot_wait_for_want_of_memory_is_in_no_list(void **state)
{
    (void)state;
    alloc_fail_each(use_waiting);
    full = waiting_new();
    assert_non_null(full);
    assert_int_equal(put_all(full), REQS);
    alloc_fail_all(empty_the_full);
    waiting_free(full);
}

/* ---- decisions ---- */

static bool use_admit(void)
{
    struct admit_replica replica = { .limit = 1, .usable = true };
    struct admit_campaign campaign = { .limit = -1 };
    struct admit_item item = { .groups = { -1 }, .avoid_replica = -1 };
    struct admit_input in = { &replica, 1, &campaign, 1, NULL, 0, &item, 1 };
    struct admit_decision out = { .what = ADMIT_WAIT_SLOT };
    int rc = admit(&in, &out);

    assert_int_equal(out.what, rc == 0 ? ADMIT_RUN : ADMIT_WAIT_SLOT);
    return rc == 0;
}

static void admit_without_memory_decides_nothing(void **state)
{
    (void)state;
    alloc_fail_each(use_admit);
}

/* What each turn of the loop and each answer goes through. */
static bool decide(void)
{
    static struct targets targets;
    struct item_facts waits = { .state = ITEM_WAITING, .campaign = CAMPAIGN_OPEN };
    struct target *t = targets_need(&targets, "a", "http://a");

    t->configured = t->active = t->known = true;
    t->limit = 2;
    for (int i = 0; i < BREAKER_FAILURES; i++)
        breaker_failure(&t->breaker, 0);
    assert_true(breaker_wants_probe(&t->breaker, BREAKER_OPEN_MS));
    breaker_success(&t->breaker);
    assert_non_null(item_states_before(ITEM_RUNNING));
    return flow_answer(&waits) == ANSWER_CANDIDATE && targets_any(&targets) == t &&
           targets_free(&targets, 0) == 2;
}

static void answers_targets_and_breakers_need_no_memory(void **state)
{
    (void)state;
    alloc_fail_all(decide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tracker_without_memory_is_an_error),
        cmocka_unit_test(a_request_that_cannot_wait_for_want_of_memory_is_in_no_list),
        cmocka_unit_test(admit_without_memory_decides_nothing),
        cmocka_unit_test(answers_targets_and_breakers_need_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "worker/waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 64
#define EVER INT64_MAX

struct fixture {
    struct waiting *w;
    struct req reqs[MANY]; /* rank and id are the index */
    struct req *out[MANY];
    size_t out_n;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->w = waiting_new();
    assert_non_null(f->w);
    for (int i = 0; i < MANY; i++) {
        f->reqs[i].rank = i;
        f->reqs[i].id.b[15] = (uint8_t)i;
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    waiting_free(f->w);
    free(f);
    return 0;
}

static void put(struct fixture *f, int i, enum wait_reason reason, const char *key, int64_t due_ms)
{
    assert_int_equal(waiting_put(f->w, &f->reqs[i], reason, key, due_ms), 0);
}

static void put_slots(struct fixture *f, const int *indexes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(f, indexes[i], WAIT_SLOT, "", 0);
}

/* What came out, by index: "3 7 9". */
static void assert_out(struct fixture *f, const char *expected)
{
    char got[512] = "";

    for (size_t i = 0; i < f->out_n; i++) {
        size_t len = strlen(got);

        assert_null(f->out[i]->list);
        snprintf(got + len, sizeof(got) - len, "%s%d", i > 0 ? " " : "",
                 (int)(f->out[i] - f->reqs));
    }
    assert_string_equal(got, expected);
}

static void assert_heads(struct fixture *f, int64_t now_ms, size_t slot_n, size_t max,
                         const char *expected)
{
    f->out_n = waiting_heads(f->w, now_ms, slot_n, f->out, max);
    assert_out(f, expected);
}

#define PUT_SLOTS(f, ...) \
    put_slots((f), (const int[]){ __VA_ARGS__ }, sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

/* ---- order ---- */

static void the_slot_list_gives_the_best_and_no_more_than_asked_for(void **state)
{
    struct fixture *f = *state;

    PUT_SLOTS(f, 9, 3, 7, 1, 5);
    assert_ptr_equal(waiting_best_slot(f->w), &f->reqs[1]);
    assert_heads(f, 0, 2, MANY, "1 3");
    assert_heads(f, 0, 0, MANY, "");
    assert_heads(f, 0, MANY, 1, "5");
    assert_heads(f, 0, MANY, MANY, "7 9");
    assert_null(waiting_best_slot(f->w));
    assert_int_equal(waiting_total(f->w), 0);
}

static void the_fast_lane_comes_before_any_rank_and_the_older_campaign_first(void **state)
{
    struct fixture *f = *state;

    f->reqs[20].lane = 1;
    f->reqs[2].rank = f->reqs[3].rank = f->reqs[4].rank = 2;
    f->reqs[2].campaign_id.b[0] = 9;
    f->reqs[3].campaign_id.b[0] = 1;
    f->reqs[4].campaign_id.b[0] = 9;
    PUT_SLOTS(f, 4, 2, 3, 20, 1);
    assert_heads(f, 0, MANY, MANY, "20 1 3 2 4");
}

static void due_ones_come_when_their_time_has_come_whatever_slots_there_are(void **state)
{
    struct fixture *f = *state;

    put(f, 1, WAIT_DUE, "", 300);
    put(f, 2, WAIT_DUE, "", 100);
    put(f, 3, WAIT_DUE, "", 200);
    assert_int_equal(waiting_next_due(f->w), 100);
    assert_heads(f, 99, 0, MANY, "");
    assert_heads(f, 200, 0, MANY, "2 3");
    assert_int_equal(waiting_next_due(f->w), 300);
    assert_heads(f, EVER, 0, MANY, "1");
    assert_int_equal(waiting_next_due(f->w), EVER);
}

static void those_that_wait_for_a_start_want_a_slot_when_it_comes(void **state)
{
    struct fixture *f = *state;

    put(f, 1, WAIT_START, "", 100);
    put(f, 2, WAIT_START, "", 500); /* another campaign's start rate */
    put(f, 3, WAIT_START, "", 100);
    PUT_SLOTS(f, 0, 9);
    assert_int_equal(waiting_next_due(f->w), 100);
    assert_heads(f, 99, 1, MANY, "0");
    assert_heads(f, 100, 2, MANY, "1 3");
    assert_int_equal(waiting_n(f->w, WAIT_START), 1);
    assert_int_equal(waiting_next_due(f->w), 500);
    assert_heads(f, 500, 0, MANY, "");
    assert_ptr_equal(waiting_best_slot(f->w), &f->reqs[2]);
    assert_int_equal(waiting_next_due(f->w), EVER);
}

/* ---- keyed lists ---- */

static void one_head_of_each_keyed_list(void **state)
{
    struct fixture *f = *state;

    put(f, 5, WAIT_GROUP, "camp r 4.3", 0);
    put(f, 1, WAIT_GROUP, "camp r 4.3", 0);
    put(f, 8, WAIT_GROUP, "camp py 3.11", 0);
    put(f, 2, WAIT_CONTENT, "camp r 4.3", 0); /* equal text, another reason: another list */
    put(f, 4, WAIT_CAMPAIGN, "camp", 0);
    put(f, 3, WAIT_CAMPAIGN, "camp", 0);
    assert_int_equal(waiting_n(f->w, WAIT_GROUP), 3);
    assert_heads(f, 0, 0, MANY, "1 2 3 8");
    assert_heads(f, 0, 0, MANY, "4 5");
    assert_heads(f, 0, 0, MANY, "");
}

static void keyed_lists_take_turns_so_that_none_starves(void **state)
{
    struct fixture *f = *state;
    char key[32];

    for (int i = 0; i < 5; i++) {
        snprintf(key, sizeof(key), "content %d", i);
        put(f, i, WAIT_CONTENT, key, 0);
        put(f, 10 + i, WAIT_CONTENT, key, 0);
    }
    assert_heads(f, 0, 0, 2, "0 1");
    for (int i = 0; i < 2; i++) { /* still open there: back into their lists */
        snprintf(key, sizeof(key), "content %d", i);
        put(f, i, WAIT_CONTENT, key, 0);
    }
    assert_heads(f, 0, 0, 2, "2 3");
    assert_heads(f, 0, 0, 2, "0 4");
    assert_heads(f, 0, 0, 2, "1 12");
}

static void no_kind_of_list_starves_another_when_there_is_little_room(void **state)
{
    struct fixture *f = *state;
    char key[32];

    for (int i = 0; i < 9; i++) {
        snprintf(key, sizeof(key), "content %d", i);
        put(f, i, WAIT_SLOT, "", 0);
        put(f, 10 + i, WAIT_DUE, "", 0);
        put(f, 20 + i, WAIT_CONTENT, key, 0);
    }
    assert_heads(f, 0, MANY, 6, "0 1 10 11 20 21");
    assert_heads(f, 0, 1, 6, "2 12 13 14 22 23");
}

static void a_list_that_is_freed_goes_to_the_slots(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 10; i++)
        put(f, i, WAIT_GROUP, i % 2 == 0 ? "even" : "odd", 0);
    waiting_release(f->w, WAIT_GROUP, "even");
    waiting_release(f->w, WAIT_GROUP, "never there");
    waiting_release(f->w, WAIT_CONTENT, "odd");
    assert_int_equal(waiting_n(f->w, WAIT_SLOT), 5);
    assert_int_equal(waiting_n(f->w, WAIT_GROUP), 5);
    assert_int_equal(waiting_total(f->w), 10);
    assert_heads(f, 0, MANY, MANY, "0 1 2 4 6 8"); /* and one of the odd ones */
    put(f, 0, WAIT_START, "", 100);
    put(f, 1, WAIT_DUE, "", 100);
    waiting_release(f->w, WAIT_START, "");
    waiting_release(f->w, WAIT_DUE, "");
    waiting_release(f->w, WAIT_SLOT, "");
    assert_heads(f, 0, MANY, MANY, "0 1 3");
}

/* ---- taking out ---- */

static void any_request_can_be_taken_out_and_put_elsewhere(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 20; i++)
        put(f, (i * 7) % 20, WAIT_SLOT, "", 0);
    waiting_remove(f->w, &f->reqs[0]);
    waiting_remove(f->w, &f->reqs[13]);
    waiting_remove(f->w, &f->reqs[13]);
    put(f, 13, WAIT_GROUP, "g", 0);
    waiting_remove(f->w, &f->reqs[13]);
    assert_heads(f, 0, 3, MANY, "1 2 3");
    assert_int_equal(waiting_n(f->w, WAIT_GROUP), 0);
    assert_heads(f, 0, MANY, MANY, "4 5 6 7 8 9 10 11 12 14 15 16 17 18 19");
}

static bool has_rank_in(const struct req *req, void *arg)
{
    const char *set = arg; /* set[rank]: '1' takes it */

    return set[req->rank] == '1';
}

static void the_filter_takes_exactly_what_matches_from_every_list(void **state)
{
    struct fixture *f = *state;
    char set[MANY + 1];

    memset(set, '0', sizeof(set));
    for (int i = 0; i < 60; i++) {
        put(f, i, (enum wait_reason)(i % WAIT_REASONS), i % 12 < 6 ? "a" : "b", i);
        set[i] = i % 3 == 0 ? '1' : '0';
    }
    f->out_n = waiting_filter(f->w, has_rank_in, set, f->out, MANY);
    assert_int_equal(f->out_n, 20);
    for (size_t i = 0; i < f->out_n; i++) {
        assert_int_equal(f->out[i]->rank % 3, 0);
        assert_null(f->out[i]->list);
    }
    assert_int_equal(waiting_total(f->w), 40);
    assert_int_equal(waiting_filter(f->w, has_rank_in, set, f->out, MANY), 0);
    assert_int_equal(waiting_n(f->w, WAIT_SLOT), 0); /* i % 6 == 0 */
    assert_int_equal(waiting_n(f->w, WAIT_START), 10);
}

static void the_filter_stops_at_max_and_the_rest_stays_in_order(void **state)
{
    struct fixture *f = *state;
    char set[MANY + 1];

    memset(set, '1', sizeof(set));
    set[3] = '0';
    PUT_SLOTS(f, 5, 4, 3, 2, 1);
    f->out_n = waiting_filter(f->w, has_rank_in, set, f->out, 2);
    assert_int_equal(f->out_n, 2);
    assert_int_equal(waiting_total(f->w), 3);
    waiting_filter(f->w, has_rank_in, set, f->out, MANY);
    assert_heads(f, 0, MANY, MANY, "3");
}

static void freeing_leaves_the_requests_alone_and_in_no_list(void **state)
{
    struct fixture *f = *state;

    put(f, 1, WAIT_SLOT, "", 0);
    put(f, 2, WAIT_CONTENT, "c", 0);
    waiting_free(f->w);
    f->w = NULL; /* which tear_down() frees: that is fine too */
    assert_null(f->reqs[1].list);
    assert_null(f->reqs[2].list);
}

/* ---- many, and any order ---- */

/* Half a million in the worst order, all of them moved twice and taken out in order. With anything
 * above O(log n) per step this would run for minutes: the runner's deadline is the assertion. */
static void half_a_million_requests_are_cheap(void **state)
{
    enum { N = 500000 };
    struct waiting *w = waiting_new();
    struct req *reqs = calloc(N, sizeof(*reqs));
    struct req *out[MANY];
    int64_t last = -1;
    size_t n;
    (void)state;

    assert_non_null(reqs);
    for (int i = 0; i < N; i++) {
        reqs[i].rank = N - i;
        assert_int_equal(waiting_put(w, &reqs[i], WAIT_GROUP, i % 2 == 0 ? "a" : "b", 0), 0);
    }
    waiting_release(w, WAIT_GROUP, "a");
    waiting_release(w, WAIT_GROUP, "b");
    for (int i = 0; i < N; i += 2)
        waiting_remove(w, &reqs[i]);
    while ((n = waiting_heads(w, 0, MANY, out, MANY)) > 0) {
        for (size_t i = 0; i < n; i++) {
            assert_true(out[i]->rank > last);
            last = out[i]->rank;
        }
    }
    assert_int_equal(waiting_total(w), 0);
    waiting_free(w);
    free(reqs);
}

struct random_run {
    struct fixture *f;
    uint64_t seed;
    bool in[MANY];
    enum wait_reason reason[MANY];
};

static unsigned draw(struct random_run *r, unsigned n)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    return (unsigned)(r->seed % n);
}

/* The slot list must give what a look at all requests says is best. */
static void check(const struct random_run *r)
{
    size_t counts[WAIT_REASONS] = { 0 }, total = 0;
    const struct req *best = NULL;

    for (int i = 0; i < MANY; i++) {
        const struct req *req = &r->f->reqs[i];

        assert_int_equal(req->list != NULL, r->in[i]);
        total += r->in[i];
        counts[r->reason[i]] += r->in[i];
        if (r->in[i] && r->reason[i] == WAIT_SLOT && (best == NULL || req->lane > best->lane))
            best = req; /* ranks go up with i */
    }
    assert_ptr_equal(waiting_best_slot(r->f->w), best);
    assert_int_equal(waiting_total(r->f->w), total);
    for (int reason = 0; reason < WAIT_REASONS; reason++)
        assert_int_equal(waiting_n(r->f->w, (enum wait_reason)reason), counts[reason]);
}

static void put_or_remove(struct random_run *r)
{
    unsigned i = draw(r, MANY);

    if (r->in[i]) {
        waiting_remove(r->f->w, &r->f->reqs[i]);
    } else {
        r->reason[i] = (enum wait_reason)draw(r, WAIT_REASONS);
        put(r->f, (int)i, r->reason[i], draw(r, 2) == 0 ? "x" : "y", draw(r, 1000) + 1);
    }
    r->in[i] = !r->in[i];
}

static void filter_some(struct random_run *r)
{
    char set[MANY + 1] = "";
    size_t n, matching = 0, max = draw(r, 2) == 0 ? MANY : draw(r, 10);

    for (int i = 0; i < MANY; i++) {
        set[i] = draw(r, 4) == 0 ? '1' : '0';
        matching += r->in[i] && set[i] == '1';
    }
    n = waiting_filter(r->f->w, has_rank_in, set, r->f->out, max);
    assert_int_equal(n, matching < max ? matching : max);
    for (size_t i = 0; i < n; i++) {
        assert_true(set[r->f->out[i]->rank] == '1' && r->in[r->f->out[i]->rank]);
        r->in[r->f->out[i]->rank] = false;
    }
}

static void any_order_of_puts_removes_and_filters_keeps_the_order(void **state)
{
    struct random_run r = { .f = *state, .seed = 42 };

    for (int i = 0; i < MANY; i++)
        r.f->reqs[i].lane = i % 5 == 4;
    for (int turn = 0; turn < 50000; turn++) {
        if (draw(&r, 50) == 0)
            filter_some(&r);
        else
            put_or_remove(&r);
        check(&r);
    }
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

/* The campaigns that wait, by the first byte of their ids: "1 2". */
static void assert_campaigns(struct fixture *f, size_t max, const char *expected)
{
    struct uuid ids[MANY];
    size_t n = waiting_campaigns(f->w, ids, max);
    char got[256] = "";

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(got);

        snprintf(got + len, sizeof(got) - len, "%s%d", i > 0 ? " " : "", ids[i].b[0]);
    }
    assert_string_equal(got, expected);
}

static void campaigns_are_known_while_one_of_their_requests_waits_anywhere(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 6; i++)
        f->reqs[i].campaign_id.b[0] = (uint8_t)(1 + i / 2);
    put(f, 0, WAIT_SLOT, "", 0);
    put(f, 1, WAIT_GROUP, "g", 0);
    put(f, 2, WAIT_DUE, "", 1000);
    put(f, 4, WAIT_START, "", 10);
    put(f, 5, WAIT_GROUP, "g", 0);
    assert_campaigns(f, MANY, "1 2 3");
    assert_campaigns(f, 2, "1 2"); /* others from call to call */
    assert_campaigns(f, 2, "3 1");
    waiting_release(f->w, WAIT_GROUP, "g"); /* they still wait */
    assert_heads(f, 20, 1, MANY, "0");
    assert_campaigns(f, MANY, "2 3 1");
    assert_heads(f, 20, MANY, MANY, "1 4 5");
    assert_campaigns(f, MANY, "2");
    waiting_remove(f->w, &f->reqs[2]);
    assert_campaigns(f, MANY, "");
    put(f, 2, WAIT_SLOT, "", 0);
    assert_campaigns(f, MANY, "2");
    assert_int_equal(waiting_filter(f->w, waiting_any, NULL, f->out, MANY), 1);
    assert_campaigns(f, MANY, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_slot_list_gives_the_best_and_no_more_than_asked_for),
        T(the_fast_lane_comes_before_any_rank_and_the_older_campaign_first),
        T(due_ones_come_when_their_time_has_come_whatever_slots_there_are),
        T(those_that_wait_for_a_start_want_a_slot_when_it_comes),
        T(one_head_of_each_keyed_list),
        T(keyed_lists_take_turns_so_that_none_starves),
        T(no_kind_of_list_starves_another_when_there_is_little_room),
        T(a_list_that_is_freed_goes_to_the_slots),
        T(any_request_can_be_taken_out_and_put_elsewhere),
        T(the_filter_takes_exactly_what_matches_from_every_list),
        T(the_filter_stops_at_max_and_the_rest_stays_in_order),
        T(freeing_leaves_the_requests_alone_and_in_no_list),
        cmocka_unit_test(half_a_million_requests_are_cheap),
        T(campaigns_are_known_while_one_of_their_requests_waits_anywhere),
        T(any_order_of_puts_removes_and_filters_keeps_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

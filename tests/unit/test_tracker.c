#include "worker/tracker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/donemap.h"

static struct tracker *tracker_at(int64_t base, const char *metadata)
{
    struct err err = { 0 };
    struct tracker *t = tracker_new(base, metadata, &err);

    if (t == NULL)
        fail_msg("%s", err.msg);
    return t;
}

static void the_base_moves_over_the_finished_prefix_only(void **state)
{
    struct tracker *t = tracker_at(100, NULL);
    (void)state;

    for (int64_t o = 100; o < 105; o++)
        assert_int_equal(tracker_record(t, o), TRACKER_NEW);
    assert_false(tracker_dirty(t));
    tracker_done(t, 102);
    assert_true(tracker_dirty(t));
    assert_int_equal(tracker_base(t), 100);
    assert_int_equal(tracker_gap(t), 1);
    tracker_done(t, 100);
    assert_int_equal(tracker_base(t), 101);
    tracker_done(t, 101);
    assert_int_equal(tracker_base(t), 103);
    assert_int_equal(tracker_gap(t), 0);
    assert_int_equal(tracker_next(t), 105);
    tracker_free(t);
    tracker_free(NULL);
}

static void done_twice_or_outside_the_window_changes_nothing(void **state)
{
    struct tracker *t = tracker_at(100, "");
    char text[DONEMAP_TEXT_BYTES];
    (void)state;

    tracker_done(t, 101);
    tracker_commit_text(t, text);
    tracker_done(t, 101);
    tracker_done(t, 99);
    tracker_done(t, -1);
    tracker_done(t, 100 + WINDOW_OFFSETS);
    tracker_done(t, INT64_MAX);
    assert_false(tracker_dirty(t));
    assert_int_equal(tracker_gap(t), 1);
    assert_true(tracker_is_done(t, 99));
    assert_false(tracker_is_done(t, 100));
    assert_true(tracker_is_done(t, 101));
    assert_false(tracker_is_done(t, 101 + WINDOW_OFFSETS)); /* the same bit of the ring */
    assert_true(tracker_holds(t, 100 + WINDOW_OFFSETS - 1));
    assert_false(tracker_holds(t, 100 + WINDOW_OFFSETS));
    tracker_free(t);
}

static void offsets_that_the_log_skips_count_as_done(void **state)
{
    struct tracker *t = tracker_at(10, NULL);
    (void)state;

    assert_int_equal(tracker_record(t, 13), TRACKER_NEW);
    assert_int_equal(tracker_base(t), 13);
    assert_true(tracker_dirty(t));
    assert_int_equal(tracker_record(t, 20), TRACKER_NEW);
    assert_int_equal(tracker_gap(t), 6);
    tracker_done(t, 13);
    assert_int_equal(tracker_base(t), 20);
    tracker_free(t);
}

static void a_record_that_comes_again_is_not_new_again(void **state)
{
    struct tracker *t = tracker_at(10, NULL);
    (void)state;

    assert_int_equal(tracker_record(t, 10), TRACKER_NEW);
    assert_int_equal(tracker_record(t, 11), TRACKER_NEW);
    assert_int_equal(tracker_record(t, 10), TRACKER_DONE);
    assert_false(tracker_is_done(t, 10));
    assert_int_equal(tracker_record(t, 9), TRACKER_DONE);
    tracker_free(t);
}

static void a_full_window_holds_back_and_takes_the_record_later(void **state)
{
    struct tracker *t = tracker_at(0, NULL);
    (void)state;

    for (int64_t o = 0; o < WINDOW_OFFSETS; o++) {
        assert_false(tracker_full(t));
        assert_int_equal(tracker_record(t, o), TRACKER_NEW);
    }
    assert_true(tracker_full(t));
    for (int64_t o = 1; o < WINDOW_OFFSETS; o++)
        tracker_done(t, o);
    assert_int_equal(tracker_record(t, WINDOW_OFFSETS), TRACKER_BEYOND);
    assert_int_equal(tracker_record(t, WINDOW_OFFSETS), TRACKER_BEYOND);
    assert_int_equal(tracker_base(t), 0);
    assert_int_equal(tracker_gap(t), WINDOW_OFFSETS - 1);
    tracker_done(t, 0);
    assert_int_equal(tracker_base(t), WINDOW_OFFSETS);
    assert_int_equal(tracker_record(t, WINDOW_OFFSETS), TRACKER_NEW);
    tracker_free(t);
}

static void the_window_is_roomy_again_at_half(void **state)
{
    struct tracker *t = tracker_at(7, NULL);
    (void)state;

    for (int64_t o = 7; o < 7 + WINDOW_OFFSETS; o++)
        tracker_record(t, o);
    for (int64_t o = 7; o < 7 + WINDOW_OFFSETS / 2; o++) {
        assert_false(tracker_roomy(t));
        tracker_done(t, o);
    }
    assert_true(tracker_roomy(t));
    tracker_free(t);
}

static void a_record_behind_one_that_is_held_back_waits_too(void **state)
{
    struct tracker *t = tracker_at(0, NULL);
    (void)state;

    for (int64_t o = 0; o < WINDOW_OFFSETS; o++)
        assert_int_equal(tracker_record(t, o), TRACKER_NEW);
    assert_int_equal(tracker_record(t, WINDOW_OFFSETS), TRACKER_BEYOND);
    for (int64_t o = 0; o < WINDOW_OFFSETS; o++)
        tracker_done(t, o);
    /* there is room now, but this one must not make the held one a skipped one */
    assert_int_equal(tracker_record(t, WINDOW_OFFSETS + 1), TRACKER_BEYOND);
    assert_int_equal(tracker_record(t, WINDOW_OFFSETS), TRACKER_NEW);
    assert_int_equal(tracker_record(t, WINDOW_OFFSETS + 1), TRACKER_NEW);
    tracker_free(t);
}

static void a_gap_wider_than_the_window_does_not_stop_the_partition(void **state)
{
    const int64_t far = (int64_t)3000000000;
    struct tracker *t = tracker_at(0, NULL);
    (void)state;

    assert_int_equal(tracker_record(t, 0), TRACKER_NEW);
    assert_int_equal(tracker_record(t, far), TRACKER_BEYOND);
    assert_int_equal(tracker_base(t), 0);
    assert_true(tracker_full(t));
    tracker_done(t, 0);
    assert_true(tracker_roomy(t));
    assert_int_equal(tracker_record(t, far), TRACKER_NEW);
    assert_int_equal(tracker_base(t), far);
    assert_int_equal(tracker_gap(t), 0);
    assert_int_equal(tracker_record(t, INT64_MAX), TRACKER_BEYOND);
    assert_int_equal(tracker_base(t), far);
    tracker_free(t);
}

static void of_deleted_records_only_what_is_owed_is_not_done(void **state)
{
    const int64_t owed[] = { 12, 7 };
    struct tracker *t = tracker_at(5, NULL);
    (void)state;

    tracker_trimmed(t, 20, owed, 2);
    assert_int_equal(tracker_base(t), 7);
    assert_int_equal(tracker_record(t, 20), TRACKER_NEW);
    tracker_done(t, 20);
    tracker_done(t, 7);
    assert_int_equal(tracker_base(t), 12);
    tracker_done(t, 12);
    assert_int_equal(tracker_base(t), 21);
    tracker_free(t);

    t = tracker_at(5, NULL);
    tracker_trimmed(t, 5 + 3 * WINDOW_OFFSETS, NULL, 0);
    assert_int_equal(tracker_base(t), 5 + 3 * WINDOW_OFFSETS);
    tracker_trimmed(t, 5, NULL, 0);
    assert_int_equal(tracker_base(t), 5 + 3 * WINDOW_OFFSETS);
    tracker_free(t);
}

static void a_commit_reaches_to_the_highest_known_done_offset(void **state)
{
    char text[DONEMAP_TEXT_BYTES], again[DONEMAP_TEXT_BYTES];
    struct tracker *t = tracker_at(50, NULL);
    (void)state;

    for (int64_t o = 50; o < 1050; o++)
        tracker_record(t, o);
    for (int64_t o = 900; o < 1000; o++)
        tracker_done(t, o);
    assert_int_equal(tracker_commit_text(t, text), 50);
    tracker_free(t);

    t = tracker_at(50, text); /* the next owner, which has read again one record only */
    assert_false(tracker_dirty(t));
    assert_int_equal(tracker_next(t), 50);
    assert_int_equal(tracker_record(t, 50), TRACKER_NEW);
    tracker_commit_text(t, again);
    assert_string_equal(text, again);
    tracker_done(t, 50);
    tracker_commit_text(t, again);
    tracker_free(t);

    t = tracker_at(51, again);
    assert_int_equal(tracker_gap(t), 100);
    for (int64_t o = 51; o < 1050; o++)
        assert_int_equal(tracker_record(t, o), o >= 900 && o < 1000 ? TRACKER_DONE : TRACKER_NEW);
    tracker_free(t);
}

static void the_base_takes_known_done_offsets_that_were_not_read_again(void **state)
{
    char text[DONEMAP_TEXT_BYTES];
    struct tracker *t = tracker_at(0, NULL);
    (void)state;

    for (int64_t o = 1; o < 10; o++)
        tracker_done(t, o); /* adopted: done before their records were read */
    tracker_commit_text(t, text);
    tracker_free(t);

    t = tracker_at(0, text);
    tracker_done(t, 0);
    assert_int_equal(tracker_base(t), 10);
    assert_int_equal(tracker_next(t), 10);
    assert_int_equal(tracker_record(t, 0), TRACKER_DONE);
    assert_int_equal(tracker_record(t, 9), TRACKER_DONE);
    assert_int_equal(tracker_record(t, 10), TRACKER_NEW);
    tracker_free(t);
}

static void a_gap_that_ends_among_known_done_offsets_is_no_trap(void **state)
{
    char text[DONEMAP_TEXT_BYTES];
    struct tracker *t = tracker_at(0, NULL);
    (void)state;

    for (int64_t o = 5; o < 10; o++)
        tracker_done(t, o);
    tracker_commit_text(t, text);
    tracker_free(t);

    t = tracker_at(0, text);
    assert_int_equal(tracker_record(t, 7), TRACKER_DONE); /* 0 to 4 are skipped by the log */
    assert_int_equal(tracker_base(t), 10);
    assert_int_equal(tracker_record(t, 12), TRACKER_NEW);
    assert_int_equal(tracker_base(t), 12);
    tracker_free(t);
}

static void dirty_until_committed_and_again_when_the_commit_failed(void **state)
{
    char text[DONEMAP_TEXT_BYTES];
    struct tracker *t = tracker_at(0, NULL);
    (void)state;

    tracker_record(t, 0);
    tracker_done(t, 0);
    assert_int_equal(tracker_commit_text(t, text), 1);
    assert_string_equal(text, "");
    assert_false(tracker_dirty(t));
    tracker_mark_dirty(t);
    assert_true(tracker_dirty(t));
    tracker_free(t);
}

static void assert_partition_refused(int64_t base, const char *metadata, const char *why)
{
    struct err err = { 0 };

    assert_null(tracker_new(base, metadata, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, why));
}

static void a_partition_whose_commit_makes_no_sense_is_refused(void **state)
{
    uint8_t bitmap[DONEMAP_BITMAP_BYTES] = { 2 };
    char text[DONEMAP_TEXT_BYTES];
    (void)state;

    donemap_encode(41, bitmap, 2, text);
    assert_partition_refused(42, text, "for base 41, the committed offset is 42");
    assert_partition_refused(42, "someone else's", "not a done map");
    assert_partition_refused(-1, NULL, "-1 is no offset");
    assert_partition_refused(INT64_MAX, NULL, "no offset");
}

/* ---- against a naive model ---- */

#define LOG_OFFSETS 90000 /* more than four windows */

enum fate { RECORD, GAP }; /* what the log holds at an offset */

struct model {
    uint64_t seed;
    enum fate fate[LOG_OFFSETS];
    bool done[LOG_OFFSETS];      /* finished by the process that lives */
    bool committed[LOG_OFFSETS]; /* the same as of the last commit */
    bool in_flight[LOG_OFFSETS];
    int64_t flight[LOG_OFFSETS]; /* offsets in flight, unordered */
    size_t flight_n;
    int64_t read; /* next offset of the log to be read */
    int64_t commit_base;
    char commit_text[DONEMAP_TEXT_BYTES];
    struct tracker *t;
    unsigned long crashes, held_back;
};

static uint64_t draw(struct model *m, uint64_t n)
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return m->seed % n;
}

static void model_read(struct model *m)
{
    enum tracker_take take;

    while (m->read < LOG_OFFSETS && m->fate[m->read] == GAP)
        m->done[m->read++] = true;
    if (m->read == LOG_OFFSETS)
        return;
    take = tracker_record(m->t, m->read);
    if (take == TRACKER_BEYOND) {
        assert_true(m->read >= tracker_base(m->t) + WINDOW_OFFSETS);
        m->held_back++;
        return;
    }
    assert_int_equal(take, m->done[m->read] ? TRACKER_DONE : TRACKER_NEW);
    if (take == TRACKER_NEW) {
        assert_false(m->in_flight[m->read]);
        m->in_flight[m->read] = true;
        m->flight[m->flight_n++] = m->read;
    }
    m->read++;
}

static void model_finish(struct model *m)
{
    size_t at;
    int64_t offset;

    if (m->flight_n == 0)
        return;
    /* old ones stay behind, so that the window fills up now and then */
    at = (size_t)draw(m, m->flight_n);
    offset = m->flight[at];
    if (offset % 97 == 0 && draw(m, 256) != 0)
        return;
    m->flight[at] = m->flight[--m->flight_n];
    m->in_flight[offset] = false;
    m->done[offset] = true;
    tracker_done(m->t, offset);
}

static void model_commit(struct model *m)
{
    m->commit_base = tracker_commit_text(m->t, m->commit_text);
    memcpy(m->committed, m->done, sizeof(m->done));
    for (int64_t o = 0; o < m->commit_base; o++)
        assert_true(m->done[o]);
    assert_true(m->commit_base == LOG_OFFSETS || !m->done[m->commit_base]);
}

/* What was not committed is forgotten; everything is read again from the committed base on. */
static void model_crash(struct model *m)
{
    tracker_free(m->t);
    m->t = tracker_at(m->commit_base, m->commit_text);
    memcpy(m->done, m->committed, sizeof(m->done));
    memset(m->in_flight, 0, sizeof(m->in_flight));
    m->flight_n = 0;
    m->read = m->commit_base;
    m->crashes++;
    for (int64_t o = m->commit_base; o < m->commit_base + WINDOW_OFFSETS && o < LOG_OFFSETS; o++)
        assert_int_equal(tracker_is_done(m->t, o), m->done[o]);
}

static void model_turn(struct model *m)
{
    uint64_t what = draw(m, 200000);

    if (what < 8)
        model_crash(m);
    else if (what < 2000)
        model_commit(m);
    else if (what < 140000)
        model_read(m);
    else
        model_finish(m);
}

static void any_order_of_completion_any_crash_any_gap_loses_and_doubles_nothing(void **state)
{
    struct model *m = calloc(1, sizeof(*m));
    (void)state;

    assert_non_null(m);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        *m = (struct model){ .seed = seed * 0x9e3779b97f4a7c15, .t = tracker_at(0, NULL) };
        for (int64_t o = 0; o < LOG_OFFSETS; o++)
            m->fate[o] = draw(m, 50) == 0 || o / 1000 == 33 ? GAP : RECORD;
        m->fate[LOG_OFFSETS - 1] = RECORD; /* a gap at the end is seen with the next record only */
        while (tracker_base(m->t) < LOG_OFFSETS)
            model_turn(m);
        assert_int_equal(tracker_gap(m->t), 0);
        assert_int_equal(m->flight_n, 0);
        assert_true(m->crashes > 3);
        assert_true(m->held_back > 10);
        tracker_free(m->t);
    }
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_base_moves_over_the_finished_prefix_only),
        cmocka_unit_test(done_twice_or_outside_the_window_changes_nothing),
        cmocka_unit_test(offsets_that_the_log_skips_count_as_done),
        cmocka_unit_test(a_record_that_comes_again_is_not_new_again),
        cmocka_unit_test(a_full_window_holds_back_and_takes_the_record_later),
        cmocka_unit_test(the_window_is_roomy_again_at_half),
        cmocka_unit_test(a_record_behind_one_that_is_held_back_waits_too),
        cmocka_unit_test(a_gap_wider_than_the_window_does_not_stop_the_partition),
        cmocka_unit_test(of_deleted_records_only_what_is_owed_is_not_done),
        cmocka_unit_test(a_commit_reaches_to_the_highest_known_done_offset),
        cmocka_unit_test(the_base_takes_known_done_offsets_that_were_not_read_again),
        cmocka_unit_test(a_gap_that_ends_among_known_done_offsets_is_no_trap),
        cmocka_unit_test(dirty_until_committed_and_again_when_the_commit_failed),
        cmocka_unit_test(a_partition_whose_commit_makes_no_sense_is_refused),
        cmocka_unit_test(any_order_of_completion_any_crash_any_gap_loses_and_doubles_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

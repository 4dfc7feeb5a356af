/* Records on their way in: what becomes work, what goes to the dead letters, the window's edge. */
#include "tests/support/fake_worker.h"

#include "common/record/request.h"

static struct worker *w;
static struct part *part;

static int set_up(void **state)
{
    (void)state;
    w = fake_worker_new();
    part = fake_own(w, 0, 0, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_worker_free(w);
    return 0;
}

static void record(int64_t offset, const char *value)
{
    const struct kafka_record r = { .topic = "requests",
                                    .offset = offset,
                                    .timestamp_ms = 1,
                                    .value = value,
                                    .value_len = value == NULL ? 0 : strlen(value) };

    fake_kafka.handlers.on_record(w, &r);
}

static void request(int64_t offset, char digit)
{
    struct request r = { .rank = offset };
    struct buf json;
    struct err err;
    char guid[] = FAKE_GUID;

    r.request_id = fake_id(digit);
    r.source = w->source; /* ours: not kept as an external one */
    r.content.guid = guid;
    assert_true(uuid_parse(FAKE_CAMPAIGN, &r.campaign_id));
    buf_init(&json, REQUEST_MAX_BYTES);
    if (request_encode(&r, &json, &err) != 0)
        fail_msg("%s", err.msg);
    record(offset, buf_str(&json));
    buf_done(&json);
}

static void a_request_waits_for_a_slot(void **state)
{
    (void)state;
    request(0, '1');
    request(1, '2');
    assert_int_equal(waiting_n(w->waiting, WAIT_SLOT), 2);
    request(1, '2'); /* once more: done, as far as the log goes */
    assert_int_equal(waiting_total(w->waiting), 2);
}

static void what_is_no_request_goes_to_the_dead_letters(void **state)
{
    (void)state;
    record(0, "{");
    record(1, NULL);
    record(2, "");
    assert_int_equal(results_waiting(w), 3);
    assert_int_equal(waiting_total(w->waiting), 0);
}

static void records_of_what_is_not_owned_are_ignored(void **state)
{
    (void)state;
    part_revoke(part);
    request(0, '1');
    assert_int_equal(waiting_total(w->waiting), 0);
}

static void an_orphan_that_meets_its_record_is_home_again(void **state)
{
    struct work *work = works_add(&w->works, fake_req(part, '1', 0));

    (void)state;
    part_revoke(part);
    fake_own(w, 0, 0, NULL);
    assert_false(part_holds(work->req));
    request(0, '1');
    assert_true(part_holds(work->req)); /* or its offset would never be done */
    assert_int_equal(waiting_total(w->waiting), 0);
}

static void a_copy_at_another_place_is_a_request_of_its_own(void **state)
{
    works_add(&w->works, fake_req(part, '1', 0));
    (void)state;
    request(0, '1');
    request(1, '1');
    assert_int_equal(waiting_total(w->waiting), 1);
}

/* Offset 0 stays undone, everything up to the end of the window is done. */
static void fill_the_window(void)
{
    request(0, '1');
    for (int64_t o = 1; o < WINDOW_OFFSETS; o++) {
        assert_int_equal(tracker_record(part->tracker, o), TRACKER_NEW);
        tracker_done(part->tracker, o);
    }
    assert_true(tracker_full(part->tracker));
}

static void the_window_moves_on(void)
{
    tracker_done(part->tracker, 0);
    intake_flow(w);
}

static void a_request_beyond_the_window_waits_for_it(void **state)
{
    (void)state;
    fill_the_window();
    request(WINDOW_OFFSETS, '2');
    request(WINDOW_OFFSETS + 1, '3');
    assert_true(part->paused);
    assert_string_equal(fake_kafka.paused, "p0");
    assert_int_equal(waiting_total(w->waiting), 1);
    intake_flow(w); /* no room yet */
    assert_string_equal(fake_kafka.paused, "p0");
    the_window_moves_on();
    assert_int_equal(waiting_total(w->waiting), 3);
    assert_null(part_held(part));
    assert_string_equal(fake_kafka.paused, "p0r0");
    request(WINDOW_OFFSETS + 2, '4');
    assert_int_equal(waiting_total(w->waiting), 4);
}

static void a_dead_letter_beyond_the_window_does_not_stop_those_behind_it(void **state)
{
    (void)state;
    fill_the_window();
    record(WINDOW_OFFSETS, "{");
    request(WINDOW_OFFSETS + 1, '3');
    the_window_moves_on();
    assert_null(part_held(part));
    assert_int_equal(waiting_total(w->waiting), 2);
    assert_int_equal(results_waiting(w), 1);
    request(WINDOW_OFFSETS + 2, '4');
    assert_int_equal(waiting_total(w->waiting), 3);
}

static void an_adopted_item_beyond_the_window_does_not_either(void **state)
{
    (void)state;
    fill_the_window();
    works_add(&w->works, fake_req(part, '2', WINDOW_OFFSETS));
    request(WINDOW_OFFSETS, '2');
    request(WINDOW_OFFSETS + 1, '3');
    the_window_moves_on();
    assert_null(part_held(part));
    assert_int_equal(waiting_total(w->waiting), 2);
    request(WINDOW_OFFSETS + 2, '4');
    assert_int_equal(waiting_total(w->waiting), 3);
}

static void records_behind_deleted_ones_wait_for_what_was_begun_before(void **state)
{
    static const char *const begun = FAKE_ID "7|" FAKE_CAMPAIGN "|0|0|0|3|f|t";
    const struct fake_rows rows[] = { { SQL_RECOVER, { begun } }, { NULL, { NULL } } };

    (void)state;
    part->trimmed_to = 10;
    part->log_end = 11;
    request(10, '1');
    assert_string_equal(fake_kafka.paused, "p0");
    intake_flow(w);
    assert_int_equal(waiting_total(w->waiting), 0);
    recover_again(w);
    fake_answer(FAKE_UNIT(w, SQL_RECOVER), rows);
    assert_non_null(fake_work(w, '7')); /* its record does not come any more */
    assert_int_equal(tracker_base(part->tracker), 3);
    intake_flow(w);
    assert_string_equal(fake_kafka.paused, "p0r0");
    assert_int_equal(waiting_total(w->waiting), 1);
    assert_false(tracker_is_done(part->tracker, 3));
}

static void a_partition_that_gives_no_more_records_is_told(void **state)
{
    struct err err;

    (void)state;
    err_set(&err, ERR_REFUSED, "the offset is not in the log");
    fake_kafka.handlers.on_partition_error(w, "requests", 0, &err);
    assert_true(part->refused);
    fake_kafka.handlers.on_partition_error(w, "requests", 77, &err);
}

static void a_revoke_forgets_what_waits_and_keeps_builds(void **state)
{
    struct work *build = works_add(&w->works, fake_req(part, 'b', 5));

    (void)state;
    build->attempt.target = &w->targets.items[0];
    work_enter(&w->works, build, WORK_POLLING);
    works_add(&w->works, fake_req(part, 'a', 6));
    request(0, '1');
    fake_kafka.handlers.on_revoke(w, NULL, 0, true);
    assert_false(w->member);
    assert_int_equal(waiting_total(w->waiting), 0);
    assert_int_equal(works_n(&w->works), 1);
    assert_ptr_equal(fake_work(w, 'b'), build);
    assert_false(part_holds(build->req));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_request_waits_for_a_slot),
        T(what_is_no_request_goes_to_the_dead_letters),
        T(records_of_what_is_not_owned_are_ignored),
        T(an_orphan_that_meets_its_record_is_home_again),
        T(a_copy_at_another_place_is_a_request_of_its_own),
        T(a_request_beyond_the_window_waits_for_it),
        T(a_dead_letter_beyond_the_window_does_not_stop_those_behind_it),
        T(an_adopted_item_beyond_the_window_does_not_either),
        T(records_behind_deleted_ones_wait_for_what_was_begun_before),
        T(a_partition_that_gives_no_more_records_is_told),
        T(a_revoke_forgets_what_waits_and_keeps_builds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

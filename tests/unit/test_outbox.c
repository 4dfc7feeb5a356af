/* The pure parts of the outbox: valve, progress of a turn, form of a record. */
#include "common/outbox/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/outbox/message.h"
#include "common/outbox/progress.h"

/* ---- valve ---- */

static void the_valve_lets_through_what_the_state_and_the_limit_allow(void **state)
{
    static const struct {
        const char *when;
        struct outbox_valve valve;
        int64_t allowed;
    } rows[] = {
        { "open, no limit", { "open", true, -1, 0, 500, false }, 500 },
        { "nothing left", { "open", true, -1, 0, 0, false }, 0 },
        { "an empty campaign", { "open", true, -1, 0, -1, false }, 0 },
        { "not due yet", { "open", false, -1, 0, 500, false }, 0 },
        { "paused", { "paused", true, -1, 0, 500, false }, 0 },
        { "closed", { "completed", true, -1, 0, 500, false }, 0 },
        { "being cancelled", { "cancelling", true, -1, 0, 500, false }, 500 },
        { "being cancelled, limited", { "cancelling", true, 1, 900, 500, false }, 500 },
        { "being cancelled, not due", { "cancelling", false, 1, 900, 500, false }, 500 },
        { "past its deadline, paused", { "paused", true, -1, 0, 500, true }, 500 },
        { "past its deadline, not due", { "open", false, -1, 0, 500, true }, 500 },
        { "past its deadline, limited", { "open", true, 1, 900, 500, true }, 500 },
        { "past its deadline, closed", { "completed", true, -1, 0, 500, true }, 0 },
        { "limit 100: four times", { "open", true, 100, 0, 5000, false }, 400 },
        { "limit 100, 350 open", { "open", true, 100, 350, 5000, false }, 50 },
        { "limit 100, all open", { "open", true, 100, 400, 5000, false }, 0 },
        { "limit lowered", { "open", true, 100, 4000, 5000, false }, 0 },
        { "less left than allowed", { "open", true, 100, 0, 7, false }, 7 },
        { "limit 1: at least 64", { "open", true, 1, 0, 5000, false }, 64 },
        { "limit 16 is just 64", { "open", true, 16, 0, 5000, false }, 64 },
        { "limit 17", { "open", true, 17, 0, 5000, false }, 68 },
        { "limit 1, one ended", { "open", true, 1, 63, 5000, false }, 1 },
        { "a limit without end", { "open", true, INT64_MAX, 5, 5000, false }, 5000 },
        { "an open count that makes no sense", { "open", true, 1, INT64_MIN, 5000, false }, 64 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t got = outbox_valve_allows(&rows[i].valve);

        if (got != rows[i].allowed)
            fail_msg("%s: %lld, not %lld", rows[i].when, (long long)got,
                     (long long)rows[i].allowed);
    }
}

/* ---- progress ---- */

static uint64_t add(struct outbox_progress *p, int64_t rank, bool unsent)
{
    struct outbox_item item = { .rank = rank, .unsent = unsent, .of_campaign = true };
    uint64_t ticket;

    item.id.b[15] = (uint8_t)rank;
    assert_int_equal(progress_add(p, &item, &ticket), 0);
    return ticket;
}

static void assert_text(void (*put)(const struct outbox_progress *p, struct buf *out),
                        const struct outbox_progress *p, const char *expected)
{
    struct buf out;

    buf_init(&out, 4096);
    put(p, &out);
    assert_string_equal(buf_str(&out), expected);
    buf_done(&out);
}

static void the_cursor_moves_over_what_was_delivered_without_a_hole(void **state)
{
    struct outbox_progress p;
    (void)state;

    progress_open(&p, 9);
    for (int64_t rank = 10; rank < 15; rank++)
        add(&p, rank, false);
    assert_int_equal(progress_cursor(&p), 9);
    progress_report(&p, 4, 0, 104);
    progress_report(&p, 1, 1, 101);
    assert_int_equal(progress_cursor(&p), 9);
    progress_report(&p, 0, 2, 100);
    assert_int_equal(progress_cursor(&p), 11);
    progress_report(&p, 2, 0, -1); /* not delivered: the cursor stops there for this turn */
    progress_report(&p, 3, 0, 103);
    assert_int_equal(progress_cursor(&p), 11);
    assert_int_equal(p.pending, 0);
    assert_int_equal(p.delivered, 4);
    progress_done(&p);
}

static void what_needs_no_record_does_not_hold_the_cursor_up(void **state)
{
    struct outbox_progress p;
    (void)state;

    progress_open(&p, -1);
    assert_int_equal(progress_skip(&p, &(struct outbox_item){ .rank = 0 }), 0);
    assert_int_equal(progress_cursor(&p), 0);
    add(&p, 1, false);
    assert_int_equal(progress_skip(&p, &(struct outbox_item){ .rank = 2 }), 0);
    assert_int_equal(p.pending, 1);
    assert_int_equal(progress_cursor(&p), 0);
    progress_report(&p, 1, 0, 5);
    assert_int_equal(progress_cursor(&p), 2);
    assert_int_equal(p.delivered, 1);
    progress_done(&p);
}

static void unsent_ones_lose_their_mark_and_do_not_touch_the_cursor(void **state)
{
    struct outbox_progress p;
    (void)state;

    progress_open(&p, 40);
    add(&p, 3, true);
    add(&p, 77, true);
    add(&p, 4, true);
    add(&p, 41, false);
    progress_report(&p, 0, 0, 100);
    progress_report(&p, 1, 0, 101);
    progress_report(&p, 2, 0, -1);
    progress_report(&p, 3, 0, 102);
    assert_int_equal(progress_cursor(&p), 41);
    assert_int_equal(p.marks, 2);
    assert_text(progress_put_sent, &p,
                "{\"00000000-0000-0000-0000-000000000003\","
                "\"00000000-0000-0000-0000-00000000004d\"}");
    progress_done(&p);
}

static void the_last_offset_of_each_partition_of_the_campaigns_lane_is_kept(void **state)
{
    struct outbox_progress p;
    struct outbox_item other = { .rank = 5 };
    uint64_t ticket;
    (void)state;

    progress_open(&p, -1);
    assert_text(progress_put_last, &p, "{}");
    for (int64_t rank = 0; rank < 5; rank++)
        add(&p, rank, false);
    assert_int_equal(progress_add(&p, &other, &ticket), 0);
    progress_report(&p, 0, 2, 70);
    progress_report(&p, 1, 2, 90);
    progress_report(&p, 2, 2, 80);
    progress_report(&p, 3, 0, 5);
    progress_report(&p, 4, OUTBOX_PARTITIONS_MAX, 5); /* no partition of ours */
    progress_report(&p, ticket, 3, 1000);             /* the other lane's topic */
    assert_text(progress_put_last, &p, "{5,-1,90}");
    progress_done(&p);
}

static void a_report_counts_once_and_an_unknown_one_never(void **state)
{
    struct outbox_progress p;
    (void)state;

    progress_open(&p, -1);
    add(&p, 0, false);
    progress_report(&p, 7, 0, 1);
    assert_int_equal(p.pending, 1);
    progress_report(&p, 0, 0, -1);
    progress_report(&p, 0, 0, 12);
    assert_int_equal(p.pending, 0);
    assert_int_equal(p.delivered, 0);
    assert_int_equal(progress_cursor(&p), -1);
    progress_done(&p);
}

/* ---- records ---- */

static struct request request_of(const char *guid)
{
    struct request r = {
        .rank = 5,
        .high_lane = true,
        .source = strdup("https://connect.example.org/rebuild"),
        .campaign_name = strdup("upgrade"),
        .actor = strdup("ann"),
        .requested_at = strdup("2026-01-12T10:07:31.402Z"),
        .content = { .guid = strdup(guid), .title = strdup("Sales"), .r_version = strdup("4.4.1") },
    };

    assert_true(uuid_parse("11111111-1111-4111-8111-111111111111", &r.request_id));
    assert_true(uuid_parse("22222222-2222-4222-8222-222222222222", &r.campaign_id));
    return r;
}

/* Renders r, takes it apart again, and returns the title that came through. */
static void assert_title(struct request *r, const char *title)
{
    struct request back = { 0 };
    struct err err = { 0 };
    struct buf out;

    buf_init(&out, OUTBOX_VALUE_CEILING);
    buf_str_add(&out, "of the record before");
    if (outbox_request_encode(r, &out, &err) != 0)
        fail_msg("%s", err.msg);
    assert_true(out.len <= OUTBOX_VALUE_MAX_BYTES);
    if (request_decode(out.data, out.len, &back, NULL, &err) != 0)
        fail_msg("%s", err.msg);
    assert_true(uuid_equal(&back.request_id, &r->request_id));
    assert_true(uuid_equal(&back.campaign_id, &r->campaign_id));
    assert_string_equal(back.content.guid, "4ffc819c-065c-420c-88eb-332db1133317");
    assert_int_equal(back.rank, 5);
    assert_true(back.high_lane);
    if (title == NULL)
        assert_null(back.content.title);
    else
        assert_string_equal(back.content.title, title);
    request_done(&back);
    buf_done(&out);
}

static void a_request_is_rendered_whole(void **state)
{
    struct request r = request_of("4ffc819c-065c-420c-88eb-332db1133317");
    (void)state;

    assert_title(&r, "Sales");
    request_done(&r);
}

static void content_that_fits_no_record_goes_out_with_its_ids_alone(void **state)
{
    struct request r = request_of("4ffc819c-065c-420c-88eb-332db1133317");
    (void)state;

    free(r.content.r_version);
    r.content.r_version = calloc(1, 70000);
    memset(r.content.r_version, '4', 69999);
    assert_title(&r, NULL);
    request_done(&r);
}

static void a_request_without_a_readable_guid_is_an_error(void **state)
{
    struct request r = request_of("not a guid");
    struct err err = { 0 };
    struct buf out;
    (void)state;

    buf_init(&out, OUTBOX_VALUE_CEILING);
    assert_int_equal(outbox_request_encode(&r, &out, &err), -1);
    assert_int_equal(err.kind, ERR_INPUT);
    buf_done(&out);
    request_done(&r);
}

static void the_headers_point_at_their_texts(void **state)
{
    struct request r = request_of("4ffc819c-065c-420c-88eb-332db1133317");
    struct outbox_headers headers;
    bool subject = false;
    (void)state;

    outbox_headers_fill(&r, &headers);
    assert_int_equal(headers.n, EVENT_HEADERS_N);
    for (size_t i = 0; i < headers.n; i++) {
        assert_ptr_equal(headers.headers[i].value, headers.text[i].value);
        assert_int_equal(headers.headers[i].len, strlen(headers.text[i].value));
        subject |=
            strcmp(headers.headers[i].name, "ce_subject") == 0 &&
            strcmp(headers.text[i].value, "content/4ffc819c-065c-420c-88eb-332db1133317") == 0;
    }
    assert_true(subject);
    request_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_valve_lets_through_what_the_state_and_the_limit_allow),
        cmocka_unit_test(the_cursor_moves_over_what_was_delivered_without_a_hole),
        cmocka_unit_test(what_needs_no_record_does_not_hold_the_cursor_up),
        cmocka_unit_test(unsent_ones_lose_their_mark_and_do_not_touch_the_cursor),
        cmocka_unit_test(the_last_offset_of_each_partition_of_the_campaigns_lane_is_kept),
        cmocka_unit_test(a_report_counts_once_and_an_unknown_one_never),
        cmocka_unit_test(a_request_is_rendered_whole),
        cmocka_unit_test(content_that_fits_no_record_goes_out_with_its_ids_alone),
        cmocka_unit_test(a_request_without_a_readable_guid_is_an_error),
        cmocka_unit_test(the_headers_point_at_their_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

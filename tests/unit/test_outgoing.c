/* Messages that wait for a transaction: results with their headers, dead letters as they came. */
#include "worker/outgoing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/record/result.h"

#define GUID "4ffc819c-065c-420c-88eb-332db1133317"
#define ID   "5b0b3a7e-7c56-5d1f-9a52-0f7b1f3f9c21"

static struct part part = { .topic = "requests", .partition = 3, .epoch = 7 };

static const struct dead_letter_why why = { .error_class = "request.invalid",
                                            .stage = "decode",
                                            .message = "not JSON" };

/* For structs that own their texts, in a test that never frees them. */
static char *lent(const char *text)
{
    union {
        const char *in;
        char *out;
    } u = { .in = text };

    return u.out;
}

static const struct kafka_header missing;

static const struct kafka_header *header(const struct outgoing *out, const char *name)
{
    for (size_t i = 0; i < out->message.headers_n; i++)
        if (strcmp(out->message.headers[i].name, name) == 0)
            return &out->message.headers[i];
    return &missing;
}

static void has_header(const struct outgoing *out, const char *name, const char *value)
{
    const struct kafka_header *h = header(out, name);

    if (h->name == NULL)
        fail_msg("no header %s", name);
    assert_int_equal(h->len, strlen(value));
    assert_memory_equal(h->value, value, h->len);
}

static struct result skipped(void)
{
    struct result r = { .source = lent("https://connect.example.org/rebuild"),
                        .content = { .guid = lent(GUID), .app_mode = lent("static") },
                        .outcome = lent("skipped"),
                        .requested_at = lent("2026-11-24T19:00:00.000Z"),
                        .finished_at = lent("2026-11-24T19:01:00.000Z"),
                        .access_verdict = lent("not_checked"),
                        .worker = lent("w1"),
                        .worker_version = lent("0") };

    assert_true(uuid_parse(ID, &r.request_id));
    assert_true(uuid_parse("0197c2a4-2b1e-7c40-9b0a-5d2f6a1c00e1", &r.campaign_id));
    return r;
}

static void a_result_carries_its_place_key_and_headers(void **state)
{
    struct result r = skipped();
    struct req req = { .id = r.request_id, .part = &part, .epoch = 6, .offset = 41 };
    struct outgoing *out = outgoing_result(&req, &r, "results", NULL);

    (void)state;
    assert_non_null(out);
    assert_ptr_equal(out->part, &part);
    assert_int_equal(out->epoch, 6); /* the request's, not the part's */
    assert_int_equal(out->offset, 41);
    assert_true(uuid_equal(&out->request_id, &r.request_id));
    assert_false(out->dead_letter || out->counted || out->out);
    assert_string_equal(out->message.topic, "results");
    assert_int_equal(out->message.partition, -1);
    assert_int_equal(out->message.key_len, strlen(GUID));
    assert_memory_equal(out->message.key, GUID, strlen(GUID));
    assert_int_equal(((const char *)out->message.value)[0], '{');
    has_header(out, "ce_specversion", "1.0");
    has_header(out, "ce_type", "org.connect-rebuild.result.v1");
    has_header(out, "ce_source", r.source);
    has_header(out, "ce_time", r.finished_at);
    assert_non_null(header(out, "ce_id")->name);
    assert_non_null(header(out, "content-type")->name);
    assert_non_null(header(out, "traceparent")->name);
    outgoing_free(out);
}

static void a_result_without_a_needed_member_is_none(void **state)
{
    struct result r = skipped();
    struct req req = { .id = r.request_id, .part = &part };
    struct err err = { 0 };

    (void)state;
    r.outcome = NULL;
    assert_null(outgoing_result(&req, &r, "results", &err));
    assert_string_equal(err.msg, "a result without outcome");
}

static struct kafka_record broken(const char *value, size_t len)
{
    return (struct kafka_record){ .topic = "requests",
                                  .partition = 3,
                                  .offset = 17,
                                  .timestamp_ms = 1700000000123,
                                  .key = "k\0y",
                                  .key_len = 3,
                                  .value = value,
                                  .value_len = len };
}

static struct outgoing *dead_letter(const struct kafka_record *record)
{
    struct outgoing *out = outgoing_dead_letter(&part, record, &why, "dlq", "w1");

    assert_non_null(out);
    assert_true(out->dead_letter);
    assert_int_equal(out->epoch, part.epoch);
    assert_int_equal(out->offset, record->offset);
    return out;
}

static void a_dead_letter_is_the_record_untouched(void **state)
{
    static const char bytes[] = "\xff{not\0json";
    const struct kafka_header headers[] = { { "ce_type", "x", 1 },
                                            { "empty", "", 0 },
                                            { "null", NULL, 0 } };
    struct kafka_record record = broken(bytes, sizeof(bytes) - 1);
    struct outgoing *out;

    (void)state;
    record.headers = headers;
    record.headers_n = 3;
    out = dead_letter(&record);
    assert_int_equal(out->message.value_len, sizeof(bytes) - 1);
    assert_memory_equal(out->message.value, bytes, sizeof(bytes) - 1);
    assert_ptr_not_equal(out->message.value, bytes); /* its own: the record is borrowed */
    assert_int_equal(out->message.key_len, 3);
    assert_memory_equal(out->message.key, "k\0y", 3);
    assert_int_equal(out->message.timestamp_ms, 1700000000123);
    has_header(out, "ce_type", "x");
    assert_int_equal(header(out, "empty")->len, 0);
    assert_non_null(header(out, "empty")->value);
    assert_non_null(header(out, "null")->name);
    assert_null(header(out, "null")->value);
    outgoing_free(out);
}

static void a_dead_letter_says_where_it_came_from_and_why(void **state)
{
    struct kafka_record record = broken("x", 1);
    struct outgoing *out = dead_letter(&record);

    (void)state;
    has_header(out, "rebuild.errors.topic", "requests");
    has_header(out, "rebuild.errors.partition", "3");
    has_header(out, "rebuild.errors.offset", "17");
    has_header(out, "rebuild.errors.timestamp", "1700000000123");
    has_header(out, "rebuild.errors.stage", "decode");
    has_header(out, "rebuild.errors.class", "request.invalid");
    has_header(out, "rebuild.errors.message", "not JSON");
    has_header(out, "rebuild.errors.worker", "w1");
    outgoing_free(out);
}

/* Whoever reads a bounded number of headers has these, and the count of redrives behind them. */
static void a_dead_letters_own_headers_come_first(void **state)
{
    static char names[KAFKA_HEADERS_MAX][32];
    struct kafka_header headers[KAFKA_HEADERS_MAX] = { { "rebuild.redrive.count", "2", 1 } };
    struct kafka_record record = broken("x", 1);
    struct outgoing *out;

    (void)state;
    for (size_t i = 1; i < KAFKA_HEADERS_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "header-%zu", i);
        headers[i] = (struct kafka_header){ names[i], "v", 1 };
    }
    record.headers = headers;
    record.headers_n = KAFKA_HEADERS_MAX;
    out = dead_letter(&record);
    for (size_t i = 0; i < 8; i++)
        assert_memory_equal(out->message.headers[i].name, "rebuild.errors.", 15);
    assert_string_equal(out->message.headers[8].name, "x-original-topic");
    assert_string_equal(out->message.headers[9].name, "rebuild.redrive.count");
    has_header(out, "rebuild.redrive.count", "2");
    outgoing_free(out);
}

static void a_record_without_key_value_or_time_stays_so(void **state)
{
    struct kafka_record record = { .topic = "requests", .offset = 1, .timestamp_ms = -1 };
    struct outgoing *out = dead_letter(&record);

    (void)state;
    assert_null(out->message.key);
    assert_int_equal(out->message.key_len, 0);
    assert_null(out->message.value);
    assert_int_equal(out->message.value_len, 0);
    assert_int_equal(out->message.timestamp_ms, 0);
    outgoing_free(out);
    record.value = "";
    record.key = "";
    out = dead_letter(&record); /* empty is not null */
    assert_non_null(out->message.value);
    assert_non_null(out->message.key);
    outgoing_free(out);
}

static void what_no_broker_would_take_is_cut(void **state)
{
    size_t big = 1024 * 1024, bytes;
    char *text = calloc(1, big + 1);
    struct kafka_header headers[KAFKA_HEADERS_MAX];
    struct kafka_record record;
    struct outgoing *out;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', big);
    for (size_t i = 0; i < KAFKA_HEADERS_MAX; i++)
        headers[i] = (struct kafka_header){ "h", text, 20000 };
    record = broken(text, big);
    record.key = text;
    record.key_len = big;
    record.headers = headers;
    record.headers_n = KAFKA_HEADERS_MAX;
    out = dead_letter(&record);
    assert_int_equal(out->message.value_len, DLQ_VALUE_MAX_BYTES);
    has_header(out, "rebuild.errors.class", "request.invalid");
    bytes = out->message.value_len + out->message.key_len;
    for (size_t i = 0; i < out->message.headers_n; i++)
        bytes += strlen(out->message.headers[i].name) + out->message.headers[i].len;
    assert_true(bytes < 256 * 1024 - 4096);
    outgoing_free(out);
    free(text);
}

static void a_long_reason_is_cut_and_clean(void **state)
{
    char text[3000];
    struct dead_letter_why long_why = why;
    struct kafka_record record = broken("x", 1);
    struct outgoing *out;

    (void)state;
    memset(text, 'm', sizeof(text) - 1);
    text[0] = '\xff';
    text[sizeof(text) - 1] = '\0';
    long_why.message = text;
    out = outgoing_dead_letter(&part, &record, &long_why, "dlq", "w1");
    assert_non_null(out);
    assert_true(header(out, "rebuild.errors.message")->len <= 1024);
    assert_null(memchr(header(out, "rebuild.errors.message")->value, 0xff, 10));
    outgoing_free(out);
}

static size_t bytes_of(const struct outgoing *out)
{
    size_t bytes = out->message.value_len + out->message.key_len;

    for (size_t i = 0; i < out->message.headers_n; i++)
        bytes += strlen(out->message.headers[i].name) + out->message.headers[i].len;
    return bytes;
}

static void a_broker_that_takes_less_gets_less(void **state)
{
    static char text[64 * 1024];
    const struct kafka_header headers[] = { { "theirs", text, 8000 } };
    struct kafka_record record = broken(text, sizeof(text));
    struct result r = skipped();
    struct req req = { .id = r.request_id, .part = &part };
    struct outgoing *out = outgoing_result(&req, &r, "results", NULL), *letter;
    char lines[LOG_TAIL_LINES][1000], *tail[LOG_TAIL_LINES];

    (void)state;
    outgoing_free(out);
    for (size_t i = 0; i < LOG_TAIL_LINES; i++) {
        memset(lines[i], 'x', sizeof(lines[i]) - 1);
        lines[i][sizeof(lines[i]) - 1] = '\0';
        tail[i] = lines[i];
    }
    r.log_tail = tail;
    r.log_tail_n = LOG_TAIL_LINES;
    out = outgoing_result(&req, &r, "results", NULL);
    record.headers = headers;
    record.headers_n = 1;
    letter = dead_letter(&record);
    outgoing_add_letter(out, letter);
    assert_int_equal(out->bytes, bytes_of(out) + bytes_of(letter));
    outgoing_cut(out, 16 * 1024);
    assert_true(bytes_of(out) <= 16 * 1024 && bytes_of(letter) <= 16 * 1024);
    assert_true(bytes_of(letter) > 15 * 1024); /* no more than needed */
    assert_non_null(header(letter, "theirs")->name);
    outgoing_cut(out, RESULT_CUT_MIN_BYTES);
    assert_true(bytes_of(out) <= RESULT_CUT_MIN_BYTES && bytes_of(letter) <= RESULT_CUT_MIN_BYTES);
    assert_null(header(letter, "theirs")->name);
    has_header(letter, "rebuild.errors.offset", "17");
    assert_int_equal(out->bytes, bytes_of(out) + bytes_of(letter));
    outgoing_free(out);
}

static void group_metadata_lives_as_long_as_somebody_holds_it(void **state)
{
    (void)state;
    assert_null(group_ref_new(NULL));
    group_ref_drop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_carries_its_place_key_and_headers),
        cmocka_unit_test(a_result_without_a_needed_member_is_none),
        cmocka_unit_test(a_dead_letter_is_the_record_untouched),
        cmocka_unit_test(a_dead_letter_says_where_it_came_from_and_why),
        cmocka_unit_test(a_dead_letters_own_headers_come_first),
        cmocka_unit_test(a_record_without_key_value_or_time_stays_so),
        cmocka_unit_test(what_no_broker_would_take_is_cut),
        cmocka_unit_test(a_long_reason_is_cut_and_clean),
        cmocka_unit_test(a_broker_that_takes_less_gets_less),
        cmocka_unit_test(group_metadata_lives_as_long_as_somebody_holds_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

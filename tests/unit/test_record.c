/* Requests: what is written is read again, and what does not fit is refused by a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/event.h"
#include "common/record/request.h"

#define GUID "4ffc819c-065c-420c-88eb-332db1133317"
#define ID   "5b0b3a7e-7c56-5d1f-9a52-0f7b1f3f9c21"
#define NIL  "00000000-0000-0000-0000-000000000000"

#define EVENT(type, data)                                                                          \
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"" type "\",\"data\":" data \
    "}"
#define REQUEST(data)    EVENT(EVENT_TYPE_REQUEST, data)
#define DATA(more)       "{\"request_id\":\"" ID "\",\"content\":{\"guid\":\"" GUID "\"}" more "}"
#define CONTENT(members) "{\"request_id\":\"" ID "\",\"content\":{" members "}}"

/* For structs that own their texts, in a test that never frees them. */
static char *lent(const char *text)
{
    union {
        const char *in;
        char *out;
    } u = { .in = text };

    return u.out;
}

static struct uuid uuid_of(const char *text)
{
    struct uuid u;

    assert_true(uuid_parse(text, &u));
    return u;
}

static int decode(const char *json, struct request *r, struct uuid *id, struct err *err)
{
    *err = (struct err){ 0 };
    return request_decode(json, strlen(json), r, id, err);
}

static struct request whole_request(void)
{
    static char *paths[2];

    paths[0] = lent("/content/" GUID "/report");
    paths[1] = lent("a b/\xc3\xa9");
    return (struct request){
        .request_id = uuid_of(ID),
        .campaign_id = uuid_of("0197c2a4-2b1e-7c40-9b0a-5d2f6a1c00e1"),
        .source = lent("https://connect.example.org/rebuild"),
        .campaign_name = lent("R 4.4 upgrade"),
        .reason = lent("CHG-4411 \"quoted\" \\ \t \xe2\x82\xac"),
        .actor = lent("akim"),
        .rank = INT64_C(9007199254740991),
        .high_lane = true,
        .requested_at = lent("2026-01-12T06:37:04.010Z"),
        .content = { .guid = lent(GUID),
                     .bundle_id = lent("142"),
                     .app_mode = lent("shiny"),
                     .title = lent("Sales dashboard"),
                     .name = lent("sales"),
                     .owner_guid = lent("edf26318-0027-4d9d-bbbb-54703ebb1855"),
                     .owner_username = lent("ada"),
                     .access_type = lent("acl"),
                     .r_version = lent("4.1.2"),
                     .py_version = lent("3.11.2"),
                     .quarto_version = lent("1.4.1"),
                     .image_name = lent("Local"),
                     .access_paths = paths,
                     .access_paths_n = 2 },
    };
}

static void assert_same_content(const struct content *a, const struct content *b)
{
    assert_string_equal(a->guid, b->guid);
    assert_true(str_equal(a->bundle_id, b->bundle_id));
    assert_true(str_equal(a->app_mode, b->app_mode));
    assert_true(str_equal(a->title, b->title));
    assert_true(str_equal(a->name, b->name));
    assert_true(str_equal(a->owner_guid, b->owner_guid));
    assert_true(str_equal(a->owner_username, b->owner_username));
    assert_true(str_equal(a->access_type, b->access_type));
    assert_true(str_equal(a->r_version, b->r_version));
    assert_true(str_equal(a->py_version, b->py_version));
    assert_true(str_equal(a->quarto_version, b->quarto_version));
    assert_true(str_equal(a->image_name, b->image_name));
    assert_int_equal(a->access_paths_n, b->access_paths_n);
    for (size_t i = 0; i < a->access_paths_n; i++)
        assert_string_equal(a->access_paths[i], b->access_paths[i]);
}

static void assert_same_request(const struct request *a, const struct request *b)
{
    assert_true(uuid_equal(&a->request_id, &b->request_id));
    assert_true(uuid_equal(&a->campaign_id, &b->campaign_id));
    assert_true(str_equal(a->source, b->source));
    assert_true(str_equal(a->campaign_name, b->campaign_name));
    assert_true(str_equal(a->reason, b->reason));
    assert_true(str_equal(a->actor, b->actor));
    assert_true(a->rank == b->rank);
    assert_int_equal(a->high_lane, b->high_lane);
    assert_true(str_equal(a->requested_at, b->requested_at));
    assert_same_content(&a->content, &b->content);
}

static void assert_round_trip(const struct request *r)
{
    struct request back;
    struct uuid id;
    struct err err = { 0 };
    struct buf text;

    buf_init(&text, REQUEST_MAX_BYTES);
    assert_int_equal(request_encode(r, &text, &err), 0);
    assert_int_equal(request_decode(text.data, text.len, &back, &id, &err), 0);
    assert_same_request(r, &back);
    assert_true(uuid_equal(&id, &r->request_id));
    request_done(&back);
    buf_done(&text);
}

static void a_request_survives_the_round_trip(void **state)
{
    struct request r = whole_request();

    (void)state;
    assert_round_trip(&r);
    r = (struct request){ .request_id = r.request_id,
                          .source = r.source,
                          .content = { .guid = r.content.guid } };
    assert_round_trip(&r);
}

static void the_kept_sample_reads_and_is_written_the_same_again(void **state)
{
    static char text[REQUEST_MAX_BYTES];
    FILE *file = fopen("deploy/schema/events/samples/request.v1.whole.json", "rb");
    struct request sample, r = whole_request();
    struct err err = { 0 };
    struct buf out;
    size_t len;

    (void)state;
    assert_non_null(file);
    len = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_int_equal(request_decode(text, len, &sample, NULL, &err), 0);
    assert_same_request(&r, &sample);
    buf_init(&out, REQUEST_MAX_BYTES);
    assert_int_equal(request_encode(&sample, &out, &err), 0);
    assert_int_equal(out.len, strcspn(text, "\n"));
    assert_memory_equal(out.data, text, out.len);
    buf_done(&out);
    request_done(&sample);
}

static void a_foreign_record_needs_only_an_id_and_a_guid(void **state)
{
    struct request r;
    struct err err;

    (void)state;
    assert_int_equal(decode(REQUEST(DATA("")), &r, NULL, &err), 0);
    assert_true(uuid_is_nil(&r.campaign_id));
    assert_int_equal(r.rank, 0);
    assert_false(r.high_lane);
    assert_null(r.requested_at);
    assert_null(r.actor);
    assert_null(r.content.bundle_id);
    assert_int_equal(r.content.access_paths_n, 0);
    request_done(&r);
}

/* json, and what one member reads as */
static const struct {
    const char *sentence;
    const char *json;
    size_t member;
    const char *want;
} readings[] = {
    { "an id may be a number", REQUEST(CONTENT("\"guid\":\"" GUID "\",\"bundle_id\":33")),
      offsetof(struct request, content.bundle_id), "33" },
    { "an empty text is none", REQUEST(CONTENT("\"guid\":\"" GUID "\",\"title\":\"\"")),
      offsetof(struct request, content.title), NULL },
    { "null is none", REQUEST(CONTENT("\"guid\":\"" GUID "\",\"bundle_id\":null")),
      offsetof(struct request, content.bundle_id), NULL },
    { "an escaped NUL does not end a text",
      REQUEST(CONTENT("\"guid\":\"" GUID "\",\"title\":\"a\\u0000b\"")),
      offsetof(struct request, content.title),
      "a\xef\xbf\xbd"
      "b" },
    { "half of a surrogate pair is mended",
      REQUEST(CONTENT("\"guid\":\"" GUID "\",\"title\":\"\\ud83d\\ude00 \\ud83dx \\ude00\"")),
      offsetof(struct request, content.title), "\xf0\x9f\x98\x80 \xef\xbf\xbdx \xef\xbf\xbd" },
    { "bytes that are no UTF-8 are mended",
      REQUEST(CONTENT("\"guid\":\"" GUID "\",\"title\":\"a\xff\"")),
      offsetof(struct request, content.title), "a\xef\xbf\xbd" },
    { "a line break in a title becomes a space",
      REQUEST(CONTENT("\"guid\":\"" GUID "\",\"title\":\"a\\nb\"")),
      offsetof(struct request, content.title), "a b" },
    { "a guid is written small",
      REQUEST(CONTENT("\"guid\":\"4FFC819C-065C-420C-88EB-332DB1133317\"")),
      offsetof(struct request, content.guid), GUID },
    { "of two members with one name the first counts",
      REQUEST(CONTENT("\"guid\":\"" GUID "\",\"name\":\"one\",\"name\":\"two\"")),
      offsetof(struct request, content.name), "one" },
    { "a name with other capitals is another member",
      REQUEST(CONTENT("\"guid\":\"" GUID "\",\"Name\":\"one\",\"name\":\"two\"")),
      offsetof(struct request, content.name), "two" },
    { "a time is brought into one form",
      REQUEST(DATA(",\"requested_at\":\"2026-01-12 08:37:04+02:00\"")),
      offsetof(struct request, requested_at), "2026-01-12T06:37:04.000Z" },
    { "a time before 1970 is 1970", REQUEST(DATA(",\"requested_at\":\"0001-01-01T00:00:00Z\"")),
      offsetof(struct request, requested_at), "1970-01-01T00:00:00.000Z" },
    { "the event's time stands in",
      "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"time\":\"2026-01-12T06:37:04Z\","
      "\"type\":\"" EVENT_TYPE_REQUEST "\",\"data\":" DATA("") "}",
      offsetof(struct request, requested_at), "2026-01-12T06:37:04.000Z" },
    { "unknown members are ignored", REQUEST(DATA(",\"later\":{\"x\":[1,2]},\"rank\":1.0")),
      offsetof(struct request, source), "/s" },
};

static void a_record_reads_as_its_sentence_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        struct request r = { 0 };
        struct err err;

        if (decode(readings[i].json, &r, NULL, &err) != 0)
            fail_msg("%s: %s", readings[i].sentence, err.msg);
        if (!str_equal(*(char **)((char *)&r + readings[i].member), readings[i].want))
            fail_msg("%s: not \"%s\"", readings[i].sentence,
                     *(char **)((char *)&r + readings[i].member));
        request_done(&r);
    }
}

/* json, part of the sentence, and whether the request id can still be told */
static const struct {
    const char *json;
    const char *sentence;
    bool id;
} hostile[] = {
    { "", "0 bytes", false },
    { "{", "at byte 1", false },
    { "null", "data is missing", false },
    { "[]", "data is missing", false },
    { "{} x", "something follows", false },
    { "{\"a\":01}", "an object does not go on at byte 6", false },
    { "{\"a\":\"\\x\"}", "an escape is wrong", false },
    { "{\"a\":\"\\u12g4\"}", "an escape is wrong", false },
    { "{\"a\":tru}", "a value is wrong", false },
    { "{\"a\":1e}", "a number is wrong", false },
    { "{\"a\":1111111111111111111111111111111111111111111111111111111111111111}", "too long",
      false },
    { "{\"a\" 1}", "a colon is missing", false },
    { "{a:1}", "a string is missing", false },
    { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "nests too deep",
      false },
    { REQUEST("{}"), "data.request_id is missing", false },
    { REQUEST("[]"), "data is an array, not an object", false },
    { REQUEST("{\"request_id\":7}"), "data.request_id is a number, not a UUID", false },
    { REQUEST("{\"request_id\":\"5b0b3a7e\"}"), "data.request_id is not a UUID", false },
    { REQUEST("{\"request_id\":\"" NIL "\"}"), "data.request_id is nil", false },
    { REQUEST("{\"request_id\":\"" ID "\"}"), "data.content is missing", true },
    { REQUEST(CONTENT("")), "data.content.guid is missing", true },
    { REQUEST(CONTENT("\"guid\":\"../../etc\"")), "data.content.guid is not a UUID", true },
    { REQUEST(CONTENT("\"guid\":\"" GUID "\",\"title\":{}")),
      "data.content.title is an object, not a string", true },
    { REQUEST(CONTENT("\"guid\":\"" GUID "\",\"bundle_id\":-1")), "data.content.bundle_id", true },
    { REQUEST(CONTENT("\"guid\":\"" GUID "\",\"bundle_id\":1.5")), "data.content.bundle_id", true },
    { REQUEST(CONTENT("\"guid\":\"" GUID "\",\"bundle_id\":\"1\\r\\n2\"")),
      "data.content.bundle_id is not an id", true },
    { REQUEST(CONTENT("\"guid\":\"" GUID "\",\"app_mode\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"")),
      "data.content.app_mode is longer than 31 bytes", true },
    { REQUEST(DATA(",\"rank\":-1")), "data.rank is not a whole number from 0", true },
    { REQUEST(DATA(",\"rank\":0.5")), "data.rank", true },
    { REQUEST(DATA(",\"rank\":1e999")), "data.rank", true },
    { REQUEST(DATA(",\"rank\":\"1\"")), "data.rank is a string", true },
    { REQUEST(DATA(",\"lane\":\"express\"")), "data.lane is \"express\"", true },
    { REQUEST(DATA(",\"campaign\":7")), "data.campaign is a number, not an object", true },
    { REQUEST(DATA(",\"campaign\":{\"id\":\"x\"}")), "data.campaign.id is not a UUID", true },
    { REQUEST(DATA(",\"campaign\":{\"name\":true}")), "data.campaign.name is true or false", true },
    { REQUEST(DATA(",\"requested_at\":\"yesterday\"")), "data.requested_at is not a time", true },
    { REQUEST(DATA(",\"access_paths\":\"/\"")), "data.access_paths is a string", true },
    { REQUEST(DATA(",\"access_paths\":[\"/a\",7]")), "data.access_paths[1] is not a path", true },
    { REQUEST(DATA(",\"access_paths\":[\"\"]")), "data.access_paths[0] is not a path", true },
    { REQUEST(DATA(",\"access_paths\":[\"/a\\r\\nX: y\"]")), "data.access_paths[0]", true },
    { REQUEST(DATA(",\"access_paths\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]")),
      "has 17 members, more than 16", true },
    { EVENT(EVENT_TYPE_RESULT, DATA("")), "type is \"org.connect-rebuild.result.v1\"", true },
    { "{\"data\":" DATA("") "}", "specversion is missing", true },
    { "{\"specversion\":\"2.0\",\"data\":" DATA("") "}", "specversion is \"2.0\"", true },
    { "{\"specversion\":1.0,\"data\":" DATA("") "}", "specversion is not a text", true },
    { "{\"specversion\":\"1.0\",\"type\":\"" EVENT_TYPE_REQUEST "\",\"data\":" DATA("") "}",
      "source is missing", true },
    { "{\"specversion\":\"1.0\",\"type\":\"" EVENT_TYPE_REQUEST
      "\",\"source\":\"\",\"id\":\"1\",\"data\":" DATA("") "}",
      "source is not a text", true },
};

static void bad_input_is_refused_by_a_sentence_that_names_it(void **state)
{
    struct uuid want = uuid_of(ID);

    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        struct request r, untouched;
        struct uuid id;
        struct err err;

        memset(&r, 0x5a, sizeof r);
        memset(&untouched, 0x5a, sizeof untouched);
        if (decode(hostile[i].json, &r, &id, &err) == 0)
            fail_msg("taken: %s", hostile[i].json);
        assert_memory_equal(&r, &untouched, sizeof r);
        if (err.kind != ERR_INPUT || strstr(err.msg, hostile[i].sentence) == NULL)
            fail_msg("%s: \"%s\" instead of \"%s\"", hostile[i].json, err.msg, hostile[i].sentence);
        if (hostile[i].id != uuid_equal(&id, &want) || hostile[i].id == uuid_is_nil(&id))
            fail_msg("%s: the request id is %s", hostile[i].json, hostile[i].id ? "lost" : "read");
    }
}

static void a_record_over_64_kib_is_refused_before_it_is_parsed(void **state)
{
    static char json[REQUEST_MAX_BYTES + 2];
    struct request r;
    struct err err = { 0 };

    (void)state;
    memset(json, ' ', sizeof json);
    assert_int_equal(request_decode(json, REQUEST_MAX_BYTES + 1, &r, NULL, &err), -1);
    assert_non_null(strstr(err.msg, "65537 bytes"));
}

static void a_flood_of_values_is_refused(void **state)
{
    static char json[16001];
    struct request r;
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof json; i++)
        json[i] = i % 2 == 0 ? ',' : '0';
    json[0] = '[';
    json[sizeof json - 1] = ']';
    assert_int_equal(request_decode(json, sizeof json, &r, NULL, &err), -1);
    assert_non_null(strstr(err.msg, "too many values"));
}

static void a_long_title_is_cut_on_a_character(void **state)
{
    char json[4096], title[1500 + 1];
    struct request r;
    struct err err;

    (void)state;
    for (size_t i = 0; i + 3 < sizeof title; i += 3)
        memcpy(title + i, "\xe2\x82\xac", 4);
    snprintf(json, sizeof json, REQUEST(CONTENT("\"guid\":\"" GUID "\",\"title\":\"%s\"")), title);
    assert_int_equal(decode(json, &r, NULL, &err), 0);
    assert_int_equal(strlen(r.content.title), TEXT_FIELD_MAX_BYTES / 3 * 3);
    request_done(&r);
}

static void what_cannot_be_a_request_is_not_written(void **state)
{
    struct request whole = whole_request(), r;
    static char word[65 + 1];
    struct buf out;
    struct err err = { 0 };

    (void)state;
    memset(word, 'a', 65);
    buf_init(&out, REQUEST_MAX_BYTES);
    r = whole;
    r.request_id = (struct uuid){ 0 };
    assert_int_equal(request_encode(&r, &out, &err), -1);
    assert_string_equal(err.msg, "request_id is missing");
    r = whole;
    r.source = NULL;
    assert_int_equal(request_encode(&r, &out, &err), -1);
    assert_string_equal(err.msg, "source is missing");
    r = whole;
    r.rank = -1;
    assert_int_equal(request_encode(&r, &out, &err), -1);
    r = whole;
    r.content.guid = lent("x");
    assert_int_equal(request_encode(&r, &out, &err), -1);
    assert_string_equal(err.msg, "content.guid is not a UUID");
    r = whole;
    r.content.bundle_id = word;
    assert_int_equal(request_encode(&r, &out, &err), -1);
    assert_string_equal(err.msg, "content.bundle_id is longer than 63 bytes");
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void headers_repeat_the_envelope(void **state)
{
    struct event_header h[EVENT_HEADERS_N];
    struct uuid id = uuid_of(ID);
    char trace[64], long_source[300] = "";
    struct event_about about = { &id, EVENT_TYPE_RESULT, "/s", GUID, "T", trace };

    (void)state;
    event_traceparent(trace, &id);
    assert_memory_equal(trace, "00-5b0b3a7e7c565d1f9a520f7b1f3f9c21-", 36);
    assert_int_equal(strlen(trace), 55);
    assert_int_equal(event_headers(h, &about), 8);
    assert_string_equal(h[0].name, "content-type");
    assert_string_equal(h[4].value, EVENT_TYPE_RESULT);
    assert_string_equal(h[6].value, "content/" GUID);
    assert_string_equal(h[7].value, trace);
    about.traceparent = NULL;
    assert_int_equal(event_headers(h, &about), 7);
    memset(long_source, 'a', sizeof long_source - 1);
    about.source = long_source;
    assert_int_equal(event_headers(h, &about), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_survives_the_round_trip),
        cmocka_unit_test(the_kept_sample_reads_and_is_written_the_same_again),
        cmocka_unit_test(a_foreign_record_needs_only_an_id_and_a_guid),
        cmocka_unit_test(a_record_reads_as_its_sentence_says),
        cmocka_unit_test(bad_input_is_refused_by_a_sentence_that_names_it),
        cmocka_unit_test(a_record_over_64_kib_is_refused_before_it_is_parsed),
        cmocka_unit_test(a_flood_of_values_is_refused),
        cmocka_unit_test(a_long_title_is_cut_on_a_character),
        cmocka_unit_test(what_cannot_be_a_request_is_not_written),
        cmocka_unit_test(headers_repeat_the_envelope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

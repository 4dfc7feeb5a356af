/* Results: one form, bounded whatever goes in, and readable by an auditor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/event.h"
#include "common/record/result.h"

#define GUID      "4ffc819c-065c-420c-88eb-332db1133317"
#define ID        "5b0b3a7e-7c56-5d1f-9a52-0f7b1f3f9c21"
#define OUT_BYTES (1024 * 1024)
#define LONG_LINE (2 * 1024 * 1024)

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

static struct result failed_result(void)
{
    static char *lines[1];

    lines[0] = lent("ERROR: installation of package 'sf' failed");
    return (struct result){
        .request_id = uuid_of(ID),
        .campaign_id = uuid_of("0197c2a4-2b1e-7c40-9b0a-5d2f6a1c00e1"),
        .source = lent("https://connect.example.org/rebuild"),
        .campaign_name = lent("R 4.4 upgrade"),
        .reason = lent("CHG-4411"),
        .actor = lent("akim"),
        .content = { .guid = lent(GUID),
                     .title = lent("Sales dashboard"),
                     .app_mode = lent("shiny"),
                     .owner_guid = lent("edf26318-0027-4d9d-bbbb-54703ebb1855"),
                     .bundle_id = lent("142"),
                     .r_version = lent("4.1.2"),
                     .image_name = lent("Local") },
        .outcome = lent("build_failed"),
        .attempt = 3,
        .max_attempts = 3,
        .replica = lent("connect-1"),
        .task_id = lent("pZoqfBoi6BgpKde5"),
        .bundle_built = lent("143"),
        .requested_at = lent("2026-01-12T06:37:04.010Z"),
        .started_at = lent("2026-01-12T10:03:19.117Z"),
        .finished_at = lent("2026-01-12T10:07:31.402Z"),
        .queue_s = 12375.107,
        .build_s = 252.285,
        .has_code = true,
        .code = 1,
        .log_tail = lines,
        .log_tail_n = 1,
        .log_truncated = true,
        .access_verdict = lent("not_checked"),
        .error_class = lent("build.package_install"),
        .error_message = lent("installation of package 'sf' failed"),
        .server = lent("https://connect.example.org/"),
        .topic = lent("rebuild.requests.v1"),
        .partition = 7,
        .offset = 18231,
        .worker = lent("worker-7d9-abc"),
        .worker_version = lent("1.2.0"),
    };
}

static struct result succeeded_result(struct access_check checks[2])
{
    struct result r = failed_result();

    checks[0] = (struct access_check){ .path = lent("/content/" GUID "/"),
                                       .as = lent("key"),
                                       .http_status = 404,
                                       .duration_s = 1.25,
                                       .verdict = lent("forbidden_to_key"),
                                       .note = lent("the key may not see it") };
    checks[1] = (struct access_check){ .path = lent("/content/" GUID "/"),
                                       .as = lent("anonymous"),
                                       .verdict = lent("not_checked") };
    r.outcome = lent("succeeded");
    r.attempt = 1;
    r.adopted = true;
    r.code = 0;
    r.log_tail_n = 0;
    r.log_truncated = false;
    r.error_class = r.error_message = NULL;
    r.access_verdict = lent("forbidden_to_key");
    r.checks = checks;
    r.checks_n = 2;
    return r;
}

static struct result cancelled_result(void)
{
    struct result r = failed_result();

    r.outcome = lent("cancelled");
    r.campaign_id = (struct uuid){ 0 };
    r.campaign_name = r.reason = r.actor = NULL;
    r.attempt = 0;
    r.replica = r.task_id = r.bundle_built = r.started_at = r.server = r.topic = NULL;
    r.queue_s = -1;
    r.has_code = false;
    r.log_tail_n = 0;
    r.log_truncated = false;
    r.error_class = lent("cancelled");
    r.error_message = lent("cancelled by akim");
    return r;
}

static void render(const struct result *r, struct buf *out)
{
    struct err err = { 0 };

    buf_init(out, OUT_BYTES);
    if (result_render(r, out, &err) != 0)
        fail_msg("%s", err.msg);
}

static void assert_sample(const char *name, const struct result *r)
{
    static char text[RESULT_MAX_BYTES];
    char path[128];
    struct buf out;
    FILE *file;
    size_t len;

    snprintf(path, sizeof path, "deploy/schema/events/samples/result.v1.%s.json", name);
    file = fopen(path, "rb");
    assert_non_null(file);
    len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(len > 1);
    text[len - 1] = '\0'; /* its line break */
    render(r, &out);
    assert_string_equal(out.data, text);
    buf_done(&out);
}

static void a_result_is_rendered_as_the_kept_samples_show(void **state)
{
    struct access_check checks[2];
    struct result failed = failed_result(), succeeded = succeeded_result(checks);
    struct result cancelled = cancelled_result();

    (void)state;
    assert_sample("build_failed", &failed);
    assert_sample("succeeded", &succeeded);
    assert_sample("cancelled", &cancelled);
}

static void equal_input_gives_equal_bytes_behind_what_is_there(void **state)
{
    struct result r = failed_result();
    struct err err = { 0 };
    struct buf once, twice;

    (void)state;
    render(&r, &once);
    buf_init(&twice, OUT_BYTES);
    buf_str_add(&twice, "x");
    assert_int_equal(result_render(&r, &twice, &err), 0);
    assert_int_equal(twice.len, once.len + 1);
    assert_memory_equal(twice.data + 1, once.data, once.len);
    buf_done(&once);
    buf_done(&twice);
}

static cJSON *parsed_data(const struct buf *out, cJSON **doc)
{
    *doc = cJSON_ParseWithLength(out->data, out->len);
    assert_non_null(*doc);
    return cJSON_GetObjectItemCaseSensitive(*doc, "data");
}

static void two_megabytes_of_log_are_cut_to_the_last_lines(void **state)
{
    struct result r = failed_result();
    char *lines[60];
    char *line = malloc(LONG_LINE + 1);
    cJSON *doc, *build, *tail;
    struct buf out;

    (void)state;
    assert_non_null(line);
    memset(line, '"', LONG_LINE);
    line[LONG_LINE] = '\0';
    for (size_t i = 0; i < 60; i++)
        lines[i] = line;
    lines[58] = lent("the last but one");
    lines[59] = lent("the last");
    r.log_tail = lines;
    r.log_tail_n = 60;
    r.log_truncated = false;
    render(&r, &out);
    assert_in_range(out.len, 1, RESULT_MAX_BYTES);
    build = cJSON_GetObjectItem(parsed_data(&out, &doc), "build");
    tail = cJSON_GetObjectItem(build, "log_tail");
    assert_int_equal(cJSON_GetArraySize(tail), LOG_TAIL_LINES);
    assert_string_equal(cJSON_GetArrayItem(tail, LOG_TAIL_LINES - 1)->valuestring, "the last");
    assert_int_equal(strlen(cJSON_GetArrayItem(tail, 0)->valuestring), LOG_LINE_MAX_BYTES);
    assert_non_null(strstr(cJSON_GetArrayItem(tail, 0)->valuestring, "\xe2\x80\xa6"));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(build, "log_truncated")));
    cJSON_Delete(doc);
    buf_done(&out);
    free(line);
}

static char *every_text(struct result *r, char *text)
{
    r->campaign_name = r->reason = r->actor = r->source = r->error_message = text;
    r->content.title = r->content.image_name = r->content.app_mode = text;
    r->content.bundle_id = r->content.owner_guid = r->content.r_version = text;
    r->content.py_version = r->content.quarto_version = text;
    r->replica = r->task_id = r->bundle_built = r->error_class = r->server = text;
    r->requested_at = r->started_at = r->worker = r->worker_version = r->topic = text;
    return text;
}

static void the_worst_of_all_results_still_fits(void **state)
{
    static const char *const fillings[] = { "\"", "\\", "\xff", "\x01", "\t", "\xf0\x9f\x98\x80" };
    static char text[8 * 1024];
    struct access_check checks[100];
    char *lines[100];
    struct result r = failed_result();

    (void)state;
    every_text(&r, text);
    r.log_tail = lines;
    r.checks = checks;
    r.log_tail_n = r.checks_n = 100;
    for (size_t i = 0; i < 100; i++) {
        lines[i] = text;
        checks[i] = (struct access_check){ text, text, 200, 1, text, text };
    }
    for (size_t f = 0; f < sizeof fillings / sizeof fillings[0]; f++) {
        size_t n = strlen(fillings[f]);
        cJSON *doc;
        struct buf out;

        for (size_t i = 0; i + n < sizeof text; i += n)
            memcpy(text + i, fillings[f], n);
        render(&r, &out);
        if (out.len > RESULT_MAX_BYTES)
            fail_msg("filling %zu: %zu bytes", f, out.len);
        assert_non_null(parsed_data(&out, &doc));
        cJSON_Delete(doc);
        buf_done(&out);
    }
}

static void a_rendered_result_is_cut_to_what_a_broker_takes(void **state)
{
    static const size_t limits[] = { 40000, 9000, 4000, 2500 };
    struct result r = failed_result();
    char *lines[LOG_TAIL_LINES], *text = calloc(1, TEXT_FIELD_MAX_BYTES);
    struct buf whole, cut;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', TEXT_FIELD_MAX_BYTES - 1);
    for (size_t i = 0; i < LOG_TAIL_LINES; i++)
        lines[i] = text;
    r.log_tail = lines;
    r.log_tail_n = LOG_TAIL_LINES;
    r.log_truncated = false;
    r.reason = r.error_message = text;
    render(&r, &whole);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct result_brief brief;

        buf_init(&cut, OUT_BYTES);
        assert_int_equal(result_cut(buf_str(&whole), whole.len, limits[i], &cut), 0);
        assert_true(cut.len <= limits[i]);
        assert_non_null(strstr(buf_str(&cut), "\"log_truncated\":true"));
        assert_int_equal(result_read(buf_str(&cut), cut.len, &brief, NULL), 0);
        assert_string_equal(brief.guid, GUID);
        assert_string_equal(brief.outcome, "build_failed");
        assert_string_equal(brief.finished_at, r.finished_at);
        buf_done(&cut);
    }
    buf_init(&cut, OUT_BYTES);
    assert_int_equal(result_cut(buf_str(&whole), whole.len, 500, &cut), -1); /* never as short */
    assert_int_equal(result_cut("{}", 2, 500, &cut), -1);
    assert_int_equal(cut.len, 0);
    buf_done(&cut);
    buf_done(&whole);
    free(text);
}

static void a_result_without_a_needed_member_is_an_error(void **state)
{
    struct result r = failed_result();
    struct err err = { 0 };
    struct buf out;

    (void)state;
    buf_init(&out, OUT_BYTES);
    r.outcome = NULL;
    assert_int_equal(result_render(&r, &out, &err), -1);
    assert_string_equal(err.msg, "a result without outcome");
    r = failed_result();
    r.request_id = (struct uuid){ 0 };
    assert_int_equal(result_render(&r, &out, &err), -1);
    assert_int_equal(out.len, 0);
    buf_done(&out);
    r = failed_result();
    buf_init(&out, 100);
    assert_int_equal(result_render(&r, &out, &err), -1);
    buf_done(&out);
}

static void an_auditor_reads_what_was_rendered(void **state)
{
    struct result r = failed_result();
    struct result_brief brief;
    struct err err = { 0 };
    struct buf out;

    (void)state;
    render(&r, &out);
    assert_int_equal(result_read(out.data, out.len, &brief, &err), 0);
    assert_true(uuid_equal(&brief.request_id, &r.request_id));
    assert_true(uuid_equal(&brief.campaign_id, &r.campaign_id));
    assert_string_equal(brief.guid, GUID);
    assert_string_equal(brief.outcome, "build_failed");
    assert_string_equal(brief.error_class, "build.package_install");
    assert_string_equal(brief.replica, "connect-1");
    assert_string_equal(brief.title, "Sales dashboard");
    assert_string_equal(brief.finished_at, "2026-01-12T10:07:31.402Z");
    assert_int_equal(brief.attempt, 3);
    assert_true(brief.build_s > 252.284 && brief.build_s < 252.286);
    buf_done(&out);
    r = cancelled_result();
    render(&r, &out);
    assert_int_equal(result_read(out.data, out.len, &brief, &err), 0);
    assert_true(uuid_is_nil(&brief.campaign_id));
    assert_string_equal(brief.replica, "");
    assert_int_equal(brief.attempt, 0);
    assert_true(brief.build_s == 0.0);
    buf_done(&out);
}

#define RESULT(data)                                                                        \
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"" EVENT_TYPE_RESULT \
    "\",\"data\":" data "}"
#define HEAD "\"request_id\":\"" ID "\",\"content\":{\"guid\":\"" GUID "\"},"

static void what_is_no_result_is_refused_by_a_sentence(void **state)
{
    static const struct {
        const char *json, *sentence;
    } cases[] = {
        { "x", "a value is missing at byte 0" },
        { "{}", "specversion is missing" },
        { RESULT("7"), "data is a number" },
        { RESULT("null"), "data is missing" },
        { RESULT("{}"), "data.request_id is missing" },
        { RESULT("{\"request_id\":\"" ID "\"}"), "data.content.guid is missing" },
        { RESULT("{" HEAD "\"outcome\":\"succeeded\"}"), "data.timing.finished_at is missing" },
        { RESULT("{" HEAD "\"timing\":{\"finished_at\":\"T\"}}"), "data.outcome is missing" },
        { RESULT("{" HEAD "\"timing\":{\"finished_at\":7},\"outcome\":\"x\"}"),
          "data.timing.finished_at is not a text" },
        { RESULT("{" HEAD "\"timing\":{\"finished_at\":\"T\"},\"outcome\":\"x\",\"attempt\":-1}"),
          "data.attempt is not a whole number" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct result_brief brief;
        struct err err = { 0 };

        if (result_read(cases[i].json, strlen(cases[i].json), &brief, &err) == 0)
            fail_msg("taken: %s", cases[i].json);
        if (err.kind != ERR_INPUT || strstr(err.msg, cases[i].sentence) == NULL)
            fail_msg("%s: \"%s\"", cases[i].json, err.msg);
    }
}

static void access_checks_survive_the_ledger(void **state)
{
    struct access_check checks[2], *back = NULL;
    struct result r = succeeded_result(checks);
    size_t n = 0;
    struct buf out;

    (void)state;
    buf_init(&out, OUT_BYTES);
    assert_int_equal(access_checks_encode(r.checks, r.checks_n, &out), 0);
    assert_int_equal(access_checks_decode(out.data, &back, &n, NULL), 0);
    assert_int_equal(n, 2);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(back[i].path, checks[i].path);
        assert_string_equal(back[i].as, checks[i].as);
        assert_int_equal(back[i].http_status, checks[i].http_status);
        assert_true(back[i].duration_s == checks[i].duration_s);
        assert_string_equal(back[i].verdict, checks[i].verdict);
        assert_true(str_equal(back[i].note, checks[i].note));
    }
    access_checks_free(back, n);
    assert_int_equal(access_checks_decode("[]", &back, &n, NULL), 0);
    assert_null(back);
    assert_int_equal(n, 0);
    buf_done(&out);
}

static void what_are_no_access_checks_leaves_the_output_alone(void **state)
{
    static const char *const cases[] = { "",
                                         "{}",
                                         "[1]",
                                         "[{\"path\":7}]",
                                         "[{\"http_status\":1000}]",
                                         "[{}",
                                         "[{\"path\":\"/\"},{\"verdict\":[]}]" };
    struct access_check *back = NULL;
    size_t n = 7;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(access_checks_decode(cases[i], &back, &n, NULL), -1);
        assert_null(back);
        assert_int_equal(n, 7);
    }
}

/* Leaks and double frees show under the address sanitizer. */
static void a_result_frees_all_that_it_owns(void **state)
{
    char text[] = "text";
    struct result r = { 0 };

    (void)state;
    every_text(&r, NULL);
    r.source = str_dup(text);
    r.outcome = str_dup(text);
    r.error_message = str_dup(text);
    r.server = str_dup(text);
    r.content.guid = str_dup(text);
    r.content.image_name = str_dup(text);
    r.log_tail = calloc(2, sizeof r.log_tail[0]);
    r.log_tail[0] = str_dup(text);
    r.log_tail[1] = str_dup(text);
    r.log_tail_n = 2;
    assert_int_equal(
        access_checks_decode("[{\"path\":\"/\",\"note\":\"n\"}]", &r.checks, &r.checks_n, NULL), 0);
    result_done(&r);
    assert_null(r.outcome);
    assert_int_equal(r.log_tail_n + r.checks_n, 0);
    result_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_is_rendered_as_the_kept_samples_show),
        cmocka_unit_test(equal_input_gives_equal_bytes_behind_what_is_there),
        cmocka_unit_test(two_megabytes_of_log_are_cut_to_the_last_lines),
        cmocka_unit_test(the_worst_of_all_results_still_fits),
        cmocka_unit_test(a_rendered_result_is_cut_to_what_a_broker_takes),
        cmocka_unit_test(a_result_without_a_needed_member_is_an_error),
        cmocka_unit_test(an_auditor_reads_what_was_rendered),
        cmocka_unit_test(what_is_no_result_is_refused_by_a_sentence),
        cmocka_unit_test(access_checks_survive_the_ledger),
        cmocka_unit_test(what_are_no_access_checks_leaves_the_output_alone),
        cmocka_unit_test(a_result_frees_all_that_it_owns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Answers of Connect, and of what stands before it: each status and code, each reader, each lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/connect/api.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define GUID     "4ffc819c-065c-420c-88eb-332db1133317"
#define DATE     "Sun, 06 Nov 1994 08:49:37 GMT"
#define HTML     "<html><body>Bad Gateway</body></html>"
#define CODE(n)  "{\"code\":" #n ",\"error\":\"words\",\"payload\":null}"

static struct http_answer answer(int status, const char *body)
{
    struct http_answer a = {
        .status = status, .body = body, .body_len = strlen(body), .date = DATE
    };

    snprintf(a.content_type, sizeof a.content_type, "%s",
             body[0] == '<' ? "text/html" : "application/json; charset=utf-8");
    return a;
}

/* ---- what every answer is judged by, whichever reader ---- */

enum reader { CONTENT, BUILD, TASK, JOBS, USER };

static void no_line(void *arg, const char *text, size_t len)
{
    (void)arg;
    (void)text;
    (void)len;
}

static struct api_verdict read_with(enum reader reader, const struct http_answer *a)
{
    static struct api_job jobs[API_JOBS_MAX];
    struct api_content content;
    struct api_task task;
    char id[API_ID_BYTES], name[128], role[32];
    size_t n;

    switch (reader) {
    case CONTENT: return api_read_content(a, &content);
    case BUILD: return api_read_build(a, id);
    case TASK: return api_read_task(a, &task, no_line, NULL);
    case JOBS: return api_read_jobs(a, jobs, &n);
    case USER: break;
    }
    return api_read_user(a, name, role);
}

static const struct {
    const char *sentence;
    enum reader reader;
    int status;
    const char *body;
    enum api_what what;
    enum error_class cls;
    bool slow_down;
} judgements[] = {
    { "404 code 4 on content: gone", CONTENT, 404, CODE(4), API_REFUSED, EC_CONTENT_NOT_FOUND,
      false },
    { "404 code 4 on a build: gone", BUILD, 404, CODE(4), API_REFUSED, EC_CONTENT_NOT_FOUND,
      false },
    { "404 HTML on content: a proxy", CONTENT, 404, HTML, API_TRY_LATER, EC_REPLICA_HTTP_5XX,
      false },
    { "404 of an unlisted code: gone", CONTENT, 404, CODE(999), API_REFUSED, EC_CONTENT_NOT_FOUND,
      false },
    { "404 code 28: never published", BUILD, 404, CODE(28), API_REFUSED, EC_CONTENT_NO_BUNDLE,
      false },
    { "404 code 2: too old a server", BUILD, 404, CODE(2), API_REFUSED, EC_REQUEST_INVALID, false },
    { "404 code 141 on a task: wrong node", TASK, 404, CODE(141), API_NO_TASK, EC_BUILD_LOST,
      false },
    { "404 code 4 on a task: old server", TASK, 404, CODE(4), API_NO_TASK, EC_BUILD_LOST, false },
    { "404 HTML on a task: its node is gone", TASK, 404, HTML, API_NO_TASK, EC_BUILD_LOST, false },
    { "403 code 19: may not see it", CONTENT, 403, CODE(19), API_REFUSED, EC_CONTENT_FORBIDDEN,
      false },
    { "403 code 21", BUILD, 403, CODE(21), API_REFUSED, EC_CONTENT_FORBIDDEN, false },
    { "403 code 22", BUILD, 403, CODE(22), API_REFUSED, EC_CONTENT_FORBIDDEN, false },
    { "403 code 50", BUILD, 403, CODE(50), API_REFUSED, EC_CONTENT_FORBIDDEN, false },
    { "403 code 109", BUILD, 403, CODE(109), API_REFUSED, EC_CONTENT_FORBIDDEN, false },
    { "403 of a firewall", BUILD, 403, HTML, API_TRY_LATER, EC_REPLICA_HTTP_5XX, false },
    { "409 code 222: locked", BUILD, 409, CODE(222), API_REFUSED, EC_CONTENT_LOCKED, false },
    { "403 code 223: locked", BUILD, 403, CODE(223), API_REFUSED, EC_CONTENT_LOCKED, false },
    { "400 code 82: another bundle", BUILD, 400, CODE(82), API_REFUSED, EC_BUILD_UNKNOWN, false },
    { "400 code 38: bad manifest", BUILD, 400, CODE(38), API_REFUSED, EC_REQUEST_INVALID, false },
    { "400 of an unlisted code", BUILD, 400, CODE(999), API_REFUSED, EC_REQUEST_INVALID, false },
    { "401 code 30: the key", BUILD, 401, CODE(30), API_KEY_REFUSED, EC_AUTH_DENIED, false },
    { "401 code 24: the key", USER, 401, CODE(24), API_KEY_REFUSED, EC_AUTH_DENIED, false },
    { "401 code 29: the key", TASK, 401, CODE(29), API_KEY_REFUSED, EC_AUTH_DENIED, false },
    { "401 of an ingress", BUILD, 401, HTML, API_TRY_LATER, EC_REPLICA_HTTP_5XX, false },
    { "401 of another code", CONTENT, 401, CODE(3), API_TRY_LATER, EC_REPLICA_HTTP_5XX, false },
    { "500 code 1 says so itself", BUILD, 500, CODE(1), API_TRY_LATER, EC_REPLICA_HTTP_5XX, false },
    { "502 code 105: no licence", BUILD, 502, CODE(105), API_REFUSED, EC_CONTENT_FORBIDDEN, false },
    { "502 HTML on a build: who knows", BUILD, 502, HTML, API_UNKNOWN, EC_REPLICA_HTTP_5XX, false },
    { "502 HTML on a poll", TASK, 502, HTML, API_TRY_LATER, EC_REPLICA_HTTP_5XX, false },
    { "502 HTML on jobs", JOBS, 502, HTML, API_TRY_LATER, EC_REPLICA_HTTP_5XX, false },
    { "503 slows down", CONTENT, 503, HTML, API_TRY_LATER, EC_REPLICA_HTTP_5XX, true },
    { "504 HTML on a build: who knows", BUILD, 504, HTML, API_UNKNOWN, EC_REPLICA_HTTP_5XX, false },
    { "429 on a build had no effect", BUILD, 429, HTML, API_TRY_LATER, EC_REPLICA_RATE_LIMITED,
      true },
    { "code 277", TASK, 400, CODE(277), API_TRY_LATER, EC_REPLICA_RATE_LIMITED, true },
    { "409 of an unlisted code: later", BUILD, 409, CODE(163), API_TRY_LATER, EC_REPLICA_HTTP_5XX,
      false },
    { "a redirect", BUILD, 302, "", API_TRY_LATER, EC_REPLICA_HTTP_5XX, false },
    { "200 HTML on a build: who knows", BUILD, 200, HTML, API_UNKNOWN, EC_REPLICA_HTTP_5XX, false },
    { "200 without a task: who knows", BUILD, 200, "{}", API_UNKNOWN, EC_REPLICA_HTTP_5XX, false },
    { "200 cut in the middle", TASK, 200, "{\"finished\":tr", API_TRY_LATER, EC_REPLICA_HTTP_5XX,
      false },
    { "200 with a list as a task", TASK, 200, "[]", API_TRY_LATER, EC_REPLICA_HTTP_5XX, false },
    { "200 with a task as jobs", JOBS, 200, "{}", API_TRY_LATER, EC_REPLICA_HTTP_5XX, false },
    { "200 with another object as content", CONTENT, 200, "{\"guid\":\"x\"}", API_TRY_LATER,
      EC_REPLICA_HTTP_5XX, false },
    { "403 about the caller is not about an item", USER, 403, CODE(22), API_TRY_LATER,
      EC_REPLICA_HTTP_5XX, false },
    { "an error without a code", CONTENT, 403, "{\"error\":\"no\"}", API_REFUSED,
      EC_CONTENT_FORBIDDEN, false },
};

static void each_answer_means_what_its_sentence_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(judgements); i++) {
        struct http_answer a = answer(judgements[i].status, judgements[i].body);
        struct api_verdict v = read_with(judgements[i].reader, &a);

        if (v.what != judgements[i].what || v.cls != judgements[i].cls ||
            v.slow_down != judgements[i].slow_down)
            fail_msg("%s: what %d class %s slow %d", judgements[i].sentence, (int)v.what,
                     error_row(v.cls)->name, v.slow_down);
        assert_int_equal(v.http_status, judgements[i].status);
        assert_true(v.what == API_NO_TASK || v.msg[0] != '\0');
        assert_false(v.connection_failed);
    }
}

/* A proxy's page, or nothing at all, may be another thing next time. */
static void what_claims_to_be_connects_and_is_not_is_unreadable(void **state)
{
    static const struct {
        enum http_failure failure;
        enum reader reader;
        int status;
        const char *body;
        bool unreadable;
    } cases[] = {
        { HTTP_OK, CONTENT, 200, "[[[", true },
        { HTTP_OK, CONTENT, 200, "{\"guid\":7}", true },
        { HTTP_OK, BUILD, 200, "{\"task_id\":{}}", true },
        { HTTP_OK, TASK, 200, "{\"finished\":1}", true },
        { HTTP_OK, JOBS, 200, "{}", true },
        { HTTP_OK, JOBS, 200, "[{\"key\":\"k\",\"tag\":7}]", true },
        { HTTP_OK, JOBS, 200, "[{\"key\":\"k\",\"tag\":null}]", false },
        { HTTP_OK, CONTENT, 200, "<html>", false },
        { HTTP_OK, CONTENT, 500, "[[[", false },
        { HTTP_BAD_ANSWER, TASK, 200, "", true },
        { HTTP_TIMEOUT, CONTENT, 200, "", true },
        { HTTP_TIMEOUT, CONTENT, 0, "", false },
        { HTTP_LOST, CONTENT, 200, "", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_answer a = answer(cases[i].status, cases[i].body);
        struct api_verdict v;

        a.failure = cases[i].failure;
        v = read_with(cases[i].reader, &a);
        if (v.unreadable != cases[i].unreadable)
            fail_msg("case %zu: unreadable is %d (%s)", i, v.unreadable, v.msg);
    }
}

static void a_lost_answer_is_unknown_for_a_build_only(void **state)
{
    static const struct {
        enum http_failure failure;
        enum api_what build, other;
        enum error_class cls;
        bool connection_failed, slow_down;
    } cases[] = {
        { HTTP_NOT_SENT, API_NOT_SENT, API_NOT_SENT, EC_REPLICA_UNREACHABLE, true, false },
        { HTTP_NOT_LET, API_NOT_LET, API_NOT_LET, EC_NONE, false, false },
        { HTTP_LOST, API_UNKNOWN, API_TRY_LATER, EC_REPLICA_RESET, true, false },
        { HTTP_TIMEOUT, API_UNKNOWN, API_TRY_LATER, EC_REPLICA_TIMEOUT, true, true },
        { HTTP_BAD_ANSWER, API_UNKNOWN, API_TRY_LATER, EC_REPLICA_HTTP_5XX, false, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_answer a = { .failure = cases[i].failure };

        for (enum reader r = CONTENT; r <= USER; r++) {
            struct api_verdict v = read_with(r, &a);

            assert_int_equal(v.what, r == BUILD ? cases[i].build : cases[i].other);
            assert_int_equal(v.cls, cases[i].cls);
            assert_int_equal(v.connection_failed, cases[i].connection_failed);
            assert_int_equal(v.slow_down, cases[i].slow_down);
            assert_int_equal(v.http_status, 0);
            assert_true(v.msg[0] != '\0');
            a.status = 200; /* an answer that began comes from a replica that is there */
            v = read_with(r, &a);
            assert_int_equal(v.connection_failed, cases[i].failure == HTTP_NOT_SENT);
            a.status = 0;
        }
    }
}

static void retry_after_is_seconds_or_a_date_by_the_servers_clock(void **state)
{
    static const struct {
        const char *retry_after, *date;
        int64_t ms;
    } cases[] = {
        { "", DATE, 0 },
        { "7", DATE, 7000 },
        { "99999", DATE, 3600000 },
        { "-1", DATE, 0 },
        { "soon", DATE, 0 },
        { "Sun, 06 Nov 1994 08:50:07 GMT", DATE, 30000 },
        { "Sun, 06 Nov 1994 08:00:00 GMT", DATE, 0 },
        { "Sun, 06 Nov 1994 08:50:07 GMT", "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_answer a = answer(429, HTML);

        snprintf(a.retry_after, sizeof a.retry_after, "%s", cases[i].retry_after);
        snprintf(a.date, sizeof a.date, "%s", cases[i].date);
        assert_int_equal(read_with(BUILD, &a).retry_after_ms, cases[i].ms);
    }
}

static void a_verdict_repeats_connects_words_cleaned(void **state)
{
    struct http_answer a = answer(403, "{\"code\":22,\"error\":\"no\\u0000\\nway \xff\"}");

    (void)state;
    assert_string_equal(read_with(CONTENT, &a).msg, "HTTP 403: no\xef\xbf\xbd way \xef\xbf\xbd");
    assert_int_equal(read_with(CONTENT, &a).code, 22);
}

/* ---- paths ---- */

static void urls_keep_a_prefix_and_let_nothing_out_of_its_segment(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_true(api_url_content(&out, "http://h:3939/rsc", GUID));
    assert_string_equal(out.data, "http://h:3939/rsc/__api__/v1/content/" GUID);
    buf_clear(&out);
    assert_true(api_url_build(&out, "http://h", "../x?y#z"));
    assert_string_equal(out.data, "http://h/__api__/v1/content/..%2Fx%3Fy%23z/build");
    buf_clear(&out);
    assert_true(api_url_task(&out, "http://h", "jX/\n", 7, 30));
    assert_string_equal(out.data, "http://h/__api__/v1/tasks/jX%2F%0A?first=7&wait=30");
    buf_clear(&out);
    assert_true(api_url_job(&out, "http://h", GUID, "k 1"));
    assert_string_equal(out.data, "http://h/__api__/v1/content/" GUID "/jobs/k%201");
    buf_clear(&out);
    assert_true(api_url_jobs(&out, "http://h", GUID));
    assert_true(api_url_user(&out, " http://h"));
    assert_true(api_url_settings(&out, " http://h"));
    assert_string_equal(out.data, "http://h/__api__/v1/content/" GUID "/jobs "
                                  "http://h/__api__/v1/user http://h/__api__/server_settings");
    buf_done(&out);
}

static void a_page_is_absolute_or_below_its_content(void **state)
{
    static const struct {
        const char *path, *url;
    } cases[] = {
        { NULL, "http://h/p/content/" GUID "/" },
        { "", "http://h/p/content/" GUID "/" },
        { "/vanity/", "http://h/p/vanity/" },
        { "sub/page?q=1&r=%20", "http://h/p/content/" GUID "/sub/page?q=1&r=%20" },
        { "/a b#c\r\n\xc3\xa9", "http://h/p/a%20b%23c%0D%0A%C3%A9" },
        { "@evil.example/", "http://h/p/content/" GUID "/@evil.example/" },
        { "//evil.example/", "http://h/p//evil.example/" },
    };
    struct buf out;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        buf_init(&out, 4096);
        assert_true(api_url_page(&out, "http://h/p", GUID, cases[i].path));
        assert_string_equal(out.data, cases[i].url);
        buf_done(&out);
    }
    buf_init(&out, 10);
    assert_false(api_url_page(&out, "http://h/p", GUID, NULL));
    buf_done(&out);
}

static void a_build_names_the_bundle(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_true(api_body_build(&out, "92"));
    assert_string_equal(out.data, "{\"bundle_id\":\"92\"}");
    buf_clear(&out);
    assert_true(api_body_build(&out, NULL));
    assert_string_equal(out.data, "{\"bundle_id\":null}");
    buf_done(&out);
}

/* ---- content, build, server ---- */

static void content_is_read_whole(void **state)
{
    struct http_answer a = answer(
        200,
        "{\"guid\":\"" GUID "\",\"bundle_id\":33,\"app_mode\":\"shiny\",\"access_type\":\"acl\","
        "\"app_role\":\"owner\",\"locked\":true,\"r_version\":\"4.1.2\",\"py_version\":null,"
        "\"image_name\":\"Local\",\"r_environment_management\":null,"
        "\"py_environment_management\":false,\"new_field\":{\"a\":[1]}}");
    struct api_content c;

    (void)state;
    assert_int_equal(api_read_content(&a, &c).what, API_GOOD);
    assert_string_equal(c.guid, GUID);
    assert_string_equal(c.bundle_id, "33");
    assert_string_equal(c.app_mode, "shiny");
    assert_string_equal(c.access_type, "acl");
    assert_string_equal(c.app_role, "owner");
    assert_string_equal(c.r_version, "4.1.2");
    assert_string_equal(c.py_version, "");
    assert_string_equal(c.image_name, "Local");
    assert_string_equal(c.date, DATE);
    assert_true(c.locked && c.r_managed && !c.py_managed);
}

static void an_unpublished_item_has_no_bundle_and_a_strange_one_is_no_answer(void **state)
{
    static const struct {
        const char *bundle;
        enum api_what what;
        const char *read;
    } cases[] = {
        { "null", API_GOOD, "" },
        { "\"\"", API_GOOD, "" },
        { "\"92\"", API_GOOD, "92" },
        { "92", API_GOOD, "92" },
        { "{}", API_TRY_LATER, NULL },
        { "-1", API_TRY_LATER, NULL },
        { "1.5", API_TRY_LATER, NULL },
        { "true", API_TRY_LATER, NULL },
        { "\"a b\"", API_TRY_LATER, NULL },
        { "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", API_TRY_LATER,
          NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char body[256];
        struct http_answer a;
        struct api_content c;

        snprintf(body, sizeof body, "{\"guid\":\"" GUID "\",\"bundle_id\":%s}", cases[i].bundle);
        a = answer(200, body);
        assert_int_equal(api_read_content(&a, &c).what, cases[i].what);
        if (cases[i].read != NULL)
            assert_string_equal(c.bundle_id, cases[i].read);
    }
}

static void any_2xx_with_a_task_is_a_started_build(void **state)
{
    static const struct {
        int status;
        const char *body, *id;
    } cases[] = {
        { 200, "{\"task_id\":\"jXhOhdm5OOSkGhJw\"}", "jXhOhdm5OOSkGhJw" },
        { 202, "{\"task_id\":17}", "17" },
        { 201, "{\"task_id\":\"a\",\"task_id\":\"b\"}", "a" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_answer a = answer(cases[i].status, cases[i].body);
        char id[API_ID_BYTES];

        assert_int_equal(api_read_build(&a, id).what, API_GOOD);
        assert_string_equal(id, cases[i].id);
    }
}

static void the_server_and_the_caller_are_known_by_their_answers(void **state)
{
    struct http_answer a = answer(200, "{\"hostname\":\"c-1\",\"version\":\"2026.06.1\"}");
    char host[256], version[64], name[128], role[32];

    (void)state;
    assert_int_equal(api_read_settings(&a, host, version).what, API_GOOD);
    assert_string_equal(host, "c-1");
    assert_string_equal(version, "2026.06.1");
    a = answer(200, "{\"version\":\"\"}");
    assert_int_equal(api_read_settings(&a, host, version).what, API_GOOD);
    assert_string_equal(host, "");
    a = answer(200, "{\"status\":\"up\"}");
    assert_int_equal(api_read_settings(&a, host, version).what, API_TRY_LATER);
    a = answer(200, "{\"username\":\"ada\",\"user_role\":\"administrator\"}");
    assert_int_equal(api_read_user(&a, name, role).what, API_GOOD);
    assert_string_equal(name, "ada");
    assert_string_equal(role, "administrator");
    a = answer(200, "{}");
    assert_int_equal(api_read_user(&a, name, role).what, API_TRY_LATER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_means_what_its_sentence_says),
        cmocka_unit_test(a_lost_answer_is_unknown_for_a_build_only),
        cmocka_unit_test(what_claims_to_be_connects_and_is_not_is_unreadable),
        cmocka_unit_test(retry_after_is_seconds_or_a_date_by_the_servers_clock),
        cmocka_unit_test(a_verdict_repeats_connects_words_cleaned),
        cmocka_unit_test(urls_keep_a_prefix_and_let_nothing_out_of_its_segment),
        cmocka_unit_test(a_page_is_absolute_or_below_its_content),
        cmocka_unit_test(a_build_names_the_bundle),
        cmocka_unit_test(content_is_read_whole),
        cmocka_unit_test(an_unpublished_item_has_no_bundle_and_a_strange_one_is_no_answer),
        cmocka_unit_test(any_2xx_with_a_task_is_a_started_build),
        cmocka_unit_test(the_server_and_the_caller_are_known_by_their_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

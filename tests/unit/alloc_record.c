/* Memory that fails while records and answers are read and written: they must say so, leave their
 * outputs alone and leak nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "common/base/limits.h"
#include "common/connect/api.h"
#include "common/record/request.h"
#include "common/record/result.h"
#include "tests/support/alloc_fail.h"

static struct buf request_text; /* made by the decoder's own counterpart, with memory */
static struct buf result_text;
static struct buf checks_text;

static char *words[2];

static struct request some_request(void)
{
    static char source[] = "/s", id[] = "33", title[] = "t", time[] = "2026-01-12T06:37:04.010Z";
    static char guid[] = "4ffc819c-065c-420c-88eb-332db1133317";

    return (struct request){ .request_id = { { 1 } },
                             .campaign_id = { { 2 } },
                             .source = source,
                             .campaign_name = title,
                             .reason = title,
                             .actor = title,
                             .requested_at = time,
                             .content = { .guid = guid,
                                          .bundle_id = id,
                                          .title = title,
                                          .app_mode = title,
                                          .access_paths = words,
                                          .access_paths_n = 2 } };
}

static struct result some_result(struct access_check *check)
{
    static char word[] = "word";
    struct request r = some_request();

    *check = (struct access_check){ word, word, 200, 1, word, word };
    return (struct result){ .request_id = r.request_id,
                            .source = r.source,
                            .content = r.content,
                            .outcome = word,
                            .finished_at = word,
                            .access_verdict = word,
                            .checks = check,
                            .checks_n = 1,
                            .log_tail = words,
                            .log_tail_n = 2 };
}

static bool decode_request(void)
{
    struct request r;
    struct err err = { 0 };

    memset(&r, 0x5a, sizeof r);
    if (request_decode(request_text.data, request_text.len, &r, NULL, &err) == 0) {
        request_done(&r);
        return true;
    }
    assert_int_equal(err.kind, ERR_INTERNAL); /* never taken for a bad record */
    assert_int_equal(*(unsigned char *)&r, 0x5a);
    return false;
}

static bool decode_mended_request(void)
{
    static const char json[] =
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"org.connect-rebuild.request.v1\","
        "\"data\":{\"request_id\":\"5b0b3a7e-7c56-5d1f-9a52-0f7b1f3f9c21\",\"content\":{\"title\":"
        "\"a\\u0000\",\"guid\":\"4ffc819c-065c-420c-88eb-332db1133317\"}}}";
    struct request r;
    struct err err = { 0 };

    if (request_decode(json, sizeof json - 1, &r, NULL, &err) == 0) {
        request_done(&r);
        return true;
    }
    assert_int_equal(err.kind, ERR_INTERNAL);
    return false;
}

static bool encode_request(void)
{
    struct request r = some_request();
    struct err err = { 0 };
    struct buf out;
    bool ok;

    buf_init(&out, REQUEST_MAX_BYTES);
    ok = request_encode(&r, &out, &err) == 0;
    assert_true(ok || err.kind == ERR_INTERNAL);
    buf_done(&out);
    return ok;
}

static bool render_result(void)
{
    struct access_check check;
    struct result r = some_result(&check);
    struct err err = { 0 };
    struct buf out;
    bool ok;

    buf_init(&out, RESULT_MAX_BYTES);
    ok = result_render(&r, &out, &err) == 0;
    assert_true(ok || (err.kind == ERR_INTERNAL && out.len == 0));
    buf_done(&out);
    return ok;
}

static bool read_result(void)
{
    struct result_brief brief;
    struct err err = { 0 };
    bool ok = result_read(result_text.data, result_text.len, &brief, &err) == 0;

    assert_true(ok || err.kind == ERR_INTERNAL);
    return ok;
}

static bool decode_checks(void)
{
    struct access_check *checks = NULL;
    size_t n = 0;
    bool ok = access_checks_decode(checks_text.data, &checks, &n, NULL) == 0;

    assert_int_equal(n, ok ? 1 : 0);
    access_checks_free(checks, n);
    return ok;
}

/* A build that was started must never look refused or not started for want of memory. */
static bool read_build(void)
{
    static const char body[] = "{\"task_id\":\"jXhOhdm5OOSkGhJw\"}";
    struct http_answer a = { .status = 200, .body = body, .body_len = sizeof body - 1 };
    char id[API_ID_BYTES];
    struct api_verdict v = api_read_build(&a, id);

    assert_true(v.what == API_GOOD || v.what == API_UNKNOWN);
    return v.what == API_GOOD;
}

/* Nor may an answer that could not be read be taken for one that says no. */
static bool good(struct api_verdict v)
{
    assert_true(v.what == API_GOOD || v.what == API_TRY_LATER);
    return v.what == API_GOOD;
}

static struct http_answer fine(const char *body)
{
    return (struct http_answer){ .status = 200, .body = body, .body_len = strlen(body) };
}

static bool read_content(void)
{
    struct http_answer a = fine("{\"guid\":\"4ffc819c-065c-420c-88eb-332db1133317\",\"bundle_id\":"
                                "\"33\",\"app_mode\":\"shiny\",\"access_type\":\"acl\"}");
    struct api_content content;

    return good(api_read_content(&a, &content));
}

static void count_line(void *arg, const char *text, size_t len)
{
    (void)text;
    (void)len;
    ++*(int *)arg;
}

static bool read_task(void)
{
    struct http_answer a = fine("{\"id\":\"x\",\"output\":[\"one\",\"two\"],\"result\":null,"
                                "\"finished\":true,\"code\":0,\"error\":\"\",\"last\":2}");
    struct api_task task;
    int lines = 0;
    bool ok = good(api_read_task(&a, &task, count_line, &lines));

    assert_int_equal(lines, ok ? 2 : 0);
    return ok;
}

static bool read_jobs(void)
{
    struct http_answer a = fine("[{\"key\":\"k\",\"tag\":\"packrat_restore\",\"bundle_id\":\"33\","
                                "\"status\":2,\"exit_code\":0,\"start_time\":"
                                "\"2026-01-12T06:37:04Z\",\"end_time\":\"2026-01-12T06:38:04Z\"}]");
    static struct api_job jobs[API_JOBS_MAX];
    size_t n = 0;
    bool ok = good(api_read_jobs(&a, jobs, &n));

    assert_int_equal(n, ok ? 1 : 0);
    return ok;
}

static bool read_user(void)
{
    struct http_answer a = fine("{\"guid\":\"4ffc819c-065c-420c-88eb-332db1133317\","
                                "\"username\":\"ada\",\"user_role\":\"administrator\"}");
    char name[128], role[32];

    return good(api_read_user(&a, name, role));
}

static bool read_settings(void)
{
    struct http_answer a = fine("{\"hostname\":\"connect-0\",\"version\":\"2026.01.0\"}");
    char host[256], version[64];

    return good(api_read_settings(&a, host, version));
}

static void no_allocation_is_taken_for_granted(void **state)
{
    (void)state;
    alloc_fail_each(decode_request);
    alloc_fail_each(decode_mended_request);
    alloc_fail_each(encode_request);
    alloc_fail_each(render_result);
    alloc_fail_each(read_result);
    alloc_fail_each(decode_checks);
    alloc_fail_each(read_build);
    alloc_fail_each(read_content);
    alloc_fail_each(read_task);
    alloc_fail_each(read_jobs);
    alloc_fail_each(read_user);
    alloc_fail_each(read_settings);
}

static int set_up(void **state)
{
    static char one[] = "/one", two[] = "/two";
    struct access_check check;
    struct request request;
    struct result result;

    alloc_fail_set_up(state);
    words[0] = one;
    words[1] = two;
    request = some_request();
    result = some_result(&check);
    buf_init(&request_text, REQUEST_MAX_BYTES);
    buf_init(&result_text, RESULT_MAX_BYTES);
    buf_init(&checks_text, RESULT_MAX_BYTES);
    return request_encode(&request, &request_text, NULL) |
           result_render(&result, &result_text, NULL) |
           access_checks_encode(result.checks, 1, &checks_text);
}

static int tear_down(void **state)
{
    (void)state;
    buf_done(&request_text);
    buf_done(&result_text);
    buf_done(&checks_text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_allocation_is_taken_for_granted) };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

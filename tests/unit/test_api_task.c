/* Tasks, jobs and cookies: what tells how a build goes on, and where. */
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
#define T0       INT64_C(1768212451000) /* the content was read, 2026-01-12T10:07:31Z */

static struct http_answer answer(const char *body)
{
    return (struct http_answer){ .status = 200,
                                 .body = body,
                                 .body_len = strlen(body),
                                 .content_type = "application/json",
                                 .date = "Mon, 12 Jan 2026 10:07:31 GMT" };
}

struct lines {
    size_t n;
    char last[64];
};

static void on_line(void *arg, const char *text, size_t len)
{
    struct lines *lines = arg;

    assert_int_equal(strlen(text), len);
    lines->n++;
    snprintf(lines->last, sizeof lines->last, "%s", text);
}

static const struct {
    const char *sentence, *body;
    enum api_what what;
    bool finished;
    int code;
    int64_t last;
    const char *error;
    size_t lines;
} tasks[] = {
    { "running",
      "{\"id\":\"a\",\"output\":[\"x\",\"y\"],\"finished\":false,\"code\":0,\"error\":\"\",\"last\":2}",
      API_GOOD, false, 0, 2, "", 2 },
    { "succeeded",
      "{\"output\":[],\"finished\":true,\"code\":0,\"error\":\"\",\"last\":9,\"result\":null}",
      API_GOOD, true, 0, 9, "", 0 },
    { "failed",
      "{\"output\":[\"z\"],\"finished\":true,\"code\":1,\"error\":\"Error code: x\",\"last\":3}",
      API_GOOD, true, 1, 3, "Error code: x", 1 },
    { "the result speaks where the error does not",
      "{\"finished\":true,\"code\":2,\"error\":\"\",\"result\":{\"type\":\"build-failed-error\",\"data\":\"why\"}}",
      API_GOOD, true, 2, 0, "why", 0 },
    { "an error that is null", "{\"finished\":true,\"code\":0,\"error\":null,\"output\":null}",
      API_GOOD, true, 0, 0, "", 0 },
    { "lines that are no texts are left out",
      "{\"finished\":false,\"output\":[1,null,{\"a\":\"b\"},\"x\\u0000y\"]}", API_GOOD, false, 0, 0,
      "", 1 },
    { "a code beyond int is a failure", "{\"finished\":true,\"code\":4294967296}", API_GOOD, true,
      INT32_MAX, 0, "", 0 },
    { "last may not go backwards", "{\"finished\":false,\"last\":-5}", API_GOOD, false, 0, 0, "",
      0 },
    { "finished without a code", "{\"finished\":true}", API_TRY_LATER, false, 0, 0, NULL, 0 },
    { "finished with a half code", "{\"finished\":true,\"code\":0.5}", API_TRY_LATER, false, 0, 0,
      NULL, 0 },
    { "finished with a text as code", "{\"finished\":true,\"code\":\"0\"}", API_TRY_LATER, false, 0,
      0, NULL, 0 },
    { "neither finished nor not", "{\"output\":[\"x\"],\"code\":0}", API_TRY_LATER, false, 0, 0,
      NULL, 0 },
    { "finished as a number", "{\"finished\":1,\"code\":0}", API_TRY_LATER, false, 0, 0, NULL, 0 },
};

static void a_task_reads_as_its_sentence_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(tasks); i++) {
        struct http_answer a = answer(tasks[i].body);
        struct lines lines = { 0 };
        struct api_task t;
        struct api_verdict v = api_read_task(&a, &t, on_line, &lines);

        if (v.what != tasks[i].what || lines.n != tasks[i].lines)
            fail_msg("%s: what %d, %zu lines", tasks[i].sentence, (int)v.what, lines.n);
        if (v.what != API_GOOD)
            continue;
        if (t.finished != tasks[i].finished || t.code != tasks[i].code || t.last != tasks[i].last)
            fail_msg("%s: finished %d code %d last %d", tasks[i].sentence, t.finished, t.code,
                     (int)t.last);
        assert_string_equal(t.error, tasks[i].error);
    }
}

/* ---- jobs ---- */

static void jobs_are_read_and_other_jobs_left_out(void **state)
{
    struct http_answer a = answer(
        "[{\"key\":\"a\",\"tag\":\"run_app\",\"status\":0},"
        "{\"key\":\"b\",\"tag\":\"packrat_restore\",\"bundle_id\":33,\"status\":2,\"exit_code\":1,"
        "\"start_time\":\"2026-01-12T10:07:32.123456789Z\",\"end_time\":\"2026-01-12T11:07:33+01:00\"},"
        "{\"key\":7,\"tag\":\"python_restore\",\"bundle_id\":\"33\",\"status\":0,\"exit_code\":null,"
        "\"start_time\":\"2026-01-12T10:07:32Z\",\"end_time\":\"0001-01-01T00:00:00Z\"},"
        "{\"key\":\"c\",\"tag\":\"python_restore\",\"bundle_id\":null,\"exit_code\":0}]");
    struct api_job jobs[API_JOBS_MAX];
    size_t n;

    (void)state;
    assert_int_equal(api_read_jobs(&a, jobs, &n).what, API_GOOD);
    assert_int_equal(n, 3);
    assert_string_equal(jobs[0].key, "b");
    assert_string_equal(jobs[0].bundle_id, "33");
    assert_int_equal(jobs[0].start_ms, T0 + 1123);
    assert_int_equal(jobs[0].end_ms, T0 + 2000);
    assert_true(jobs[0].has_exit && jobs[0].exit_code == 1 && jobs[0].status == 2);
    assert_string_equal(jobs[1].key, "7");
    assert_true(!jobs[1].has_exit && jobs[1].end_ms == 0 && jobs[1].status == 0);
    assert_true(jobs[2].start_ms == 0 && jobs[2].status == 1);
    a = answer("[]");
    assert_int_equal(api_read_jobs(&a, jobs, &n).what, API_GOOD);
    assert_int_equal(n, 0);
}

static void a_restore_that_cannot_be_read_makes_the_list_no_answer(void **state)
{
    static const char *const cases[] = {
        "[{\"tag\":\"packrat_restore\"}]",
        "[{\"key\":\"a\",\"tag\":\"packrat_restore\",\"start_time\":\"yesterday\"}]",
        "[{\"key\":\"a\",\"tag\":\"packrat_restore\",\"end_time\":5}]",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_answer a = answer(cases[i]);
        struct api_job jobs[API_JOBS_MAX];
        size_t n = 7;

        assert_int_equal(api_read_jobs(&a, jobs, &n).what, API_TRY_LATER);
        assert_int_equal(n, 0);
    }
}

static void of_many_jobs_the_newest_are_kept(void **state)
{
    static char body[64 * 1024];
    struct api_job jobs[API_JOBS_MAX];
    struct http_answer a;
    size_t len = 0, n;
    int64_t oldest = INT64_MAX;

    (void)state;
    for (int i = 0; i < 200; i++) /* in no order: 7 and 200 have no common divisor */
        len += (size_t)snprintf(body + len, sizeof body - len,
                                "%c{\"key\":\"%d\",\"tag\":\"python_restore\","
                                "\"start_time\":\"2026-01-12T10:%02d:%02dZ\"}",
                                i == 0 ? '[' : ',', i, i * 7 % 200 / 60, i * 7 % 200 % 60);
    snprintf(body + len, sizeof body - len, "]");
    a = answer(body);
    assert_int_equal(api_read_jobs(&a, jobs, &n).what, API_GOOD);
    assert_int_equal(n, API_JOBS_MAX);
    for (size_t i = 0; i < n; i++)
        oldest = jobs[i].start_ms < oldest ? jobs[i].start_ms : oldest;
    assert_int_equal(oldest, T0 - 451000 + (200 - API_JOBS_MAX) * 1000);
}

#define JOB(id, kind, bundle, start, ...)                                                   \
    {                                                                                       \
        .key = (id), .tag = (kind), .bundle_id = (bundle), .start_ms = (start), __VA_ARGS__ \
    }
#define R(...)   JOB("r", "packrat_restore", "33", T0, __VA_ARGS__)
#define PY(...)  JOB("p", "python_restore", "33", T0 + 1, __VA_ARGS__)
#define ENDED(e) .status = 1, .has_exit = true, .exit_code = (e), .end_ms = T0 + 9

static const struct {
    const char *sentence;
    bool r, py; /* runtimes the content has and Connect manages */
    struct api_job jobs[3];
    enum jobs_say say;
    size_t ours;
} looks[] = {
    { "nothing known", true, true, { { .key = "" } }, JOBS_NONE, 0 },
    { "R runs", true, true, { R(.status = 0) }, JOBS_ACTIVE, 1 },
    { "R done, Python runs", true, true, { R(ENDED(0)), PY(.status = 0) }, JOBS_ACTIVE, 2 },
    { "both done", true, true, { R(ENDED(0)), PY(ENDED(0)) }, JOBS_SUCCEEDED, 2 },
    { "R done, Python not begun", true, true, { R(ENDED(0)) }, JOBS_NONE, 1 },
    { "R failed", true, true, { R(ENDED(1)) }, JOBS_FAILED, 1 },
    { "Python failed", true, true, { R(ENDED(0)), PY(ENDED(2)) }, JOBS_FAILED, 2 },
    { "only R is managed", true, false, { R(ENDED(0)) }, JOBS_SUCCEEDED, 1 },
    { "only Python is managed", false, true, { PY(ENDED(0)) }, JOBS_SUCCEEDED, 1 },
    { "runtimes not known", false, false, { R(ENDED(0)) }, JOBS_SUCCEEDED, 1 },
    { "ended without an exit code",
      true,
      false,
      { R(.status = 2, .end_ms = T0 + 5) },
      JOBS_NONE,
      1 },
    { "a retry of Connect's own runs",
      true,
      false,
      { R(ENDED(1)), R(.status = 0) },
      JOBS_ACTIVE,
      2 },
    { "another bundle",
      true,
      false,
      { JOB("r", "packrat_restore", "32", T0, ENDED(0)) },
      JOBS_NONE,
      0 },
    { "started before we asked",
      true,
      false,
      { JOB("r", "packrat_restore", "33", T0 - 1, ENDED(0)) },
      JOBS_NONE,
      0 },
    { "an old active one is not ours",
      true,
      false,
      { JOB("r", "packrat_restore", "33", T0 - 1, .status = 0) },
      JOBS_NONE,
      0 },
    { "queued: waited for, never listed",
      true,
      false,
      { JOB("r", "packrat_restore", "33", 0, .status = 0) },
      JOBS_ACTIVE,
      0 },
    { "judged before",
      true,
      false,
      { JOB("old", "packrat_restore", "33", T0, ENDED(1)) },
      JOBS_NONE,
      0 },
    { "judged before and running",
      true,
      false,
      { JOB("old", "packrat_restore", "33", T0, .status = 0) },
      JOBS_NONE,
      0 },
    { "no restore", true, false, { JOB("r", "build_report", "33", T0, ENDED(0)) }, JOBS_NONE, 0 },
};

static void jobs_say_what_their_sentence_says(void **state)
{
    static const char *const judged[] = { "old", "older" };

    (void)state;
    for (size_t i = 0; i < COUNT(looks); i++) {
        struct jobs_question q = { .bundle_id = "33",
                                   .not_before_ms = T0,
                                   .r_managed = looks[i].r,
                                   .py_managed = true,
                                   .has_r = true,
                                   .has_py = looks[i].py,
                                   .judged = judged,
                                   .judged_n = 2 };
        size_t ours[API_JOBS_MAX], n = 99;
        enum jobs_say say = api_judge_jobs(&q, looks[i].jobs, 3, ours, &n);

        if (say != looks[i].say || n != looks[i].ours)
            fail_msg("%s: says %d, %zu ours", looks[i].sentence, (int)say, n);
        assert_int_equal(api_judge_jobs(&q, looks[i].jobs, 3, NULL, NULL), say);
    }
}

/* ---- cookies ---- */

static const struct {
    const char *sentence, *before, *set[3], *after;
} cookies[] = {
    { "the first", "", { "posit-connect=abc; Path=/; HttpOnly" }, "posit-connect=abc" },
    { "all are replayed", "", { "a=1", "b=2; Secure" }, "a=1; b=2" },
    { "a new value takes the place of the old", "a=1; b=2", { "a=3" }, "b=2; a=3" },
    { "names are told apart by case", "a=1", { "A=2" }, "a=1; A=2" },
    { "Max-Age=0 deletes", "a=1; b=2", { "a=x; Max-Age=0" }, "b=2" },
    { "a negative Max-Age deletes", "a=1", { "a=; max-age=-1" }, "" },
    { "Max-Age wins over Expires",
      "",
      { "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=9" },
      "a=1" },
    { "an Expires of the past deletes",
      "a=1",
      { "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT" },
      "" },
    { "an Expires of the future keeps",
      "",
      { "a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT" },
      "a=1" },
    { "the value may have an equals sign", "", { "a=b=c==" }, "a=b=c==" },
    { "the value may be empty or quoted", "", { "a=", "b=\"x\"" }, "a=; b=\"x\"" },
    { "a line break gets nowhere", "z=1", { "a=1\r\nX-Evil: 1", "b\r\n=2", "c=\x01" }, "z=1" },
    { "no comma, no space, no byte beyond ASCII", "", { "a=1,2", "b=1 2", "c=\xc3\xa9" }, "" },
    { "no name, no cookie", "", { "=1", ";", "lonely" }, "" },
    { "a name is a token", "", { "a b=1", "a(=1", "a[1]=2" }, "" },
    { "blanks around are not part of it", "", { "  a = 1 ; Path=/" }, "a=1" },
};

static void cookies_are_kept_as_their_sentence_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cookies); i++) {
        struct http_answer a = answer("");
        char header[COOKIES_MAX_BYTES];

        snprintf(header, sizeof header, "%s", cookies[i].before);
        for (size_t k = 0; k < 3 && cookies[i].set[k] != NULL; k++)
            a.set_cookies[a.set_cookies_n++] = cookies[i].set[k];
        api_cookies_update(header, &a);
        if (strcmp(header, cookies[i].after) != 0)
            fail_msg("%s: \"%s\"", cookies[i].sentence, header);
    }
}

static void a_cookie_that_does_not_fit_leaves_the_others_whole(void **state)
{
    static char set[COOKIES_MAX_BYTES + 1];
    char header[COOKIES_MAX_BYTES] = "a=1";
    struct http_answer a = answer("");

    (void)state;
    memset(set, 'v', sizeof set - 1);
    memcpy(set, "b=", 2);
    a.set_cookies[0] = set;
    a.set_cookies_n = 1;
    api_cookies_update(header, &a);
    assert_string_equal(header, "a=1");
    set[COOKIES_MAX_BYTES - 1 - strlen("a=1; ")] = '\0';
    api_cookies_update(header, &a);
    assert_int_equal(strlen(header), COOKIES_MAX_BYTES - 1);
    set[0] = 'c';
    api_cookies_update(header, &a);
    assert_memory_equal(header, "a=1; b=v", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_reads_as_its_sentence_says),
        cmocka_unit_test(jobs_are_read_and_other_jobs_left_out),
        cmocka_unit_test(a_restore_that_cannot_be_read_makes_the_list_no_answer),
        cmocka_unit_test(of_many_jobs_the_newest_are_kept),
        cmocka_unit_test(jobs_say_what_their_sentence_says),
        cmocka_unit_test(cookies_are_kept_as_their_sentence_says),
        cmocka_unit_test(a_cookie_that_does_not_fit_leaves_the_others_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The HTTP engine: what an answer carries, its ceilings, how failures are told apart. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/connect/http.h"
#include "common/event/event.h"
#include "tests/support/http_bench.h"

/* ---- what an answer carries ---- */

static void an_answer_carries_status_headers_cookies_and_body(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, "GET /x HTTP/1.1\r\n" },
        { HTTP_STEP_REPLY, "HTTP/1.1 100 Continue\r\nSet-Cookie: gone=1\r\n\r\n"
                           "HTTP/1.1 429 Too Many\r\ncontent-TYPE:  application/json \r\n"
                           "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: 7\r\n"
                           "Location: /elsewhere\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n"
                           "Content-Length: 5\r\n\r\nhello" },
        { HTTP_STEP_END, NULL },
    };
    const char *const headers[] = { "Authorization: Key k", "X-Correlation-ID: 7", NULL };
    struct http_bench b;
    struct http_seen seen = { 0 };
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_get(b.url);
    r.headers = headers;
    http_bench_run(&b, &seen, &r);
    assert_int_equal(seen.answer.failure, HTTP_OK);
    assert_int_equal(seen.answer.status, 429);
    assert_string_equal(seen.answer.content_type, "application/json");
    assert_string_equal(seen.answer.date, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_string_equal(seen.answer.retry_after, "7");
    assert_string_equal(seen.answer.location, "/elsewhere");
    assert_int_equal(seen.answer.set_cookies_n, 2);
    assert_string_equal(seen.cookies[0], "a=1; Path=/");
    assert_string_equal(seen.cookies[1], "b=2");
    assert_string_equal(seen.body, "hello");
    assert_int_equal(seen.answer.body_len, 5);
    assert_false(seen.answer.body_cut);
    assert_null(http_script_wait(b.script));
    assert_non_null(strstr(http_script_request(b.script), "Authorization: Key k\r\n"));
    assert_non_null(strstr(http_script_request(b.script), "X-Correlation-ID: 7\r\n"));
    assert_non_null(strstr(http_script_request(b.script), "User-Agent: connect-rebuild/test\r\n"));
    http_bench_stop(&b);
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n" },
        { HTTP_STEP_STALL, NULL },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen seen = { 0 };
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_get(b.url);
    http_bench_run(&b, &seen, &r);
    assert_int_equal(seen.answer.status, 302);
    assert_string_equal(seen.answer.location, "/y");
    http_bench_stop(&b);
}

static void a_post_sends_json_with_its_length(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, "POST /x HTTP/1.1\r\n" },
        { HTTP_STEP_REPLY, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n" },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen seen = { .lets_max = 1 };
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_post(b.url);
    r.body = "{\"bundle_id\":\"7\"}";
    http_bench_run(&b, &seen, &r);
    assert_int_equal(seen.answer.status, 202);
    assert_string_equal(seen.body, "");
    assert_int_equal(seen.lets_n, 1);
    assert_null(http_script_wait(b.script));
    assert_non_null(strstr(http_script_request(b.script), "Content-Type: application/json\r\n"));
    assert_non_null(strstr(http_script_request(b.script), "Content-Length: 17\r\n"));
    assert_non_null(strstr(http_script_request(b.script), "\r\n\r\n{\"bundle_id\":\"7\"}"));
    http_bench_stop(&b);
}

static void methods_other_than_get_and_post_go_out_as_they_are(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, "DELETE /x HTTP/1.1\r\n" },
        { HTTP_STEP_REPLY, "HTTP/1.1 204 No Content\r\n\r\n" },
        { HTTP_STEP_EXPECT, "POST /x HTTP/1.1\r\n" },
        { HTTP_STEP_REPLY, "HTTP/1.1 204 No Content\r\n\r\n" },
        { HTTP_STEP_EXPECT, "GET /x HTTP/1.1\r\n" },
        { HTTP_STEP_REPLY, "HTTP/1.1 204 No Content\r\n\r\n" },
        { HTTP_STEP_END, NULL },
    };
    static const char *const methods[] = { "DELETE", "POST", "GET" };
    struct http_bench b;

    (void)state;
    http_bench_start(&b, steps);
    for (size_t i = 0; i < 3; i++) {
        struct http_seen seen = { 0 };
        struct http_request r = http_bench_get(b.url);

        r.method = methods[i];
        http_bench_run(&b, &seen, &r);
        assert_int_equal(seen.answer.status, 204);
    }
    assert_null(http_script_wait(b.script));
    assert_null(strcasestr(http_script_request(b.script), "content-"));
    http_bench_stop(&b);
}

/* ---- bodies and their ceilings ---- */

static void a_longer_body_is_cut_and_the_connection_kept(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678" },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n1234" },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen first = { 0 }, second = { 0 };
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_get(b.url);
    r.max_body_bytes = 4;
    r.cut_is_error = false;
    http_bench_run(&b, &first, &r);
    assert_int_equal(first.answer.failure, HTTP_OK);
    assert_true(first.answer.body_cut);
    assert_string_equal(first.body, "1234");
    http_bench_run(&b, &second, &r);
    assert_false(second.answer.body_cut);
    assert_string_equal(second.body, "1234");
    http_bench_stop(&b);
}

static void a_longer_body_is_an_error_where_that_was_asked_for(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678" },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen seen = { 0 };
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_get(b.url);
    r.max_body_bytes = 4;
    http_bench_run(&b, &seen, &r);
    assert_int_equal(seen.answer.failure, HTTP_BAD_ANSWER);
    assert_int_equal(seen.err.kind, ERR_INPUT);
    assert_string_equal(seen.body, "");
    http_bench_stop(&b);
}

static void a_body_without_end_is_cut_and_left(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\n\r\n" },
        { HTTP_STEP_FLOOD, "<html>and so on and on and on and on and on and on and on and on" },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen seen = { 0 };
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_get(b.url);
    r.cut_is_error = false;
    http_bench_run(&b, &seen, &r);
    assert_int_equal(seen.answer.failure, HTTP_OK);
    assert_int_equal(seen.answer.status, 200);
    assert_int_equal(seen.answer.body_len, 1024);
    assert_true(seen.answer.body_cut);
    http_bench_stop(&b);
}

static void headers_without_end_are_left(void **state)
{
    static const char *const floods[] = {
        "X-Header: and so on and on and on and on and on and on and on\r\n",
        "Set-Cookie: c=and so on and on and on and on and on and on and on\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "one line that never ends and on and on and on and on and on and on",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        const struct http_step steps[] = {
            { HTTP_STEP_ACCEPT, NULL },
            { HTTP_STEP_EXPECT, NULL },
            { HTTP_STEP_REPLY, i == 2 ? "" : "HTTP/1.1 200 OK\r\n" },
            { HTTP_STEP_FLOOD, floods[i] },
            { HTTP_STEP_END, NULL },
        };
        struct http_bench b;
        struct http_seen seen = { 0 };
        struct http_request r;

        http_bench_start(&b, steps);
        r = http_bench_get(b.url);
        http_bench_run(&b, &seen, &r);
        if (seen.answer.failure != HTTP_BAD_ANSWER)
            fail_msg("flood %zu: failure %d (%s)", i, (int)seen.answer.failure, seen.err.msg);
        http_bench_stop(&b);
    }
}

/* ---- failures ---- */

struct failure_case {
    const char *what;
    struct http_step steps[8];
    enum http_failure failure;
    enum err_kind kind;
};

static const struct failure_case failures[] = {
    { "a reset before any byte of the answer",
      { { HTTP_STEP_ACCEPT, NULL }, { HTTP_STEP_EXPECT, NULL }, { HTTP_STEP_RESET, NULL } },
      HTTP_LOST,
      ERR_UNREACHABLE },
    { "a close before any byte of the answer",
      { { HTTP_STEP_ACCEPT, NULL }, { HTTP_STEP_EXPECT, NULL }, { HTTP_STEP_CLOSE, NULL } },
      HTTP_LOST,
      ERR_UNREACHABLE },
    { "a reset in the headers",
      { { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Le" },
        { HTTP_STEP_RESET, NULL } },
      HTTP_LOST,
      ERR_UNREACHABLE },
    { "a body that is cut off",
      { { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf" },
        { HTTP_STEP_CLOSE, NULL } },
      HTTP_LOST,
      ERR_UNREACHABLE },
    { "a chunked body that is cut off",
      { { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello" },
        { HTTP_STEP_CLOSE, NULL } },
      HTTP_LOST,
      ERR_UNREACHABLE },
    { "something that is not HTTP",
      { { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "SSH-2.0-OpenSSH_9.2p1 Debian\r\n" },
        { HTTP_STEP_CLOSE, NULL } },
      HTTP_BAD_ANSWER,
      ERR_INPUT },
};

static void failures_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        const struct failure_case *c = &failures[i];
        struct http_bench b;
        struct http_seen seen = { .lets_max = 1 };
        struct http_request r;

        http_bench_start(&b, c->steps);
        r = http_bench_post(b.url);
        http_bench_run(&b, &seen, &r);
        if (seen.answer.failure != c->failure || seen.err.kind != c->kind)
            fail_msg("%s: failure %d, err %d (%s)", c->what, (int)seen.answer.failure,
                     (int)seen.err.kind, seen.err.msg);
        assert_string_equal(seen.body, "");
        assert_int_equal(seen.lets_n, 1);
        http_bench_stop(&b);
    }
}

static void silence_after_the_request_is_a_time_out(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_STALL, NULL },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen seen = { .lets_max = 1 };
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_post(b.url);
    r.timeout_ms = 50;
    http_bench_run(&b, &seen, &r);
    assert_int_equal(seen.answer.failure, HTTP_TIMEOUT);
    assert_int_equal(seen.err.kind, ERR_UNREACHABLE);
    assert_true(seen.answer.duration_ms >= 49);
    http_bench_stop(&b);
}

static void a_refused_connection_sent_nothing(void **state)
{
    struct http_bench b;
    struct http_seen seen = { .lets_max = 1 };
    struct http_request r;
    int port, fd = http_refusing_start(&port);
    char url[64];

    (void)state;
    http_bench_start(&b, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
    r = http_bench_post(url);
    http_bench_run(&b, &seen, &r);
    assert_int_equal(seen.answer.failure, HTTP_NOT_SENT);
    assert_int_equal(seen.err.kind, ERR_UNREACHABLE);
    assert_true(seen.err.retriable);
    assert_int_equal(seen.lets_n, 0);
    http_bench_stop(&b);
    close(fd);
}

static void a_bad_url_or_header_is_refused_at_once(void **state)
{
    static const char *const urls[] = {
        "",          "nonsense here",      "ftp://host/x",  "http://",
        "file:///x", "http://host:99999/", "http://ho st/", "http://a/\r\nX: y"
    };
    const char *const headers[] = { "X: a\r\nEvil: b", NULL };
    struct http_bench b;
    struct http_seen seen = { 0 };
    struct http_request r;
    struct err err;

    (void)state;
    http_bench_start(&b, NULL);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        r = http_bench_get(urls[i]);
        if (http_start(b.http, &r, http_bench_done, &seen, &err) != NULL)
            fail_msg("accepted: %s", urls[i]);
        assert_int_equal(err.kind, ERR_INPUT);
    }
    r = http_bench_get("http://127.0.0.1:1/");
    r.headers = headers;
    assert_null(http_start(b.http, &r, http_bench_done, &seen, &err));
    assert_int_equal(http_active(b.http), 0);
    http_bench_stop(&b);
    assert_int_equal(seen.done_n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_carries_status_headers_cookies_and_body),
        cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
        cmocka_unit_test(a_post_sends_json_with_its_length),
        cmocka_unit_test(methods_other_than_get_and_post_go_out_as_they_are),
        cmocka_unit_test(a_longer_body_is_cut_and_the_connection_kept),
        cmocka_unit_test(a_longer_body_is_an_error_where_that_was_asked_for),
        cmocka_unit_test(a_body_without_end_is_cut_and_left),
        cmocka_unit_test(headers_without_end_are_left),
        cmocka_unit_test(failures_are_told_apart),
        cmocka_unit_test(silence_after_the_request_is_a_time_out),
        cmocka_unit_test(a_refused_connection_sent_nothing),
        cmocka_unit_test(a_bad_url_or_header_is_refused_at_once),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

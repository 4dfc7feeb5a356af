/* The small HTTP server on the loop: what gets to the handler, what is refused before, and that no
 * client holds up another. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/event/event.h"
#include "common/serve/server.h"
#include "tests/support/http_bench.h"

static struct http_bench bench;
static struct server *server;
static int port;
static size_t asked_n;
static char last_body[64];

static void handle(void *arg, const struct server_request *r, struct server_answer *a)
{
    static const char *const headers[] = { "ETag: \"7\"", "Allow:GET", NULL };
    const char *wide = server_query(r, "wide"), *who = server_header(r, "x-who");

    assert_ptr_equal(arg, &bench);
    asked_n++;
    str_copy(last_body, sizeof(last_body), r->body);
    if (strcmp(r->path, "/silent") == 0)
        return;
    if (strcmp(r->path, "/empty") == 0) {
        a->status = 204;
        return;
    }
    server_say(a, 200, "%s %s wide=%s who=%s accept=%s body=%zu", r->method, r->path,
               wide == NULL ? "none" : wide, who == NULL ? "none" : who, r->accept, r->body_len);
    a->headers = headers;
}

static int set_up(void **state)
{
    struct err err = { .msg = "" };

    (void)state;
    asked_n = 0;
    http_bench_start(&bench, NULL);
    server = server_start(bench.loop, "127.0.0.1:0", handle, &bench, &err);
    port = server_port(server);
    if (server == NULL)
        fail_msg("%s", err.msg);
    assert_int_not_equal(port, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    server_stop(server);
    http_bench_stop(&bench);
    return 0;
}

static void ask(struct http_seen *seen, const char *method, const char *path, const char *body)
{
    const char *const headers[] = { "Accept: text/plain", "X-Who: me", NULL };
    char url[128];
    struct http_request r;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    r = http_bench_get(url);
    r.method = method;
    r.body = body;
    r.headers = headers;
    http_bench_run(&bench, seen, &r);
}

/* ---- a client of its own, to send what no library sends ---- */

struct raw {
    int fd;
    struct event_fd *ready;
    char got[8192];
    size_t got_n;
    bool done; /* an answer has begun to come, or the server closed */
};

static void on_raw(void *arg, unsigned ready)
{
    struct raw *raw = arg;
    ssize_t n =
        recv(raw->fd, raw->got + raw->got_n, sizeof(raw->got) - 1 - raw->got_n, MSG_DONTWAIT);

    (void)ready;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0)
        raw->got_n += (size_t)n;
    raw->got[raw->got_n] = '\0';
    raw->done = true;
    event_fd_update(raw->ready, 0);
}

static void raw_open(struct raw *raw)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    memset(raw, 0, sizeof(*raw));
    raw->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(raw->fd >= 0);
    assert_int_equal(connect(raw->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    raw->ready = event_fd_start(bench.loop, raw->fd, EVENT_READ, on_raw, raw);
    assert_non_null(raw->ready);
}

static void raw_send(const struct raw *raw, const char *text)
{
    assert_int_equal(send(raw->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void raw_wait(struct raw *raw)
{
    assert_true(event_loop_run_until(bench.loop, &raw->done,
                                     event_now_ms(bench.loop) + HTTP_BENCH_DEADLINE_MS));
}

static void raw_close(struct raw *raw)
{
    event_fd_stop(raw->ready);
    close(raw->fd);
}

/* ---- tests ---- */

static void a_handler_gets_the_request_and_its_answer_goes_out(void **state)
{
    struct http_seen plain = { 0 }, bare = { 0 }, put = { 0 };

    (void)state;
    ask(&plain, "GET", "/a%20b?wide=1&x=2", NULL);
    assert_int_equal(plain.answer.status, 200);
    assert_string_equal(plain.answer.content_type, "text/plain; charset=utf-8");
    assert_string_equal(plain.body, "GET /a b wide=1 who=me accept=text/plain body=0\n");
    ask(&bare, "GET", "/?wide", NULL);
    assert_string_equal(bare.body, "GET / wide= who=me accept=text/plain body=0\n");
    ask(&put, "PUT", "/loglevel", "debug");
    assert_string_equal(put.body, "PUT /loglevel wide=none who=me accept=text/plain body=5\n");
    assert_string_equal(last_body, "debug");
    assert_int_equal(asked_n, 3);
}

static void answers_may_be_empty_and_a_silent_handler_is_an_error(void **state)
{
    struct http_seen empty = { 0 }, silent = { 0 };

    (void)state;
    ask(&empty, "GET", "/empty", NULL);
    assert_int_equal(empty.answer.status, 204);
    assert_string_equal(empty.body, "");
    ask(&silent, "GET", "/silent", NULL);
    assert_int_equal(silent.answer.status, 500);
    assert_non_null(strstr(silent.body, "no answer"));
}

static void headers_of_the_answer_go_out_with_nosniff(void **state)
{
    struct raw raw;

    (void)state;
    raw_open(&raw);
    raw_send(&raw, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    raw_wait(&raw);
    assert_non_null(strstr(raw.got, "\r\nETag: \"7\"\r\n"));
    assert_non_null(strstr(raw.got, "\r\nAllow: GET\r\n"));
    assert_non_null(strstr(raw.got, "\r\nX-Content-Type-Options: nosniff\r\n"));
    raw_close(&raw);
}

static void head_has_the_headers_of_get_and_no_body(void **state)
{
    struct raw raw;

    (void)state;
    raw_open(&raw);
    raw_send(&raw, "HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    raw_wait(&raw);
    assert_non_null(strstr(raw.got, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(raw.got, "\r\nContent-Length: 42\r\n"));
    assert_null(strstr(raw.got, "who="));
    raw_close(&raw);
}

static void a_body_up_to_the_limit_gets_through_and_a_longer_one_does_not(void **state)
{
    struct http_seen fits = { 0 }, longer = { 0 };
    char *body = malloc(SERVER_BODY_MAX_BYTES + 2);

    (void)state;
    assert_non_null(body);
    memset(body, 'x', SERVER_BODY_MAX_BYTES + 1);
    body[SERVER_BODY_MAX_BYTES + 1] = '\0';
    ask(&longer, "PUT", "/", body);
    assert_int_equal(longer.answer.status, 413);
    assert_string_equal(longer.body, "a body has at most 65536 bytes\n");
    assert_int_equal(asked_n, 0);
    body[SERVER_BODY_MAX_BYTES] = '\0';
    ask(&fits, "PUT", "/", body);
    assert_int_equal(fits.answer.status, 200);
    assert_non_null(strstr(fits.body, "body=65536\n"));
    free(body);
}

static void a_body_without_a_length_is_bounded_too(void **state)
{
    struct raw raw;
    char chunk[1024 + 8];

    (void)state;
    snprintf(chunk, sizeof(chunk), "400\r\n%01024d\r\n", 0);
    raw_open(&raw);
    raw_send(&raw, "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < SERVER_BODY_MAX_BYTES / 1024 + 1; i++)
        raw_send(&raw, chunk);
    raw_send(&raw, "0\r\n\r\n");
    raw_wait(&raw);
    assert_non_null(strstr(raw.got, "HTTP/1.1 413 "));
    assert_int_equal(asked_n, 0);
    raw_close(&raw);
}

static void a_length_beyond_reason_is_refused_before_the_body(void **state)
{
    struct raw raw;

    (void)state;
    raw_open(&raw);
    raw_send(&raw, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n");
    raw_wait(&raw);
    assert_non_null(strstr(raw.got, "HTTP/1.1 413 "));
    raw_close(&raw);
    raw_open(&raw);
    raw_send(&raw, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n");
    raw_wait(&raw);
    assert_non_null(strstr(raw.got, "a body has at most 65536 bytes\n"));
    raw_close(&raw);
    assert_int_equal(asked_n, 0);
}

static void a_body_without_end_is_left(void **state)
{
    struct raw raw;
    bool never = false, gone = false;
    int64_t deadline_ms = event_now_ms(bench.loop) + HTTP_BENCH_DEADLINE_MS;

    (void)state;
    raw_open(&raw);
    raw_send(&raw, "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (!gone && event_now_ms(bench.loop) < deadline_ms) {
        const char chunk[] = "10\r\n0123456789abcdef\r\n";
        ssize_t n = send(raw.fd, chunk, sizeof(chunk) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);

        gone = n < 0 && errno != EAGAIN;
        if (n < 0 && !gone)
            event_loop_run_until(bench.loop, &never, event_now_ms(bench.loop) + 1);
    }
    assert_true(gone);
    assert_int_equal(asked_n, 0);
    raw_close(&raw);
}

static void a_slow_client_holds_nobody_up(void **state)
{
    struct raw slow;
    struct http_seen quick = { 0 };

    (void)state;
    raw_open(&slow);
    raw_send(&slow, "GET /slow HT");
    ask(&quick, "GET", "/quick", NULL);
    assert_int_equal(quick.answer.status, 200);
    raw_send(&slow, "TP/1.1\r\nHost: x\r\n\r\n");
    raw_wait(&slow);
    assert_non_null(strstr(slow.got, "GET /slow "));
    assert_int_equal(asked_n, 2);
    raw_close(&slow);
}

static void nonsense_is_answered_and_gets_to_no_handler(void **state)
{
    struct raw raw;

    (void)state;
    raw_open(&raw);
    raw_send(&raw, "\x16\x03\x01 what is this\r\n\r\n");
    raw_wait(&raw);
    assert_int_equal(asked_n, 0);
    raw_close(&raw);
}

static void a_client_that_waits_for_a_place_gets_the_first_that_is_free(void **state)
{
    struct raw *crowd = calloc(SERVER_CONNECTIONS_MAX, sizeof(*crowd));
    struct http_seen late = { .lets_max = 1 };
    struct http_request r;
    char url[64];

    (void)state;
    assert_non_null(crowd);
    for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
        raw_open(&crowd[i]);
        raw_send(&crowd[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        raw_wait(&crowd[i]); /* in, and kept */
    }
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/late", port);
    r = http_bench_get(url);
    r.let = http_bench_let;
    http_bench_call(&bench, &late, &r);
    http_bench_wait_let(&bench, &late); /* connected, though nobody accepts it */
    raw_close(&crowd[0]);
    http_bench_finish(&bench, &late);
    assert_int_equal(late.answer.status, 200);
    for (size_t i = 1; i < SERVER_CONNECTIONS_MAX; i++)
        raw_close(&crowd[i]);
    free(crowd);
}

static void an_address_that_is_none_or_taken_is_refused(void **state)
{
    static const char *const bad[] = { "",
                                       "9464",
                                       "localhost",
                                       "127.0.0.1:",
                                       "127.0.0.1:x",
                                       "127.0.0.1:65536",
                                       "127.0.0.1:-1",
                                       "::1:80",
                                       "[::1:80",
                                       "127.0.0.1:80 " };
    struct err err;
    char taken[32];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (server_start(bench.loop, bad[i], handle, &bench, &err) != NULL)
            fail_msg("listens on %s", bad[i]);
        if (err.kind != ERR_CONFIG)
            fail_msg("%s: %s", bad[i], err.msg);
    }
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", port);
    assert_null(server_start(bench.loop, taken, handle, &bench, &err));
    assert_int_equal(err.kind, ERR_REFUSED);
    assert_null(server_start(bench.loop, "192.0.2.1:0", handle, &bench, &err));
    assert_int_equal(err.kind, ERR_REFUSED);
}

static void all_addresses_are_listened_on_when_none_is_named(void **state)
{
    struct http_seen seen = { 0 };
    struct err err = { .msg = "" };

    (void)state;
    server_stop(server);
    server = server_start(bench.loop, ":0", handle, &bench, &err);
    port = server_port(server);
    if (server == NULL)
        fail_msg("%s", err.msg);
    ask(&seen, "GET", "/", NULL);
    assert_int_equal(seen.answer.status, 200);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(a_handler_gets_the_request_and_its_answer_goes_out),
        WITH_SERVER(answers_may_be_empty_and_a_silent_handler_is_an_error),
        WITH_SERVER(headers_of_the_answer_go_out_with_nosniff),
        WITH_SERVER(head_has_the_headers_of_get_and_no_body),
        WITH_SERVER(a_body_up_to_the_limit_gets_through_and_a_longer_one_does_not),
        WITH_SERVER(a_body_without_a_length_is_bounded_too),
        WITH_SERVER(a_length_beyond_reason_is_refused_before_the_body),
        WITH_SERVER(a_body_without_end_is_left),
        WITH_SERVER(a_slow_client_holds_nobody_up),
        WITH_SERVER(nonsense_is_answered_and_gets_to_no_handler),
        WITH_SERVER(a_client_that_waits_for_a_place_gets_the_first_that_is_free),
        WITH_SERVER(an_address_that_is_none_or_taken_is_refused),
        WITH_SERVER(all_addresses_are_listened_on_when_none_is_named),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

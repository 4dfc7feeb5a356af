/* The HTTP engine: the guard at write time, and which connections are used. */
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

/* ---- the guard at write time ---- */

static void a_guard_that_says_no_leaves_nothing_written(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_UNASKED, NULL },
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, "GET /x" },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen seen = { .lets_max = 0 }, after = { 0 };
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_post(b.url);
    http_bench_run(&b, &seen, &r);
    assert_int_equal(seen.answer.failure, HTTP_NOT_LET);
    assert_int_equal(seen.err.kind, ERR_REFUSED);
    assert_int_equal(seen.lets_n, 1);
    r = http_bench_get(b.url);
    http_bench_run(&b, &after, &r);
    assert_int_equal(after.answer.status, 200);
    http_bench_stop(&b);
}

static void a_guard_that_says_no_on_a_kept_connection_leaves_nothing_written(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, "GET /x" },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
        { HTTP_STEP_UNASKED, NULL },
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, "GET /x" },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen first = { 0 }, refused = { .lets_max = 0 }, last = { 0 };
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_get(b.url);
    http_bench_run(&b, &first, &r);
    r = http_bench_post(b.url);
    http_bench_run(&b, &refused, &r);
    assert_int_equal(refused.answer.failure, HTTP_NOT_LET);
    r = http_bench_get(b.url);
    r.fresh_connection = true;
    http_bench_run(&b, &last, &r);
    assert_int_equal(last.answer.status, 200);
    http_bench_stop(&b);
}

/* libcurl writes a request a second time when the kept connection dies before a byte came back. */
static void play_a_dying_connection(struct http_seen *second, const struct http_step *steps)
{
    struct http_bench b;
    struct http_seen first = { .lets_max = 1 };
    struct http_request r;

    http_bench_start(&b, steps);
    r = http_bench_post(b.url);
    http_bench_run(&b, &first, &r);
    assert_int_equal(first.answer.status, 200);
    http_bench_run(&b, second, &r);
    http_bench_stop(&b);
}

static void a_post_is_not_written_twice_when_its_kept_connection_dies(void **state)
{
    static const enum http_step_kind ends[] = { HTTP_STEP_CLOSE, HTTP_STEP_RESET };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct http_step steps[] = {
            { HTTP_STEP_ACCEPT, NULL },
            { HTTP_STEP_EXPECT, "POST /x" },
            { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
            { HTTP_STEP_EXPECT, "POST /x" },
            { ends[i], NULL },
            { HTTP_STEP_ACCEPT, NULL }, /* libcurl connects again, and then asks */
            { HTTP_STEP_UNASKED, NULL },
            { HTTP_STEP_END, NULL },
        };
        struct http_seen second = { .lets_max = 1 };

        play_a_dying_connection(&second, steps);
        assert_int_equal(second.answer.failure, HTTP_LOST);
        assert_int_equal(second.err.kind, ERR_UNREACHABLE);
        assert_int_equal(second.lets_n, 2);
    }
}

static void a_post_may_be_written_again_when_the_guard_says_so(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, "POST /x" },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
        { HTTP_STEP_EXPECT, "POST /x" },
        { HTTP_STEP_CLOSE, NULL },
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, "POST /x" },
        { HTTP_STEP_REPLY, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n" },
        { HTTP_STEP_END, NULL },
    };
    struct http_seen second = { .lets_max = 2 };

    (void)state;
    play_a_dying_connection(&second, steps);
    assert_int_equal(second.answer.failure, HTTP_OK);
    assert_int_equal(second.answer.status, 202);
    assert_int_equal(second.lets_n, 2);
}

static void a_fresh_connection_leaves_a_dying_one_alone(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, "GET /x" },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, "POST /x" },
        { HTTP_STEP_RESET, NULL },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen first = { 0 }, second = { .lets_max = 9 };
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_get(b.url);
    http_bench_run(&b, &first, &r);
    r = http_bench_post(b.url);
    r.fresh_connection = true;
    http_bench_run(&b, &second, &r);
    assert_int_equal(second.answer.failure, HTTP_LOST);
    assert_int_equal(second.lets_n, 1);
    http_bench_stop(&b);
}

/* ---- connections ---- */

static void a_connection_is_used_again(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na" },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb" },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nc" },
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nd" },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;

    (void)state;
    http_bench_start(&b, steps);
    for (size_t i = 0; i < 4; i++) {
        struct http_seen seen = { 0 };
        struct http_request r = http_bench_get(b.url);

        http_bench_run(&b, &seen, &r);
        assert_int_equal(seen.body[0], "abcd"[i]);
    }
    http_bench_stop(&b);
}

static void a_pinned_address_has_its_own_connections(void **state)
{
    static const struct http_step here[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, "Host: replica.test:" },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na" },
        { HTTP_STEP_ACCEPT, NULL }, /* by name: not over the connection to the address */
        { HTTP_STEP_EXPECT, "Host: replica.test:" },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb" },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen pinned = { 0 }, named = { 0 };
    struct http_request r;
    char url[64], resolve[64];

    (void)state;
    http_bench_start(&b, here);
    snprintf(url, sizeof(url), "http://replica.test:%d/x", http_script_port(b.script));
    snprintf(resolve, sizeof(resolve), "replica.test:%d:127.0.0.1", http_script_port(b.script));
    r = http_bench_get(url);
    r.resolve = resolve;
    http_bench_run(&b, &pinned, &r);
    assert_string_equal(pinned.body, "a");
    r.resolve = NULL;
    http_bench_run(&b, &named, &r);
    assert_string_equal(named.body, "b");
    http_bench_stop(&b);
}

static void a_name_that_is_not_known_sent_nothing(void **state)
{
    static const struct {
        const char *url, *says;
    } cases[] = { { "http://nowhere.test/", "no such host: nowhere.test" },
                  { "http://down.test/", "no name server" } };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct http_bench b;
        struct http_seen seen = { .lets_max = 1 };
        struct http_request r = http_bench_post(cases[i].url);

        http_bench_start(&b, NULL);
        http_bench_run(&b, &seen, &r);
        assert_int_equal(seen.answer.failure, HTTP_NOT_SENT);
        assert_string_equal(seen.err.msg, cases[i].says);
        http_bench_stop(&b);
    }
}

/* ---- connections that are never made ---- */

static const struct http_step one_answer[] = {
    { HTTP_STEP_ACCEPT, NULL },
    { HTTP_STEP_EXPECT, "GET /x" },
    { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
    { HTTP_STEP_END, NULL },
};

static void a_connection_that_never_comes_ends_in_time_and_hurts_nobody(void **state)
{
    struct http_bench b;
    struct http_deaf deaf;
    struct http_seen lost[20] = { { .lets_max = 1 } }, well = { 0 };
    struct http_request r;
    char url[64];

    (void)state;
    http_bench_start(&b, one_answer);
    http_deaf_start(&deaf, http_script_port(b.script));
    snprintf(url, sizeof(url), "http://deaf.test:%d/x", http_script_port(b.script));
    r = http_bench_post(url);
    r.connect_timeout_ms = 50;
    for (size_t i = 0; i < 20; i++)
        http_bench_call(&b, &lost[i], &r);
    for (size_t i = 0; i < 20; i++) {
        http_bench_finish(&b, &lost[i]);
        assert_int_equal(lost[i].answer.failure, HTTP_NOT_SENT);
        assert_int_equal(lost[i].lets_n, 0);
    }
    r = http_bench_get(b.url);
    http_bench_run(&b, &well, &r);
    assert_int_equal(well.answer.status, 200);
    http_deaf_stop(&deaf);
    http_bench_stop(&b);
}

static void a_connection_may_be_cancelled_while_it_is_made(void **state)
{
    struct http_bench b;
    struct http_deaf deaf;
    struct http_seen seen[20] = { { .lets_max = 1 } }, well = { 0 };
    struct http_call *calls[20];
    struct http_request r;
    char url[64];
    bool never = false;

    (void)state;
    http_bench_start(&b, one_answer);
    http_deaf_start(&deaf, http_script_port(b.script));
    snprintf(url, sizeof(url), "http://127.0.0.2:%d/x", http_script_port(b.script));
    r = http_bench_get(url);
    for (size_t i = 0; i < 20; i++)
        calls[i] = http_bench_call(&b, &seen[i], &r);
    event_loop_run_until(b.loop, &never, event_now_ms(b.loop) + 5); /* some turns: they connect */
    for (size_t i = 0; i < 20; i++)
        http_cancel(calls[i]);
    r = http_bench_get(b.url);
    http_bench_run(&b, &well, &r);
    assert_int_equal(well.answer.status, 200);
    http_deaf_stop(&deaf);
    http_bench_stop(&b);
}

/* The socket of the second try gets the number of the first, which libcurl closed untold. */
static void the_next_address_is_tried_when_the_first_refuses(void **state)
{
    struct http_bench b;
    struct http_deaf deaf;
    struct http_seen seen = { 0 };
    struct http_request r;
    char url[64];
    bool never = false;

    (void)state;
    http_bench_start(&b, one_answer);
    http_deaf_start(&deaf, http_script_port(b.script));
    snprintf(url, sizeof(url), "http://half-deaf.test:%d/x", http_script_port(b.script));
    r = http_bench_get(url);
    r.connect_timeout_ms = r.timeout_ms = 4 * HTTP_BENCH_DEADLINE_MS; /* nothing ends by that */
    http_bench_call(&b, &seen, &r);
    event_loop_run_until(b.loop, &never, event_now_ms(b.loop) + 5); /* some turns: it connects */
    http_deaf_stop(&deaf); /* the kernel's next try, a second later, is refused */
    http_bench_finish(&b, &seen);
    assert_int_equal(seen.answer.status, 200);
    http_bench_stop(&b);
}

static void the_next_address_is_tried_when_the_first_is_deaf(void **state)
{
    struct http_bench b;
    struct http_deaf deaf;
    struct http_seen seen = { 0 };
    struct http_request r;
    char url[64];

    (void)state;
    http_bench_start(&b, one_answer);
    http_deaf_start(&deaf, http_script_port(b.script));
    snprintf(url, sizeof(url), "http://half-deaf.test:%d/x", http_script_port(b.script));
    r = http_bench_get(url);
    r.connect_timeout_ms = 2000; /* libcurl gives the first address half of it */
    http_bench_run(&b, &seen, &r);
    assert_int_equal(seen.answer.status, 200);
    http_deaf_stop(&deaf);
    http_bench_stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guard_that_says_no_leaves_nothing_written),
        cmocka_unit_test(a_guard_that_says_no_on_a_kept_connection_leaves_nothing_written),
        cmocka_unit_test(a_post_is_not_written_twice_when_its_kept_connection_dies),
        cmocka_unit_test(a_post_may_be_written_again_when_the_guard_says_so),
        cmocka_unit_test(a_fresh_connection_leaves_a_dying_one_alone),
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(a_pinned_address_has_its_own_connections),
        cmocka_unit_test(a_name_that_is_not_known_sent_nothing),
        cmocka_unit_test(a_connection_that_never_comes_ends_in_time_and_hurts_nobody),
        cmocka_unit_test(a_connection_may_be_cancelled_while_it_is_made),
        cmocka_unit_test(the_next_address_is_tried_when_the_first_refuses),
        cmocka_unit_test(the_next_address_is_tried_when_the_first_is_deaf),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

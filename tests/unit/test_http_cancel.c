/* The HTTP engine: calls that end early, and many calls at once. */
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
#include "common/serve/server.h"
#include "tests/support/http_bench.h"

/* ---- cancelling, and freeing ---- */

static void a_cancelled_call_is_never_told(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, "POST /x" },
        { HTTP_STEP_STALL, NULL },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen waiting = { .lets_max = 1 }, unstarted = { 0 }, named = { 0 };
    struct http_call *call;
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_get(b.url);
    http_cancel(http_bench_call(&b, &unstarted, &r));
    r = http_bench_get("http://replica.test:1/");
    http_cancel(http_bench_call(&b, &named, &r));
    r = http_bench_post(b.url);
    call = http_bench_call(&b, &waiting, &r);
    assert_int_equal(http_active(b.http), 1);
    http_bench_wait_let(&b, &waiting);
    http_cancel(call);
    assert_int_equal(http_active(b.http), 0);
    assert_null(http_script_wait(b.script)); /* its connection was closed */
    http_bench_stop(&b);
    assert_int_equal(waiting.done_n + unstarted.done_n + named.done_n, 0);
}

static void a_callback_may_cancel_others_and_itself(void **state)
{
    struct http_bench b;
    struct http_seen all[3] = { { 0 } };
    struct http_call *calls[3];
    int port, fd = http_refusing_start(&port);
    char url[64];
    size_t told = 0;

    (void)state;
    http_bench_start(&b, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
    for (size_t i = 0; i < 3; i++) {
        struct http_request r = http_bench_get(url);

        calls[i] = http_bench_call(&b, &all[i], &r);
    }
    all[0].cancel = calls[1];
    all[1].cancel = calls[0];
    all[2].cancel = calls[2];
    http_bench_finish(&b, &all[2]);
    while (!all[0].done && !all[1].done)
        event_loop_run_until(b.loop, &all[0].done, event_now_ms(b.loop) + 10);
    assert_int_equal(http_active(b.http), 0);
    for (size_t i = 0; i < 2; i++)
        told += (size_t)all[i].done_n;
    assert_int_equal(told, 1);
    http_bench_stop(&b);
    close(fd);
}

static struct http_call *doomed;

static bool let_cancels(void *arg)
{
    struct http_seen *seen = arg;

    seen->lets_n++;
    seen->done = true; /* ends the wait of the test */
    http_cancel(doomed);
    return true;
}

static void a_guard_may_cancel_its_own_call_and_nothing_is_written(void **state)
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
    struct http_seen seen = { 0 }, after = { 0 };
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_post(b.url);
    r.let = let_cancels;
    doomed = http_bench_call(&b, &seen, &r);
    assert_true(
        event_loop_run_until(b.loop, &seen.done, event_now_ms(b.loop) + HTTP_BENCH_DEADLINE_MS));
    r = http_bench_get(b.url);
    http_bench_run(&b, &after, &r);
    assert_int_equal(after.answer.status, 200);
    assert_int_equal(seen.done_n, 0);
    http_bench_stop(&b);
}

static void calls_that_run_end_untold_when_the_engine_is_freed(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_STALL, NULL },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen running = { .lets_max = 1 }, ready = { 0 }, resolving = { 0 };
    struct http_request r;

    (void)state;
    http_bench_start(&b, steps);
    r = http_bench_post(b.url);
    http_bench_call(&b, &running, &r);
    http_bench_wait_let(&b, &running);
    r = http_bench_get(b.url);
    http_bench_call(&b, &ready, &r);
    r = http_bench_get("http://replica.test:1/");
    http_bench_call(&b, &resolving, &r);
    assert_int_equal(http_active(b.http), 3);
    http_bench_stop(&b);
    assert_int_equal(running.done_n + ready.done_n + resolving.done_n, 0);
}

static void on_done_free(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct http_seen *seen = arg;

    http_free(seen->http);
    http_bench_done(arg, answer, err); /* still there: it dies when the callback returns */
}

static void a_callback_may_free_the_engine(void **state)
{
    static const struct http_step steps[] = {
        { HTTP_STEP_ACCEPT, NULL },
        { HTTP_STEP_EXPECT, NULL },
        { HTTP_STEP_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" },
        { HTTP_STEP_STALL, NULL },
        { HTTP_STEP_END, NULL },
    };
    struct http_bench b;
    struct http_seen seen = { 0 }, other = { 0 };
    struct http_request r;
    struct err err;

    (void)state;
    http_bench_start(&b, steps);
    seen.http = b.http;
    r = http_bench_get(b.url);
    assert_non_null(http_start(b.http, &r, on_done_free, &seen, &err));
    http_bench_call(&b, &other, &r);
    http_bench_finish(&b, &seen);
    assert_string_equal(seen.body, "hi");
    b.http = NULL;
    http_bench_stop(&b);
    assert_int_equal(other.done_n, 0);
}

/* ---- many ---- */

#define MANY       200
#define MANY_TURNS 3 /* requests of each: the later ones on kept connections, from a callback */

struct crowd {
    struct http_bench b;
    char url[64];
    size_t ended, good;
    bool done;
};

static void answer_many(void *arg, const struct server_request *request,
                        struct server_answer *answer)
{
    size_t *asked = arg;

    (*asked)++;
    answer->status = 200;
    answer->content_type = "text/plain";
    answer->body = str_dup(request->path);
    answer->body_len = strlen(request->path);
}

static void on_one_of_many(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct crowd *c = arg;
    struct http_request r = http_bench_get(c->url);
    struct err start_err;

    (void)err;
    c->ended++;
    c->good += answer->failure == HTTP_OK && strcmp(answer->body, "/many") == 0 ? 1 : 0;
    if (c->ended <= (MANY_TURNS - 1) * MANY)
        assert_non_null(http_start(c->b.http, &r, on_one_of_many, c, &start_err));
    c->done = c->ended == MANY_TURNS * MANY;
}

static void two_hundred_calls_at_once_all_end_well(void **state)
{
    struct crowd c = { .ended = 0 };
    size_t asked = 0;
    int port = 0;
    struct err err;
    struct server *server;

    (void)state;
    http_bench_start(&c.b, NULL);
    server = server_start(c.b.loop, "127.0.0.1:0", answer_many, &asked, &err);
    port = server_port(server);
    assert_non_null(server);
    snprintf(c.url, sizeof(c.url), "http://127.0.0.1:%d/many", port);
    for (size_t i = 0; i < MANY; i++) {
        struct http_request r = http_bench_get(c.url);

        assert_non_null(http_start(c.b.http, &r, on_one_of_many, &c, &err));
    }
    assert_int_equal(http_active(c.b.http), MANY);
    assert_true(
        event_loop_run_until(c.b.loop, &c.done, event_now_ms(c.b.loop) + HTTP_BENCH_DEADLINE_MS));
    assert_int_equal(c.good, MANY_TURNS * MANY);
    assert_int_equal(asked, MANY_TURNS * MANY);
    assert_int_equal(http_active(c.b.http), 0);
    server_stop(server);
    http_bench_stop(&c.b);
}

/* ---- a storm ---- */

#define STORM_AT_ONCE    300
#define STORM_CALLS      6000
#define STORM_BODY_BYTES 16000

static struct storm {
    struct http_bench b;
    struct storm_call {
        struct http_call *call;
        size_t i;
    } calls[STORM_AT_ONCE];
    char urls[6][64];
    unsigned random;
    size_t started, told, cancelled;
    bool done;
} storm;

/* The same each time (an LCG of POSIX): a storm that fails can be looked at. */
static unsigned any(unsigned n)
{
    storm.random = storm.random * 1103515245u + 12345u;
    return (storm.random >> 16) % n;
}

/* Longer than libcurl's buffer. */
static void answer_long(void *arg, const struct server_request *request,
                        struct server_answer *answer)
{
    size_t *asked = arg;

    (void)request;
    (*asked)++;
    answer->status = 200;
    answer->body = calloc(1, STORM_BODY_BYTES);
    answer->body_len = STORM_BODY_BYTES;
}

static void storm_start(struct storm_call *c);

static void storm_cancel(struct storm_call *c)
{
    if (c->call == NULL)
        return;
    http_cancel(c->call);
    c->call = NULL;
    storm.cancelled++;
    storm.done = storm.told + storm.cancelled == STORM_CALLS;
}

static void on_storm(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct storm_call *c = arg, *other = &storm.calls[any(STORM_AT_ONCE)];

    (void)answer;
    (void)err;
    c->call = NULL;
    storm.told++;
    if (any(3) == 0) {
        storm_cancel(other);
        storm_start(other);
    }
    storm_start(c);
    storm.done = storm.told + storm.cancelled == STORM_CALLS;
}

static bool storm_let(void *arg)
{
    (void)arg;
    if (any(20) == 0)
        storm_cancel(&storm.calls[any(STORM_AT_ONCE)]); /* maybe itself */
    return any(20) != 0;
}

static void storm_start(struct storm_call *c)
{
    struct http_request r = http_bench_get(storm.urls[any(6)]);
    struct err err = { .msg = "" };

    if (c->call != NULL || storm.started == STORM_CALLS)
        return;
    storm.started++;
    r.method = any(2) == 0 ? "GET" : "POST";
    r.let = storm_let;
    r.max_body_bytes = STORM_BODY_BYTES;
    r.timeout_ms = 1 + (int)any(30);
    r.fresh_connection = any(10) == 0;
    c->call = http_start(storm.b.http, &r, on_storm, c, &err);
    if (c->call == NULL)
        fail_msg("%s", err.msg);
}

/* With ASan this finds what the parts of libcurl that we use do not like. */
static void in_a_storm_each_call_is_told_once_or_cancelled(void **state)
{
    static const char *const hosts[] = { "127.0.0.1", "replica.test", "nowhere.test",
                                         "127.0.0.2", "deaf.test",    "half-deaf.test" };
    struct http_deaf deaf;
    struct err err = { .msg = "" };
    struct server *server;
    size_t asked = 0;
    int port = 0;
    int64_t deadline_ms;

    (void)state;
    storm.random = 7;
    http_bench_start(&storm.b, NULL);
    server = server_start(storm.b.loop, "127.0.0.1:0", answer_long, &asked, &err);
    port = server_port(server);
    assert_non_null(server);
    http_deaf_start(&deaf, port);
    for (size_t i = 0; i < 6; i++)
        snprintf(storm.urls[i], sizeof(storm.urls[i]), "http://%s:%d/a", hosts[i], port);
    for (size_t i = 0; i < STORM_AT_ONCE; i++)
        storm_start(&storm.calls[i]);
    deadline_ms = event_now_ms(storm.b.loop) + 3 * HTTP_BENCH_DEADLINE_MS;
    event_loop_run_until(storm.b.loop, &storm.done, deadline_ms);
    assert_int_equal(http_active(storm.b.http), 0);
    assert_int_equal(storm.started, STORM_CALLS);
    assert_int_equal(storm.told + storm.cancelled, STORM_CALLS);
    assert_true(asked > 0);
    http_deaf_stop(&deaf);
    server_stop(server);
    http_bench_stop(&storm.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancelled_call_is_never_told),
        cmocka_unit_test(a_callback_may_cancel_others_and_itself),
        cmocka_unit_test(a_guard_may_cancel_its_own_call_and_nothing_is_written),
        cmocka_unit_test(calls_that_run_end_untold_when_the_engine_is_freed),
        cmocka_unit_test(a_callback_may_free_the_engine),
        cmocka_unit_test(two_hundred_calls_at_once_all_end_well),
        cmocka_unit_test(in_a_storm_each_call_is_told_once_or_cancelled),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support/http_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/connect/resolve.h"
#include "common/event/event.h"

void http_bench_done(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct http_seen *seen = arg;

    seen->done = true;
    seen->done_n++;
    seen->answer = *answer;
    seen->err = *err;
    str_copy(seen->body, sizeof(seen->body), answer->body);
    for (size_t i = 0; i < answer->set_cookies_n; i++)
        str_copy(seen->cookies[i], sizeof(seen->cookies[i]), answer->set_cookies[i]);
    if (seen->cancel != NULL)
        http_cancel(seen->cancel);
}

bool http_bench_let(void *arg)
{
    struct http_seen *seen = arg;

    return seen->lets_n++ < seen->lets_max;
}

static int ask_loopback(const char *host, struct resolver_found *ret, struct err *err)
{
    if (strcmp(host, "down.test") == 0)
        return err_set(err, ERR_UNREACHABLE, "no name server");
    if (strcmp(host, "deaf.test") == 0 || strcmp(host, "half-deaf.test") == 0)
        str_copy(ret->address[ret->n++], RESOLVE_ADDRESS_BYTES, "127.0.0.2");
    if (strcmp(host, "replica.test") == 0 || strcmp(host, "half-deaf.test") == 0)
        str_copy(ret->address[ret->n++], RESOLVE_ADDRESS_BYTES, "127.0.0.1");
    return 0;
}

static struct http *engine(struct event_loop *loop)
{
    const struct http_config config = { .user_agent = "connect-rebuild/test",
                                        .max_idle = 256,
                                        .ask = ask_loopback };
    struct err err;
    struct http *http = http_new(loop, &config, &err);

    assert_non_null(http);
    return http;
}

void http_bench_start(struct http_bench *b, const struct http_step *steps)
{
    memset(b, 0, sizeof(*b));
    b->loop = event_loop_new();
    assert_non_null(b->loop);
    b->http = engine(b->loop);
    if (steps == NULL)
        return;
    b->script = http_script_start(steps);
    snprintf(b->url, sizeof(b->url), "http://127.0.0.1:%d/x", http_script_port(b->script));
}

void http_bench_stop(struct http_bench *b)
{
    const char *why = NULL;

    http_free(b->http);
    if (b->script != NULL) {
        why = http_script_wait(b->script);
        if (why != NULL)
            fail_msg("%s", why);
        http_script_free(b->script);
    }
    event_loop_free(b->loop);
}

struct http_request http_bench_get(const char *url)
{
    return (struct http_request){ .method = "GET",
                                  .url = url,
                                  .connect_timeout_ms = HTTP_BENCH_DEADLINE_MS,
                                  .timeout_ms = HTTP_BENCH_DEADLINE_MS,
                                  .max_body_bytes = 1024,
                                  .cut_is_error = true };
}

struct http_request http_bench_post(const char *url)
{
    struct http_request r = http_bench_get(url);

    r.method = "POST";
    r.body = "{}";
    r.let = http_bench_let;
    return r;
}

struct http_call *http_bench_call(struct http_bench *b, struct http_seen *seen,
                                  const struct http_request *r)
{
    struct err err = { .msg = "" };
    struct http_call *call = http_start(b->http, r, http_bench_done, seen, &err);

    if (call == NULL)
        fail_msg("%s", err.msg);
    assert_false(seen->done); /* never from inside http_start */
    return call;
}

void http_bench_finish(struct http_bench *b, struct http_seen *seen)
{
    assert_true(
        event_loop_run_until(b->loop, &seen->done, event_now_ms(b->loop) + HTTP_BENCH_DEADLINE_MS));
    assert_int_equal(seen->done_n, 1);
}

void http_bench_run(struct http_bench *b, struct http_seen *seen, const struct http_request *r)
{
    http_bench_call(b, seen, r);
    http_bench_finish(b, seen);
}

void http_bench_wait_let(struct http_bench *b, const struct http_seen *seen)
{
    int64_t deadline_ms = event_now_ms(b->loop) + HTTP_BENCH_DEADLINE_MS;
    bool never = false;

    while (seen->lets_n == 0 && event_now_ms(b->loop) < deadline_ms)
        event_loop_run_until(b->loop, &never, event_now_ms(b->loop) + 1);
    assert_int_not_equal(seen->lets_n, 0);
}

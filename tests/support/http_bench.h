/* What the tests of the HTTP engine share: a loop, an engine, a server with a script, and what a
 * call told. Fails the running cmocka test when something does not go as it must. */
#ifndef TESTS_SUPPORT_HTTP_BENCH_H
#define TESTS_SUPPORT_HTTP_BENCH_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/connect/http.h"
#include "tests/support/http_script.h"

#define HTTP_BENCH_DEADLINE_MS 20000 /* never waited for when all is well */

struct event_loop;

struct http_seen { /* of one call: the answer is borrowed, so what the tests look at is copied */
    struct http *http;
    bool done;
    int done_n, lets_n, lets_max; /* http_bench_let() says yes so often */
    struct http_answer answer;
    struct err err;
    char body[4096], cookies[HTTP_SET_COOKIES_MAX][64];
    struct http_call *cancel; /* from inside the callback */
};

struct http_bench {
    struct event_loop *loop;
    struct http *http;
    struct http_script *script;
    char url[64];
};

void http_bench_start(struct http_bench *b, const struct http_step *steps); /* NULL: no server */
/* The engine goes first: a script may wait for its connections to close. Fails if the script was
 * not played to its end. */
void http_bench_stop(struct http_bench *b);

struct http_request http_bench_get(const char *url);
struct http_request http_bench_post(const char *url); /* with http_bench_let */
bool http_bench_let(void *arg);                       /* arg: a struct http_seen, as for done */
void http_bench_done(void *arg, const struct http_answer *answer, const struct err *err);

struct http_call *http_bench_call(struct http_bench *b, struct http_seen *seen,
                                  const struct http_request *r);
void http_bench_finish(struct http_bench *b, struct http_seen *seen); /* waits until it was told */
void http_bench_run(struct http_bench *b, struct http_seen *seen, const struct http_request *r);
void http_bench_wait_let(struct http_bench *b,
                         const struct http_seen *seen); /* until it is asked */

#endif

/* The HTTP engine as a test plays it: a request is under way until the test answers it. Replaces
 * common/connect/http*.c at link level: exactly one file of a program includes it. */
#ifndef TESTS_SUPPORT_FAKE_CONNECT_H
#define TESTS_SUPPORT_FAKE_CONNECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/list.h"
#include "common/base/str.h"
#include "common/connect/http.h"

struct http_call {
    struct list_node node;
    char method[8], url[512], body[256];
    char headers[8192];
    int timeout_ms, connect_timeout_ms;
    size_t max_body_bytes;
    bool (*let)(void *arg);
    http_done_fn *done;
    void *arg;
};

static struct list fake_calls; /* started and not answered */

struct http *http_new(struct event_loop *loop, const struct http_config *config, struct err *err)
{
    (void)loop;
    (void)config;
    (void)err;
    return NULL;
}

struct http_call *http_start(struct http *h, const struct http_request *request, http_done_fn *done,
                             void *arg, struct err *err)
{
    struct http_call *call = calloc(1, sizeof(*call));

    (void)h;
    (void)err;
    assert_non_null(call);
    str_copy(call->method, sizeof(call->method), request->method);
    str_copy(call->url, sizeof(call->url), request->url);
    str_copy(call->body, sizeof(call->body), request->body == NULL ? "" : request->body);
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
        size_t len = strlen(call->headers);

        snprintf(call->headers + len, sizeof(call->headers) - len, "%s\n", request->headers[i]);
    }
    call->timeout_ms = request->timeout_ms;
    call->connect_timeout_ms = request->connect_timeout_ms;
    call->max_body_bytes = request->max_body_bytes;
    call->let = request->let;
    call->done = done;
    call->arg = arg;
    list_push(&fake_calls, &call->node);
    return call;
}

void http_cancel(struct http_call *call)
{
    if (call == NULL)
        return;
    list_remove(&fake_calls, &call->node);
    free(call);
}

/* No name is looked up where no engine is. */
struct resolver *http_resolver(struct http *h)
{
    (void)h;
    return NULL;
}

void http_free(struct http *h)
{
    (void)h;
    for (struct list_node *n = list_pop(&fake_calls); n != NULL; n = list_pop(&fake_calls))
        free(list_entry(n, struct http_call, node));
}

/* The oldest request that has this in its URL; NULL: none. */
static inline struct http_call *fake_call(const char *url)
{
    for (struct list_node *n = list_first(&fake_calls); n != NULL; n = list_next(&fake_calls, n))
        if (strstr(list_entry(n, struct http_call, node)->url, url) != NULL)
            return list_entry(n, struct http_call, node);
    return NULL;
}

/* The engine's part: asks the guard, then answers. */
static inline void fake_http(struct http_call *call, enum http_failure failure, int status,
                             const char *body)
{
    struct http_answer answer = { .failure = failure,
                                  .status = status,
                                  .content_type = "application/json; charset=utf-8",
                                  .date = "Tue, 24 Nov 2026 19:00:00 GMT",
                                  .body = body,
                                  .body_len = strlen(body) };
    struct err err = { .kind = ERR_UNREACHABLE, .msg = "the test says so" };

    if (call == NULL) {
        fail_msg("no such request is under way");
        return;
    }
    if (call->let != NULL && !call->let(call->arg)) {
        answer.failure = HTTP_NOT_LET;
        answer.status = 0;
    }
    list_remove(&fake_calls, &call->node);
    call->done(call->arg, &answer, answer.failure == HTTP_OK ? NULL : &err);
    free(call);
}

#endif

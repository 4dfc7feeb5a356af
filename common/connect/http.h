/* Thousands of HTTP transfers on the loop (libcurl multi_socket). Knows nothing of Connect. No
 * cookie engine, no redirects followed, no proxy surprises beyond HTTPS_PROXY/NO_PROXY.
 * Names are looked up by resolve.h. The program must ignore SIGPIPE (OpenSSL writes without
 * MSG_NOSIGNAL). Facts and traps: kafka.md 4.2. */
#ifndef COMMON_CONNECT_HTTP_H
#define COMMON_CONNECT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/connect/answer.h"

struct event_loop;
struct http;
struct http_call;
struct resolver;
struct resolver_found;

struct http_config {
    const char *user_agent;
    const char *ca_file; /* NULL: the system's */
    bool insecure;       /* do not verify certificates */
    size_t max_idle;     /* connections kept; the number in flight at once */
    /* As resolver_ask_fn of resolve.h; NULL: the system's. */
    int (*ask)(const char *host, struct resolver_found *ret, struct err *err);
};

struct http_request {   /* all borrowed during http_start only */
    const char *method; /* "GET", "POST", "DELETE" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL terminated; may be NULL */
    const char *body;           /* NULL: none; JSON, unless headers say otherwise */
    int connect_timeout_ms;
    int timeout_ms;        /* whole transfer */
    size_t max_body_bytes; /* longer: cut */
    bool cut_is_error;     /* a longer body is ERR_INPUT, else it is cut and ends well */
    bool fresh_connection; /* never on a kept connection */
    /* Asked once, right before the request is written, on the connection it will go out on. false:
     * not written, the call ends with HTTP_NOT_LET. NULL: always. libcurl's own retry on a dying
     * connection asks again; a no then ends in HTTP_LOST, for the first writing may have arrived.
     */
    bool (*let)(void *arg);
    /* "host:port:address" (IPv6 in brackets): the connection goes there, and is kept for requests
     * to the same address only. NULL: none. */
    const char *resolve;
};

/* Runs exactly once from the loop, never from inside http_start, and not at all after http_cancel
 * or http_free. err is set when failure is not HTTP_OK. */
typedef void http_done_fn(void *arg, const struct http_answer *answer, const struct err *err);

struct http *http_new(struct event_loop *loop, const struct http_config *config, struct err *err);
/* NULL and err: no memory or bad URL; done never runs. arg also goes to let(). */
struct http_call *http_start(struct http *h, const struct http_request *request, http_done_fn *done,
                             void *arg, struct err *err);
void http_cancel(struct http_call *call); /* closes the transfer; NULL is fine; from anywhere */
size_t http_active(const struct http *h);
struct resolver *http_resolver(struct http *h); /* borrowed: names are looked up in one place */
void http_free(struct http *h);                 /* cancels all; NULL is fine */

#endif

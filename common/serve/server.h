/* The small HTTP server of both programs, on the loop (libmicrohttpd driven from outside). Bounded:
 * connections, body size, time. Handlers answer at once from memory; they never wait. */
#ifndef COMMON_SERVE_SERVER_H
#define COMMON_SERVE_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

#define SERVER_CONNECTIONS_MAX 256
#define SERVER_BODY_MAX_BYTES  (64 * 1024)
#define SERVER_IDLE_TIMEOUT_S  30

struct event_loop;
struct server;

struct server_request {        /* borrowed */
    const char *method, *path; /* path without the query */
    const char *accept;        /* "" if none */
    const char *body;          /* NUL terminated; "" if none */
    size_t body_len;
    void *connection; /* for server_query and server_header */
};
const char *server_query(const struct server_request *r, const char *name);  /* NULL: not given */
const char *server_header(const struct server_request *r, const char *name); /* NULL: not given */

struct server_answer { /* all zero when the handler gets it */
    int status;
    const char *content_type; /* borrowed for ever */
    char *body;               /* malloc'ed; the server frees it; NULL: empty */
    size_t body_len;
    /* More headers, "Name: value", NULL terminated; they must stay until the handler runs again. */
    const char *const *headers;
};
/* One sentence as text/plain, with a line end. Takes the place of a body that is there. */
void server_say(struct server_answer *a, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* HEAD comes as HEAD; its body is not sent. A body over SERVER_BODY_MAX_BYTES never gets here. */
typedef void server_fn(void *arg, const struct server_request *request,
                       struct server_answer *answer);

/* listen: "host:port", ":port" (all addresses), port 0: a free one. ERR_CONFIG: not such a text;
 * ERR_REFUSED: the address is taken or not ours. */
struct server *server_start(struct event_loop *loop, const char *listen, server_fn *fn, void *arg,
                            struct err *err);
int server_port(const struct server *s); /* the real one */
void server_stop(struct server *s);      /* NULL is fine; not from inside a handler */

#endif

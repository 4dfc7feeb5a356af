#include "common/serve/server.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/event/event.h"
#include "common/serve/listen.h"

#define SAY_MAX_BYTES 1024 /* one sentence */
#define DISCARD_MAX_BYTES                                                  \
    (1024 * 1024) /* read of a body that is too long, to be able to say so \
                   */
#define HEADER_NAME_BYTES 64

struct server {
    int port;
    struct MHD_Daemon *daemon;
    struct event_fd *ready;
    struct event_timer *due; /* idle connections end, and data that is in already goes on */
    server_fn *fn;
    void *arg;
};

/* One request, from its head to the answer. */
struct exchange {
    struct buf body;
    size_t discarded_bytes;
};

/* ---- what handlers call ---- */

static const char *value_of(const struct server_request *r, enum MHD_ValueKind kind,
                            const char *name)
{
    const char *value = NULL;
    size_t len;

    if (MHD_lookup_connection_value_n(r->connection, kind, name, strlen(name), &value, &len) !=
        MHD_YES)
        return NULL;
    return value == NULL ? "" : value; /* "?wide" */
}

const char *server_query(const struct server_request *r, const char *name)
{
    return value_of(r, MHD_GET_ARGUMENT_KIND, name);
}

const char *server_header(const struct server_request *r, const char *name)
{
    return value_of(r, MHD_HEADER_KIND, name);
}

void server_say(struct server_answer *a, int status, const char *fmt, ...)
{
    char text[SAY_MAX_BYTES];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof(text) - 1, fmt, ap);
    va_end(ap);
    if (n < 0)
        text[0] = '\0';
    text[strlen(text) + 1] = '\0';
    text[strlen(text)] = '\n';
    free(a->body);
    a->status = status;
    a->content_type = "text/plain; charset=utf-8";
    a->body = str_dup(text);
    a->body_len = a->body == NULL ? 0 : strlen(text);
}

/* ---- answers ---- */

static bool add_headers(struct MHD_Response *response, const struct server_answer *a)
{
    bool ok = MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES;

    if (a->content_type != NULL)
        ok = ok && MHD_add_response_header(response, "Content-Type", a->content_type) == MHD_YES;
    for (const char *const *h = a->headers; h != NULL && *h != NULL; h++) {
        const char *colon = strchr(*h, ':');
        char name[HEADER_NAME_BYTES];

        if (colon == NULL || (size_t)(colon - *h) >= sizeof(name))
            return false;
        memcpy(name, *h, (size_t)(colon - *h));
        name[colon - *h] = '\0';
        ok = ok &&
             MHD_add_response_header(response, name, colon + 1 + strspn(colon + 1, " ")) == MHD_YES;
    }
    return ok;
}

/* Takes a's body. MHD_NO closes the connection. */
static enum MHD_Result reply(struct MHD_Connection *connection, struct server_answer *a)
{
    static char nothing[] = "";
    struct MHD_Response *response = MHD_create_response_from_buffer(
        a->body == NULL ? 0 : a->body_len, a->body == NULL ? nothing : a->body,
        a->body == NULL ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
    enum MHD_Result rc = MHD_NO;

    if (response == NULL) {
        free(a->body);
        return MHD_NO;
    }
    if (add_headers(response, a))
        rc = MHD_queue_response(connection, (unsigned)a->status, response);
    MHD_destroy_response(response);
    return rc;
}

static enum MHD_Result reply_too_large(struct MHD_Connection *connection)
{
    struct server_answer a = { 0 };

    server_say(&a, MHD_HTTP_CONTENT_TOO_LARGE, "a body has at most %d bytes",
               SERVER_BODY_MAX_BYTES);
    return reply(connection, &a);
}

/* ---- requests ---- */

static bool says_far_too_large(struct MHD_Connection *connection)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    int64_t n;

    return text != NULL && !str_to_i64(text, 0, DISCARD_MAX_BYTES, &n);
}

static enum MHD_Result begin(struct MHD_Connection *connection, void **ret)
{
    struct exchange *e;

    if (says_far_too_large(connection))
        return reply_too_large(connection); /* before a byte of it is read */
    e = calloc(1, sizeof(*e));
    if (e == NULL)
        return MHD_NO;
    buf_init(&e->body, SERVER_BODY_MAX_BYTES);
    *ret = e;
    return MHD_YES;
}

/* The rest of a body that is too large is read, but not for ever: a connection that is closed with
 * data unread is reset, and the client would never see the answer. */
static enum MHD_Result take(struct exchange *e, const char *data, size_t *len)
{
    if (!buf_add(&e->body, data, *len))
        e->discarded_bytes += *len;
    *len = 0;
    return e->discarded_bytes <= DISCARD_MAX_BYTES ? MHD_YES : MHD_NO;
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **state)
{
    struct server *s = arg;
    struct exchange *e = *state;
    struct server_answer a = { 0 };
    struct server_request r = { .method = method, .path = url, .connection = connection };

    (void)version;
    if (e == NULL)
        return begin(connection, state);
    if (*len > 0)
        return take(e, data, len);
    if (e->body.failed)
        return reply_too_large(connection);
    r.accept = or_empty(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept"));
    r.body = buf_str(&e->body);
    r.body_len = e->body.len;
    s->fn(s->arg, &r, &a);
    if (a.status == 0)
        server_say(&a, MHD_HTTP_INTERNAL_SERVER_ERROR, "no answer was made for this request");
    return reply(connection, &a);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct exchange *e = *state;

    (void)arg;
    (void)connection;
    (void)how;
    if (e != NULL)
        buf_done(&e->body);
    free(e);
    *state = NULL;
}

/* ---- the loop ---- */

static unsigned connections(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info == NULL ? 0 : info->num_connections;
}

/* At its limit libmicrohttpd stops to listen, and begins again only in the run after the one that
 * closed a connection; nothing would start that run. */
static void turn(struct server *s)
{
    MHD_UNSIGNED_LONG_LONG left_ms;
    bool full;

    do {
        full = connections(s->daemon) >= SERVER_CONNECTIONS_MAX;
        MHD_run(s->daemon);
    } while (full && connections(s->daemon) < SERVER_CONNECTIONS_MAX);
    if (MHD_get_timeout(s->daemon, &left_ms) == MHD_YES)
        event_timer_start(s->due, (int64_t)left_ms, 0);
    else
        event_timer_stop(s->due);
}

static void on_due(void *arg)
{
    turn(arg);
}

static void on_ready(void *arg, unsigned ready)
{
    (void)ready;
    turn(arg);
}

static struct MHD_Daemon *daemon_new(struct server *s, int fd)
{
    return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET,
                            fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS_MAX,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE_TIMEOUT_S,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_END);
}

struct server *server_start(struct event_loop *loop, const char *listen, server_fn *fn, void *arg,
                            struct err *err)
{
    struct server *s = calloc(1, sizeof(*s));
    const union MHD_DaemonInfo *info = NULL;
    int fd = s == NULL ? -1 : listen_open(listen, &s->port, err);

    if (s == NULL)
        err_set(err, ERR_INTERNAL, "no memory for the server");
    if (fd < 0) {
        free(s);
        return NULL;
    }
    s->fn = fn;
    s->arg = arg;
    s->due = event_timer_new(loop, on_due, s);
    s->daemon = daemon_new(s, fd); /* has fd now; one that fails may have closed it or not */
    if (s->daemon != NULL)
        info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info != NULL)
        s->ready = event_fd_start(loop, info->epoll_fd, EVENT_READ, on_ready, s);
    if (s->due == NULL || s->ready == NULL) {
        server_stop(s);
        err_set(err, ERR_INTERNAL, "cannot set the server up");
        return NULL;
    }
    turn(s); /* from here on it listens */
    return s;
}

int server_port(const struct server *s)
{
    return s->port;
}

void server_stop(struct server *s)
{
    if (s == NULL)
        return;
    event_fd_stop(s->ready); /* before its file descriptor is closed */
    if (s->daemon != NULL)
        MHD_stop_daemon(s->daemon);
    event_timer_free(s->due);
    free(s);
}

#include "common/connect/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/list.h"
#include "common/base/str.h"
#include "common/connect/http_call.h"
#include "common/connect/http_pool.h"
#include "common/connect/resolve.h"
#include "common/event/event.h"

#define STARTS_PER_TURN 128  /* connects of one turn of the loop: a few milliseconds */
#define IDLE_CALLS_MAX  1024 /* 6 KB each with its easy handle; after a peak the rest goes */

struct http {
    struct event_loop *loop;
    struct pool *pool;
    struct resolver *resolver;
    struct event_timer *tick; /* calls to start, or to end without having started */
    struct http_config config;
    char *user_agent, *ca_file;
    bool proxied; /* a proxy may stand between: its name is the one that must be known */
    /* The states of a call. */
    struct list resolving; /* its host is looked up */
    struct list ready;     /* starts, or ends without, at the next tick */
    struct list running;   /* libcurl has it */
    struct list cancelled; /* libcurl has it, and could not be told yet */
    struct list idle;      /* to be used again */
    unsigned telling_n;    /* done callbacks under way */
    bool dying;            /* http_free came from inside one */
};

static void call_move(struct http_call *call, struct list *to)
{
    if (call->in != NULL)
        list_remove(call->in, &call->node);
    call->in = to;
    if (to != NULL)
        list_push(to, &call->node);
}

static void call_recycle(struct http *h, struct http_call *call)
{
    call_move(call, NULL);
    if (h->idle.n >= IDLE_CALLS_MAX || !http_call_clear(call)) {
        http_call_free(call);
        return;
    }
    call->http = h;
    call_move(call, &h->idle);
}

static struct http_call *call_take(struct http *h)
{
    struct list_node *node = list_first(&h->idle);
    struct http_call *call =
        node != NULL ? list_entry(node, struct http_call, node) : http_call_new();

    if (call == NULL)
        return NULL;
    call_move(call, NULL);
    call->http = h;
    return call;
}

/* ---- the end of a call ---- */

static void destroy(struct http *h);

/* h may be gone when this returns. */
static void call_tell(struct http_call *call, const struct http_answer *answer,
                      const struct err *err)
{
    struct http *h = call->http;

    call_move(call, NULL);
    h->telling_n++;
    call->done(call->arg, answer, err);
    h->telling_n--;
    call_recycle(h, call);
    if (h->dying && h->telling_n == 0)
        destroy(h);
}

static void on_ended(void *arg, void *easy, int result)
{
    struct http *h = arg;
    struct http_call *call = NULL;
    struct http_answer answer;
    struct err err = { .kind = ERR_NONE };

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
    if (call->in == &h->cancelled) {
        call_recycle(h, call);
        return;
    }
    http_call_answer(call, result, event_now_ms(h->loop), &answer, &err);
    call_tell(call, &answer, &err);
}

static void call_tell_not_started(struct http_call *call)
{
    struct http *h = call->http;
    struct http_answer answer = { .failure = HTTP_NOT_SENT, .body = "" };
    struct err err;

    answer.duration_ms = event_now_ms(h->loop) - call->started_ms;
    err_set(&err, call->start_kind, "%s", call->error);
    call_tell(call, &answer, &err);
}

static void call_cannot_start(struct http_call *call, enum err_kind kind, const char *what)
{
    call->start_kind = kind;
    str_copy(call->error, sizeof(call->error), what);
}

/* ---- the start ---- */

static void call_launch(struct http *h, struct http_call *call)
{
    struct sockets *sockets = call->start_kind == ERR_NONE ? pool_pick(h->pool) : NULL;

    if (sockets != NULL && sockets_add(sockets, call->easy)) {
        call->sockets = sockets;
        call_move(call, &h->running);
        return;
    }
    if (call->start_kind == ERR_NONE)
        call_cannot_start(call, ERR_INTERNAL, "no memory for a transfer");
    call_tell_not_started(call);
}

static void sweep_cancelled(struct http *h)
{
    struct list_node *node;

    while ((node = list_first(&h->cancelled)) != NULL) {
        struct http_call *call = list_entry(node, struct http_call, node);

        sockets_remove(call->sockets, call->easy);
        call_recycle(h, call);
    }
}

/* Everything that http_start and http_cancel left for later. A callback may end h, so it counts as
 * one itself until the last look at h. */
static void on_tick(void *arg)
{
    struct http *h = arg;
    struct list_node *node;

    sweep_cancelled(h);
    h->telling_n++;
    for (size_t n = 0; n < STARTS_PER_TURN && (node = list_first(&h->ready)) != NULL; n++)
        call_launch(h, list_entry(node, struct http_call, node));
    pool_turn(h->pool);
    if (h->ready.n > 0)
        event_timer_start(h->tick, 0, 0);
    h->telling_n--;
    if (h->dying)
        destroy(h);
}

static void call_is_ready(struct http_call *call)
{
    struct http *h = call->http;

    call_move(call, &h->ready);
    if (!event_timer_active(h->tick))
        event_timer_start(h->tick, 0, 0);
}

/* With a proxy between, only the proxy may know the name: libcurl then does as it does. */
static void call_use_addresses(struct http_call *call, const char *target,
                               const struct resolver_answer *answer, const struct err *err)
{
    char what[HTTP_ERROR_BYTES];

    if (answer->n > 0) {
        if (!http_call_set_addresses(call, target, answer))
            call_cannot_start(call, ERR_INTERNAL, "no memory for a request");
    } else if (!call->http->proxied && err != NULL) {
        call_cannot_start(call, err->kind, err->msg);
    } else if (!call->http->proxied) {
        snprintf(what, sizeof(what), "no such host: %.*s", (int)strcspn(target, ":"), target);
        call_cannot_start(call, ERR_UNREACHABLE, what);
    }
}

static void on_resolved(void *arg, const struct resolver_answer *answer, const struct err *err)
{
    struct http_call *call = arg;

    call->query = NULL;
    call_use_addresses(call, call->target, answer, err);
    http_call_set_time_left(call, event_now_ms(call->http->loop));
    call_is_ready(call);
}

/* Lets no call reach libcurl with a name it does not know the addresses of: it would start a thread
 * for each. */
static int call_gate(struct http_call *call, const struct http_target *target, struct err *err)
{
    struct http *h = call->http;
    struct resolver_answer answer;
    char text[RESOLVE_HOST_BYTES + 8];

    snprintf(text, sizeof(text), "%s:%d", target->host, target->port);
    if (resolver_known(h->resolver, target->host, &answer)) {
        call_use_addresses(call, text, &answer, NULL);
        call_is_ready(call);
        return 0;
    }
    call->target = str_dup(text);
    if (call->target != NULL)
        call->query =
            resolver_lookup(h->resolver, target->host, RESOLVE_KEEP_MS, on_resolved, call);
    if (call->query == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a request");
    call_move(call, &h->resolving);
    return 0;
}

struct http_call *http_start(struct http *h, const struct http_request *request, http_done_fn *done,
                             void *arg, struct err *err)
{
    struct http_target target;
    struct http_call *call;

    if (http_target_parse(request->url, &target, err) != 0)
        return NULL;
    call = call_take(h);
    if (call == NULL) {
        err_set(err, ERR_INTERNAL, "no memory for a request");
        return NULL;
    }
    call->done = done;
    call->arg = arg;
    call->started_ms = event_now_ms(h->loop);
    if (http_call_prepare(call, request, &h->config, err) != 0) {
        call_recycle(h, call);
        return NULL;
    }
    if (!target.name || request->resolve != NULL) {
        call_is_ready(call);
    } else if (call_gate(call, &target, err) != 0) {
        call_recycle(h, call);
        return NULL;
    }
    return call;
}

void http_cancel(struct http_call *call)
{
    struct http *h;

    if (call == NULL || call->in == NULL) /* in no list: it is being told of its end */
        return;
    h = call->http;
    if (call->in == &h->running && sockets_busy(call->sockets)) {
        call->refused = true; /* from inside some let(): libcurl takes nothing back now */
        call_move(call, &h->cancelled);
        event_timer_start(h->tick, 0, 0);
        return;
    }
    resolver_cancel(call->query);
    if (call->in == &h->running)
        sockets_remove(call->sockets, call->easy);
    call_recycle(h, call);
}

size_t http_active(const struct http *h)
{
    return h->resolving.n + h->ready.n + h->running.n;
}

struct resolver *http_resolver(struct http *h)
{
    return h->resolver;
}

/* ---- the whole ---- */

static bool has_proxy(void)
{
    static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                         "ALL_PROXY" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);

        if (value != NULL && value[0] != '\0')
            return true;
    }
    return false;
}

static void lists_init(struct http *h)
{
    list_init(&h->resolving);
    list_init(&h->ready);
    list_init(&h->running);
    list_init(&h->cancelled);
    list_init(&h->idle);
}

static bool config_copy(struct http *h, const struct http_config *config)
{
    h->user_agent = str_dup(config->user_agent);
    h->ca_file = str_dup(config->ca_file);
    h->config = *config;
    h->config.user_agent = h->user_agent;
    h->config.ca_file = h->ca_file;
    return (h->user_agent != NULL || config->user_agent == NULL) &&
           (h->ca_file != NULL || config->ca_file == NULL);
}

struct http *http_new(struct event_loop *loop, const struct http_config *config, struct err *err)
{
    struct http *h = calloc(1, sizeof(*h));

    if (h == NULL) {
        err_set(err, ERR_INTERNAL, "no memory for the HTTP engine");
        return NULL;
    }
    h->loop = loop;
    h->proxied = has_proxy();
    lists_init(h);
    h->tick = event_timer_new(loop, on_tick, h);
    h->resolver = resolver_new(loop, config->ask);
    h->pool = pool_new(loop, config->max_idle, on_ended, h);
    if (!config_copy(h, config) || h->tick == NULL || h->resolver == NULL || h->pool == NULL) {
        destroy(h);
        err_set(err, ERR_INTERNAL, "cannot set the HTTP engine up");
        return NULL;
    }
    return h;
}

static void destroy(struct http *h)
{
    struct list_node *node;

    while ((node = list_first(&h->idle)) != NULL) {
        struct http_call *call = list_entry(node, struct http_call, node);

        call_move(call, NULL);
        http_call_free(call);
    }
    pool_free(h->pool);
    resolver_free(h->resolver);
    event_timer_free(h->tick);
    free(h->user_agent);
    free(h->ca_file);
    free(h);
}

void http_free(struct http *h)
{
    struct list_node *node;

    if (h == NULL)
        return;
    sweep_cancelled(h);
    while ((node = list_first(&h->resolving)) != NULL || (node = list_first(&h->ready)) != NULL ||
           (node = list_first(&h->running)) != NULL)
        http_cancel(list_entry(node, struct http_call, node));
    if (h->telling_n > 0)
        h->dying = true;
    else
        destroy(h);
}

#include "common/connect/resolve.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/base/list.h"
#include "common/base/str.h"
#include "common/event/event.h"

struct host {
    UT_hash_handle hh;
    char name[RESOLVE_HOST_BYTES];
    struct list_node queued; /* waits for a helper thread */
    struct job *job;         /* on a helper thread now */
    size_t queries_n;        /* while there are any, the host stays */
    char (*address)[RESOLVE_ADDRESS_BYTES];
    size_t n;
    bool answered, failed; /* ever; the last time */
    struct err err;        /* of the last failure */
    int64_t answered_ms, failed_ms, used_ms;
};

struct resolver {
    struct event_loop *loop;
    resolver_ask_fn *ask;
    struct host *hosts;        /* by name */
    struct list queue;         /* hosts that wait for a helper thread */
    size_t running_n;          /* helper threads in use */
    struct list waiting;       /* queries, the oldest first */
    struct list ready;         /* queries that can be told */
    struct list told;          /* freed at the end of the round */
    struct event_timer *turn;  /* tells the ready ones, when no look-up has just ended */
    struct event_timer *bound; /* the oldest waiting query has waited long enough */
    bool telling;
    bool dying; /* resolver_free came from inside a resolver_fn */
};

struct resolver_query {
    struct resolver *r;
    struct list_node node;
    struct list *in;
    struct host *host;
    resolver_fn *fn;
    void *arg;
    int64_t bound_ms;
    bool failed, timed_out;
};

/* The helper thread touches only what follows `ask`. */
struct job {
    struct resolver *r; /* NULL: freed meanwhile */
    struct host *host;
    resolver_ask_fn *ask;
    char name[RESOLVE_HOST_BYTES];
    struct resolver_found found;
    struct err err;
    int rc;
};

/* ---- hosts ---- */

static bool host_idle(const struct host *host)
{
    return host->job == NULL && host->queries_n == 0 && !list_linked(&host->queued);
}

static void host_free(struct host *host)
{
    free(host->address);
    free(host);
}

static void hosts_make_room(struct resolver *r)
{
    struct host *oldest = NULL;

    if (HASH_COUNT(r->hosts) < RESOLVE_HOSTS_MAX)
        return;
    for (struct host *host = r->hosts; host != NULL; host = host->hh.next)
        if (host_idle(host) && (oldest == NULL || host->used_ms < oldest->used_ms))
            oldest = host;
    if (oldest == NULL)
        return;
    HASH_DEL(r->hosts, oldest);
    host_free(oldest);
}

static bool host_name(char name[RESOLVE_HOST_BYTES], const char *text)
{
    bool whole = str_copy(name, RESOLVE_HOST_BYTES, text);

    for (char *p = name; *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    return whole;
}

static struct host *host_find(struct resolver *r, const char *text)
{
    char name[RESOLVE_HOST_BYTES];
    struct host *host = NULL;

    if (host_name(name, text))
        HASH_FIND_STR(r->hosts, name, host);
    return host;
}

static struct host *host_find_or_make(struct resolver *r, const char *text)
{
    struct host *host = host_find(r, text);

    if (host != NULL)
        return host;
    hosts_make_room(r);
    host = calloc(1, sizeof(*host));
    if (host == NULL)
        return NULL;
    /* One that is too long is cut: no such name exists, and the system will say so. */
    host_name(host->name, text);
    HASH_ADD_STR(r->hosts, name, host);
    if (host->hh.tbl != NULL)
        return host;
    free(host);
    return NULL;
}

static int64_t host_age_ms(const struct host *host, int64_t now_ms)
{
    return host->answered ? now_ms - host->answered_ms : INT64_MAX;
}

/* A name without an address is asked for again soon: its pods may just be starting. */
static bool host_fresh(const struct host *host, int64_t max_age_ms, int64_t now_ms)
{
    int64_t keep_ms = host->n > 0 ? RESOLVE_KEEP_MS : RESOLVE_AGAIN_MS;

    return host_age_ms(host, now_ms) < (max_age_ms < keep_ms ? max_age_ms : keep_ms);
}

static struct resolver_answer host_answer(const struct host *host, int64_t now_ms)
{
    return (struct resolver_answer){ .address = (const char(*)[RESOLVE_ADDRESS_BYTES])host->address,
                                     .n = host->n,
                                     .age_ms = host_age_ms(host, now_ms) };
}

/* ---- queries ---- */

static void query_move(struct resolver_query *q, struct list *to)
{
    if (q->in != NULL)
        list_remove(q->in, &q->node);
    q->in = to;
    if (to != NULL)
        list_push(to, &q->node);
}

static void query_free(struct resolver_query *q)
{
    query_move(q, NULL);
    q->host->queries_n--;
    free(q);
}

static void queries_free(struct list *queries)
{
    struct list_node *next;

    for (struct list_node *node = list_first(queries); node != NULL; node = next) {
        next = list_next(queries, node);
        free(list_entry(node, struct resolver_query, node));
    }
    list_init(queries);
}

static void query_tell(struct resolver_query *q)
{
    int64_t now_ms = event_now_ms(q->r->loop);
    struct resolver_answer answer = host_answer(q->host, now_ms);
    struct err err = q->host->err;

    query_move(q, NULL);
    if (q->timed_out)
        err_set(&err, ERR_UNREACHABLE, "cannot look up %s: no answer within %d ms", q->host->name,
                RESOLVE_WAIT_MS);
    if (q->failed && answer.age_ms >= RESOLVE_STALE_MS)
        answer.n = 0;
    q->fn(q->arg, &answer, q->failed ? &err : NULL);
    q->host->queries_n--;
    query_move(q, &q->r->told);
}

/* r may be gone when this returns. */
static void on_turn(void *arg)
{
    struct resolver *r = arg;
    struct list_node *node;

    r->telling = true;
    for (size_t n = r->ready.n; n > 0 && (node = list_first(&r->ready)) != NULL; n--)
        query_tell(list_entry(node, struct resolver_query, node));
    r->telling = false;
    queries_free(&r->told);
    if (r->dying)
        resolver_free(r);
    else if (r->ready.n > 0)
        event_timer_start(r->turn, 0, 0);
}

static void bound_start(struct resolver *r)
{
    struct list_node *first = list_first(&r->waiting);
    int64_t left_ms;

    event_timer_stop(r->bound);
    if (first == NULL)
        return;
    left_ms = list_entry(first, struct resolver_query, node)->bound_ms - event_now_ms(r->loop);
    event_timer_start(r->bound, left_ms > 0 ? left_ms : 0, 0);
}

static void query_settle(struct resolver_query *q, bool failed, bool timed_out)
{
    q->failed = failed;
    q->timed_out = timed_out;
    query_move(q, &q->r->ready);
    event_timer_start(q->r->turn, 0, 0);
}

static void on_bound(void *arg)
{
    struct resolver *r = arg;
    struct list_node *node;
    int64_t now_ms = event_now_ms(r->loop);

    while ((node = list_first(&r->waiting)) != NULL) {
        struct resolver_query *q = list_entry(node, struct resolver_query, node);

        if (q->bound_ms > now_ms)
            break;
        query_settle(q, true, true);
    }
    bound_start(r);
}

/* ---- look-ups ---- */

static void host_settle(struct resolver *r, struct host *host)
{
    struct list_node *node = list_first(&r->waiting);

    while (node != NULL) {
        struct resolver_query *q = list_entry(node, struct resolver_query, node);

        node = list_next(&r->waiting, node);
        if (q->host == host)
            query_settle(q, host->failed, false);
    }
}

static void host_failed(struct host *host, const struct err *err, int64_t now_ms)
{
    host->failed = true;
    host->failed_ms = now_ms;
    host->err = *err;
}

static void host_take(struct host *host, const struct resolver_found *found, int64_t now_ms)
{
    size_t bytes = found->n * sizeof(found->address[0]);
    char(*address)[RESOLVE_ADDRESS_BYTES] = malloc(bytes + 1);
    struct err err;

    if (address == NULL) {
        err_set(&err, ERR_INTERNAL, "no memory for the addresses of %s", host->name);
        host_failed(host, &err, now_ms);
        return;
    }
    memcpy(address, found->address, bytes);
    free(host->address);
    host->address = address;
    host->n = found->n;
    host->answered = true;
    host->failed = false;
    host->answered_ms = now_ms;
}

static void work(void *arg)
{
    struct job *job = arg;

    job->rc = job->ask(job->name, &job->found, &job->err);
}

static void pump(struct resolver *r);

static void on_work_done(void *arg)
{
    struct job *job = arg;
    struct resolver *r = job->r;

    if (r != NULL) {
        r->running_n--;
        job->host->job = NULL;
        if (job->rc == 0)
            host_take(job->host, &job->found, event_now_ms(r->loop));
        else
            host_failed(job->host, &job->err, event_now_ms(r->loop));
        host_settle(r, job->host);
        bound_start(r);
        pump(r);
        event_timer_stop(r->turn);
        on_turn(r); /* last: it runs what users do */
    }
    free(job);
}

static void job_start(struct resolver *r, struct host *host)
{
    struct job *job = calloc(1, sizeof(*job));
    struct err err;

    if (job != NULL) {
        *job = (struct job){ .r = r, .host = host, .ask = r->ask };
        str_copy(job->name, sizeof(job->name), host->name);
    }
    if (job == NULL || event_work(r->loop, work, on_work_done, job) != 0) {
        free(job);
        err_set(&err, ERR_INTERNAL, "cannot look up %s: no memory", host->name);
        host_failed(host, &err, event_now_ms(r->loop));
        host_settle(r, host);
        return;
    }
    host->job = job;
    r->running_n++;
}

static void pump(struct resolver *r)
{
    struct list_node *node;

    while (r->running_n < RESOLVE_AT_ONCE && (node = list_pop(&r->queue)) != NULL)
        job_start(r, list_entry(node, struct host, queued));
}

static bool host_failed_just_now(const struct host *host, int64_t now_ms)
{
    return host->failed && now_ms - host->failed_ms < RESOLVE_AGAIN_MS;
}

static void host_ask(struct resolver *r, struct host *host)
{
    if (host->job != NULL || list_linked(&host->queued))
        return;
    list_push(&r->queue, &host->queued);
    pump(r);
}

/* ---- what others call ---- */

bool resolver_known(struct resolver *r, const char *name, struct resolver_answer *ret)
{
    int64_t now_ms = event_now_ms(r->loop);
    struct host *host = host_find(r, name);

    if (host == NULL || !host_fresh(host, RESOLVE_KEEP_MS, now_ms))
        return false;
    host->used_ms = now_ms;
    if (host_age_ms(host, now_ms) >= RESOLVE_AHEAD_MS && !host_failed_just_now(host, now_ms))
        host_ask(r, host);
    *ret = host_answer(host, now_ms);
    return true;
}

struct resolver_query *resolver_lookup(struct resolver *r, const char *name, int64_t max_age_ms,
                                       resolver_fn *fn, void *arg)
{
    int64_t now_ms = event_now_ms(r->loop);
    struct host *host = host_find_or_make(r, name);
    struct resolver_query *q = host == NULL ? NULL : calloc(1, sizeof(*q));

    if (q == NULL)
        return NULL;
    *q = (struct resolver_query){ .r = r, .host = host, .fn = fn, .arg = arg };
    q->bound_ms = now_ms + RESOLVE_WAIT_MS;
    host->queries_n++;
    host->used_ms = now_ms;
    if (host_fresh(host, max_age_ms, now_ms)) {
        query_settle(q, false, false);
    } else if (host_failed_just_now(host, now_ms)) {
        query_settle(q, true, false);
    } else {
        query_move(q, &r->waiting);
        if (r->waiting.n == 1)
            bound_start(r);
        host_ask(r, host);
    }
    return q;
}

void resolver_cancel(struct resolver_query *q)
{
    if (q != NULL && q->in != NULL) /* in no list: it is being told */
        query_free(q);
}

struct resolver *resolver_new(struct event_loop *loop, resolver_ask_fn *ask)
{
    struct resolver *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->loop = loop;
    r->ask = ask == NULL ? resolver_ask_system : ask;
    list_init(&r->queue);
    list_init(&r->waiting);
    list_init(&r->ready);
    list_init(&r->told);
    r->turn = event_timer_new(loop, on_turn, r);
    r->bound = event_timer_new(loop, on_bound, r);
    if (r->turn == NULL || r->bound == NULL) {
        event_timer_free(r->turn);
        event_timer_free(r->bound);
        free(r);
        return NULL;
    }
    return r;
}

void resolver_free(struct resolver *r)
{
    struct host *host, *next;

    if (r == NULL)
        return;
    queries_free(&r->waiting);
    queries_free(&r->ready);
    if (r->telling) {
        r->dying = true;
        return;
    }
    host = r->hosts;
    HASH_CLEAR(hh, r->hosts); /* the table; its members are still chained */
    for (; host != NULL; host = next) {
        next = host->hh.next;
        if (host->job != NULL)
            host->job->r = NULL;
        host_free(host);
    }
    event_timer_free(r->turn);
    event_timer_free(r->bound);
    free(r);
}

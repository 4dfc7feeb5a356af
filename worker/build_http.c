#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/connect/http.h"
#include "common/event/event.h"
#include "worker/ask.h"
#include "worker/builds.h"
#include "worker/key.h"
#include "worker/meters.h"
#include "worker/replicas.h"
#include "worker/worker.h"

/* A call's context: the work may be gone when the answer comes only if it was cancelled, and then
 * the engine does not call back. */
struct call {
    struct worker *w;
    struct work *work;
    struct target *target;
    const char *route;
    builds_answer_fn *on_answer;
};

/* Asked when the POST is about to be written: once, only while the partition is ours, and only on a
 * claim that was sent at most 5 s ago on a clock that goes on while the process is frozen. So
 * neither a frozen process nor libcurl's retry on a dying connection can POST twice. */
static bool let(void *arg)
{
    const struct call *c = arg;
    struct attempt *a = &c->work->attempt;

    if (a->let || !part_holds(c->work->req) || c->w->mode != RUN_NORMAL ||
        clock_boot_ms() - a->claimed_ms > CLAIM_TO_POST_MAX_MS)
        return false;
    a->let = true;
    return true;
}

static void on_answer(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct call c = *(struct call *)arg;

    (void)err;
    free(arg);
    c.work->call = NULL;
    c.work->call_arg = NULL;
    meters_request(c.w, c.target, c.route, answer);
    c.on_answer(c.w, c.work, answer);
}

/* The texts of a request's headers, and the list that the engine takes. */
struct headers {
    char key[KEY_HEADER_BYTES];
    char correlation[96];
    char cookie[COOKIE_HEADER_BYTES];
    const char *list[5];
    size_t n;
};

/* An attempt's own; a question that belongs to no attempt goes where its answer is counted. */
static const char *cookies_of(const struct work *work, const struct build_request *r)
{
    if (r->with_cookies)
        return work->attempt.cookies;
    return r->anonymous || !uuid_is_nil(&work->attempt.id) ? NULL : r->target->cookies;
}

static void make_headers(struct headers *h, const struct worker *w, const struct work *work,
                         const struct build_request *r)
{
    const char *cookies = cookies_of(work, r);
    char id[UUID_TEXT_BYTES];

    h->n = 0;
    if (!r->anonymous) {
        key_header(w, h->key);
        h->list[h->n++] = h->key;
    }
    if (!uuid_is_nil(&work->attempt.id)) {
        snprintf(h->correlation, sizeof(h->correlation), "X-Correlation-ID: %s",
                 uuid_format(&work->attempt.id, id));
        h->list[h->n++] = h->correlation;
    }
    if (cookies != NULL) {
        snprintf(h->cookie, sizeof(h->cookie), "Cookie: %s", cookies);
        h->list[h->n++] = h->cookie;
    }
    h->list[h->n] = NULL;
}

void builds_request(struct worker *w, struct work *work, const struct build_request *r)
{
    struct call *c = malloc(sizeof(*c));
    struct headers headers;
    struct err err;

    if (c == NULL) {
        worker_exit(w, 1);
        return;
    }
    *c = (struct call){
        .w = w, .work = work, .target = r->target, .route = r->route, .on_answer = r->on_answer
    };
    make_headers(&headers, w, work, r);
    work->call =
        http_start(w->http,
                   &(struct http_request){ .method = r->method,
                                           .url = r->url,
                                           .resolve = target_resolve(r->target),
                                           .headers = headers.list,
                                           .body = r->body,
                                           .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                           .timeout_ms = (int)r->timeout_ms,
                                           .max_body_bytes = r->page ? PAGE_REPLY_KEEP_BYTES
                                                                     : API_REPLY_MAX_BYTES,
                                           .cut_is_error = !r->page,
                                           .let = r->guarded ? let : NULL },
                   on_answer, c, &err);
    work->call_arg = c;
    if (work->call == NULL) {
        work->call_arg = NULL;
        free(c);
        log_error("http.not_started", NULL, "%s", err.msg);
        worker_exit(w, 1);
    }
}

static void on_later(void *arg)
{
    struct work *work = arg;

    work->later(work->worker, work);
}

void builds_later(struct worker *w, struct work *work, int64_t delay_ms, builds_later_fn *fn)
{
    work->worker = w;
    work->later = fn;
    if (work->timer == NULL)
        work->timer = event_timer_new(w->loop, on_later, work);
    if (work->timer == NULL) {
        worker_exit(w, 1);
        return;
    }
    event_timer_start(work->timer, delay_ms, 0);
}

bool builds_judge_target(struct worker *w, struct target *target, const struct api_verdict *v)
{
    if (v->connection_failed)
        replicas_failed(w, target, v->msg);
    else if (v->http_status != 0)
        replicas_answered(w, target);
    if (v->slow_down)
        replicas_slow_down(w, target, v->msg);
    if (v->what == API_KEY_REFUSED)
        key_refused(w, target);
    return v->what == API_KEY_REFUSED;
}

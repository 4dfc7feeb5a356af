#include "worker/replicas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/connect/http.h"
#include "common/event/event.h"
#include "common/ledger/columns.h"
#include "common/ledger/db.h"
#include "worker/ask.h"
#include "worker/claims.h"
#include "worker/discovery.h"
#include "worker/front.h"
#include "worker/key.h"
#include "worker/meters.h"
#include "worker/sql.h"
#include "worker/worker.h"

/* REGISTER_AGAIN_MS: after a claimer held a row for too long, or the list does not fit the
 * ledger's; until it is in, no builds start. */
#define FASTER_EVERY_MS   30000 /* one slot more at a time, well after the halving it follows */
#define PROBE_TIMEOUT_MS  10000
#define REGISTER_AGAIN_MS 5000

int replicas_load(struct worker *w, struct err *err)
{
    struct replica_address *list = NULL;
    size_t n = 0;
    bool dns = false;
    int rc = -1;

    if (shared_replicas(&w->config->shared, &list, &n, &dns, err) != 0)
        return -1;
    if (dns) {
        rc = discovery_init(w, list[0].url, err);
        goto out;
    }
    if (n == 1 && !list[0].named) {
        rc = front_init(w, list[0].name, list[0].url, err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        struct target *t = targets_need(&w->targets, list[i].name, list[i].url);

        if (t == NULL) {
            err_set(err, ERR_CONFIG, "replicas: more than %d", REPLICAS_MAX);
            goto out;
        }
        t->configured = true;
    }
    rc = 0;
out:
    free(list);
    return rc;
}

static void on_registered(void *arg, const struct db_reply *reply, const struct err *err,
                          const char *sqlstate)
{
    struct worker *w = arg;

    (void)reply;
    if (err != NULL) {
        w->register_again_ms = event_now_ms(w->loop) + REGISTER_AGAIN_MS;
        log_error("replica.register", LOG_FIELDS(LOG_S("sqlstate", sqlstate)), "%s", err->msg);
    } else {
        ask_kick(w);
    }
}

void replicas_register(struct worker *w)
{
    struct db_unit *unit = db_unit_new();
    double rate = w->config->shared.replica_start_rate;
    char interval[32];
    struct columns c;
    bool good;

    snprintf(interval, sizeof(interval), "%.3f", rate > 0 ? 1000.0 / rate : 0.0);
    columns_open(&c, 4);
    for (size_t i = 0; i < w->targets.n; i++) {
        const struct target *t = &w->targets.items[i];

        if (!t->configured)
            continue;
        columns_text(&c, 0, t->name);
        columns_text(&c, 1, t->url);
        columns_int(&c, 2, w->config->shared.replica_max_inflight);
        columns_text(&c, 3, interval);
    }
    good = columns_close(&c) && unit != NULL;
    if (good) {
        db_unit_transaction(unit);
        db_add(unit, SQL_REPLICA_REGISTER, 4, c.params);
        checkpoint("ledger.register");
        good = db_submit(w->db, unit, on_registered, w) == 0;
    }
    columns_done(&c);
    if (!good)
        worker_exit(w, 1);
}

void replicas_failed(struct worker *w, struct target *t, const char *why)
{
    bool closed = breaker_closed(&t->breaker);

    breaker_failure(&t->breaker, event_now_ms(w->loop));
    if (closed && !breaker_closed(&t->breaker))
        log_warn("replica.breaker_open", LOG_FIELDS(LOG_S("replica", t->name)),
                 "no builds go to this replica until it answers a probe: %s", why);
    meters_replica(w, t);
}

static void usable_again(struct worker *w, struct target *t)
{
    meters_replica(w, t);
    claims_kick(w);
    ask_kick(w);
}

void replicas_answered(struct worker *w, struct target *t)
{
    bool closed = breaker_closed(&t->breaker);

    breaker_success(&t->breaker);
    if (closed)
        return;
    log_info("replica.breaker_closed", LOG_FIELDS(LOG_S("replica", t->name)),
             "the replica answers again");
    usable_again(w, t);
}

static void on_limit(void *arg, const struct db_reply *reply, const struct err *err,
                     const char *sqlstate)
{
    struct target *t = arg;

    (void)sqlstate;
    if (err != NULL || db_rows(reply, 0) == 0)
        return;
    t->limit = (int)db_int(reply, 0, 0, 0);
    log_warn("replica.limit_lowered",
             LOG_FIELDS(LOG_S("replica", t->name), LOG_I("limit", t->limit)),
             "the replica is overloaded; its limit is now %d", t->limit);
}

void replicas_slow_down(struct worker *w, struct target *t, const char *why)
{
    int64_t now = event_now_ms(w->loop);
    struct db_unit *unit;
    char once[24];
    const char *params[2] = { t->name, once };

    if (t->slowed_at_ms != 0 && now - t->slowed_at_ms < AIMD_ONCE_MS)
        return;
    t->slowed_at_ms = now;
    log_debug("replica.slow_down", LOG_FIELDS(LOG_S("replica", t->name)), "%s", why);
    snprintf(once, sizeof(once), "%d", AIMD_ONCE_MS);
    unit = db_unit_new();
    if (unit == NULL)
        return;
    db_add(unit, SQL_REPLICA_SLOWER, 2, params);
    checkpoint("ledger.slower");
    db_submit(w->facts, unit, on_limit, t);
}

/* ---- the clock ---- */

static void on_faster(void *arg, const struct db_reply *reply, const struct err *err,
                      const char *sqlstate)
{
    struct worker *w = arg;

    (void)sqlstate;
    for (size_t row = 0; err == NULL && row < db_rows(reply, 0); row++)
        log_info("replica.limit_raised",
                 LOG_FIELDS(LOG_S("replica", db_text(reply, 0, row, 0)),
                            LOG_I("limit", db_int(reply, 0, row, 1))),
                 "the replica keeps up; its limit is raised by one");
    if (err == NULL && db_rows(reply, 0) > 0)
        ask_kick(w);
}

static void step_up(struct worker *w)
{
    int64_t now = event_now_ms(w->loop);
    struct columns c;
    char every[24];
    struct db_unit *unit;
    bool any = false;

    columns_open(&c, 1);
    for (size_t i = 0; i < w->targets.n; i++) {
        const struct target *t = &w->targets.items[i];

        if (!target_usable(t) || t->limit >= t->max_inflight ||
            (t->slowed_at_ms != 0 && now - t->slowed_at_ms < FASTER_EVERY_MS))
            continue;
        any = true;
        columns_text(&c, 0, t->name);
    }
    snprintf(every, sizeof(every), "%d", FASTER_EVERY_MS);
    if (columns_close(&c) && any && db_is_up(w->facts) && (unit = db_unit_new()) != NULL) {
        columns_value(&c, every);
        db_add(unit, SQL_REPLICA_FASTER, c.params_n, c.params);
        checkpoint("ledger.faster");
        db_submit(w->facts, unit, on_faster, w);
    }
    columns_done(&c);
}

struct probe {
    struct worker *w;
    struct target *target;
};

/* Something answers at the address; is it Connect? Until it is, no key is sent there. */
static bool is_connect(struct worker *w, struct target *t, const struct http_answer *answer)
{
    char hostname[256] = "", version[64] = "";
    struct api_verdict v = api_read_settings(answer, hostname, version);

    if (v.what == API_GOOD) {
        if (t->behind && !front_still(w, t, hostname, answer))
            return false;
        t->known = true;
        usable_again(w, t);
    } else if (!t->complained) {
        t->complained = true;
        log_error("replica.not_connect",
                  LOG_FIELDS(LOG_S("replica", t->name), LOG_S("url", t->url)),
                  "what answers there is not Posit Connect, so it gets no builds: %s", v.msg);
    }
    return t->known;
}

static void on_probe(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct probe p = *(struct probe *)arg;

    free(arg);
    p.target->probing = false;
    if (answer->failure != HTTP_OK)
        replicas_failed(p.w, p.target, err->msg);
    else if (is_connect(p.w, p.target, answer))
        replicas_answered(p.w, p.target);
}

/* A front is known to be Connect before there is anything behind it: the key may go there, and
 * only with it all versions tell their hostname. */
static void probe_headers(const struct worker *w, const struct target *t, char *key, char *cookie,
                          const char *headers[3])
{
    size_t n = 0;

    if (t->behind) {
        key_header(w, key);
        headers[n++] = key;
    }
    if (t->cookies != NULL) {
        snprintf(cookie, COOKIE_HEADER_BYTES, "Cookie: %s", t->cookies);
        headers[n++] = cookie;
    }
    headers[n] = NULL;
}

void replicas_probe(struct worker *w, struct target *t)
{
    char key[KEY_HEADER_BYTES], cookie[COOKIE_HEADER_BYTES];
    const char *headers[3];
    struct probe *p;
    struct buf url;
    struct err err;

    if (t->probing || (p = malloc(sizeof(*p))) == NULL)
        return;
    t->probing = true;
    *p = (struct probe){ w, t };
    buf_init(&url, 1024);
    api_url_settings(&url, t->base);
    probe_headers(w, t, key, cookie, headers);
    checkpoint("http.probe");
    if (http_start(w->http,
                   &(struct http_request){ .method = "GET",
                                           .url = buf_str(&url),
                                           .resolve = target_resolve(t),
                                           .headers = headers,
                                           .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                           .timeout_ms = PROBE_TIMEOUT_MS,
                                           .max_body_bytes = API_REPLY_MAX_BYTES },
                   on_probe, p, &err) == NULL) {
        free(p);
        t->probing = false;
        replicas_failed(w, t, err.msg);
    }
    buf_done(&url);
}

/* Time below what people set. */
static void count_throttled(struct worker *w, struct target *t, int64_t now)
{
    if (!t->active || t->limit >= t->max_inflight) {
        t->throttled_ms = 0;
        return;
    }
    if (t->throttled_ms != 0)
        meters_throttled(w, t, "slow_down", (double)(now - t->throttled_ms) / 1000.0);
    t->throttled_ms = now;
}

void replicas_tick(struct worker *w)
{
    int64_t now = event_now_ms(w->loop);

    if (w->register_again_ms != 0 && now >= w->register_again_ms && db_is_up(w->db)) {
        w->register_again_ms = 0;
        replicas_register(w);
    }

    for (size_t i = 0; i < w->targets.n; i++) {
        struct target *t = &w->targets.items[i];

        if (t->configured &&
            (breaker_wants_probe(&t->breaker, now) || (!t->known && breaker_closed(&t->breaker))))
            replicas_probe(w, t);
        count_throttled(w, t, now);
    }
    step_up(w);
}

void replicas_changed(struct worker *w)
{
    replicas_register(w);
    replicas_tick(w);
}

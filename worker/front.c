#include "worker/front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/checkpoint.h"
#include "common/base/codec.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/config/shared.h"
#include "common/connect/api.h"
#include "common/connect/http.h"
#include "common/event/event.h"
#include "worker/key.h"
#include "worker/replicas.h"
#include "worker/worker.h"

/* With random placement over n replicas a certain one is missed by 6n requests in a row once in
 * 400 times; what the first round misses a later one finds. */
#define SURE_PER_REPLICA 6
#define ASKED_MAX        256 /* requests of the first round: cookies that differ each time */
#define ASKED_AGAIN      8   /* requests of the later rounds */
#define AT_ONCE          4
#define LOOK_TIMEOUT_MS  10000
#define AFTER_FAILURE_MS 1000
#define SAY_AGAIN_MS     60000
#define LIES_MAX         8 /* cookies that led elsewhere at once, none that held: not sticky */

struct seen { /* a replica as answers showed it */
    char name[REPLICA_NAME_BYTES];
    char *cookies;
    bool by_hostname;
    bool fresh; /* in this round: its cookies lead there */
    int n;
};

struct look {
    struct worker *w;
    struct http_call *call;
};

struct front {
    struct replica_address address;
    bool is_connect, decided;
    bool single; /* for good: what was learnt about it cannot change */
    struct look looks[AT_ONCE];
    struct seen seen[REPLICAS_MAX];
    size_t seen_n;
    int asked, fruitless, failed; /* of this round */
    bool looking;
    int lies;
    int64_t next_ms, said_ms;
};

int front_init(struct worker *w, const char *name, const char *url, struct err *err)
{
    struct front *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the look-up of replicas");
    str_copy(f->address.name, sizeof(f->address.name), name);
    str_copy(f->address.url, sizeof(f->address.url), url);
    for (size_t i = 0; i < AT_ONCE; i++)
        f->looks[i].w = w;
    w->front = f;
    return 0;
}

/* ---- what is known ---- */

static struct target *itself(struct worker *w)
{
    return targets_need(&w->targets, w->front->address.name, w->front->address.url);
}

static void leave(struct target *t)
{
    t->configured = t->active = false;
}

static void be_one(struct worker *w, const char *why)
{
    struct target *t = itself(w);

    if (t == NULL || t->configured)
        return;
    t->configured = t->known = true;
    log_info("replica.front", LOG_FIELDS(LOG_S("replica", t->name), LOG_S("url", t->url)),
             "the address is one replica: %s", why);
    replicas_changed(w);
}

/* True: it is new, or back. */
static bool appear(struct worker *w, const struct seen *s)
{
    const struct front *f = w->front;
    char url[REPLICA_URL_BYTES + REPLICA_NAME_BYTES];
    struct target *t;

    snprintf(url, sizeof(url), "%s#%s", f->address.url, s->name);
    t = targets_need(&w->targets, s->name, url);
    if (t == NULL || t->configured)
        return false;
    str_copy(t->base, sizeof(t->base), f->address.url);
    t->behind = true;
    t->by_hostname = s->by_hostname;
    free(t->cookies);
    t->cookies = str_dup(s->cookies);
    t->configured = true;
    t->known = false; /* until its cookies led there once more */
    breaker_init(&t->breaker);
    log_info("replica.found", LOG_FIELDS(LOG_S("replica", t->name), LOG_S("url", f->address.url)),
             "a replica behind this address");
    return true;
}

static bool any_twice(const struct front *f)
{
    for (size_t i = 0; i < f->seen_n; i++)
        if (f->seen[i].n > 1)
            return true;
    return false;
}

static void be_many(struct worker *w)
{
    struct front *f = w->front;
    struct target *front = targets_find(&w->targets, f->address.name);
    bool found = false;

    if (front != NULL)
        leave(front);
    for (size_t i = 0; i < f->seen_n; i++)
        found = (f->seen[i].fresh && appear(w, &f->seen[i])) || found;
    if (found)
        replicas_changed(w);
}

static void decide(struct worker *w)
{
    struct front *f = w->front;

    f->decided = true;
    if (f->seen_n == 0)
        be_one(w, "it sets no cookies");
    else if (!f->seen[0].by_hostname && !any_twice(f))
        be_one(w, "its cookies are different each time, and it tells no hostname");
    else
        be_many(w);
}

/* ---- one round of requests without cookies ---- */

static struct seen *find_seen(struct front *f, const char *name)
{
    for (size_t i = 0; i < f->seen_n; i++)
        if (strcmp(f->seen[i].name, name) == 0)
            return &f->seen[i];
    return NULL;
}

/* The newest cookies are the ones that lead there. */
static void note(struct worker *w, const char *hostname, const char *cookies)
{
    struct front *f = w->front;
    bool by_hostname = hostname[0] != '\0' && strlen(hostname) < REPLICA_NAME_BYTES;
    char name[REPLICA_NAME_BYTES];
    struct seen *s;

    if (by_hostname)
        str_copy(name, sizeof(name), hostname);
    else
        snprintf(name, sizeof(name), "replica-%08x",
                 (unsigned)crc32_ieee((const uint8_t *)cookies, strlen(cookies)));
    s = find_seen(f, name);
    f->fruitless++;
    if (s == NULL && f->seen_n < REPLICAS_MAX) {
        f->fruitless = 0;
        s = &f->seen[f->seen_n++];
        *s = (struct seen){ .by_hostname = by_hostname };
        str_copy(s->name, sizeof(s->name), name);
    }
    if (s == NULL)
        return;
    s->n++;
    s->fresh = true;
    free(s->cookies);
    s->cookies = str_dup(cookies);
}

static void failed(struct worker *w, const char *why)
{
    struct front *f = w->front;
    int64_t now = event_now_ms(w->loop);

    f->failed++;
    if (f->said_ms != 0 && now - f->said_ms < SAY_AGAIN_MS)
        return;
    f->said_ms = now;
    log_warn("replica.no_answer", LOG_FIELDS(LOG_S("url", f->address.url)),
             "replicas cannot be looked for: %s", why);
}

static bool round_over(const struct front *f)
{
    int sure = SURE_PER_REPLICA * ((int)f->seen_n + 1);

    return f->failed > 0 || f->single ||
           (f->decided ? f->asked >= ASKED_AGAIN : f->fruitless >= sure || f->asked >= ASKED_MAX);
}

static void step(struct worker *w);

static void on_look(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct look *look = arg;
    struct worker *w = look->w;
    struct front *f = w->front;
    char hostname[256] = "", version[64] = "", cookies[COOKIES_MAX_BYTES] = "";
    struct api_verdict v = api_read_settings(answer, hostname, version);

    look->call = NULL;
    api_cookies_update(cookies, answer);
    if (v.what == API_KEY_REFUSED && f->is_connect) {
        f->single = f->decided = true; /* a content read will tell whether the key is wrong */
        be_one(w, "it does not take the key");
    } else if (v.what != API_GOOD) {
        failed(w, err != NULL ? err->msg : v.msg);
    } else if (!f->is_connect) {
        f->is_connect = true;
    } else if (cookies[0] == '\0') {
        f->fruitless++;
    } else {
        note(w, hostname, cookies);
    }
    step(w);
}

/* Something answers at the address; until it is known to be Connect, no key is sent there. */
static bool start_look(struct worker *w, struct look *look)
{
    struct front *f = w->front;
    char key[KEY_HEADER_BYTES];
    const char *headers[] = { key, NULL };
    struct buf url;
    struct err err;

    key_header(w, key);
    buf_init(&url, 1024);
    api_url_settings(&url, f->address.url);
    checkpoint("http.look");
    f->asked++;
    look->call = http_start(w->http,
                            &(struct http_request){ .method = "GET",
                                                    .url = buf_str(&url),
                                                    .headers = f->is_connect ? headers : NULL,
                                                    .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                                    .timeout_ms = LOOK_TIMEOUT_MS,
                                                    .max_body_bytes = API_REPLY_MAX_BYTES },
                            on_look, look, &err);
    buf_done(&url);
    if (look->call == NULL)
        failed(w, err.msg);
    return look->call != NULL;
}

static void end_round(struct worker *w)
{
    struct front *f = w->front;

    f->looking = false;
    if (f->failed > 0) {
        f->next_ms = event_now_ms(w->loop) + AFTER_FAILURE_MS;
        return;
    }
    f->said_ms = 0;
    if (!f->single)
        decide(w);
}

static void step(struct worker *w)
{
    struct front *f = w->front;
    size_t at_once = f->is_connect ? AT_ONCE : 1, running = 0;

    for (size_t i = 0; i < AT_ONCE; i++)
        running += f->looks[i].call != NULL ? 1 : 0;
    for (size_t i = 0; i < AT_ONCE && running < at_once && !round_over(f); i++)
        if (f->looks[i].call == NULL && start_look(w, &f->looks[i]))
            running++;
    if (running == 0 && f->looking)
        end_round(w);
}

/* ---- the clock, and what answers tell ---- */

/* A replica that went away takes its cookies' meaning with it. */
static void look_again(struct worker *w)
{
    for (size_t i = 0; i < w->targets.n; i++)
        if (w->targets.items[i].behind && w->targets.items[i].configured)
            replicas_probe(w, &w->targets.items[i]);
}

void front_tick(struct worker *w)
{
    struct front *f = w->front;
    int64_t now = event_now_ms(w->loop);

    if (f == NULL || f->single || f->looking || now < f->next_ms)
        return;
    f->next_ms = now + w->config->replica_lookup_ms;
    f->looking = true;
    f->asked = f->fruitless = f->failed = 0;
    for (size_t i = 0; i < f->seen_n; i++)
        f->seen[i].fresh = false;
    look_again(w);
    step(w);
}

static bool any_holds(const struct worker *w)
{
    for (size_t i = 0; i < w->targets.n; i++)
        if (w->targets.items[i].behind && w->targets.items[i].known)
            return true;
    return false;
}

bool front_still(struct worker *w, struct target *t, const char *hostname,
                 const struct http_answer *answer)
{
    struct front *f = w->front;
    char cookies[COOKIES_MAX_BYTES] = "";

    str_copy(cookies, sizeof(cookies), t->cookies);
    api_cookies_update(cookies, answer);
    if (t->by_hostname ? hostname[0] == '\0' || strcmp(hostname, t->name) == 0
                       : str_equal(cookies, t->cookies))
        return true;
    leave(t);
    f->lies += t->known ? 0 : 1;
    t->known = false;
    f->next_ms = 0;
    log_warn("replica.gone", LOG_FIELDS(LOG_S("replica", t->name), LOG_I("builds", t->builds)),
             "its cookies lead to another replica now%s%s", hostname[0] != '\0' ? ": " : "",
             hostname);
    if (f->lies >= LIES_MAX && !any_holds(w)) {
        f->single = true;
        be_one(w, "it does not keep to its cookies");
    }
    return false;
}

void front_knows(struct worker *w, struct target *t)
{
    const char *front = w->front != NULL ? w->front->address.url : NULL;
    size_t len = front != NULL ? strlen(front) : 0;

    if (front == NULL || t->behind || strncmp(t->url, front, len) != 0 || t->url[len] != '#')
        return;
    t->behind = true;
    str_copy(t->base, sizeof(t->base), front);
}

void front_free(struct worker *w)
{
    struct front *f = w->front;

    if (f == NULL)
        return;
    for (size_t i = 0; i < AT_ONCE; i++)
        http_cancel(f->looks[i].call);
    for (size_t i = 0; i < f->seen_n; i++)
        free(f->seen[i].cookies);
    free(f);
    w->front = NULL;
}

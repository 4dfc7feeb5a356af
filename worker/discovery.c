#include "worker/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/config/shared.h"
#include "common/connect/http.h"
#include "common/connect/resolve.h"
#include "common/event/event.h"
#include "worker/replicas.h"
#include "worker/worker.h"

#define SAY_AGAIN_MS 60000 /* of a name that stays without an answer */

struct discovery {
    char base[REPLICA_URL_BYTES];
    struct url_parts name;
    struct resolver_query *query; /* under way; NULL: none */
    int64_t next_ms;
    int64_t said_ms; /* when a failure was said last; 0: since the last good answer, never */
};

int discovery_init(struct worker *w, const char *url, struct err *err)
{
    struct discovery *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the look-up of replicas");
    str_copy(d->base, sizeof(d->base), url);
    if (!shared_url_split(url, &d->name) || !resolver_is_name(d->name.host)) {
        free(d);
        return err_set(err, ERR_CONFIG,
                       "replicas: dns+%s has no name to look up; give an address as name=url", url);
    }
    w->discovery = d;
    return 0;
}

/* ---- the answer ---- */

static bool fill(const struct discovery *d, const char *address, struct replica_address *ret,
                 char *resolve, size_t resolve_bytes)
{
    bool six = strchr(address, ':') != NULL;
    char url[REPLICA_URL_BYTES];
    int n = snprintf(url, sizeof(url), "http%s://%s%s%s:%d%s", d->name.tls ? "s" : "",
                     six ? "[" : "", address, six ? "]" : "", d->name.port, d->name.path);

    snprintf(resolve, resolve_bytes, "%s:%d:%s%s%s", d->name.host, d->name.port, six ? "[" : "",
             address, six ? "]" : "");
    return n > 0 && (size_t)n < sizeof(url) && str_copy(ret->name, sizeof(ret->name), address) &&
           shared_url(url, ret->url, sizeof(ret->url)) == NULL;
}

/* True: it is new, or back. */
static bool appear(struct worker *w, const char *address)
{
    const struct discovery *d = w->discovery;
    struct replica_address r;
    char resolve[sizeof(((struct target *)0)->resolve)];
    struct target *t;

    if (!fill(d, address, &r, resolve, sizeof(resolve)))
        return false;
    t = targets_need(&w->targets, r.name, r.url);
    if (t == NULL) {
        log_error("replica.too_many", LOG_FIELDS(LOG_S("replica", r.name)),
                  "more than %d addresses since the start; this one gets no builds until a restart",
                  REPLICAS_MAX);
        return false;
    }
    if (t->configured)
        return false;
    str_copy(t->base, sizeof(t->base), d->base);
    str_copy(t->resolve, sizeof(t->resolve), resolve);
    t->configured = true;
    t->known = false; /* whoever has the address now is probed before it gets the key */
    breaker_init(&t->breaker);
    log_info("replica.found", LOG_FIELDS(LOG_S("replica", t->name), LOG_S("url", t->url)),
             "%s has this address now", d->name.host);
    return true;
}

static bool is_in(const struct resolver_answer *answer, const char *address)
{
    for (size_t i = 0; i < answer->n; i++)
        if (strcmp(answer->address[i], address) == 0)
            return true;
    return false;
}

static void disappear(struct worker *w, const struct resolver_answer *answer)
{
    for (size_t i = 0; i < w->targets.n; i++) {
        struct target *t = &w->targets.items[i];

        if (!t->configured || is_in(answer, t->name))
            continue;
        t->configured = t->active = false;
        log_warn("replica.gone", LOG_FIELDS(LOG_S("replica", t->name), LOG_I("builds", t->builds)),
                 "%s does not have this address any more; its builds are looked up elsewhere",
                 w->discovery->name.host);
    }
}

static void no_answer(struct worker *w, const char *why)
{
    struct discovery *d = w->discovery;
    int64_t now = event_now_ms(w->loop);

    d->next_ms = now + RESOLVE_AGAIN_MS;
    if (d->said_ms != 0 && now - d->said_ms < SAY_AGAIN_MS)
        return;
    d->said_ms = now;
    log_error("replica.no_address", LOG_FIELDS(LOG_S("name", d->name.host)),
              "the replicas stay those found before: %s", why);
}

static void on_addresses(void *arg, const struct resolver_answer *answer, const struct err *err)
{
    struct worker *w = arg;
    struct discovery *d = w->discovery;
    bool found = false;

    d->query = NULL;
    if (err != NULL || answer->n == 0) {
        no_answer(w, err != NULL ? err->msg : "the name has no address");
        return;
    }
    d->said_ms = 0;
    for (size_t i = 0; i < answer->n; i++)
        found = appear(w, answer->address[i]) || found;
    disappear(w, answer);
    if (found)
        replicas_changed(w);
}

/* ---- the clock ---- */

void discovery_tick(struct worker *w)
{
    struct discovery *d = w->discovery;
    int64_t now = event_now_ms(w->loop);

    if (d == NULL || d->query != NULL || now < d->next_ms)
        return;
    d->next_ms = now + w->config->replica_lookup_ms;
    d->query = resolver_lookup(http_resolver(w->http), d->name.host, 0, on_addresses, w);
    if (d->query == NULL)
        no_answer(w, "no memory");
}

void discovery_free(struct worker *w)
{
    if (w->discovery == NULL)
        return;
    resolver_cancel(w->discovery->query);
    free(w->discovery);
    w->discovery = NULL;
}

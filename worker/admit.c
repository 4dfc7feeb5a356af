#include "worker/admit.h"

#include <stdlib.h>
#include <string.h>

/* What this call has proposed so far, on top of what was read. */
struct plan {
    const struct admit_input *in;
    size_t *order;     /* items, the most urgent first */
    int64_t *contents; /* content keys of what runs */
    size_t contents_n;
    int *replica_open, *campaign_open, *group_open;
    bool *replica_started, *campaign_started;
};

static int compare_urgency(const void *a, const void *b, void *plan)
{
    const struct admit_item *items = ((const struct plan *)plan)->in->items;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const struct admit_item *x = &items[i], *y = &items[k];

    if (x->lane != y->lane)
        return x->lane > y->lane ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (i > k) - (i < k);
}

static void plan_done(struct plan *p)
{
    free(p->order);
    free(p->contents);
    free(p->replica_open);
    free(p->campaign_open);
    free(p->group_open);
    free(p->replica_started);
    free(p->campaign_started);
}

static bool plan_allocate(struct plan *p, const struct admit_input *in)
{
    /* one more of each, because an empty calloc may answer NULL */
    p->order = calloc(in->items_n + 1, sizeof(size_t));
    p->contents = calloc(in->items_n + 1, sizeof(int64_t));
    p->replica_open = calloc(in->replicas_n + 1, sizeof(int));
    p->campaign_open = calloc(in->campaigns_n + 1, sizeof(int));
    p->group_open = calloc(in->groups_n + 1, sizeof(int));
    p->replica_started = calloc(in->replicas_n + 1, sizeof(bool));
    p->campaign_started = calloc(in->campaigns_n + 1, sizeof(bool));
    return p->order != NULL && p->contents != NULL && p->replica_open != NULL &&
           p->campaign_open != NULL && p->group_open != NULL && p->replica_started != NULL &&
           p->campaign_started != NULL;
}

static void plan_fill(struct plan *p, const struct admit_input *in)
{
    p->in = in;
    for (size_t i = 0; i < in->replicas_n; i++)
        p->replica_open[i] = in->replicas[i].open;
    for (size_t i = 0; i < in->campaigns_n; i++)
        p->campaign_open[i] = in->campaigns[i].open;
    for (size_t i = 0; i < in->groups_n; i++)
        p->group_open[i] = in->groups[i].open;
    for (size_t i = 0; i < in->items_n; i++)
        p->order[i] = i;
    qsort_r(p->order, in->items_n, sizeof(size_t), compare_urgency, p);
}

/* ---- what an item may wait for ---- */

static bool content_taken(const struct plan *p, const struct admit_item *item)
{
    if (item->content_open)
        return true;
    for (size_t i = 0; i < p->contents_n; i++) {
        if (p->contents[i] == item->content_key)
            return true;
    }
    return false;
}

static bool campaign_full(const struct plan *p, const struct admit_item *item)
{
    int limit = p->in->campaigns[item->campaign].limit;

    return limit >= 0 && p->campaign_open[item->campaign] >= limit;
}

/* The first of its groups that is full, or -1. */
static int full_group(const struct plan *p, const struct admit_item *item)
{
    for (int i = 0; i < ADMIT_GROUPS_MAX && item->groups[i] >= 0; i++) {
        const struct admit_group *g = &p->in->groups[item->groups[i]];

        if (!g->warm && g->limit > 0 && p->group_open[item->groups[i]] >= g->limit)
            return item->groups[i];
    }
    return -1;
}

/* Until the next start, given that one is let through at a time. 0: now. */
static int64_t start_wait_ms(bool limited, int64_t wait_ms, bool started, bool *ret_now)
{
    *ret_now = !limited || (wait_ms <= 0 && !started);
    return limited && wait_ms > 0 ? wait_ms : 0;
}

static int64_t campaign_wait_ms(const struct plan *p, int campaign, bool *ret_now)
{
    const struct admit_campaign *c = &p->in->campaigns[campaign];

    return start_wait_ms(c->start_limited, c->start_wait_ms, p->campaign_started[campaign],
                         ret_now);
}

static int64_t replica_wait_ms(const struct plan *p, size_t replica, bool *ret_now)
{
    const struct admit_replica *r = &p->in->replicas[replica];

    return start_wait_ms(r->start_limited, r->start_wait_ms, p->replica_started[replica], ret_now);
}

/* ---- where ---- */

static bool has_room(const struct plan *p, size_t replica)
{
    const struct admit_replica *r = &p->in->replicas[replica];

    return r->usable && p->replica_open[replica] < r->limit;
}

/* a/b < c/d for limits above 0 */
static bool less_loaded(const struct plan *p, size_t one, size_t other)
{
    return (int64_t)p->replica_open[one] * p->in->replicas[other].limit <
           (int64_t)p->replica_open[other] * p->in->replicas[one].limit;
}

/* The least loaded replica that may start now, not `avoid`; -1: none. Then *ret_room says whether
 * one has room, and *ret_wait_ms when the first of those may start. */
static int best_replica(const struct plan *p, int avoid, bool *ret_room, int64_t *ret_wait_ms)
{
    int best = -1;

    *ret_room = false;
    for (size_t i = 0; i < p->in->replicas_n; i++) {
        bool now;
        int64_t wait_ms;

        if ((int)i == avoid || !has_room(p, i))
            continue;
        wait_ms = replica_wait_ms(p, i, &now);
        if (now && (best < 0 || less_loaded(p, i, (size_t)best)))
            best = (int)i;
        if (!*ret_room || wait_ms < *ret_wait_ms)
            *ret_wait_ms = wait_ms;
        *ret_room = true;
    }
    return best;
}

static void choose_replica(const struct plan *p, const struct admit_item *item,
                           struct admit_decision *d)
{
    bool room;

    d->replica = best_replica(p, item->avoid_replica, &room, &d->wait_ms);
    /* Nothing waits for another replica while this one has a slot. */
    if (d->replica < 0 && item->avoid_replica >= 0)
        d->replica = best_replica(p, -1, &room, &d->wait_ms);
    if (d->replica >= 0)
        d->what = ADMIT_RUN;
    else
        d->what = room ? ADMIT_WAIT_START : ADMIT_WAIT_SLOT;
}

static void decide(const struct plan *p, const struct admit_item *item, struct admit_decision *d)
{
    bool now;

    if (content_taken(p, item)) {
        d->what = ADMIT_WAIT_CONTENT;
        return;
    }
    if (campaign_full(p, item)) {
        d->what = ADMIT_WAIT_CAMPAIGN;
        return;
    }
    d->group = full_group(p, item);
    if (d->group >= 0) {
        d->what = ADMIT_WAIT_GROUP;
        return;
    }
    d->wait_ms = campaign_wait_ms(p, item->campaign, &now);
    if (!now) {
        d->what = ADMIT_WAIT_START;
        return;
    }
    choose_replica(p, item, d);
}

static void note_run(struct plan *p, const struct admit_item *item, int replica)
{
    p->contents[p->contents_n++] = item->content_key;
    p->replica_open[replica]++;
    p->replica_started[replica] = true;
    p->campaign_open[item->campaign]++;
    p->campaign_started[item->campaign] = true;
    for (int i = 0; i < ADMIT_GROUPS_MAX && item->groups[i] >= 0; i++)
        p->group_open[item->groups[i]]++;
}

int admit(const struct admit_input *in, struct admit_decision *out)
{
    struct plan p = { 0 };
    int rc = -1;

    if (!plan_allocate(&p, in))
        goto out;
    plan_fill(&p, in);
    for (size_t i = 0; i < in->items_n; i++) {
        const struct admit_item *item = &in->items[p.order[i]];
        struct admit_decision *d = &out[p.order[i]];

        *d = (struct admit_decision){ .replica = -1, .group = -1 };
        decide(&p, item, d);
        if (d->what == ADMIT_RUN)
            note_run(&p, item, d->replica);
        if (d->what != ADMIT_WAIT_START)
            d->wait_ms = 0;
    }
    rc = 0;
out:
    plan_done(&p);
    return rc;
}

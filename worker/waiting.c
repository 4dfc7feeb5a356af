#include "worker/waiting.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/list.h"
#include "worker/waiting_heap.h"

/* Without memory uthash leaves the list out and hh.tbl NULL, instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct wait_list {
    enum wait_reason reason;
    struct wait_heap heap;
    struct list_node turn; /* keyed lists: in waiting.turns */
    UT_hash_handle hh;     /* keyed lists: in waiting.keyed[reason] */
    char key[];
};

struct wait_campaign {
    struct uuid id;
    size_t n;              /* requests that wait */
    struct list_node turn; /* in waiting.campaign_turns */
    UT_hash_handle hh;
};

struct waiting {
    struct wait_list *slot, *start, *due;
    struct wait_list *keyed[WAIT_REASONS]; /* uthash heads, by key; empty lists are freed */
    struct list turns;                     /* of all keyed lists; the first one's turn is next */
    struct wait_campaign *campaigns;       /* uthash head, by id; none is without requests */
    struct list campaign_turns;            /* of all campaigns; the first one's turn is next */
    size_t n[WAIT_REASONS];
    size_t total;
};

static struct wait_list *wait_list_new(enum wait_reason reason, const char *key)
{
    size_t key_len = strlen(key);
    struct wait_list *l = calloc(1, sizeof(*l) + key_len + 1);

    if (l == NULL)
        return NULL;
    l->reason = reason;
    l->heap.by_time = reason == WAIT_DUE || reason == WAIT_START;
    memcpy(l->key, key, key_len + 1);
    return l;
}

static void wait_list_free(struct wait_list *l)
{
    if (l == NULL)
        return;
    wait_heap_done(&l->heap);
    free(l);
}

static bool keyed(enum wait_reason reason)
{
    return reason == WAIT_GROUP || reason == WAIT_CONTENT || reason == WAIT_CAMPAIGN;
}

static struct wait_list *keyed_find(const struct waiting *w, enum wait_reason reason,
                                    const char *key)
{
    struct wait_list *l;

    HASH_FIND_STR(w->keyed[reason], key, l);
    return l;
}

static struct wait_list *keyed_new(struct waiting *w, enum wait_reason reason, const char *key)
{
    struct wait_list *l = wait_list_new(reason, key);

    if (l == NULL)
        return NULL;
    HASH_ADD_STR(w->keyed[reason], key, l);
    if (l->hh.tbl == NULL) {
        wait_list_free(l);
        return NULL;
    }
    list_push(&w->turns, &l->turn);
    return l;
}

/* The three lists without a key live as long as w. */
static void free_if_empty(struct waiting *w, struct wait_list *l)
{
    if (l->heap.n > 0 || !keyed(l->reason))
        return;
    HASH_DEL(w->keyed[l->reason], l);
    list_remove(&w->turns, &l->turn);
    wait_list_free(l);
}

static struct wait_list *find_or_new(struct waiting *w, enum wait_reason reason, const char *key)
{
    struct wait_list *l;

    if (reason == WAIT_SLOT)
        return w->slot;
    if (reason == WAIT_START)
        return w->start;
    if (reason == WAIT_DUE)
        return w->due;
    l = keyed_find(w, reason, key);
    return l != NULL ? l : keyed_new(w, reason, key);
}

static struct wait_campaign *campaign_new(struct waiting *w, const struct uuid *id)
{
    struct wait_campaign *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->id = *id;
    HASH_ADD(hh, w->campaigns, id, sizeof(c->id), c);
    if (c->hh.tbl == NULL) {
        free(c);
        return NULL;
    }
    list_push(&w->campaign_turns, &c->turn);
    return c;
}

static int count_in(struct waiting *w, const struct req *req)
{
    struct wait_campaign *c;

    HASH_FIND(hh, w->campaigns, &req->campaign_id, sizeof(req->campaign_id), c);
    if (c == NULL)
        c = campaign_new(w, &req->campaign_id);
    if (c == NULL)
        return -1;
    c->n++;
    return 0;
}

static void count_out(struct waiting *w, const struct req *req)
{
    struct wait_campaign *c;

    HASH_FIND(hh, w->campaigns, &req->campaign_id, sizeof(req->campaign_id), c);
    if (c == NULL || --c->n > 0)
        return;
    HASH_DEL(w->campaigns, c);
    list_remove(&w->campaign_turns, &c->turn);
    free(c);
}

size_t waiting_campaigns(struct waiting *w, struct uuid *out, size_t max)
{
    size_t n = w->campaign_turns.n < max ? w->campaign_turns.n : max;

    for (size_t i = 0; i < n; i++) {
        struct list_node *node = list_pop(&w->campaign_turns);

        out[i] = list_entry(node, struct wait_campaign, turn)->id;
        list_push(&w->campaign_turns, node);
    }
    return n;
}

/* Memory for it was reserved. */
static void enter(struct waiting *w, struct wait_list *l, struct req *req)
{
    wait_heap_put(&l->heap, req);
    req->list = l;
    w->n[l->reason]++;
    w->total++;
}

/* The list stays, even when it is empty now. */
static struct req *take_out(struct waiting *w, struct wait_list *l, size_t at)
{
    struct req *req = wait_heap_take(&l->heap, at);

    req->list = NULL;
    w->n[l->reason]--;
    w->total--;
    return req;
}

static struct req *leave(struct waiting *w, struct wait_list *l, size_t at)
{
    struct req *req = take_out(w, l, at);

    count_out(w, req);
    return req;
}

static void move_to_slot(struct waiting *w, struct wait_list *from, size_t at)
{
    enter(w, w->slot, take_out(w, from, at));
}

/* ---- the interface ---- */

struct waiting *waiting_new(void)
{
    struct waiting *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    list_init(&w->turns);
    list_init(&w->campaign_turns);
    w->slot = wait_list_new(WAIT_SLOT, "");
    w->start = wait_list_new(WAIT_START, "");
    w->due = wait_list_new(WAIT_DUE, "");
    if (w->slot == NULL || w->start == NULL || w->due == NULL) {
        waiting_free(w);
        return NULL;
    }
    return w;
}

static void forget_all(struct wait_list *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->heap.n; i++)
        l->heap.at[i]->list = NULL;
    wait_list_free(l);
}

void waiting_free(struct waiting *w)
{
    struct wait_list *l, *next;
    struct wait_campaign *c, *next_campaign;

    if (w == NULL)
        return;
    HASH_ITER (hh, w->campaigns, c, next_campaign) {
        HASH_DEL(w->campaigns, c);
        free(c);
    }
    for (int reason = 0; reason < WAIT_REASONS; reason++) {
        HASH_ITER (hh, w->keyed[reason], l, next) {
            HASH_DEL(w->keyed[reason], l);
            forget_all(l);
        }
    }
    forget_all(w->slot);
    forget_all(w->start);
    forget_all(w->due);
    free(w);
}

int waiting_put(struct waiting *w, struct req *req, enum wait_reason reason, const char *key,
                int64_t due_ms)
{
    struct wait_list *l;

    /* The slot list has room for all that wait, so that moving there cannot fail. */
    if (wait_heap_reserve(&w->slot->heap, w->total + 1) != 0)
        return -1;
    l = find_or_new(w, reason, key);
    if (l == NULL)
        return -1;
    if (wait_heap_reserve(&l->heap, l->heap.n + 1) != 0 || count_in(w, req) != 0) {
        free_if_empty(w, l);
        return -1;
    }
    req->due_ms = due_ms;
    enter(w, l, req);
    return 0;
}

void waiting_remove(struct waiting *w, struct req *req)
{
    struct wait_list *l = req->list;

    if (l == NULL)
        return;
    leave(w, l, req->heap_at);
    free_if_empty(w, l);
}

void waiting_release(struct waiting *w, enum wait_reason reason, const char *key)
{
    struct wait_list *l;

    if (reason == WAIT_SLOT)
        return;
    l = keyed(reason) ? keyed_find(w, reason, key) : find_or_new(w, reason, "");
    if (l == NULL)
        return;
    while (l->heap.n > 0)
        move_to_slot(w, l, l->heap.n - 1);
    free_if_empty(w, l);
}

static bool ripe(const struct wait_list *l, int64_t now_ms)
{
    return l->heap.n > 0 && l->heap.at[0]->due_ms <= now_ms;
}

/* The best request of the keyed list whose turn it is, of which there must be one; the list goes to
 * the end of the row. */
static struct req *take_turn(struct waiting *w)
{
    struct wait_list *l = list_entry(w->turns.head.next, struct wait_list, turn);
    struct req *req = leave(w, l, 0);

    list_remove(&w->turns, &l->turn);
    list_push(&w->turns, &l->turn);
    free_if_empty(w, l);
    return req;
}

static int compare_out(const void *a, const void *b)
{
    return wait_heap_compare(*(struct req *const *)a, *(struct req *const *)b);
}

size_t waiting_heads(struct waiting *w, int64_t now_ms, size_t slot_n, struct req **out, size_t max)
{
    size_t turns = w->turns.n;
    size_t n = 0;

    while (ripe(w->start, now_ms))
        move_to_slot(w, w->start, 0);
    /* One of each kind in turn: when max is short, none of the three kinds starves. */
    for (size_t was = SIZE_MAX; n != was && n < max;) {
        was = n;
        if (slot_n > 0 && w->slot->heap.n > 0) {
            out[n++] = leave(w, w->slot, 0);
            slot_n--;
        }
        if (n < max && ripe(w->due, now_ms))
            out[n++] = leave(w, w->due, 0);
        if (n < max && turns > 0) {
            out[n++] = take_turn(w);
            turns--;
        }
    }
    if (n > 1)
        qsort(out, n, sizeof(struct req *), compare_out);
    return n;
}

struct req *waiting_best_slot(const struct waiting *w)
{
    return w->slot->heap.n > 0 ? w->slot->heap.at[0] : NULL;
}

int64_t waiting_next_due(const struct waiting *w)
{
    int64_t due = w->due->heap.n > 0 ? w->due->heap.at[0]->due_ms : INT64_MAX;
    int64_t start = w->start->heap.n > 0 ? w->start->heap.at[0]->due_ms : INT64_MAX;

    return due < start ? due : start;
}

size_t waiting_n(const struct waiting *w, enum wait_reason reason)
{
    return w->n[reason];
}

size_t waiting_total(const struct waiting *w)
{
    return w->total;
}

struct sieve {
    bool (*match)(const struct req *req, void *arg);
    void *arg;
    struct req **out;
    size_t n, max;
};

/* From the end: what fills a hole is then one that was looked at, or a parent that was pushed down
 * into it; so the same place is looked at again. */
static void sift(struct waiting *w, struct wait_list *l, struct sieve *s)
{
    for (size_t at = l->heap.n; s->n < s->max && at-- > 0;) {
        while (s->n < s->max && at < l->heap.n && s->match(l->heap.at[at], s->arg))
            s->out[s->n++] = leave(w, l, at);
    }
}

bool waiting_any(const struct req *req, void *arg)
{
    (void)req;
    (void)arg;
    return true;
}

size_t waiting_filter(struct waiting *w, bool (*match)(const struct req *req, void *arg), void *arg,
                      struct req **out, size_t max)
{
    struct sieve s = { .match = match, .arg = arg, .out = out, .max = max };
    struct wait_list *l, *next;

    sift(w, w->slot, &s);
    sift(w, w->start, &s);
    sift(w, w->due, &s);
    for (int reason = 0; reason < WAIT_REASONS && s.n < s.max; reason++) {
        HASH_ITER (hh, w->keyed[reason], l, next) {
            sift(w, l, &s);
            free_if_empty(w, l);
        }
    }
    return s.n;
}

#include "worker/waiting_heap.h"

#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 4 /* most keyed lists stay that short */

int wait_heap_compare(const struct req *a, const struct req *b)
{
    int order;

    if (a->lane != b->lane)
        return a->lane > b->lane ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    order = memcmp(&a->campaign_id, &b->campaign_id, sizeof(a->campaign_id));
    return order != 0 ? order : memcmp(&a->id, &b->id, sizeof(a->id));
}

static bool before(const struct wait_heap *h, const struct req *a, const struct req *b)
{
    if (h->by_time && a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms;
    return wait_heap_compare(a, b) < 0;
}

static void place(struct wait_heap *h, size_t at, struct req *req)
{
    h->at[at] = req;
    req->heap_at = (uint32_t)at;
}

static void move_up(struct wait_heap *h, size_t at, struct req *req)
{
    while (at > 0 && before(h, req, h->at[(at - 1) / 2])) {
        place(h, at, h->at[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(h, at, req);
}

static void move_down(struct wait_heap *h, size_t at, struct req *req)
{
    for (size_t child; (child = 2 * at + 1) < h->n; at = child) {
        if (child + 1 < h->n && before(h, h->at[child + 1], h->at[child]))
            child++;
        if (!before(h, h->at[child], req))
            break;
        place(h, at, h->at[child]);
    }
    place(h, at, req);
}

int wait_heap_reserve(struct wait_heap *h, size_t n)
{
    size_t cap = h->cap > 0 ? h->cap : CAP_FIRST;
    struct req **grown;

    if (n <= h->cap)
        return 0;
    while (cap < n)
        cap *= 2;
    grown = realloc(h->at, cap * sizeof(struct req *));
    if (grown == NULL)
        return -1;
    h->at = grown;
    h->cap = cap;
    return 0;
}

void wait_heap_put(struct wait_heap *h, struct req *req)
{
    move_up(h, h->n++, req);
}

struct req *wait_heap_take(struct wait_heap *h, size_t at)
{
    struct req *req = h->at[at];
    struct req *last = h->at[--h->n];

    if (last != req) {
        move_down(h, at, last);
        move_up(h, last->heap_at, last);
    }
    return req;
}

void wait_heap_done(struct wait_heap *h)
{
    free(h->at);
    *h = (struct wait_heap){ .by_time = h->by_time };
}

/* The order of one waiting list: a binary heap in which each request knows its place
 * (req->heap_at), so that taking any out is as cheap as the first. Private to waiting.c. */
#ifndef WORKER_WAITING_HEAP_H
#define WORKER_WAITING_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/req.h"

struct wait_heap {   /* all zero: empty, by lane and rank */
    struct req **at; /* at[0] is the first */
    size_t n;
    size_t cap;
    bool by_time; /* due_ms first, then as below */
};

/* Fast lane first, then rank, then the older campaign (ids are ordered by time), then any fixed
 * order: negative when a comes first. */
int wait_heap_compare(const struct req *a, const struct req *b);
int wait_heap_reserve(struct wait_heap *h, size_t n);     /* room for n in all; -1: no memory */
void wait_heap_put(struct wait_heap *h, struct req *req); /* room must be reserved */
struct req *wait_heap_take(struct wait_heap *h, size_t at);
void wait_heap_done(struct wait_heap *h); /* the requests stay the caller's */

#endif

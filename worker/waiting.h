/* The waiting requests of a worker, one list per reason and key, each ordered by lane, then rank
 * (DUE and START by time). A claim carries only heads, so its cost follows the number of keys, not
 * of requests. Pure: no clock. Lists hold requests that others own. */
#ifndef WORKER_WAITING_H
#define WORKER_WAITING_H

#include <stddef.h>
#include <stdint.h>

#include "worker/req.h"

enum wait_reason {
    WAIT_SLOT,     /* no slot free, or never asked; no key */
    WAIT_START,    /* no replica may start yet, until a time; no key; then it is in the slot list */
    WAIT_DUE,      /* until a time; no key */
    WAIT_GROUP,    /* key: campaign id + runtime group */
    WAIT_CONTENT,  /* key: content guid: another build of it is open */
    WAIT_CAMPAIGN, /* key: campaign id: its own limit is reached */
    WAIT_REASONS
};

struct waiting;

struct waiting *waiting_new(void);    /* NULL: no memory */
void waiting_free(struct waiting *w); /* the requests stay the caller's */
/* The request must be in no list. key: "" where the reason has none. due_ms for DUE (and START: the
 * earliest next start). -1: no memory, in no list then. */
int waiting_put(struct waiting *w, struct req *req, enum wait_reason reason, const char *key,
                int64_t due_ms);
void waiting_remove(struct waiting *w, struct req *req); /* in no list: does nothing */
/* Moves every request of one list to the slot list (a group that is warm, a content that is free).
 * Needs no memory. */
void waiting_release(struct waiting *w, enum wait_reason reason, const char *key);

/* Takes out the heads for one claim, best first: up to slot_n of the slot list (START moves there
 * once its time has come), all DUE ones whose time has come, and one of each keyed list; at most
 * max in all. When max is short: the three kinds in turn, and the keyed lists in turn from call to
 * call, so that none starves. Returns how many. */
size_t waiting_heads(struct waiting *w, int64_t now_ms, size_t slot_n, struct req **out,
                     size_t max);
/* The best request of the slot list without taking it; NULL: empty. What the worker's want says. */
struct req *waiting_best_slot(const struct waiting *w);
/* When the next time-bound list has something (DUE, START): loop clock; INT64_MAX: none. */
int64_t waiting_next_due(const struct waiting *w);

size_t waiting_n(const struct waiting *w, enum wait_reason reason);
size_t waiting_total(const struct waiting *w);
/* The campaigns of those that wait, at most max; from call to call others, where there are more. */
size_t waiting_campaigns(struct waiting *w, struct uuid *out, size_t max);
bool waiting_any(const struct req *req, void *arg); /* a match for waiting_filter: every one */
/* Takes out up to max requests for which match says true (revoke, a campaign that closed). */
size_t waiting_filter(struct waiting *w, bool (*match)(const struct req *req, void *arg), void *arg,
                      struct req **out, size_t max);

#endif

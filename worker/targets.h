/* The Connect replicas as this worker sees them: address, breaker, and the ledger's limits and
 * counts as last read, corrected by what this worker started and ended since. The ledger's guard
 * has the last word; this view only says what is worth proposing. No I/O. */
#ifndef WORKER_TARGETS_H
#define WORKER_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/list.h"
#include "worker/breaker.h"

struct target {
    char name[64];
    char url[512];     /* tells it from others: in the ledger, and in ours */
    char base[512];    /* what requests are sent to: the url, or that of the name it was found by */
    char resolve[384]; /* "host:port:address" beside base; "": none is needed */
    char *cookies;     /* that lead to it behind a front; NULL: none are needed */
    bool behind;       /* a front: requests go there, whatever became of this replica */
    bool by_hostname;  /* behind a front, told from others by its hostname, which is its name */
    struct breaker breaker;
    bool configured;       /* in our configuration, or among the addresses of its name */
    bool active;           /* configured, and the row of the ledger says active */
    bool known;            /* it has answered as Connect does, since this process started */
    bool complained;       /* that it does not was said once */
    bool probing;          /* a probe is under way */
    int limit;             /* limit_now of the ledger */
    int max_inflight;      /* set by people */
    int open;              /* open attempts of all workers */
    int left;              /* free slots left to other workers, which have not taken them yet */
    int left_open;         /* what open was then: when it grows, they have */
    int64_t left_until_ms; /* or do not want them any more */
    bool start_limited;
    int64_t start_at_ms;        /* loop clock: next allowed start */
    int checks;                 /* access validations in flight */
    struct list checks_waiting; /* those that wait for room; worker/checks.c */
    int builds;                 /* this worker's builds in flight */
    int64_t slowed_at_ms;       /* last time this worker asked for a lower limit */
    int64_t throttled_ms; /* until when the time below max_inflight is counted; 0: not below */
};

struct targets {
    struct target items[REPLICAS_MAX]; /* never removed: attempts point here */
    size_t n;
    size_t turn; /* round robin for requests that any replica can answer */
};

void targets_done(struct targets *t);                             /* frees what the items own */
struct target *targets_find(struct targets *t, const char *name); /* NULL: not known */
/* Finds by name, or adds one that is not in the configuration (an attempt's replica that was
 * removed from the list): inactive. NULL: REPLICAS_MAX reached. */
struct target *targets_need(struct targets *t, const char *name, const char *url);
/* One that can answer a question about shared state (content, jobs, user): usable ones
 * first, then known ones, in turn; the key goes to configured ones only. NULL: none is
 * configured, as while a name has no address. */
struct target *targets_any(struct targets *t);
bool targets_any_known(const struct targets *t);    /* else nobody can be asked yet */
const char *target_resolve(const struct target *t); /* NULL: as the system resolves it */
/* The ledger counts so many open attempts. */
void target_counted(struct target *t, int open);
/* One free slot is another worker's until then. */
void target_leave_slot(struct target *t, int64_t now_ms, int64_t until_ms);
int target_taken(const struct target *t, int64_t now_ms); /* slots: open ones and left ones */
bool target_takes_requests(const struct target *t);       /* with the key in them */
/* Slots that look free now. */
int targets_free(const struct targets *t, int64_t now_ms);
int targets_slots(const struct targets *t); /* sum of the limits of active targets */
bool target_usable(const struct target *t); /* active, known, and its breaker closed */

#endif

/* Proposes which requests start on which replica, from what was read without locks. The ledger's
 * guard has the last word. Pure; the breaker is an argument (usable). */
#ifndef WORKER_ADMIT_H
#define WORKER_ADMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADMIT_GROUPS_MAX 4 /* runtime groups of one item: R and Python today */

struct admit_replica {
    int limit;             /* limit now */
    int open;              /* open attempts */
    bool usable;           /* active, known to this worker, breaker closed */
    bool start_limited;    /* one start at a time, start_wait_ms from now */
    int64_t start_wait_ms; /* 0: may start now */
};
struct admit_campaign {
    int limit; /* -1: none */
    int open;
    bool start_limited;
    int64_t start_wait_ms;
};
struct admit_group {
    bool warm;
    int limit; /* the campaign's warm-up; 0: none is wanted, never full */
    int open;
};
struct admit_item {
    uint8_t lane;
    int64_t rank;
    int campaign;                 /* index */
    int groups[ADMIT_GROUPS_MAX]; /* indexes; -1: no more */
    int64_t content_key;          /* equal for equal content within this call */
    bool content_open;            /* another request's attempt on this content is open */
    int avoid_replica;            /* index where it failed last for the replica's sake; -1: none */
};
struct admit_input {
    const struct admit_replica *replicas;
    size_t replicas_n;
    const struct admit_campaign *campaigns;
    size_t campaigns_n;
    const struct admit_group *groups;
    size_t groups_n;
    const struct admit_item *items;
    size_t items_n;
};

enum admit_what {
    ADMIT_RUN,
    ADMIT_WAIT_SLOT,
    ADMIT_WAIT_START,
    ADMIT_WAIT_GROUP,
    ADMIT_WAIT_CONTENT,
    ADMIT_WAIT_CAMPAIGN
};
struct admit_decision {
    enum admit_what what;
    int replica; /* RUN: index */
    int group;   /* WAIT_GROUP: index of the group that is full */
    int64_t
        wait_ms; /* WAIT_START: until the earliest start; 0: this call took the start, ask again */
};

/* Fills out[items_n]: fast lane first, then rank, then the order given; least loaded replica (open
 * over limit), ties by index; avoid_replica only if no other may start it. An item is told the
 * first of content, campaign limit, group, start of its campaign, slot, start of a replica that it
 * waits for. Counts its own proposals. A campaign that may not start yet is WAIT_START too. At or
 * over a limit that was lowered nothing starts. -1: no memory. */
int admit(const struct admit_input *in, struct admit_decision *out);

#endif

/* The partitions of both request topics, one struct part each for the life of the process. A part
 * is owned between an assignment and the next revoke; its epoch tells one assignment from another.
 */
#ifndef WORKER_PARTS_H
#define WORKER_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/req.h"
#include "worker/tracker.h"

struct part {
    int lane; /* 1: high */
    int32_t partition;
    const char *topic; /* borrowed from the configuration */
    bool owned;        /* assigned, tracker decoded, records come */
    bool refused;      /* its commit metadata or its log does not fit: readiness off, no records */
    bool paused;
    /* The log starts here, beyond the committed base: records wait until the ledger has said what
     * was begun before it. 0: no. */
    int64_t trimmed_to;
    uint32_t epoch;          /* +1 at every assignment and revoke */
    struct tracker *tracker; /* NULL unless owned */
    int64_t log_end;         /* where the log ended at the assignment */
    unsigned doubted_in;     /* the ledger's answer with a place beyond it; 0: none; recover.c */
    struct held *held_first, *held_last; /* records beyond the window, in offset order */
};

struct parts {
    struct part *items; /* both lanes: [lane * per_lane + partition] */
    size_t n;
    int32_t per_lane;
};

int parts_init(struct parts *p, const char *topic_normal, const char *topic_high, int32_t per_lane);
void parts_done(struct parts *p);
struct part *parts_find(struct parts *p, const char *topic, int32_t partition); /* NULL: not ours */
struct part *parts_at(struct parts *p, int lane, int32_t partition);            /* NULL: no such */
size_t parts_owned(const struct parts *p);
/* Takes ownership of the tracker; a new epoch begins. */
void part_assign(struct part *part, struct tracker *tracker);
void part_revoke(struct part *part); /* frees the tracker, a new epoch begins */
/* Keeps a request of a record beyond the window until there is room; the partition is paused, so
 * these are the few that were on their way. -1: no memory. */
int part_hold(struct part *part, struct req *req);
struct req *part_held(const struct part *part); /* the first one, borrowed; NULL: none */
struct req *part_unhold(struct part *part);     /* takes the first one out; NULL: none */
/* Does the request belong to a record of the present assignment? */
bool part_holds(const struct req *req);

#endif

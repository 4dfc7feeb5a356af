/* What the files of `prune` share. */
#ifndef PRODUCER_PRUNE_H
#define PRODUCER_PRUNE_H

#include "producer/lost.h"
#include "producer/verb.h"

struct trim { /* one partition's plan */
    struct lost_log *log;
    int64_t to;
};

struct trims {
    struct trim *items;
    size_t n;
    int64_t records; /* at most: a log may have gaps */
};

/* How far each request topic may be trimmed: to the committed base, and never over the place of an
 * item whose result is not marked. trims_done in any case. */
int trims_plan(struct call *c, struct lost *logs, struct trims *ret, struct err *err);
/* Writes the act, and deletes the records. */
int trims_do(struct call *c, const struct trims *t, struct err *err);
void trims_done(struct trims *t);

#endif

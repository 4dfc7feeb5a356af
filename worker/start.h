/* What must hold before a worker joins the group; each failure is one sentence and an exit code.
 * Blocks, for at most START_WAIT_MS a dependency: nothing else runs yet. */
#ifndef WORKER_START_H
#define WORKER_START_H

#include "common/base/err.h"

#define START_WAIT_MS \
    60000 /* a dependency that is not reached by then: exit 3, the platform restarts us */

struct worker;

int start_ledger(struct worker *w, struct err *err); /* connections up, schema fits, roles may */
/* Topics exist with equal partitions, the installation row names this group and cluster; fills
 * w->parts and w->source. */
int start_kafka(struct worker *w, struct err *err);

#endif

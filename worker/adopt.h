/* Takes over what somebody else began: an open attempt (poll or look it up), a built item (validate
 * it). By compare-and-set on the token that was read; no row: ask again. */
#ifndef WORKER_ADOPT_H
#define WORKER_ADOPT_H

#include "worker/flow.h"

struct work;
struct worker;

/* Collects works in ASKING that were answered ADOPT or VALIDATE, with work->attempt as read; RESUME
 * goes on at once with the attempt that is this process's own. */
void adopt_add(struct worker *w, struct work *work, enum answer answer);
void adopt_flush(struct worker *w); /* sends what was collected as one unit */
void adopt_done(struct worker *w);  /* forgets what was collected */

#endif

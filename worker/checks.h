/* Access validation of built items: the requests of common/connect/access.h, under a bound per
 * replica of its own, so that a validation never delays a build. */
#ifndef WORKER_CHECKS_H
#define WORKER_CHECKS_H

struct worker;
struct work;

/* Validates a work in CHECKING; waits its turn where the replica's bound is reached. When done it
 * fills access, access_checks, outcome, outcome_class, outcome_message and calls settle_outcome().
 * With policy.validate off it settles at once as succeeded, not_checked. */
void checks_start(struct worker *w, struct work *work);
void checks_forget(struct work *work); /* drops a run without a verdict; none: does nothing */

#endif

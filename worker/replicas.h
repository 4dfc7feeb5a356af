/* What this worker does about the replicas: registers its list in the ledger, counts failures for
 * the breaker, asks for a lower limit when a replica says so, and for a higher one when it does
 * well. */
#ifndef WORKER_REPLICAS_H
#define WORKER_REPLICAS_H

#include "common/base/err.h"

struct target;
struct worker;

int replicas_load(struct worker *w, struct err *err); /* from the configuration into w->targets */
void replicas_register(struct worker *w);             /* into the ledger; after each connect */
void replicas_changed(struct worker *w);              /* there are others: registered, probed */
void replicas_probe(struct worker *w, struct target *t); /* does it answer, and is it Connect? */
void replicas_failed(struct worker *w, struct target *t, const char *why); /* no connection */
void replicas_answered(struct worker *w, struct target *t);
void replicas_slow_down(struct worker *w, struct target *t, const char *why); /* AIMD: halve */
void replicas_tick(struct worker *w); /* probes of open breakers, steps up */

#endif

/* Publishes what campaigns still owe to Kafka, once their `enqueue` is gone: cursors, parked items
 * that are due or to be ended, unsent ones. Takes the publishing lease of one campaign at a time.
 */
#ifndef WORKER_FEEDER_H
#define WORKER_FEEDER_H

#include "common/base/err.h"

struct worker;

int feeder_start(struct worker *w, struct err *err); /* with a connection of its own */
void feeder_kick(struct worker *w); /* looks at once, or when its turn under way is over */
void feeder_stop(struct worker *w); /* takes no further turn */
void feeder_free(struct worker *w);

#endif

/* What the verbs that steer share: an act and what it changes are one transaction, and the workers
 * are told when it commits. */
#ifndef PRODUCER_STEER_H
#define PRODUCER_STEER_H

#include "producer/query.h"
#include "producer/verb.h"

/* One statement, and the NOTIFY of every worker that listens, as one transaction. The caller frees
 * *ret, whose first statement is the given one. */
int steer_run(struct call *c, const struct query *q, struct db_reply **ret, struct err *err);
/* The same for more statements: adds the NOTIFY to the unit. */
void steer_tell(struct db_unit *unit);

#endif

/* The consumer's side: assignments, revokes, records. A record becomes a request that waits, or a
 * dead letter; nothing else stops. */
#ifndef WORKER_INTAKE_H
#define WORKER_INTAKE_H

#include "common/base/err.h"

struct worker;

int intake_start(struct worker *w, struct err *err); /* makes the consumer and joins the group */
/* Pauses full partitions and resumes roomy ones; once a second and after results are out. */
void intake_flow(struct worker *w);

#endif

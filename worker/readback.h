/* Outcomes that the ledger lost while their results are out (a failover to a standby that lacked
 * the last commits): read back from the result topic, never built again. One reading is under way
 * at a time, on a helper thread. */
#ifndef WORKER_READBACK_H
#define WORKER_READBACK_H

struct uuid;
struct worker;

int readback_init(struct worker *w); /* -1: no memory */
void readback_done(struct worker *w);
/* The result of this request is out, and the ledger has no outcome. Known already: does nothing.
 * Beyond READBACK_MAX it is left to the next recovery. */
void readback_add(struct worker *w, const struct uuid *request_id);

#endif

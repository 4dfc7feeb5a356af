/* Facts for the ledger, gathered and sent as one unit at a time on the second connection: task ids,
 * outcomes, parked items, marks. Keyed and kept by the connection's edge over a reconnect. */
#ifndef WORKER_WRITES_H
#define WORKER_WRITES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/limits.h"
#include "common/base/uuid.h"
#include "worker/flow.h"

struct work;
struct worker;

int writes_init(struct worker *w); /* -1: no memory */
void writes_done(struct worker *w);
/* The outcome is filled in: SETTLING, written in the next batch, then its result is rendered. */
void writes_settle(struct worker *w, struct work *work);
/* The outcome is in the ledger already: takes the place and renders the result. */
void writes_republish(struct worker *w, struct work *work);
void writes_park(struct worker *w, struct work *work); /* back to the ledger; the offset is done */
/* The end of the work's attempt is in the ledger: on to validation, retry, or its result. */
void writes_attempt_ended(struct worker *w, struct work *work);
/* Task id and cookies of the attempt: a fact, written by whoever learns it. */
void writes_task(struct worker *w, const struct work *work);
/* Job keys judged not to be this build's. */
void writes_judged(struct worker *w, const struct work *work);
/* These results are out. */
void writes_mark(struct worker *w, const struct uuid *request_ids, size_t n);
/* What the result of a request says whose outcome the ledger lost. */
struct writes_found {
    struct uuid request_id;
    enum item_state outcome;                                       /* an end */
    char finished_at[40];                                          /* RFC 3339 */
    char error_class[64], error_message[TEXT_FIELD_MAX_BYTES + 1]; /* "": none */
    bool error_retryable;
    char access_verdict[32];
};
/* Written as the outcome, and marked as out; attempts still open there are closed. */
void writes_take_back(struct worker *w, const struct writes_found *found, size_t n);
/* Their results are out, but not in the result topic any more: only marked. */
void writes_mark_lost(struct worker *w, const struct uuid *request_ids, size_t n);
bool writes_idle(const struct worker *w); /* nothing waits or is under way */

#endif

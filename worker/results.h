/* From the outcome in the ledger to the result topic: renders results from their rows, gathers them
 * with the offsets they finish into batches, one transaction at a time, and settles what is known
 * of a batch whose commit is not known. */
#ifndef WORKER_RESULTS_H
#define WORKER_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db_reply;
struct dead_letter_why;
struct kafka_record;
struct part;
struct worker;

int results_init(struct worker *w); /* -1: no memory */
/* Ends the publisher thread. false: it is stuck; leave by _exit, free nothing. */
bool results_stop(struct worker *w, int wait_ms);
void results_done(struct worker *w);
/* Once a second: exits 75 when brokers answer but the publisher has been in one call for 120 s. */
void results_watch(struct worker *w);
/* Rows of SQL_RESULTS: renders the result of each work that waits for one (SETTLING or ENDING ->
 * RESULT) and queues it. Orphans wait until their partition is known. */
void results_take_rows(struct worker *w, const struct db_reply *reply, size_t statement);
/* An offset is done without a result (a copy, parked). */
void results_offset_done(struct worker *w, struct part *part, int64_t offset);
/* A record no worker can read: to the dead letters, untouched, in the same transaction as its
 * offset. */
void results_dead_letter(struct worker *w, struct part *part, const struct kafka_record *record,
                         const struct dead_letter_why *why);
/* What waits to go out fills its memory: no more records are read from this lane, until there is
 * room again (half of it). */
bool results_full(const struct worker *w, int lane);
bool results_roomy(const struct worker *w);
bool results_healthy(const struct worker *w); /* false: admission stops (queue full, stalled) */
size_t results_waiting(const struct worker *w);
double results_oldest_s(const struct worker *w); /* age of the oldest one that is not out */
/* Sends what there is now; done runs once when the batch under way and this one are settled, or
 * after wait_ms. For a revoke and the hand-off. */
typedef void results_flushed_fn(struct worker *w);
void results_flush(struct worker *w, int64_t wait_ms, results_flushed_fn *done);
void results_assigned(struct worker *w); /* takes the group metadata of the new generation */
void results_revoked(struct worker *w);  /* forgets what belongs to assignments that are over */

#endif

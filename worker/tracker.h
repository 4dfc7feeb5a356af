/* One partition's window: base (all before it is done), next (the first offset not read in this
 * assignment), and which offsets above the base are done. Pure: no Kafka, no clock.
 * Offsets that the log skips count as done. A known done offset may lie beyond `next`: after an
 * assignment the decoded map reaches further than what was read again. */
#ifndef WORKER_TRACKER_H
#define WORKER_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct tracker;

/* metadata NULL or "": nothing above base is done. A map whose own base differs from the committed
 * offset, or that does not decode: NULL and ERR_INPUT (refuse the partition). */
struct tracker *tracker_new(int64_t base, const char *metadata, struct err *err);
void tracker_free(struct tracker *t); /* NULL is fine */

enum tracker_take {
    TRACKER_NEW,    /* work on it */
    TRACKER_DONE,   /* its result is out, or it was read before in this assignment: skip */
    TRACKER_BEYOND, /* base + window or later: hold the record back, pause the partition */
};
/* A record was read at this offset. Offsets between the last one read and it were skipped by the
 * log: done. BEYOND takes note of those only (else a gap wider than the window would stop the
 * partition for good), so the same record may come again. It must: until then every later record is
 * BEYOND, too, so that none that is held back is taken for skipped. */
enum tracker_take tracker_record(struct tracker *t, int64_t offset);
/* The log starts at `low` now: what was deleted before it is done, but for these n offsets, whose
 * results are still owed. To be called before the first record. */
void tracker_trimmed(struct tracker *t, int64_t low, const int64_t *owed, size_t n);
/* Once more is fine; outside the window is ignored. */
void tracker_done(struct tracker *t, int64_t offset);
bool tracker_is_done(const struct tracker *t, int64_t offset);
/* Within the window: tracker_done() would take note. The place of an item that is adopted from the
 * ledger may lie beyond it (its last owner's base was ahead of the commit): its result must
 * wait. */
bool tracker_holds(const struct tracker *t, int64_t offset);

int64_t tracker_base(const struct tracker *t);
int64_t tracker_next(const struct tracker *t);
/* Behind the highest offset that is known to be done, or the base: the log reached that far. */
int64_t tracker_reach(const struct tracker *t);
size_t tracker_gap(const struct tracker *t); /* done offsets above the base */
bool tracker_full(const struct tracker *t);  /* next is at base + window: pause */
bool tracker_roomy(const struct tracker *t); /* at most half of the window is used: resume */
bool tracker_dirty(const struct tracker *t); /* base or map changed since tracker_commit_text */
/* Base and map in one step from one structure, for a commit; clears dirty. out: DONEMAP_TEXT_BYTES.
 * Up to the highest known done offset. "" when nothing above the base is done. */
int64_t tracker_commit_text(struct tracker *t, char *out);
void tracker_mark_dirty(struct tracker *t); /* the commit did not happen */

#endif

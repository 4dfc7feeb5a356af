/* What this worker says of itself in the ledger, and what it looks up there on a clock: its row,
 * its want, the campaigns whose requests it holds. */
#ifndef WORKER_PRESENCE_H
#define WORKER_PRESENCE_H

struct worker;

int presence_init(struct worker *w); /* -1: no memory */
void presence_done(struct worker *w);
void presence_tick(struct worker *w); /* every HEARTBEAT_MS */
/* Its best request found no slot: says so, where it listens; else does nothing. Cheap when nothing
 * changed. */
void presence_want(struct worker *w);
void presence_notified(struct worker *w, const char *payload); /* "slot NAME", NOTIFY_STEER */
void presence_gone(struct worker *w);                          /* the row says stopped */

#endif

/* Asks the ledger about requests, 64 at a time, and acts on the one order of answers (flow.h): what
 * may run goes on to the content read and the claim, what must wait goes to its waiting list, the
 * rest is adopted, validated, published again, parked, cancelled, expired or dropped. */
#ifndef WORKER_ASK_H
#define WORKER_ASK_H

#include <stddef.h>
#include <stdint.h>

struct db_reply;
struct req;
struct work;
struct worker;

int ask_init(struct worker *w); /* -1: no memory */
void ask_done(struct worker *w);
/* Something changed (a request came, a build ended, a time came): ask soon, from the loop. */
void ask_kick(struct worker *w);
/* Ready requests look at the replicas' limits and counts again after this time, at the latest;
 * without it once a second. For who left a slot to another worker. */
void ask_view_in(struct worker *w, int64_t delay_ms);
/* Asks about this request first, outside the waiting lists: recovered, of a campaign that closed,
 * or fenced. Takes the request; a second one with an id that is being worked on waits in the DUE
 * list. */
void ask_request(struct worker *w, struct req *req);
/* The same for a work that must be asked about again: it goes back to ASKING. Its call and timer
 * are stopped. Where its partition is not held any more it is forgotten. */
void ask_again(struct worker *w, struct work *work);
/* Back to the waiting lists (or, where its partition is not held, forgotten). */
void ask_wait(struct worker *w, struct work *work, int reason, const char *key, int64_t delay_ms);
/* The work ends here: its request is freed; `done` marks the offset done without a result. */
void ask_forget(struct worker *w, struct work *work, int done);

/* ask_row.c: fills work's facts, policy, content fields and attempt from one row of SQL_ASK_ITEMS.
 */
void ask_row_read(struct worker *w, struct work *work, const struct db_reply *reply, size_t row);
/* Takes the open (or last) attempt of that row over into work->attempt; the token as it was read is
 * left in it. -1: no memory or too many replicas. */
int ask_row_attempt(struct worker *w, struct work *work, const struct db_reply *reply, size_t row);

#endif

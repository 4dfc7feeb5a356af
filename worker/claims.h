/* The claims' turn: one transaction that ends attempts (their slots are free in it), gives slots to
 * workers that want them more urgently, and claims the rest for this worker's ready requests:
 * propose, lock, insert with a guard. One turn is under way at a time; ends and proposals that come
 * meanwhile go into the next one. */
#ifndef WORKER_CLAIMS_H
#define WORKER_CLAIMS_H

#include <stddef.h>

struct work;
struct worker;

int claims_init(struct worker *w); /* -1: no memory */
void claims_done(struct worker *w);
void claims_kick(struct worker *w); /* a turn soon, from the loop, if there is anything to do */
/* A work in ENDING with its attempt's end filled in: takes part in the next turn. */
void claims_end(struct worker *w, struct work *work);
/* Claims granted in the last second, as a measure of how far to ask ahead. */
size_t claims_pace(const struct worker *w);
size_t claims_pending(const struct worker *w); /* ends that the ledger does not know yet */
/* A slot was left to this worker by another one. */
void claims_slot_given(struct worker *w, const char *replica);

#endif

/* The campaigns' policies with a clock: --window pauses and resumes by itself, --on-complete tells
 * a URL that a campaign has ended (at least once, the campaign id as idempotency key, its answer
 * recorded). Any worker does them; each step is one keyed statement, so two at once do no harm. */
#ifndef WORKER_CAMPAIGNS_H
#define WORKER_CAMPAIGNS_H

struct worker;

void campaigns_tick(struct worker *w); /* once a second */

#endif

/* Waits until a campaign has ended. */
#ifndef PRODUCER_WAIT_H
#define PRODUCER_WAIT_H

#include "producer/status.h"
#include "producer/verb.h"

#define EXIT_INTERRUPTED 130 /* 128 + SIGINT: the waiting ended, the campaign goes on */

/* Shows progress on stderr. wait_ms ENQUEUE_WAIT_MAX_MS: as long as it takes. Fills *ret with what
 * was known last. EXIT_DONE: every item succeeded or was skipped; EXIT_ITEMS_FAILED; EXIT_WAITED;
 * EXIT_INTERRUPTED; -1 and err. */
int wait_campaign(struct call *c, const char *campaign_id, int64_t wait_ms,
                  struct campaign_status *ret, struct err *err);

#endif

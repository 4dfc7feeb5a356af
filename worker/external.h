/* Requests that the ledger does not know. Made by somebody else (another source): an item of an
 * external campaign is inserted and built like any other. With our own source and an unknown
 * campaign: the ledger lost it; held and alarmed, not built. */
#ifndef WORKER_EXTERNAL_H
#define WORKER_EXTERNAL_H

#include "common/base/uuid.h"

struct request;
struct work;
struct worker;

/* Asked about and not found: inserts what external_note() kept of it, then asks again. */
void external_ask(struct worker *w, struct work *work);
/* At intake: keeps the decoded record of a foreign source until the ledger knows it; takes the
 * request's members (the struct is empty afterwards), does nothing for our own source. -1: no
 * memory. */
int external_note(struct worker *w, struct request *request);
void external_known(struct worker *w,
                    const struct uuid *request_id); /* the ledger has it: forget */
void external_done(struct worker *w);

#endif

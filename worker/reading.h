/* Reads a content from Connect before the claim: the active bundle, locked, app mode. What has
 * nothing to restore is skipped without an attempt, a slot or a start token. */
#ifndef WORKER_READING_H
#define WORKER_READING_H

#include <stdbool.h>

struct work;
struct worker;

/* From ASKING or READY to READING, and on to READY, or to its outcome. A content that was read less
 * than CONTENT_FRESH_MS ago is not read again. */
void reading_start(struct worker *w, struct work *work);
/* May it be claimed on what was read? */
bool reading_fresh(const struct worker *w, const struct work *work);
/* Reads again the first few ready ones before they grow stale, so that a freed slot finds them
 * fresh. */
void reading_refresh(struct worker *w);

#endif

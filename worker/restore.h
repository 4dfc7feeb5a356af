/* Attempts that the ledger may have lost, from memory: after a failover of PostgreSQL to a standby
 * that lacked the last commits, a build that runs must have its row again before anybody asks. */
#ifndef WORKER_RESTORE_H
#define WORKER_RESTORE_H

#include <stdbool.h>
#include <stddef.h>

struct db_unit;
struct uuid;
struct worker;

/* Adds the statement for the attempts of these works, all of which have one. Rows that are there
 * stay as they are. false: no memory. */
bool restore_add(struct worker *w, struct db_unit *unit, const struct uuid *request_ids, size_t n);
/* The connection came back: all open builds of this process, ahead of every question. */
void restore_builds(struct worker *w);

#endif

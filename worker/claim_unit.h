/* One unit of the claims' turn: which works take part, and their statements. */
#ifndef WORKER_CLAIM_UNIT_H
#define WORKER_CLAIM_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/uuid.h"
#include "common/ledger/db.h"

#define CLAIM_UNIT_ENDS \
    256 /* with 40 log lines of 1 KiB each: 10 MiB in one transaction at worst */

#define CLAIM_UNIT_NO_STATEMENT SIZE_MAX

struct work;
struct worker;

struct claim_unit {
    struct uuid ends[CLAIM_UNIT_ENDS]; /* request ids of works in ENDING */
    size_t ends_n;
    struct uuid claims[CLAIM_BATCH]; /* request ids of works in CLAIMING, best first */
    size_t claims_n;
    struct target *give; /* where the slot is that another worker may be given */
    /* indexes of the statements in the reply, or CLAIM_UNIT_NO_STATEMENT */
    size_t end_at, give_at, granted_at, results_at, replicas_at;
};

/* Ends that are not sent yet, up to ends_max, and proposals for what looks free. Proposed works go
 * to CLAIMING with attempt id, token and replica. */
void claim_unit_gather(struct worker *w, struct claim_unit *u, size_t ends_max);
int claim_unit_submit(struct worker *w, struct claim_unit *u, db_done_fn *done); /* -1: no memory */
#define CLAIM_UNIT_LOCKS 3 /* statements of claim_unit_lock */
/* What a change of these items' attempts touches, locked in the one order. false: no memory. */
bool claim_unit_lock(struct db_unit *unit, const struct uuid *request_ids, size_t n);
/* The row that PostgreSQL refuses for its texts is stored without them. */
void claim_unit_strip(struct work *work);

#endif

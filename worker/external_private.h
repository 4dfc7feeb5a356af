/* What is kept of a request that the ledger does not know: private to external*.c. */
#ifndef WORKER_EXTERNAL_PRIVATE_H
#define WORKER_EXTERNAL_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/uuid.h"
#include "worker/kept_record.h"

struct part;
struct work;
struct worker;

struct external {
    struct uuid id;
    const struct part *part;
    int64_t offset;
    struct kept_record *kept;
    char *why; /* not NULL: no request, for this reason */
    bool inserting;
    bool inserted; /* the ledger said so; not found after that, it was refused in silence */
};

/* NULL: nothing is kept of this id. */
struct external *external_find(const struct worker *w, const struct uuid *id);
/* The work's record goes to the dead letters, and its offset is done with that. */
void external_refuse(struct worker *w, struct work *work, const char *stage, const char *why);
/* external_insert.c: submits the item (the rejected one of a broken record). */
void external_insert(struct worker *w, struct external *e, const struct work *work);

#endif

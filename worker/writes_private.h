/* What is on its way to the ledger on the second connection: private to writes*.c. */
#ifndef WORKER_WRITES_PRIVATE_H
#define WORKER_WRITES_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/uuid.h"

#define SETTLE_MAX 256 /* outcomes in one unit */

struct event_timer;

enum settle_kind { SETTLE_OUTCOME, SETTLE_REPUBLISH, SETTLE_PARK, SETTLE_KINDS };

struct writes {
    struct event_timer *timer;
    bool kicked;
    bool in_flight;
    struct uuid ids[SETTLE_KINDS][SETTLE_MAX]; /* of the unit under way */
    size_t n[SETTLE_KINDS];
    size_t max;    /* halved while the ledger refuses a batch, to find the row */
    size_t others; /* task ids, judged jobs, marks on their way */
};

#endif

/* One request this worker holds: ids and sort keys only; the rest is read at the claim. About 96
 * bytes, because a full window of every partition is held. */
#ifndef WORKER_REQ_H
#define WORKER_REQ_H

#include <stdint.h>

#include "common/base/uuid.h"

struct part;      /* a partition and its tracker; worker/parts.h */
struct work;      /* what is known once it was asked about; worker/work.h */
struct wait_list; /* worker/waiting.c */

struct req {
    struct uuid id;
    struct uuid campaign_id;
    struct part *part; /* never NULL; parts live as long as the process */
    uint32_t epoch; /* of the assignment it was read in; another one than the part's: an orphan */
    int64_t offset;
    int64_t rank;
    int64_t due_ms;         /* in a DUE list: when (loop clock) */
    struct work *work;      /* NULL: never asked, or nothing kept */
    struct wait_list *list; /* NULL: in no waiting list */
    uint32_t heap_at;       /* place in that list's heap */
    uint8_t lane;           /* 1: fast lane */
};

#endif

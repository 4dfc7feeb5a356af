/* Requests that are in the ledger and not in Kafka any more: somebody deleted a topic or records of
 * it. Found, not guessed, from what the group has committed, what the ledger says, and where the
 * logs begin and end; read in an order in which nothing that happens meanwhile looks lost. */
#ifndef PRODUCER_LOST_H
#define PRODUCER_LOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/uuid.h"
#include "producer/session.h"
#include "producer/topics.h"

struct lost_item {
    struct uuid request_id;
    char campaign[UUID_TEXT_BYTES];
    bool has_result; /* in the result topic; requeue.c looks for it */
};

struct lost_log { /* one partition of a request topic */
    int lane;
    const char *topic;
    int32_t partition;
    int64_t base; /* committed; KAFKA_OFFSET_NONE: nothing */
    int64_t low, high;
    bool remade; /* the group or the ledger speaks of records beyond its end */
};

struct lost {
    struct lost_log *logs; /* by lane, then partition */
    size_t logs_n;
    int partitions[2];       /* by lane */
    struct lost_item *items; /* by campaign, in the order of their ranks */
    size_t n;
};

/* Of one campaign, or of all that are live (NULL). lost_done in any case. */
int lost_find(struct session *s, const char *campaign, struct lost *ret, struct err *err);
void lost_done(struct lost *l);
size_t lost_campaigns(const struct lost *l); /* how many campaigns have lost requests */

/* Watermarks and committed offsets of every partition of both request topics, into logs. */
int lost_read_logs(struct session *s, struct lost *ret, struct err *err);
/* Adds the logs as the parameters of "unnest($N::int[], ...) as k(lane, part, base, low, high)",
 * and that text. */
struct query;
void lost_add_logs(struct query *q, const struct lost *l);

#endif

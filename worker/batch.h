/* The batch of results that is under way, and its queue: private to results.c, batch.c and stall.c.
 */
#ifndef WORKER_BATCH_H
#define WORKER_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/broker/txn.h"
#include "worker/donemap.h"
#include "worker/publisher.h"
#include "worker/results.h"

struct event_timer;
struct group_ref;
struct outgoing;
struct worker;

struct results {
    struct publisher *publisher;
    struct event_timer *timer; /* the next batch */
    struct event_timer *flush_timer;
    struct event_timer *lookup_timer;
    struct list pending;          /* struct outgoing, oldest first */
    struct list batch;            /* under way, or its outcome is being looked up */
    struct kafka_offset *offsets; /* of the batch */
    char (*maps)[DONEMAP_TEXT_BYTES];
    struct part **offset_parts;
    size_t offsets_n;
    struct txn_message *messages; /* a letter may go with each result */
    size_t messages_n;
    size_t bytes;           /* of all that is pending or under way */
    size_t limit_bytes;     /* of a message and of a transaction, learnt from the broker; 0: none */
    int64_t pause_until_ms; /* even the shortest message was refused */
    struct group_ref *group; /* of the present assignment */
    struct group_ref *batch_group;
    bool looking;       /* the outcome of the batch is being looked up */
    int64_t success_ms; /* last committed transaction, or nothing was pending */
    results_flushed_fn *flushed;
    bool checking_brokers;
};

/* Sends what is pending and owned, with the base and map of every partition that changed; does
 * nothing while a batch is under way or its outcome is looked up. A timer's function; arg: worker.
 */
void batch_send(void *arg);
/* Out of the lists already: no longer counted, and freed. */
void batch_drop(struct worker *w, struct outgoing *out);
/* Asks for the committed offsets of the batch whose outcome is not known, until they are known. */
void batch_look_up(void *arg);
void batch_published(void *arg, enum publish_verdict verdict, const struct err *err);

#endif

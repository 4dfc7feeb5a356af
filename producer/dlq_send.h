/* Sends records one after the other and tells of each whether a broker has taken it. Blocks; for
 * command-line verbs. Knows no options: common/broker has a producer_config of its own. */
#ifndef PRODUCER_DLQ_SEND_H
#define PRODUCER_DLQ_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct event_loop;
struct kafka_props;
struct sender;
struct txn_message;

struct sender_receipt { /* partition and offset count where taken is set */
    bool taken;
    int32_t partition;
    int64_t offset;
};

struct sender *sender_new(struct event_loop *loop, const struct kafka_props *props,
                          struct err *err);
/* Copies the message. The receipt is filled in by the next sender_wait, and must live until then.
 */
int sender_send(struct sender *s, const struct txn_message *message, struct sender_receipt *receipt,
                struct err *err);
/* Until every message was taken or given up. -1 and err: the first one that was not taken. */
int sender_wait(struct sender *s, struct err *err);
void sender_free(struct sender *s); /* NULL is fine */

#endif

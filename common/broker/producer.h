/* The idempotent, non-transactional producer of the request topics (a transaction there would leave
 * gaps and lag). Delivery reports come on the loop. Settings: kafka.md 8. */
#ifndef COMMON_BROKER_PRODUCER_H
#define COMMON_BROKER_PRODUCER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/broker/consumer.h"
#include "common/broker/props.h"

struct event_loop;
struct producer;

/* ticket is what producer_send was given. offset and partition are valid when err is NULL. */
typedef void producer_delivery_fn(void *arg, uint64_t ticket, int32_t partition, int64_t offset,
                                  const struct err *err);

struct producer_config {
    const struct kafka_props *props; /* copied */
    const char *client_id;
    producer_delivery_fn *on_delivery;
    void *arg;
};

struct producer *producer_new(struct event_loop *loop, const struct producer_config *config,
                              struct err *err);

enum producer_result { PRODUCER_OK, PRODUCER_FULL, PRODUCER_ERROR };
struct txn_message;
/* Copies key, value, headers. FULL: nothing was taken, send again after a delivery. ERROR: err says
 * why; a fatal one (idempotence lost) means: free this producer and make a new one. */
enum producer_result producer_send(struct producer *p, const struct txn_message *message,
                                   uint64_t ticket, struct err *err);
size_t producer_in_flight(const struct producer *p);
int producer_fatal(struct producer *p, struct err *ret); /* 1: a fatal error was raised */
void producer_free(
    struct producer *p); /* undelivered messages are purged without report; NULL is fine */

#endif

/* Private to admin*.c: one request of the admin API, sent and waited for. */
#ifndef COMMON_BROKER_ADMIN_PRIVATE_H
#define COMMON_BROKER_ADMIN_PRIVATE_H

#include "common/broker/admin.h"
#include "common/broker/client.h"

struct rd_kafka_queue_s;
struct rd_kafka_AdminOptions_s;
struct rd_kafka_op_s; /* an event */

struct admin {
    struct client *client;
    int timeout_ms; /* of each call */
};

struct admin_request {
    struct rd_kafka_AdminOptions_s *options;
    struct rd_kafka_queue_s *queue;
    struct rd_kafka_op_s *event; /* the answer, until admin_request_done */
    int wait_ms;                 /* for the answer */
};

/* op is an RD_KAFKA_ADMIN_OP_*. On success admin_request_done must follow. */
int admin_request_init(struct admin_request *r, struct admin *a, int op, struct err *err);
/* Borrowed answer without a top-level error; NULL and err: none came, or it was an error. */
struct rd_kafka_op_s *admin_request_wait(struct admin_request *r, const char *what,
                                         struct err *err);
void admin_request_done(struct admin_request *r);

#endif

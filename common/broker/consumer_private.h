/* Private to consumer*.c: the consumer and its three responsibilities, each a file: the queue of
 * events (consumer.c), what is assigned and paused (consumer_group.c), questions that block
 * (consumer_query.c). */
#ifndef COMMON_BROKER_CONSUMER_PRIVATE_H
#define COMMON_BROKER_CONSUMER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/broker/client.h"
#include "common/broker/consumer.h"
#include "common/event/event.h"

struct rd_kafka_op_s; /* an event */
struct rd_kafka_queue_s;

enum consumer_phase {
    CONSUMER_IDLE,      /* nothing is assigned and nothing is asked */
    CONSUMER_ASSIGNING, /* on_assign was called and is not yet answered */
    CONSUMER_ASSIGNED,  /* records come */
    CONSUMER_REVOKING,  /* on_revoke was called and is not yet answered */
};

struct consumer {
    struct client *client;
    struct rd_kafka_queue_s *queue;
    struct event_loop *loop;
    int wake_fd; /* the library writes to it when the queue is no longer empty */
    struct event_fd *watch;
    struct event_timer *tick;
    struct consumer_handlers handlers;
    enum consumer_phase phase;
    unsigned generation;
    struct rd_kafka_topic_partition_list_s
        *paused;         /* survives rebalances, as the library's flag does */
    struct list queries; /* running ones, so that consumer_free can cut them off */
    int64_t last_poll_ms;
    bool closing;
    bool close_failed; /* the library refused to leave the group; nothing more will come */
    void (*closed)(void *arg);
    void *closed_arg;
};

/* consumer_group.c */
void consumer_on_rebalance(struct consumer *c, struct rd_kafka_op_s *event);
void consumer_answer_pending(struct consumer *c); /* before closing: no event may stay unanswered */

/* consumer_query.c */
void consumer_queries_cut_off(struct consumer *c);

#endif

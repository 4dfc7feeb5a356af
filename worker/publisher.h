/* The publisher thread: owns the transactional producer and is the only writer of offsets. One
 * batch at a time: results, dead letters and the offsets they finish in one transaction. Whatever
 * did not surely commit is UNKNOWN; the caller looks the outcome up, nobody guesses. */
#ifndef WORKER_PUBLISHER_H
#define WORKER_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/broker/txn.h"

struct event_loop;
struct publisher;

enum publish_verdict { PUBLISH_COMMITTED, PUBLISH_UNKNOWN };

struct publish_batch { /* all borrowed by the thread between publisher_send and on_done */
    const struct txn_message *messages;
    size_t messages_n;
    const struct kafka_offset *offsets;
    size_t offsets_n;
    const struct kafka_group *group;
};

/* UNKNOWN with an err of kind ERR_INPUT: something in it is too large for the broker. */
typedef void publisher_done_fn(void *arg, enum publish_verdict verdict, const struct err *err);

struct publisher_config {
    struct event_loop *loop;
    struct txn_config txn;     /* copied */
    const char *const *topics; /* copied; warmed up after each init_transactions */
    size_t topics_n;
    publisher_done_fn *on_done; /* on the loop, once per batch, not after publisher_free */
    void *arg;
};

/* Starts the thread, which makes its producer at once and again after every fatal error, with
 * back-off, for as long as it takes. */
struct publisher *publisher_new(const struct publisher_config *config, struct err *err);
void publisher_send(struct publisher *p, const struct publish_batch *batch); /* idle only */
bool publisher_idle(const struct publisher *p);
/* When the call that the thread is in began (clock_boot_ms); 0: it is in none. Any thread. */
int64_t publisher_call_since_ms(const struct publisher *p);
/* Asks the thread to end and waits up to wait_ms for it. false: it is stuck in a call; the caller
 * must leave by _exit and free nothing. */
bool publisher_stop(struct publisher *p, int wait_ms);
void publisher_free(struct publisher *p); /* after publisher_stop said true; NULL is fine */

#endif

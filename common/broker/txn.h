/* The transactional producer: results, dead letters and the consumer's offsets in one transaction.
 * Every call blocks; one thread, the publisher, owns the handle. Facts: kafka.md 3. */
#ifndef COMMON_BROKER_TXN_H
#define COMMON_BROKER_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/broker/consumer.h"
#include "common/broker/props.h"

struct txn;

/* In the order in which an answer must be looked at. */
enum txn_result {
    TXN_OK,
    TXN_FATAL, /* free the handle, make a new one, look the outcome up, send the rest */
    TXN_ABORT, /* txn_abort, look the outcome up, send the rest */
    TXN_RETRY, /* the same call again */
    TXN_FAILED /* anything else: treat as TXN_FATAL, unless txn_produce says otherwise */
};

struct txn_config {
    const struct kafka_props *props; /* copied */
    const char
        *transactional_id; /* group + worker id + random of the process, kept over re-creations */
    int transaction_timeout_ms;  /* min(10 s, half the session time-out) */
    int send_offsets_timeout_ms; /* the library may ignore it (librdkafka#5456) */
    const char *client_id;
};

struct txn_message { /* borrowed until txn_produce returns: the library copies */
    const char *topic;
    int32_t partition; /* -1: by the key (murmur2) */
    const void *key;
    size_t key_len;
    const void *value;
    size_t value_len;
    const struct kafka_header *headers;
    size_t headers_n;
    int64_t timestamp_ms; /* 0: now */
};

struct txn *txn_new(const struct txn_config *config,
                    struct err *err); /* NULL and err: bad property */
/* init_transactions; then one metadata call for each topic, else the first produce takes 1 s. RETRY
 * (with ERR_CONFIG while a topic does not exist): the same call again. */
enum txn_result txn_init(struct txn *t, const char *const *topics, size_t topics_n,
                         struct err *err);
enum txn_result txn_begin(struct txn *t, struct err *err);
/* RETRY: the library's queue is full (a while was waited already). FAILED with ERR_INPUT: this one
 * message is too large for the library; it was not taken, and the transaction goes on without it.
 */
enum txn_result txn_produce(struct txn *t, const struct txn_message *message, struct err *err);
/* May ignore its time-out while the group coordinator is away (librdkafka#5456). group NULL (not a
 * member) is ABORT: offsets without a member id would pass the broker unchecked. */
enum txn_result txn_send_offsets(struct txn *t, const struct kafka_offset *offsets, size_t n,
                                 const struct kafka_group *group, struct err *err);
/* ABORT when offsets were to be sent and that did not end with OK: results never go out alone. */
enum txn_result txn_commit(struct txn *t, struct err *err);
enum txn_result txn_abort(struct txn *t, struct err *err);
/* Something of the transaction that txn_begin began was refused for its size, by the library or by
 * the broker. Known for sure after txn_abort. */
bool txn_too_large(const struct txn *t);
/* Does any broker answer a metadata request now? From any thread; for the 120 s rule. */
int txn_brokers_answer(const struct kafka_props *props, int timeout_ms);
void txn_free(struct txn *t); /* NULL is fine */

#endif

/* Private to this directory: what all Kafka clients share. A client is a librdkafka handle with a
 * reference count, so that a helper thread may be inside a call while its owner lets go of it.
 * librdkafka's types are named by their struct tags here, because no header includes it. */
#ifndef COMMON_BROKER_CLIENT_H
#define COMMON_BROKER_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/broker/consumer.h"
#include "common/broker/props.h"
#include "common/broker/txn.h"

#define CLIENT_ID_MAX_BYTES 64 /* librdkafka 2.5 crashes on longer ones */
#define OWN_MESSAGE_MAX_BYTES \
    (256 * 1024) /* what message.max.bytes must let through: a dead letter */

struct rd_kafka_s;
struct rd_kafka_message_s;
struct rd_kafka_topic_partition_list_s;
struct rd_kafka_consumer_group_metadata_s;

struct kafka_prop {
    char *name, *value;
};
struct kafka_props {
    struct kafka_prop *items;
    size_t n;
    kafka_log_fn *log;
    void *log_arg;
};

/* ERR_CONFIG with the reason if the property is not the operator's to set. */
int kafka_props_check(const char *name, struct err *err);

struct client_setting {
    const char *name, *value; /* a table ends with a NULL name */
};

typedef void client_delivered_fn(struct rd_kafka_s *rk, const struct rd_kafka_message_s *message,
                                 void *client);
struct client_plan {
    bool consumer;
    const char *client_id;                 /* the default; cut at CLIENT_ID_MAX_BYTES */
    const struct client_setting *defaults; /* the operator's properties go over them */
    const struct client_setting *fixed;    /* go over the operator's; NULL: none */
    const char *const
        *skip;      /* the operator's properties that this client does not take; NULL: none */
    int events;     /* RD_KAFKA_EVENT_* */
    bool log_queue; /* log lines come as events, not by kafka_log_fn */
    client_delivered_fn *delivered;
    void *owner; /* client->owner */
};

struct client {
    struct rd_kafka_s *rk;
    atomic_int refs;
    bool consumer;
    kafka_log_fn *log;
    void *log_arg;
    void *owner;
};

struct client *client_new(const struct kafka_props *props, const struct client_plan *plan,
                          struct err *err);
void client_ref(struct client *c);
/* The last one destroys the handle, without leaving the group. NULL is fine. */
void client_unref(struct client *c);
/* Hands one log line to kafka_log_fn, unless it only says that a shared properties file also names
 * properties of the other kind of client. */
void client_log(const struct client *c, int level, const char *facility, const char *text);

/* Fills err from a librdkafka error code (as int): kind by code, message "what: text". text NULL:
 * the library's own. Returns -1. */
int client_err(struct err *err, int code, const char *what, const char *text);
/* 1 and err if the handle has raised a fatal error. */
int client_fatal(const struct client *c, struct err *err);

/* Hands one message over, copied. Returns the library's error code (0: taken). */
int client_produce(const struct client *c, const struct txn_message *message, void *opaque);
/* One blocking metadata request for the topic, so that the first message to it does not wait for
 * the library's timer (1 s on 2.0.2). Thread safe. Returns the library's error code. */
int client_warm(const struct client *c, const char *topic, int timeout_ms);

/* Start and end of the log of each mark's partition, as the client's isolation.level sees it,
 * within the time-out. failed is set where nothing is known (it must be false before). Returns the
 * first library error code. */
int client_watermarks(const struct client *c, struct kafka_watermark *marks, size_t n,
                      int timeout_ms);

/* A record as the library holds it. headers has KAFKA_HEADERS_MAX places, which ret points at. */
void record_from_message(const struct rd_kafka_message_s *message, struct kafka_header *headers,
                         struct kafka_record *ret);

/* Kafka's list from ours, offsets and metadata included. Caller destroys. */
struct rd_kafka_topic_partition_list_s *offsets_to_list(const struct kafka_offset *offsets,
                                                        size_t n);
/* Ours from Kafka's: one block, which free() frees, texts included. NULL: no memory, or *ret_n 0.
 */
struct kafka_offset *offsets_from_list(const struct rd_kafka_topic_partition_list_s *list,
                                       size_t *ret_n);

struct kafka_group {
    struct rd_kafka_consumer_group_metadata_s *metadata;
};

#endif

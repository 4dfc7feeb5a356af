/* One message that waits for a Kafka transaction: a result or a dead letter, with the offset that
 * it finishes. Owns its bytes. */
#ifndef WORKER_OUTGOING_H
#define WORKER_OUTGOING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/list.h"
#include "common/base/uuid.h"
#include "common/broker/txn.h"
#include "worker/parts.h"

struct result;

struct outgoing {
    struct list_node node;
    struct part *part;
    uint32_t epoch;
    int64_t offset;
    struct uuid request_id; /* of a result */
    bool dead_letter;
    bool counted;               /* its offset is done in the tracker on its account */
    bool out;                   /* the committed map says so */
    struct outgoing *letter;    /* goes out with it; its offset is this one's. NULL: none */
    int64_t since_ms;           /* clock_boot_ms */
    size_t bytes;               /* value, key and headers, with the letter's */
    struct txn_message message; /* points into what this struct owns */
    char *value;
    void *copied; /* headers and key */
};

struct dead_letter_why {
    const char *error_class; /* request.invalid */
    const char *stage;       /* decode */
    const char *message;     /* cut at 1 KiB */
};

/* topic is borrowed for ever. NULL and err: no memory, or the result cannot be rendered. */
struct outgoing *outgoing_result(const struct req *req, const struct result *result,
                                 const char *topic, struct err *err);
/* The record untouched (value cut at DLQ_VALUE_MAX_BYTES), plus rebuild.errors.* headers. */
struct outgoing *outgoing_dead_letter(struct part *part, const struct kafka_record *record,
                                      const struct dead_letter_why *why, const char *topic,
                                      const char *worker_id);
void outgoing_add_letter(struct outgoing *out, struct outgoing *letter); /* takes it */
/* Cuts texts (a result's, marked as cut; the record of a dead letter, then its headers and key)
 * until the message is no larger than max_bytes, at least RESULT_CUT_MIN_BYTES; the letter by
 * itself. What cannot be made so small is left as small as it can be. */
void outgoing_cut(struct outgoing *out, size_t max_bytes);
void outgoing_free(struct outgoing *out);
void outgoing_free_all(struct list *l);

/* Group metadata with a count: the assignment and a batch under way both hold it. Loop only. */
struct group_ref {
    struct kafka_group *group;
    int refs;
};
struct group_ref *group_ref_new(struct kafka_group *group); /* takes it; NULL in, NULL out */
struct group_ref *group_ref_take(struct group_ref *ref);
void group_ref_drop(struct group_ref *ref); /* NULL is fine */

#endif

/* From an item's row to its record. Private to common/outbox. */
#ifndef COMMON_OUTBOX_MESSAGE_H
#define COMMON_OUTBOX_MESSAGE_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/broker/consumer.h"
#include "common/record/event.h"
#include "common/record/request.h"

/* Headers and the batch's own bytes also count against the topic's max.message.bytes. */
#define OUTBOX_VALUE_MAX_BYTES (REQUEST_MAX_BYTES - 4096)
#define OUTBOX_VALUE_CEILING \
    (4 * REQUEST_MAX_BYTES) /* of the buffer: a longer one is not rendered */

struct db_reply;

struct outbox_about { /* the campaign, for all of its records; owned */
    struct uuid campaign_id;
    char *name, *reason; /* may be NULL */
    char *actor;
    char *source;
};
void outbox_about_done(struct outbox_about *a);

struct outbox_row { /* of OUTBOX_SQL_UNSENT or _NEXT; borrowed */
    const struct db_reply *reply;
    size_t statement, row;
};

/* *ret is the caller's (request_done). ERR_INTERNAL: no memory, or a row that is not one. */
int outbox_request_read(const struct outbox_row *row, const struct outbox_about *about,
                        struct request *ret, struct err *err);
/* Renders into out, which is cleared first. A request whose content is too large or too odd for a
 * record goes out with its ids alone: the ledger has the rest, and no item stops its campaign. */
int outbox_request_encode(struct request *r, struct buf *out, struct err *err);

struct outbox_headers {
    struct event_header text[EVENT_HEADERS_N];
    struct kafka_header headers[EVENT_HEADERS_N]; /* point into text */
    size_t n;
};
void outbox_headers_fill(const struct request *r, struct outbox_headers *ret);

#endif

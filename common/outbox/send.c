/* The records of a turn: from rows to the producer, and what it reports. */
#include "common/outbox/turn.h"

#include <string.h>

#include "common/base/checkpoint.h"
#include "common/broker/producer.h"
#include "common/broker/txn.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "common/outbox/sql.h"

static void on_delivery(void *arg, uint64_t ticket, int32_t partition, int64_t offset,
                        const struct err *err)
{
    struct outbox *o = arg;

    progress_report(&o->progress, ticket, partition, err == NULL ? offset : -1);
    if (err != NULL)
        turn_fail(o, err);
    /* Not from here: a broken producer cannot be freed inside its own report. */
    if (err != NULL || o->progress.pending == 0)
        event_timer_start(o->step, 0, 0);
}

/* A fatal error: no report comes any more. What has none counts as not delivered; it is sent again
 * by a new producer in a later turn, at worst as a copy. */
static void give_up_producer(struct outbox *o, const struct err *err)
{
    turn_fail(o, err);
    producer_free(o->producer);
    o->producer = NULL;
    for (uint64_t ticket = 0; o->progress.pending > 0; ticket++)
        progress_report(&o->progress, ticket, 0, -1);
}

void send_step(void *outbox)
{
    struct outbox *o = outbox;
    struct err err;

    if (!o->busy)
        return;
    if (o->producer != NULL && producer_fatal(o->producer, &err) != 0)
        give_up_producer(o, &err);
    turn_go_on(o);
}

static bool ensure_producer(struct outbox *o)
{
    struct err err;

    if (o->producer == NULL)
        o->producer = producer_new(
            o->loop, &(struct producer_config){ o->props, o->client_id, on_delivery, o }, &err);
    if (o->producer == NULL)
        turn_fail(o, &err);
    return o->producer != NULL;
}

/* The item is in progress, under ticket. */
static void produce(struct outbox *o, const struct request *r, uint64_t ticket)
{
    struct outbox_headers headers;
    struct txn_message message = {
        .topic = o->topics[r->high_lane ? 1 : 0],
        .partition = -1,
        .key = r->content.guid,
        .key_len = strlen(r->content.guid),
        .value = o->value.data,
        .value_len = o->value.len,
    };
    struct err err;

    outbox_headers_fill(r, &headers);
    message.headers = headers.headers;
    message.headers_n = headers.n;
    checkpoint("outbox.produce");
    switch (producer_send(o->producer, &message, ticket, &err)) {
    case PRODUCER_OK: return;
    case PRODUCER_FULL: o->stopped = true; break; /* the rest is for the next turn */
    case PRODUCER_ERROR: turn_fail(o, &err); break;
    }
    progress_report(&o->progress, ticket, 0, -1);
}

static void send_row(struct outbox *o, const struct outbox_row *row, struct outbox_item *item)
{
    struct request r;
    struct err err;
    uint64_t ticket;

    if (outbox_request_read(row, &o->about, &r, &err) != 0) {
        turn_fail(o, &err);
        return;
    }
    item->id = r.request_id;
    item->of_campaign = r.high_lane == (o->lane != 0);
    if (outbox_request_encode(&r, &o->value, &err) != 0) {
        err_prefix(&err, "rank %lld of campaign %s", (long long)r.rank, o->id);
        turn_fail(o, &err);
    } else if (progress_add(&o->progress, item, &ticket) != 0) {
        err_set(&err, ERR_INTERNAL, "no memory for the outbox");
        turn_fail(o, &err);
    } else {
        produce(o, &r, ticket);
    }
    request_done(&r);
}

void send_rows(struct outbox *o, const struct db_reply *reply, size_t statement, bool unsent)
{
    size_t rows = db_rows(reply, statement);

    if (rows == 0 || o->stopped || !ensure_producer(o))
        return;
    for (size_t row = 0; row < rows && !o->stopped; row++) {
        struct outbox_item item = { .rank = db_int(reply, statement, row, ITEM_RANK),
                                    .unsent = unsent };
        struct err err;

        if (!db_bool(reply, statement, row, ITEM_SKIP)) {
            send_row(o, &(struct outbox_row){ reply, statement, row }, &item);
        } else if (progress_skip(&o->progress, &item) != 0) {
            err_set(&err, ERR_INTERNAL, "no memory for the outbox");
            turn_fail(o, &err);
        }
    }
}

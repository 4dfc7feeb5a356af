#include "producer/dlq_send.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/broker/producer.h"
#include "common/event/event.h"

#define CLIENT_ID       "rebuild-producer"
#define DELIVERY_MAX_MS 150000 /* a message is given up after 120 s */

/* A ticket is a receipt's address. */
_Static_assert(sizeof(void *) == sizeof(uint64_t), "pointers have 64 bits");

struct sender {
    struct event_loop *loop;
    struct producer *producer;
    bool settled; /* nothing is under way */
    struct err failure;
};

static void on_delivery(void *arg, uint64_t ticket, int32_t partition, int64_t offset,
                        const struct err *err)
{
    struct sender *s = arg;
    struct sender_receipt *receipt;

    memcpy(&receipt, &ticket, sizeof(receipt));
    *receipt = (struct sender_receipt){ err == NULL, partition, offset };
    if (err != NULL && s->failure.kind == ERR_NONE)
        s->failure = *err;
    s->settled = producer_in_flight(s->producer) == 0;
}

struct sender *sender_new(struct event_loop *loop, const struct kafka_props *props, struct err *err)
{
    struct sender *s = calloc(1, sizeof(*s));
    const struct producer_config config = {
        .props = props, .client_id = CLIENT_ID, .on_delivery = on_delivery, .arg = s
    };

    if (s == NULL) {
        err_set(err, ERR_INTERNAL, "no memory to send");
        return NULL;
    }
    s->loop = loop;
    s->settled = true;
    s->producer = producer_new(loop, &config, err);
    if (s->producer != NULL)
        return s;
    free(s);
    return NULL;
}

int sender_send(struct sender *s, const struct txn_message *message, struct sender_receipt *receipt,
                struct err *err)
{
    uint64_t ticket;

    memcpy(&ticket, &receipt, sizeof(ticket));
    *receipt = (struct sender_receipt){ .taken = false };
    checkpoint("dlq.produce");
    switch (producer_send(s->producer, message, ticket, err)) {
    case PRODUCER_OK: s->settled = false; return 0;
    case PRODUCER_FULL: return err_set(err, ERR_INTERNAL, "too many messages are under way");
    case PRODUCER_ERROR: break;
    }
    return -1;
}

int sender_wait(struct sender *s, struct err *err)
{
    if (!event_loop_run_until(s->loop, &s->settled, event_now_ms(s->loop) + DELIVERY_MAX_MS))
        return err_set(err, ERR_UNREACHABLE, "the broker has not taken all in time");
    if (s->failure.kind == ERR_NONE)
        return 0;
    *err = s->failure;
    return -1;
}

void sender_free(struct sender *s)
{
    if (s == NULL)
        return;
    producer_free(s->producer);
    free(s);
}

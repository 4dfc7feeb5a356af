#include "common/broker/producer.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/broker/client.h"
#include "common/event/event.h"

#define WARM_TIMEOUT_MS 5000 /* of the metadata request for a topic that is new to the producer */

/* A ticket travels in the place of the library's pointer. */
_Static_assert(sizeof(void *) == sizeof(uint64_t), "pointers have 64 bits");

struct producer {
    struct client *client;
    struct event_loop *loop;
    rd_kafka_queue_t *queue; /* the library's main queue: delivery reports */
    int wake_fd;
    struct event_fd *watch;
    struct event_timer *tick;
    producer_delivery_fn *on_delivery;
    void *arg;
    size_t in_flight;
    char **topics; /* sent to at least once */
    size_t topics_n;
};

/* ---- delivery reports ---- */

/* Runs inside rd_kafka_poll(), so on the loop. */
static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *client)
{
    struct producer *p = ((struct client *)client)->owner;
    uint64_t ticket;
    struct err err;

    (void)rk;
    if (p == NULL) /* freed: what is left is purged without report */
        return;
    memcpy(&ticket, &message->_private, sizeof(ticket));
    p->in_flight--;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        p->on_delivery(p->arg, ticket, message->partition, message->offset, NULL);
        return;
    }
    client_err(&err, message->err, rd_kafka_topic_name(message->rkt), NULL);
    p->on_delivery(p->arg, ticket, message->partition, -1, &err);
}

static void on_wake(void *arg, unsigned ready)
{
    struct producer *p = arg;
    eventfd_t count;

    (void)ready;
    eventfd_read(p->wake_fd, &count);
    rd_kafka_poll(p->client->rk, 0);
}

static void on_tick(void *arg)
{
    struct producer *p = arg;

    rd_kafka_poll(p->client->rk, 0);
}

/* ---- life ---- */

static struct client *open_client(struct producer *p, const struct kafka_props *props,
                                  const char *client_id, struct err *err)
{
    static const struct client_setting defaults[] = {
        { "linger.ms", "50" },
        /* max.message.bytes of the request topics bounds a whole batch */
        { "batch.size", "60000" },
        { "batch.num.messages", "10000" },
        { "queue.buffering.max.messages", "200000" },
        { "message.timeout.ms", "120000" },
        { "socket.timeout.ms", "20000" }, /* a connection that is half open is given up */
        { "compression.codec", "zstd" },  /* the one codec that 2.0.2 uses with every broker */
        { NULL, NULL },
    };
    static const struct client_setting fixed[] = {
        { "enable.idempotence", "true" },
        { "acks", "all" },
        { "partitioner", "murmur2_random" },
        { NULL, NULL },
    };
    const struct client_plan plan = {
        .client_id = client_id,
        .defaults = defaults,
        .fixed = fixed,
        .delivered = on_delivered,
        .owner = p,
    };

    return client_new(props, &plan, err);
}

static int start_queue(struct producer *p, struct err *err)
{
    static const uint64_t one = 1;

    p->queue = rd_kafka_queue_get_main(p->client->rk);
    p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (p->queue == NULL || p->wake_fd < 0)
        return err_set(err, ERR_INTERNAL, "no file descriptor or memory for the Kafka producer");
    p->watch = event_fd_start(p->loop, p->wake_fd, EVENT_READ, on_wake, p);
    p->tick = event_timer_new(p->loop, on_tick, p);
    if (p->watch == NULL || p->tick == NULL)
        return err_set(err, ERR_INTERNAL, "out of memory");
    rd_kafka_queue_io_event_enable(p->queue, p->wake_fd, &one, sizeof(one));
    event_timer_start(p->tick, CONSUMER_TICK_MS, CONSUMER_TICK_MS);
    return 0;
}

struct producer *producer_new(struct event_loop *loop, const struct producer_config *config,
                              struct err *err)
{
    struct producer *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    p->loop = loop;
    p->wake_fd = -1;
    p->on_delivery = config->on_delivery;
    p->arg = config->arg;
    p->client = open_client(p, config->props, config->client_id, err);
    if (p->client == NULL || start_queue(p, err) != 0) {
        producer_free(p);
        return NULL;
    }
    return p;
}

void producer_free(struct producer *p)
{
    if (p == NULL)
        return;
    event_fd_stop(p->watch);
    event_timer_free(p->tick);
    if (p->queue != NULL) {
        rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(p->queue);
    }
    if (p->wake_fd >= 0)
        close(p->wake_fd);
    if (p->client != NULL)
        p->client->owner = NULL;
    client_unref(p->client);
    for (size_t i = 0; i < p->topics_n; i++)
        free(p->topics[i]);
    free(p->topics);
    free(p);
}

/* ---- the first message to a topic ---- */

struct warm {
    struct client *client;
    char *topic;
};

static void work_warm(void *arg)
{
    struct warm *w = arg;

    client_warm(w->client, w->topic, WARM_TIMEOUT_MS);
    client_unref(w->client);
}

static void done_warm(void *arg)
{
    struct warm *w = arg;

    free(w->topic);
    free(w);
}

/* Without it the library finds the leaders of a new topic with a timer of one second. A failure
 * costs that second and nothing else. */
static void start_warm(struct producer *p, const char *topic)
{
    struct warm *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return;
    w->topic = str_dup(topic);
    w->client = p->client;
    client_ref(w->client);
    if (w->topic == NULL || event_work(p->loop, work_warm, done_warm, w) != 0) {
        client_unref(w->client);
        done_warm(w);
    }
}

static void note_topic(struct producer *p, const char *topic)
{
    char **topics;

    for (size_t i = 0; i < p->topics_n; i++)
        if (str_equal(p->topics[i], topic))
            return;
    topics = reallocarray(p->topics, p->topics_n + 1, sizeof(*topics));
    if (topics == NULL)
        return;
    p->topics = topics;
    p->topics[p->topics_n] = str_dup(topic);
    if (p->topics[p->topics_n] == NULL)
        return;
    p->topics_n++;
    start_warm(p, topic);
}

enum producer_result producer_send(struct producer *p, const struct txn_message *message,
                                   uint64_t ticket, struct err *err)
{
    void *opaque;
    int code;

    memcpy(&opaque, &ticket, sizeof(opaque));
    code = client_produce(p->client, message, opaque);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        p->in_flight++;
        note_topic(p, message->topic);
        return PRODUCER_OK;
    }
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return PRODUCER_FULL;
    if (producer_fatal(p, err) == 0)
        client_err(err, code, message->topic, NULL);
    return PRODUCER_ERROR;
}

size_t producer_in_flight(const struct producer *p)
{
    return p->in_flight;
}

int producer_fatal(struct producer *p, struct err *ret)
{
    return client_fatal(p->client, ret);
}

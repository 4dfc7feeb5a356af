#include "common/broker/consumer.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/broker/consumer_private.h"

/* A broker that owes an answer for so long is asked on a new connection. A join of the group has
 * the time of max.poll.interval.ms, whatever stands here. */
#define SOCKET_TIMEOUT_MS    "20000"
#define MAX_POLL_INTERVAL_MS 60000 /* bounds how long a stuck member can hold up a rebalance */

/* ---- events ---- */

/* Between on_revoke and consumer_assign nothing may come, though the library still holds some: they
 * are read again from the explicit offset of the next assignment. */
static void on_fetch(struct consumer *c, rd_kafka_event_t *event)
{
    struct kafka_header headers[KAFKA_HEADERS_MAX];
    const rd_kafka_message_t *m = rd_kafka_event_message_next(event);
    struct kafka_record record;

    if (m == NULL || m->err != RD_KAFKA_RESP_ERR_NO_ERROR || c->closing ||
        c->phase != CONSUMER_ASSIGNED)
        return;
    record_from_message(m, headers, &record);
    c->handlers.on_record(c->handlers.arg, &record);
}

/* Errors after which librdkafka 2.0.2 does not fetch the partition any more. */
static bool stops_partition(int code)
{
    return code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
           code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
           code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

static void on_partition_error(struct consumer *c, rd_kafka_event_t *event, const struct err *err)
{
    rd_kafka_topic_partition_t *p = rd_kafka_event_topic_partition(event);

    if (p != NULL && c->handlers.on_partition_error != NULL)
        c->handlers.on_partition_error(c->handlers.arg, p->topic, p->partition, err);
    else
        c->handlers.on_error(c->handlers.arg, err, false);
    if (p != NULL)
        rd_kafka_topic_partition_destroy(p);
}

static void on_error(struct consumer *c, rd_kafka_event_t *event)
{
    int code = rd_kafka_event_error(event);
    struct err err = { .kind = ERR_NONE };

    if (rd_kafka_event_error_is_fatal(event) != 0 && client_fatal(c->client, &err) == 1) {
        c->handlers.on_error(c->handlers.arg, &err, true);
        return;
    }
    client_err(&err, code, "Kafka consumer", rd_kafka_event_error_string(event));
    if (stops_partition(code))
        on_partition_error(c, event, &err);
    else
        c->handlers.on_error(c->handlers.arg, &err, false);
}

static void on_log(struct consumer *c, rd_kafka_event_t *event)
{
    const char *facility, *text;
    int level;

    if (rd_kafka_event_log(event, &facility, &text, &level) == 0)
        client_log(c->client, level, facility, text);
}

static void dispatch(struct consumer *c, rd_kafka_event_t *event)
{
    rd_kafka_event_type_t type = rd_kafka_event_type(event);

    if (type == RD_KAFKA_EVENT_FETCH)
        on_fetch(c, event);
    else if (type == RD_KAFKA_EVENT_REBALANCE)
        consumer_on_rebalance(c, event);
    else if (type == RD_KAFKA_EVENT_ERROR)
        on_error(c, event);
    else if (type == RD_KAFKA_EVENT_LOG)
        on_log(c, event);
}

static void wake_self(const struct consumer *c)
{
    eventfd_write(c->wake_fd, 1);
}

/* The library signals once, until the queue was empty: so whoever stops before that, signals. */
static void serve(struct consumer *c)
{
    rd_kafka_event_t *event;
    void (*closed)(void *);
    int n = 0;

    while (n < CONSUMER_EVENTS_PER_TURN && (event = rd_kafka_queue_poll(c->queue, 0)) != NULL) {
        dispatch(c, event);
        rd_kafka_event_destroy(event);
        n++;
    }
    c->last_poll_ms = clock_boot_ms();
    if (n == CONSUMER_EVENTS_PER_TURN)
        wake_self(c);
    if (c->closed == NULL || (!c->close_failed && rd_kafka_consumer_closed(c->client->rk) == 0))
        return;
    closed = c->closed;
    c->closed = NULL;
    closed(c->closed_arg); /* c may be gone now */
}

static void on_wake(void *arg, unsigned ready)
{
    struct consumer *c = arg;
    eventfd_t count;

    (void)ready;
    eventfd_read(c->wake_fd, &count);
    serve(c);
}

static void on_tick(void *arg)
{
    serve(arg);
}

/* ---- life ---- */

/* kafka.md section 10. Builds are slow, so the prefetch is small. The library's statistics stay
 * off: nothing here reads them. */
static struct client *open_client(struct consumer *c, const struct consumer_config *config,
                                  struct err *err)
{
    char session_ms[16], poll_ms[16];
    const struct client_setting defaults[] = {
        { "heartbeat.interval.ms", "1000" },
        { "max.poll.interval.ms", poll_ms },
        { "queued.min.messages", "500" },
        { "queued.max.messages.kbytes", "8192" },
        { "fetch.message.max.bytes", "262144" },
        { "fetch.wait.max.ms", "100" },
        { "allow.auto.create.topics", "false" },
        { "socket.timeout.ms", SOCKET_TIMEOUT_MS },
        { NULL, NULL },
    };
    const struct client_setting fixed[] = {
        { "group.id", config->group_id },
        { "session.timeout.ms", session_ms },
        { "partition.assignment.strategy", "range" },
        { "enable.auto.commit", "false" },
        { "enable.auto.offset.store", "false" },
        { "auto.offset.reset", "error" },
        { "isolation.level", "read_committed" },
        { NULL, NULL },
    };
    const struct client_plan plan = {
        .consumer = true,
        .client_id = config->client_id,
        .defaults = defaults,
        .fixed = fixed,
        .events = RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR |
                  RD_KAFKA_EVENT_LOG,
        .log_queue = true,
        .owner = c,
    };

    snprintf(session_ms, sizeof(session_ms), "%d", config->session_timeout_ms);
    snprintf(poll_ms, sizeof(poll_ms), "%d",
             config->session_timeout_ms > MAX_POLL_INTERVAL_MS ? config->session_timeout_ms
                                                               : MAX_POLL_INTERVAL_MS);
    return client_new(config->props, &plan, err);
}

static int start_queue(struct consumer *c, struct err *err)
{
    static const uint64_t one = 1;
    rd_kafka_t *rk = c->client->rk;

    rd_kafka_poll_set_consumer(rk);
    rd_kafka_set_log_queue(rk, NULL); /* the main queue, which is the consumer's now */
    c->queue = rd_kafka_queue_get_consumer(rk);
    c->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (c->queue == NULL || c->wake_fd < 0)
        return err_set(err, ERR_INTERNAL, "no file descriptor or memory for the Kafka consumer");
    c->watch = event_fd_start(c->loop, c->wake_fd, EVENT_READ, on_wake, c);
    c->tick = event_timer_new(c->loop, on_tick, c);
    if (c->watch == NULL || c->tick == NULL)
        return err_set(err, ERR_INTERNAL, "out of memory");
    rd_kafka_queue_io_event_enable(c->queue, c->wake_fd, &one, sizeof(one));
    event_timer_start(c->tick, CONSUMER_TICK_MS, CONSUMER_TICK_MS);
    return 0;
}

static int subscribe(struct consumer *c, const struct consumer_config *config, struct err *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)config->topics_n);
    rd_kafka_resp_err_t code;

    for (size_t i = 0; i < config->topics_n; i++)
        rd_kafka_topic_partition_list_add(list, config->topics[i], RD_KAFKA_PARTITION_UA);
    code = rd_kafka_subscribe(c->client->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    return client_err(err, code, "subscribing to the request topics", NULL);
}

struct consumer *consumer_new(struct event_loop *loop, const struct consumer_config *config,
                              const struct consumer_handlers *handlers, struct err *err)
{
    struct consumer *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    c->loop = loop;
    c->handlers = *handlers;
    c->wake_fd = -1;
    c->last_poll_ms = clock_boot_ms();
    list_init(&c->queries);
    c->paused = rd_kafka_topic_partition_list_new(0);
    c->client = open_client(c, config, err);
    if (c->client != NULL && handlers->on_log != NULL) {
        c->client->log =
            handlers->on_log; /* lines are queued, so this is only called on the loop */
        c->client->log_arg = handlers->arg;
    }
    if (c->client == NULL || start_queue(c, err) != 0 || subscribe(c, config, err) != 0) {
        consumer_free(c);
        return NULL;
    }
    return c;
}

int64_t consumer_last_poll_ms(const struct consumer *c)
{
    return c->last_poll_ms;
}

void consumer_close(struct consumer *c, void (*closed)(void *arg), void *arg)
{
    rd_kafka_error_t *error;

    if (c->closing)
        return;
    c->closing = true;
    c->closed = closed;
    c->closed_arg = arg;
    consumer_answer_pending(c);
    error = rd_kafka_consumer_close_queue(c->client->rk, c->queue);
    c->close_failed = error != NULL; /* fatal before: there is no group to leave */
    if (error != NULL)
        rd_kafka_error_destroy(error);
    wake_self(c);
}

void consumer_free(struct consumer *c)
{
    if (c == NULL)
        return;
    consumer_queries_cut_off(c);
    event_fd_stop(c->watch);
    event_timer_free(c->tick);
    if (c->queue != NULL) {
        rd_kafka_queue_io_event_enable(c->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(c->queue);
    }
    if (c->wake_fd >= 0)
        close(c->wake_fd);
    rd_kafka_topic_partition_list_destroy(c->paused);
    client_unref(c->client);
    free(c);
}

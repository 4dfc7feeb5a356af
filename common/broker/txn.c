#include "common/broker/txn.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/broker/client.h"

#define TXN_INIT_TIMEOUT_MS 10000 /* then the publisher gets a turn before it asks again */
#define TXN_WARM_TIMEOUT_MS 5000  /* one metadata request per topic */
#define TXN_FULL_WAIT_MS    100   /* for a full queue: the brokers drain it meanwhile */
#define TXN_TIME_LEFT       (-1)  /* as long as the transaction time-out still allows */

struct txn {
    struct client *client;
    int send_offsets_timeout_ms;
    bool initialised;          /* init_transactions was accepted; asking twice is an error */
    rd_kafka_topic_t **topics; /* held, so that the library keeps their leaders fresh */
    size_t topics_n;
    bool offsets_missing; /* sending them has failed in this transaction, so far */
    int undelivered;      /* messages of this transaction that failed ... */
    struct err delivery;  /* ... and the first one's reason */
    bool too_large;       /* one of them, or one that was not taken, for its size */
};

/* Derived by the library from the transaction time-out; an explicit value that exceeds it would be
 * refused, and the operator means the other clients. */
static const char *const not_taken[] = { "message.timeout.ms", "delivery.timeout.ms",
                                         "socket.timeout.ms", NULL };

/* Runs inside the calls below, on the publisher thread. */
static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *client)
{
    struct txn *t = ((struct client *)client)->owner;
    char what[300];

    (void)rk;
    t->too_large |= message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR || t->undelivered++ > 0)
        return;
    snprintf(what, sizeof(what), "message to %s", rd_kafka_topic_name(message->rkt));
    client_err(&t->delivery, message->err, what, NULL);
}

static struct client *open_client(struct txn *t, const struct txn_config *config, struct err *err)
{
    static const struct client_setting defaults[] = {
        { "linger.ms", "5" },
        { "compression.codec", "zstd" }, /* the one codec that 2.0.2 uses with every broker */
        { "retry.backoff.ms", "20" },
        { "queue.buffering.max.messages", "100000" },
        /* max.message.bytes of the result topic bounds a whole batch; one result is 128 KiB at most
         */
        { "batch.size", "200000" },
        { NULL, NULL },
    };
    char timeout_ms[16];
    const struct client_setting fixed[] = {
        { "transactional.id", config->transactional_id },
        { "transaction.timeout.ms", timeout_ms },
        { "enable.idempotence", "true" },
        { "acks", "all" },
        { "partitioner", "murmur2_random" },
        { NULL, NULL },
    };
    /* No events: with RD_KAFKA_EVENT_DR a commit would wait for reports that nobody takes. */
    const struct client_plan plan = {
        .client_id = config->client_id,
        .defaults = defaults,
        .fixed = fixed,
        .skip = not_taken,
        .delivered = on_delivered,
        .owner = t,
    };

    snprintf(timeout_ms, sizeof(timeout_ms), "%d", config->transaction_timeout_ms);
    return client_new(config->props, &plan, err);
}

struct txn *txn_new(const struct txn_config *config, struct err *err)
{
    struct txn *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    t->send_offsets_timeout_ms = config->send_offsets_timeout_ms;
    t->client = open_client(t, config, err);
    if (t->client == NULL) {
        free(t);
        return NULL;
    }
    return t;
}

/* ---- answers ---- */

/* error is used up. The order is kafka.md 3.1's. */
static enum txn_result judge(struct txn *t, rd_kafka_error_t *error, const char *what,
                             struct err *err)
{
    enum txn_result result = TXN_FAILED;

    if (error == NULL)
        return TXN_OK;
    client_err(err, rd_kafka_error_code(error), what, rd_kafka_error_string(error));
    if (rd_kafka_error_is_fatal(error) != 0 ||
        rd_kafka_fatal_error(t->client->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
        result = TXN_FATAL;
    else if (rd_kafka_error_txn_requires_abort(error) != 0)
        result = TXN_ABORT;
    else if (rd_kafka_error_is_retriable(error) != 0)
        result = TXN_RETRY;
    if (result == TXN_RETRY && err != NULL)
        err->retriable = true;
    if (t->undelivered > 0 && result != TXN_RETRY && err != NULL)
        err_prefix(err, "%s (%d undelivered)", t->delivery.msg, t->undelivered);
    rd_kafka_error_destroy(error);
    return result;
}

/* After a fatal error no call is made any more: begin_transaction once hung (librdkafka#4420). */
static bool is_fatal(const struct txn *t, struct err *err)
{
    return client_fatal(t->client, err) == 1;
}

/* ---- calls ---- */

static enum txn_result warm(struct txn *t, const char *topic, struct err *err)
{
    int code = client_warm(t->client, topic, TXN_WARM_TIMEOUT_MS);
    rd_kafka_topic_t **topics;

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        client_err(err, code, topic, NULL);
        return TXN_RETRY;
    }
    topics = reallocarray(t->topics, t->topics_n + 1, sizeof(*topics));
    if (topics == NULL) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return TXN_FAILED;
    }
    t->topics = topics;
    t->topics[t->topics_n] = rd_kafka_topic_new(t->client->rk, topic, NULL);
    if (t->topics[t->topics_n] == NULL) {
        client_err(err, rd_kafka_last_error(), topic, NULL);
        return TXN_FAILED;
    }
    t->topics_n++;
    return TXN_OK;
}

enum txn_result txn_init(struct txn *t, const char *const *topics, size_t topics_n, struct err *err)
{
    enum txn_result result = TXN_OK;

    if (is_fatal(t, err))
        return TXN_FATAL;
    if (!t->initialised)
        result = judge(t, rd_kafka_init_transactions(t->client->rk, TXN_INIT_TIMEOUT_MS),
                       "starting transactions", err);
    t->initialised = result == TXN_OK;
    while (result == TXN_OK && t->topics_n < topics_n)
        result = warm(t, topics[t->topics_n], err);
    return result;
}

enum txn_result txn_begin(struct txn *t, struct err *err)
{
    if (is_fatal(t, err))
        return TXN_FATAL;
    t->undelivered = 0;
    t->too_large = false;
    t->offsets_missing = false;
    return judge(t, rd_kafka_begin_transaction(t->client->rk), "beginning a transaction", err);
}

enum txn_result txn_produce(struct txn *t, const struct txn_message *message, struct err *err)
{
    int code = client_produce(t->client, message, NULL);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return TXN_OK;
    if (is_fatal(t, err))
        return TXN_FATAL;
    client_err(err, code, message->topic, NULL);
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        t->too_large = true;
        return TXN_FAILED;
    }
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return TXN_ABORT; /* a transaction that has failed already refuses messages, too */
    rd_kafka_poll(t->client->rk, TXN_FULL_WAIT_MS);
    if (err != NULL)
        err->retriable = true;
    return TXN_RETRY;
}

enum txn_result txn_send_offsets(struct txn *t, const struct kafka_offset *offsets, size_t n,
                                 const struct kafka_group *group, struct err *err)
{
    rd_kafka_topic_partition_list_t *list;
    enum txn_result result;

    if (is_fatal(t, err))
        return TXN_FATAL;
    if (n == 0)
        return TXN_OK;
    t->offsets_missing = true;
    if (group == NULL) {
        err_set(err, ERR_REFUSED, "not a member of the group: offsets are not sent");
        return TXN_ABORT;
    }
    list = offsets_to_list(offsets, n);
    if (list == NULL) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return TXN_ABORT;
    }
    result = judge(t,
                   rd_kafka_send_offsets_to_transaction(t->client->rk, list, group->metadata,
                                                        t->send_offsets_timeout_ms),
                   "sending offsets", err);
    t->offsets_missing = result != TXN_OK;
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

enum txn_result txn_commit(struct txn *t, struct err *err)
{
    if (is_fatal(t, err))
        return TXN_FATAL;
    if (t->offsets_missing) {
        err_set(err, ERR_INTERNAL,
                "commit: the offsets were not sent, so the results must not go out");
        return TXN_ABORT;
    }
    return judge(t, rd_kafka_commit_transaction(t->client->rk, TXN_TIME_LEFT), "commit", err);
}

enum txn_result txn_abort(struct txn *t, struct err *err)
{
    if (is_fatal(t, err))
        return TXN_FATAL;
    return judge(t, rd_kafka_abort_transaction(t->client->rk, TXN_TIME_LEFT), "abort", err);
}

bool txn_too_large(const struct txn *t)
{
    return t->too_large;
}

int txn_brokers_answer(const struct kafka_props *props, int timeout_ms)
{
    const struct client_plan plan = { .client_id = "connect-rebuild-probe" };
    struct client *c = client_new(props, &plan, NULL);
    const struct rd_kafka_metadata *md;
    bool answered;

    if (c == NULL)
        return 0;
    answered = rd_kafka_metadata(c->rk, 0, NULL, &md, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (answered)
        rd_kafka_metadata_destroy(md);
    client_unref(c);
    return answered ? 1 : 0;
}

void txn_free(struct txn *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->topics_n; i++)
        rd_kafka_topic_destroy(t->topics[i]);
    free(t->topics);
    client_unref(t->client);
    free(t);
}

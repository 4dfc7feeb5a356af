#include "common/broker/admin.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "common/broker/admin_private.h"

#define ANSWER_MARGIN_MS 2000 /* the library's own time-out comes first, and says more */

struct admin *admin_new(const struct kafka_props *props, const char *client_id, int timeout_ms,
                        struct err *err)
{
    /* the watermarks are the log's, not what a read_committed consumer may see of it */
    static const struct client_setting fixed[] = {
        { "isolation.level", "read_uncommitted" },
        { NULL, NULL },
    };
    const struct client_plan plan = { .client_id = client_id, .fixed = fixed };
    struct admin *a = calloc(1, sizeof(*a));

    if (a == NULL) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    a->timeout_ms = timeout_ms;
    a->client = client_new(props, &plan, err);
    if (a->client == NULL) {
        free(a);
        return NULL;
    }
    return a;
}

void admin_free(struct admin *a)
{
    if (a == NULL)
        return;
    client_unref(a->client);
    free(a);
}

/* ---- requests of the admin API ---- */

int admin_request_init(struct admin_request *r, struct admin *a, int op, struct err *err)
{
    char text[ERR_MSG_BYTES];

    *r = (struct admin_request){ .wait_ms = a->timeout_ms + ANSWER_MARGIN_MS };
    r->options = rd_kafka_AdminOptions_new(a->client->rk, (rd_kafka_admin_op_t)op);
    r->queue = rd_kafka_queue_new(a->client->rk); /* of its own: no late answer can be mistaken */
    if (rd_kafka_AdminOptions_set_request_timeout(r->options, a->timeout_ms, text, sizeof(text)) ==
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    admin_request_done(r);
    return err_set(err, ERR_INTERNAL, "Kafka request time-out: %s", text);
}

rd_kafka_event_t *admin_request_wait(struct admin_request *r, const char *what, struct err *err)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *text = NULL;

    r->event = rd_kafka_queue_poll(r->queue, r->wait_ms);
    if (r->event != NULL) {
        code = rd_kafka_event_error(r->event);
        text = rd_kafka_event_error_string(r->event);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return r->event;
    client_err(err, code, what, text);
    return NULL;
}

void admin_request_done(struct admin_request *r)
{
    if (r->event != NULL)
        rd_kafka_event_destroy(r->event);
    rd_kafka_queue_destroy(r->queue);
    rd_kafka_AdminOptions_destroy(r->options);
}

/* ---- look-ups ---- */

int admin_cluster(struct admin *a, char id[64], int *ret_brokers, struct err *err)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t code = rd_kafka_metadata(a->client->rk, 0, NULL, &md, a->timeout_ms);
    char *text;

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return client_err(err, code, "no Kafka broker answers", NULL);
    *ret_brokers = md->broker_cnt;
    rd_kafka_metadata_destroy(md);
    text = rd_kafka_clusterid(a->client->rk, a->timeout_ms);
    if (text == NULL)
        return err_set(err, ERR_UNREACHABLE, "the Kafka brokers tell no cluster id");
    str_copy(id, 64, text);
    rd_kafka_mem_free(a->client->rk, text);
    return 0;
}

/* The replication factor is the smallest of its partitions. */
static void read_topic(const struct rd_kafka_metadata_topic *t, int *ret_partitions,
                       int *ret_replication)
{
    *ret_partitions = t->partition_cnt;
    *ret_replication = t->partition_cnt > 0 ? t->partitions[0].replica_cnt : 0;
    for (int i = 1; i < t->partition_cnt; i++)
        if (t->partitions[i].replica_cnt < *ret_replication)
            *ret_replication = t->partitions[i].replica_cnt;
}

int admin_topic_partitions(struct admin *a, const char *topic, int *ret_partitions,
                           int *ret_replication, struct err *err)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(a->client->rk, topic, NULL);
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t code;

    if (handle == NULL)
        return client_err(err, rd_kafka_last_error(), topic, NULL);
    code = rd_kafka_metadata(a->client->rk, 0, handle, &md, a->timeout_ms);
    rd_kafka_topic_destroy(handle);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return client_err(err, code, topic, NULL);
    *ret_partitions = *ret_replication = 0;
    code = md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        read_topic(&md->topics[0], ret_partitions, ret_replication);
    rd_kafka_metadata_destroy(md);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return 0;
    return client_err(err, code, topic, NULL);
}

int admin_watermarks(struct admin *a, const struct admin_partition *p, int64_t *ret_low,
                     int64_t *ret_high, struct err *err)
{
    struct kafka_watermark mark = { .topic = p->topic, .partition = p->partition };
    int code = client_watermarks(a->client, &mark, 1, a->timeout_ms);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return client_err(err, code, p->topic, NULL);
    *ret_low = mark.low;
    *ret_high = mark.high;
    return 0;
}

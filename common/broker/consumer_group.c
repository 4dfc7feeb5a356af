#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "common/broker/consumer_private.h"

/* ---- rebalance events ---- */

static void assign_nothing(struct consumer *c)
{
    c->phase = CONSUMER_IDLE;
    rd_kafka_assign(c->client->rk, NULL);
}

void consumer_answer_pending(struct consumer *c)
{
    if (c->phase == CONSUMER_ASSIGNING || c->phase == CONSUMER_REVOKING)
        assign_nothing(c);
}

static void tell(struct consumer *c, enum consumer_phase phase, const struct kafka_offset *parts,
                 size_t n)
{
    c->phase = phase;
    c->generation++;
    if (phase == CONSUMER_ASSIGNING)
        c->handlers.on_assign(c->handlers.arg, parts, n);
    else
        c->handlers.on_revoke(c->handlers.arg, parts, n,
                              rd_kafka_assignment_lost(c->client->rk) != 0);
}

/* What cannot be told is answered here, or the group would wait for this member for ever. */
void consumer_on_rebalance(struct consumer *c, rd_kafka_event_t *event)
{
    int code = rd_kafka_event_error(event);
    bool assign = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    struct kafka_offset *parts = NULL;
    struct err err;
    size_t n = 0;

    if (!c->closing && (assign || code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)) {
        parts = offsets_from_list(rd_kafka_event_topic_partition_list(event), &n);
        if (parts != NULL || n == 0) {
            for (size_t i = 0; i < n; i++)
                parts[i].offset = KAFKA_OFFSET_NONE;
            tell(c, assign ? CONSUMER_ASSIGNING : CONSUMER_REVOKING, parts, n);
            free(parts);
            return;
        }
    }
    assign_nothing(c);
    if (c->closing)
        return;
    client_err(&err, code, "Kafka rebalance", NULL);
    c->handlers.on_error(c->handlers.arg, &err, false);
}

unsigned consumer_generation(const struct consumer *c)
{
    return c->generation;
}

/* ---- answers ---- */

static int check_offsets(const struct kafka_offset *parts, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (parts[i].offset < 0 && parts[i].offset != KAFKA_OFFSET_BEGINNING)
            return err_set(err, ERR_INTERNAL, "%s [%d] has no start offset", parts[i].topic,
                           parts[i].partition);
    return 0;
}

/* The library's flag survives a revoke and a new assignment, so it is cleared here; and only where
 * it was set, because 2.0.2 drops fetched records when it resumes what is not paused. */
static void resume_all(struct consumer *c)
{
    if (c->paused->cnt == 0)
        return;
    rd_kafka_resume_partitions(c->client->rk, c->paused);
    rd_kafka_topic_partition_list_destroy(c->paused);
    c->paused = rd_kafka_topic_partition_list_new(0);
}

int consumer_assign(struct consumer *c, const struct kafka_offset *parts, size_t n, struct err *err)
{
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;

    if (c->phase != CONSUMER_ASSIGNING)
        return err_set(err, ERR_REFUSED, "a later rebalance has superseded the assignment");
    if (check_offsets(parts, n, err) != 0)
        return -1;
    list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, parts[i].topic, parts[i].partition)->offset =
            parts[i].offset;
    resume_all(c);
    code = rd_kafka_assign(c->client->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return client_err(err, code, "answering the assignment", NULL);
    c->phase = CONSUMER_ASSIGNED;
    return 0;
}

int consumer_unassign(struct consumer *c, struct err *err)
{
    rd_kafka_resp_err_t code;

    if (c->phase != CONSUMER_REVOKING)
        return err_set(err, ERR_REFUSED, "no revoke is waiting for an answer");
    code = rd_kafka_assign(c->client->rk, NULL);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return client_err(err, code, "answering the revoke", NULL);
    c->phase = CONSUMER_IDLE;
    return 0;
}

/* ---- group metadata ---- */

#define METADATA_MAGIC "CGMDv2:"

/* 2.0.2 has no getter for the member id, and rd_kafka_memberid() may already answer for another
 * generation than the metadata; so it is read from the serialized form: magic, 32-bit generation,
 * group id, member id. */
static bool is_member(const struct consumer *c, const rd_kafka_consumer_group_metadata_t *metadata)
{
    const size_t start = sizeof(METADATA_MAGIC) - 1 + sizeof(int32_t);
    void *data = NULL;
    size_t len = 0, group_len;
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &data, &len);
    bool joined = false;

    if (error != NULL) {
        rd_kafka_error_destroy(error);
        return false;
    }
    if (len > start && memcmp(data, METADATA_MAGIC, sizeof(METADATA_MAGIC) - 1) == 0) {
        group_len = strnlen((const char *)data + start, len - start);
        joined = start + group_len + 1 < len && ((const char *)data)[start + group_len + 1] != '\0';
    }
    rd_kafka_mem_free(c->client->rk, data);
    return joined;
}

struct kafka_group *consumer_group(struct consumer *c)
{
    struct kafka_group *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return NULL;
    g->metadata = rd_kafka_consumer_group_metadata(c->client->rk);
    if (g->metadata != NULL && is_member(c, g->metadata))
        return g;
    kafka_group_free(g);
    return NULL;
}

void kafka_group_free(struct kafka_group *g)
{
    if (g == NULL)
        return;
    if (g->metadata != NULL)
        rd_kafka_consumer_group_metadata_destroy(g->metadata);
    free(g);
}

/* ---- pause ---- */

static rd_kafka_topic_partition_list_t *one_partition(const char *topic, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, partition);
    return list;
}

void consumer_pause(struct consumer *c, const char *topic, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list;

    if (c->phase != CONSUMER_ASSIGNED ||
        rd_kafka_topic_partition_list_find(c->paused, topic, partition) != NULL)
        return;
    list = one_partition(topic, partition);
    rd_kafka_pause_partitions(c->client->rk, list);
    if (list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_topic_partition_list_add(c->paused, topic, partition);
    rd_kafka_topic_partition_list_destroy(list);
}

void consumer_resume(struct consumer *c, const char *topic, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list;

    if (c->phase != CONSUMER_ASSIGNED ||
        rd_kafka_topic_partition_list_find(c->paused, topic, partition) == NULL)
        return;
    list = one_partition(topic, partition);
    rd_kafka_resume_partitions(c->client->rk, list);
    rd_kafka_topic_partition_list_del(c->paused, topic, partition);
    rd_kafka_topic_partition_list_destroy(list);
}

bool consumer_watermarks(struct consumer *c, const char *topic, int32_t partition, int64_t *ret_low,
                         int64_t *ret_high)
{
    int64_t low, high;

    if (rd_kafka_get_watermark_offsets(c->client->rk, topic, partition, &low, &high) !=
            RD_KAFKA_RESP_ERR_NO_ERROR ||
        low < 0 || high < 0)
        return false;
    *ret_low = low;
    *ret_high = high;
    return true;
}

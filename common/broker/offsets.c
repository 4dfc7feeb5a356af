#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "common/broker/client.h"

rd_kafka_topic_partition_list_t *offsets_to_list(const struct kafka_offset *offsets, size_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);

    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_t *p =
            rd_kafka_topic_partition_list_add(list, offsets[i].topic, offsets[i].partition);

        p->offset = offsets[i].offset;
        if (offsets[i].metadata == NULL)
            continue;
        p->metadata = strdup(offsets[i].metadata); /* the list frees it */
        if (p->metadata == NULL) {
            rd_kafka_topic_partition_list_destroy(list);
            return NULL;
        }
        p->metadata_size = strlen(offsets[i].metadata);
    }
    return list;
}

static size_t text_bytes(const rd_kafka_topic_partition_list_t *list)
{
    size_t bytes = 0;

    for (int i = 0; i < list->cnt; i++)
        bytes += strlen(list->elems[i].topic) + 1 + list->elems[i].metadata_size + 1;
    return bytes;
}

/* Puts len bytes and a NUL at *at and moves *at behind them. Kafka's metadata has no NUL. */
static const char *put(char **at, const void *text, size_t len)
{
    char *start = *at;

    memcpy(start, text, len);
    start[len] = '\0';
    *at = start + len + 1;
    return start;
}

struct kafka_offset *offsets_from_list(const rd_kafka_topic_partition_list_t *list, size_t *ret_n)
{
    size_t n = list != NULL && list->cnt > 0 ? (size_t)list->cnt : 0;
    struct kafka_offset *offsets;
    char *at;

    *ret_n = n;
    if (n == 0)
        return NULL;
    offsets = malloc(n * sizeof(*offsets) + text_bytes(list));
    if (offsets == NULL)
        return NULL;
    at = (char *)(offsets + n);
    for (size_t i = 0; i < n; i++) {
        const rd_kafka_topic_partition_t *p = &list->elems[i];

        offsets[i] = (struct kafka_offset){ .partition = p->partition, .offset = p->offset };
        offsets[i].failed = p->err != RD_KAFKA_RESP_ERR_NO_ERROR;
        offsets[i].topic = put(&at, p->topic, strlen(p->topic));
        if (p->metadata != NULL && p->metadata_size > 0)
            offsets[i].metadata = put(&at, p->metadata, p->metadata_size);
    }
    return offsets;
}

#include "tests/support/mock_cluster.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/broker/props.h"

#define CALL_TIMEOUT_MS 30000 /* a loaded machine; the mock answers in milliseconds */

struct mock_cluster {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
};

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        fail_msg("%s", text);
}

/* group NULL: a producer. */
static rd_kafka_t *client(const char *bootstraps, const char *group)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[256];
    rd_kafka_t *rk;

    rd_kafka_conf_set_log_cb(conf, NULL);
    if (bootstraps != NULL)
        set(conf, "bootstrap.servers", bootstraps);
    if (group != NULL)
        set(conf, "group.id", group);
    else
        set(conf, "linger.ms", "0");
    rk = rd_kafka_new(group != NULL ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, text,
                      sizeof(text));
    if (rk == NULL)
        fail_msg("%s", text);
    return rk;
}

struct mock_cluster *mock_cluster_new(int brokers)
{
    struct mock_cluster *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    m->rk = client(NULL, NULL);
    m->cluster = rd_kafka_mock_cluster_new(m->rk, brokers);
    assert_non_null(m->cluster);
    return m;
}

void mock_cluster_free(struct mock_cluster *m)
{
    rd_kafka_mock_cluster_destroy(m->cluster);
    rd_kafka_destroy(m->rk);
    free(m);
}

void mock_cluster_topic(struct mock_cluster *m, const char *topic, int partitions)
{
    assert_int_equal(rd_kafka_mock_topic_create(m->cluster, topic, partitions, 1), 0);
}

struct kafka_props *mock_cluster_props(const struct mock_cluster *m)
{
    struct kafka_props *p = kafka_props_new();

    assert_non_null(p);
    assert_int_equal(
        kafka_props_set(p, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(m->cluster)), 0);
    return p;
}

void mock_cluster_fail(struct mock_cluster *m, enum mock_api api, int code, size_t n)
{
    const rd_kafka_resp_err_t one = (rd_kafka_resp_err_t)code;

    for (size_t i = 0; i < n; i++)
        rd_kafka_mock_push_request_errors_array(m->cluster, (int16_t)api, 1, &one);
}

void mock_cluster_heal(struct mock_cluster *m, enum mock_api api)
{
    rd_kafka_mock_clear_request_errors(m->cluster, (int16_t)api);
}

void mock_cluster_down(struct mock_cluster *m, int broker)
{
    assert_int_equal(rd_kafka_mock_broker_set_down(m->cluster, broker), 0);
}

void mock_cluster_up(struct mock_cluster *m, int broker)
{
    assert_int_equal(rd_kafka_mock_broker_set_up(m->cluster, broker), 0);
}

void mock_cluster_produce(struct mock_cluster *m, const char *topic, int32_t partition, int n)
{
    rd_kafka_t *rk = client(rd_kafka_mock_cluster_bootstraps(m->cluster), NULL);
    const struct rd_kafka_metadata *md;
    char value[16];
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);

    assert_int_equal(rd_kafka_metadata(rk, 0, handle, &md, CALL_TIMEOUT_MS), 0);
    rd_kafka_metadata_destroy(md);
    for (int i = 0; i < n; i++) {
        snprintf(value, sizeof(value), "%d", i);
        assert_int_equal(
            rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                              RD_KAFKA_V_VALUE(value, strlen(value)),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
            0);
    }
    assert_int_equal(rd_kafka_flush(rk, CALL_TIMEOUT_MS), 0);
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(rk);
}

void mock_cluster_commit(struct mock_cluster *m, const char *group, const char *topic,
                         int64_t offset, const char *metadata)
{
    rd_kafka_t *rk = client(rd_kafka_mock_cluster_bootstraps(m->cluster), group);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *p = rd_kafka_topic_partition_list_add(list, topic, 0);

    p->offset = offset;
    p->metadata = strdup(metadata);
    p->metadata_size = strlen(metadata);
    assert_int_equal(rd_kafka_commit(rk, list, 0), 0);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

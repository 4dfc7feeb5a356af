#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/broker/admin_private.h"

/* Brokers learn of a change within milliseconds after its answer. One that has not in this time
 * changes nothing about the success. */
#define LOOK_AGAIN_MS 20
#define SETTLE_MAX_MS 3000

/* Looks again and again until shown(arg) or it was long enough. A second change that is based on
 * what was read before the first one arrived would take the first one back. */
static void settle(struct admin *a, bool (*shown)(struct admin *a, const void *arg),
                   const void *arg)
{
    int64_t deadline_ms =
        clock_boot_ms() + (a->timeout_ms < SETTLE_MAX_MS ? a->timeout_ms : SETTLE_MAX_MS);

    while (!shown(a, arg) && clock_boot_ms() < deadline_ms)
        rd_kafka_poll(a->client->rk, LOOK_AGAIN_MS);
}

/* ---- create ---- */

static bool exists(struct admin *a, const void *topic)
{
    int partitions = 0, replication;

    return admin_topic_partitions(a, topic, &partitions, &replication, NULL) == 0 && partitions > 0;
}

static int judge_topic(const rd_kafka_topic_result_t *const *results, size_t n, const char *topic,
                       struct err *err)
{
    if (n != 1)
        return err_set(err, ERR_INTERNAL, "%s: the broker answered for %zu topics", topic, n);
    if (rd_kafka_topic_result_error(results[0]) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    return client_err(err, rd_kafka_topic_result_error(results[0]), topic,
                      rd_kafka_topic_result_error_string(results[0]));
}

static rd_kafka_NewTopic_t *new_topic(const struct topic_spec *spec, struct err *err)
{
    char text[ERR_MSG_BYTES];
    rd_kafka_NewTopic_t *t =
        rd_kafka_NewTopic_new(spec->name, spec->partitions, spec->replication, text, sizeof(text));

    if (t == NULL) {
        err_set(err, ERR_CONFIG, "%s: %s", spec->name, text);
        return NULL;
    }
    for (size_t i = 0; i < spec->settings_n; i++)
        if (rd_kafka_NewTopic_set_config(t, spec->settings[i].name, spec->settings[i].value) !=
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            err_set(err, ERR_CONFIG, "%s: a setting needs a name and a value", spec->name);
            rd_kafka_NewTopic_destroy(t);
            return NULL;
        }
    return t;
}

int admin_create_topic(struct admin *a, const struct topic_spec *spec, struct err *err)
{
    rd_kafka_NewTopic_t *topic = new_topic(spec, err);
    const rd_kafka_topic_result_t **results;
    struct admin_request r;
    rd_kafka_event_t *event;
    size_t n;
    int rc = -1;

    if (topic == NULL)
        return -1;
    if (admin_request_init(&r, a, RD_KAFKA_ADMIN_OP_CREATETOPICS, err) == 0) {
        rd_kafka_CreateTopics(a->client->rk, &topic, 1, r.options, r.queue);
        event = admin_request_wait(&r, spec->name, err);
        if (event != NULL) {
            results =
                rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
            rc = judge_topic(results, n, spec->name, err);
        }
        admin_request_done(&r);
    }
    rd_kafka_NewTopic_destroy(topic);
    if (rc == 0)
        settle(a, exists, spec->name);
    return rc;
}

/* ---- settings ---- */

static int judge_resource(const rd_kafka_ConfigResource_t **resources, size_t n, const char *topic,
                          struct err *err)
{
    if (n != 1)
        return err_set(err, ERR_INTERNAL, "%s: the broker answered for %zu resources", topic, n);
    if (rd_kafka_ConfigResource_error(resources[0]) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    return client_err(err, rd_kafka_ConfigResource_error(resources[0]), topic,
                      rd_kafka_ConfigResource_error_string(resources[0]));
}

/* The settings of a topic, in the answer that r holds. On success admin_request_done must follow;
 * NULL: err. */
static const rd_kafka_ConfigResource_t *describe(struct admin *a, struct admin_request *r,
                                                 const char *topic, struct err *err)
{
    rd_kafka_ConfigResource_t *wanted = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    const rd_kafka_ConfigResource_t **resources, *found = NULL;
    rd_kafka_event_t *event;
    size_t n;

    if (wanted == NULL) {
        err_set(err, ERR_CONFIG, "a topic without a name");
        return NULL;
    }
    if (admin_request_init(r, a, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, err) == 0) {
        rd_kafka_DescribeConfigs(a->client->rk, &wanted, 1, r->options, r->queue);
        event = admin_request_wait(r, topic, err);
        if (event != NULL) {
            resources = rd_kafka_DescribeConfigs_result_resources(
                rd_kafka_event_DescribeConfigs_result(event), &n);
            if (judge_resource(resources, n, topic, err) == 0)
                found = resources[0];
        }
        if (found == NULL)
            admin_request_done(r);
    }
    rd_kafka_ConfigResource_destroy(wanted);
    return found;
}

int admin_topic_setting(struct admin *a, const char *topic, const char *name,
                        char value[ADMIN_VALUE_BYTES], struct err *err)
{
    const rd_kafka_ConfigResource_t *resource;
    const rd_kafka_ConfigEntry_t **entries;
    struct admin_request r;
    size_t n;
    int rc = -1;

    resource = describe(a, &r, topic, err);
    if (resource == NULL)
        return -1;
    entries = rd_kafka_ConfigResource_configs(resource, &n);
    for (size_t i = 0; i < n && rc != 0; i++)
        if (str_equal(rd_kafka_ConfigEntry_name(entries[i]), name)) {
            str_copy(value, ADMIN_VALUE_BYTES, rd_kafka_ConfigEntry_value(entries[i]));
            rc = 0;
        }
    admin_request_done(&r);
    if (rc != 0)
        err_set(err, ERR_CONFIG, "%s: the broker knows no topic setting %s", topic, name);
    return rc;
}

/* The wanted settings of one topic. */
struct change {
    const char *topic;
    const struct topic_setting *settings;
    size_t n;
};

static bool changes(const struct change *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_equal(c->settings[i].name, name))
            return true;
    return false;
}

/* AlterConfigs replaces all settings of a topic, so those that somebody has set go along. */
static int keep_present(struct admin *a, rd_kafka_ConfigResource_t *target, const struct change *c,
                        struct err *err)
{
    const rd_kafka_ConfigResource_t *resource;
    const rd_kafka_ConfigEntry_t **entries;
    struct admin_request r;
    size_t n;

    resource = describe(a, &r, c->topic, err);
    if (resource == NULL)
        return -1;
    entries = rd_kafka_ConfigResource_configs(resource, &n);
    for (size_t i = 0; i < n; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);

        if (rd_kafka_ConfigEntry_source(entries[i]) ==
                RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG &&
            value != NULL && !changes(c, name))
            rd_kafka_ConfigResource_set_config(target, name, value);
    }
    admin_request_done(&r);
    return 0;
}

static int add_changes(rd_kafka_ConfigResource_t *target, const struct change *c, struct err *err)
{
    for (size_t i = 0; i < c->n; i++)
        if (rd_kafka_ConfigResource_set_config(target, c->settings[i].name, c->settings[i].value) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
            return err_set(err, ERR_CONFIG, "%s: a setting needs a name and a value", c->topic);
    return 0;
}

static bool applied(struct admin *a, const void *arg)
{
    const struct change *c = arg;
    char value[ADMIN_VALUE_BYTES];

    for (size_t i = 0; i < c->n; i++)
        if (admin_topic_setting(a, c->topic, c->settings[i].name, value, NULL) != 0 ||
            !str_equal(value, c->settings[i].value))
            return false;
    return true;
}

static int alter(struct admin *a, rd_kafka_ConfigResource_t *target, const char *topic,
                 struct err *err)
{
    const rd_kafka_ConfigResource_t **resources;
    struct admin_request r;
    rd_kafka_event_t *event;
    size_t n;
    int rc = -1;

    if (admin_request_init(&r, a, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, err) != 0)
        return -1;
    rd_kafka_AlterConfigs(a->client->rk, &target, 1, r.options, r.queue);
    event = admin_request_wait(&r, topic, err);
    if (event != NULL) {
        resources =
            rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &n);
        rc = judge_resource(resources, n, topic, err);
    }
    admin_request_done(&r);
    return rc;
}

int admin_alter_topic(struct admin *a, const char *topic, const struct topic_setting *settings,
                      size_t n, struct err *err)
{
    rd_kafka_ConfigResource_t *target = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    const struct change change = { topic, settings, n };
    int rc;

    if (target == NULL)
        return err_set(err, ERR_CONFIG, "a topic without a name");
    rc = keep_present(a, target, &change, err);
    if (rc == 0)
        rc = add_changes(target, &change, err);
    if (rc == 0)
        rc = alter(a, target, topic, err);
    rd_kafka_ConfigResource_destroy(target);
    if (rc == 0)
        settle(a, applied, &change);
    return rc;
}

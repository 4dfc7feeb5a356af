#include <librdkafka/rdkafka.h>
#include <string.h>

#include "common/broker/admin_private.h"

#define COORDINATOR_TRIES    40 /* ten seconds: it is loaded within two */
#define COORDINATOR_PAUSE_MS 250

/* ---- members ---- */

static int read_members(rd_kafka_event_t *event, const char *group, int *ret_members,
                        struct err *err)
{
    size_t n;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &n);
    const rd_kafka_error_t *error;

    if (n != 1)
        return err_set(err, ERR_INTERNAL, "%s: the broker answered for %zu groups", group, n);
    error = rd_kafka_ConsumerGroupDescription_error(groups[0]);
    if (error == NULL || rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
        *ret_members =
            error == NULL ? (int)rd_kafka_ConsumerGroupDescription_member_count(groups[0]) : 0;
        return 0;
    }
    return client_err(err, rd_kafka_error_code(error), group, rd_kafka_error_string(error));
}

int admin_group_members(struct admin *a, const char *group, int *ret_members, struct err *err)
{
    struct admin_request r;
    rd_kafka_event_t *event;
    int rc = -1;

    if (admin_request_init(&r, a, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, err) != 0)
        return -1;
    rd_kafka_DescribeConsumerGroups(a->client->rk, &group, 1, r.options, r.queue);
    event = admin_request_wait(&r, group, err);
    if (event != NULL)
        rc = read_members(event, group, ret_members, err);
    admin_request_done(&r);
    return rc;
}

/* ---- committed offsets ---- */

/* A broker that met no group yet loads its coordinator first. Asked for offsets meanwhile, the
 * library of 2.0.2 does not ask again, and was seen to crash; asked for members it does neither.
 */
static int await_coordinator(struct admin *a, const char *group, struct err *err)
{
    int members;

    for (int tries = 0; tries < COORDINATOR_TRIES; tries++) {
        if (admin_group_members(a, group, &members, err) == 0)
            return 0;
        if (err->kind != ERR_UNREACHABLE)
            return -1;
        rd_kafka_poll(a->client->rk, COORDINATOR_PAUSE_MS);
    }
    return -1;
}

/* -1: err. */
static int64_t read_offset(rd_kafka_event_t *event, const char *group, struct err *err)
{
    size_t n;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &n);
    const rd_kafka_topic_partition_list_t *list;
    const rd_kafka_error_t *error;

    if (n != 1)
        return err_set(err, ERR_INTERNAL, "%s: the broker answered for %zu groups", group, n);
    error = rd_kafka_group_result_error(groups[0]);
    if (error != NULL)
        return client_err(err, rd_kafka_error_code(error), group, rd_kafka_error_string(error));
    list = rd_kafka_group_result_partitions(groups[0]);
    if (list == NULL || list->cnt != 1)
        return err_set(err, ERR_INTERNAL, "%s: the broker left the partition out", group);
    if (list->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return client_err(err, list->elems[0].err, list->elems[0].topic, NULL);
    return list->elems[0].offset >= 0 ? list->elems[0].offset : KAFKA_OFFSET_NONE;
}

int64_t admin_group_offset(struct admin *a, const char *group, const struct admin_partition *p,
                           struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_ListConsumerGroupOffsets_t *wanted;
    struct admin_request r;
    rd_kafka_event_t *event;
    int64_t offset = -1;

    if (await_coordinator(a, group, err) != 0) {
        rd_kafka_topic_partition_list_destroy(list);
        return -1;
    }
    rd_kafka_topic_partition_list_add(list, p->topic, p->partition);
    wanted = rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (admin_request_init(&r, a, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, err) == 0) {
        rd_kafka_ListConsumerGroupOffsets(a->client->rk, &wanted, 1, r.options, r.queue);
        event = admin_request_wait(&r, group, err);
        if (event != NULL)
            offset = read_offset(event, group, err);
        admin_request_done(&r);
    }
    rd_kafka_ListConsumerGroupOffsets_destroy(wanted);
    return offset;
}

static int judge_forgotten(rd_kafka_event_t *event, const char *group, struct err *err)
{
    size_t n;
    const rd_kafka_group_result_t **groups = rd_kafka_DeleteConsumerGroupOffsets_result_groups(
        rd_kafka_event_DeleteConsumerGroupOffsets_result(event), &n);
    const rd_kafka_topic_partition_list_t *list;
    const rd_kafka_error_t *error;

    if (n != 1)
        return err_set(err, ERR_INTERNAL, "%s: the broker answered for %zu groups", group, n);
    error = rd_kafka_group_result_error(groups[0]);
    if (error != NULL)
        return client_err(err, rd_kafka_error_code(error), group, rd_kafka_error_string(error));
    list = rd_kafka_group_result_partitions(groups[0]);
    if (list == NULL || list->cnt != 1)
        return err_set(err, ERR_INTERNAL, "%s: the broker left the partition out", group);
    if (list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    return client_err(err, list->elems[0].err, list->elems[0].topic, NULL);
}

int admin_forget_offset(struct admin *a, const char *group, const struct admin_partition *p,
                        struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_DeleteConsumerGroupOffsets_t *wanted;
    struct admin_request r;
    rd_kafka_event_t *event;
    int rc = -1;

    rd_kafka_topic_partition_list_add(list, p->topic, p->partition);
    wanted = rd_kafka_DeleteConsumerGroupOffsets_new(group, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (admin_request_init(&r, a, RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS, err) == 0) {
        rd_kafka_DeleteConsumerGroupOffsets(a->client->rk, &wanted, 1, r.options, r.queue);
        event = admin_request_wait(&r, group, err);
        if (event != NULL)
            rc = judge_forgotten(event, group, err);
        admin_request_done(&r);
    }
    rd_kafka_DeleteConsumerGroupOffsets_destroy(wanted);
    return rc;
}

/* ---- records ---- */

static int judge_deleted(rd_kafka_event_t *event, const char *topic, struct err *err)
{
    const rd_kafka_topic_partition_list_t *list =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));

    if (list == NULL || list->cnt != 1)
        return err_set(err, ERR_INTERNAL, "%s: the broker left the partition out", topic);
    if (list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    return client_err(err, list->elems[0].err, topic, NULL);
}

int admin_delete_records(struct admin *a, const struct admin_partition *p, int64_t before,
                         struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_DeleteRecords_t *wanted;
    struct admin_request r;
    rd_kafka_event_t *event;
    int rc = -1;

    rd_kafka_topic_partition_list_add(list, p->topic, p->partition)->offset = before;
    wanted = rd_kafka_DeleteRecords_new(list);
    rd_kafka_topic_partition_list_destroy(list);
    if (admin_request_init(&r, a, RD_KAFKA_ADMIN_OP_DELETERECORDS, err) == 0) {
        rd_kafka_DeleteRecords(a->client->rk, &wanted, 1, r.options, r.queue);
        event = admin_request_wait(&r, p->topic, err);
        if (event != NULL)
            rc = judge_deleted(event, p->topic, err);
        admin_request_done(&r);
    }
    rd_kafka_DeleteRecords_destroy(wanted);
    return rc;
}

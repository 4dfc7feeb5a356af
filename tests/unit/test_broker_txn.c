/* What the transactional producer makes of the brokers' errors, against librdkafka's mock cluster:
 * the table of kafka.md 3.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/broker/txn.h"
#include "tests/support/member.h"

#define RESULTS  "results"
#define REQUESTS "requests"

/* Kafka's protocol error codes. */
enum {
    COORDINATOR_LOAD_IN_PROGRESS = 14,
    COORDINATOR_NOT_AVAILABLE = 15,
    OFFSET_METADATA_TOO_LARGE = 12,
    NOT_ENOUGH_REPLICAS = 19,
    ILLEGAL_GENERATION = 22,
    UNKNOWN_MEMBER_ID = 25,
    REBALANCE_IN_PROGRESS = 27,
    TOPIC_AUTHORIZATION_FAILED = 29,
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45,
    INVALID_PRODUCER_EPOCH = 47,
    INVALID_TXN_STATE = 48,
    CONCURRENT_TRANSACTIONS = 51,
    FENCED_INSTANCE_ID = 82,
    PRODUCER_FENCED = 90,
};

static struct mock_cluster *cluster;
static struct event_loop *loop;
static struct member member = { .group_id = "workers", .topic = REQUESTS, .manual = true };
static struct err err;

static const struct txn_message message = {
    .topic = RESULTS, .partition = -1, .value = "v", .value_len = 1
};

static struct txn *open_txn(void)
{
    static const char *const topics[] = { RESULTS };
    struct txn_config config = { .props = member.props,
                                 .transactional_id = "workers-1",
                                 .transaction_timeout_ms = 10000,
                                 .send_offsets_timeout_ms = 10000,
                                 .client_id = "test" };
    struct txn *t = txn_new(&config, &err);

    if (t == NULL)
        fail_msg("%s", err.msg);
    if (txn_init(t, topics, 1, &err) != TXN_OK)
        fail_msg("%s", err.msg);
    return t;
}

static int join_group(void **state)
{
    (void)state;
    cluster = mock_cluster_new(1);
    loop = event_loop_new();
    mock_cluster_topic(cluster, RESULTS, 1);
    mock_cluster_topic(cluster, REQUESTS, 1);
    member_join(&member, cluster, loop);
    WAIT_FOR(loop, member.assigns == 1);
    return member.group != NULL ? 0 : -1;
}

static int leave_group(void **state)
{
    (void)state;
    member_leave(&member);
    event_loop_free(loop);
    mock_cluster_free(cluster);
    return 0;
}

/* One whole transaction; returns the first answer that is not OK. RETRY is followed by the same
 * call. */
static enum txn_result run(struct txn *t)
{
    const struct kafka_offset offset = { .topic = REQUESTS, .offset = 3, .metadata = "r1:x" };
    enum txn_result result = txn_begin(t, &err);

    if (result == TXN_OK)
        result = txn_produce(t, &message, &err);
    while (result == TXN_OK) {
        result = txn_send_offsets(t, &offset, 1, member.group, &err);
        if (result == TXN_OK)
            break;
        if (result == TXN_RETRY)
            result = TXN_OK;
    }
    while (result == TXN_OK) {
        result = txn_commit(t, &err);
        if (result == TXN_OK)
            break;
        if (result == TXN_RETRY)
            result = TXN_OK;
    }
    return result;
}

static void each_broker_error_has_its_class(void **state)
{
    static const struct {
        const char *name;
        enum mock_api api;
        int code;
        size_t times;
        enum txn_result result;
    } rows[] = {
        { "no error", MOCK_END_TXN, 0, 0, TXN_OK },
        { "offsets: illegal generation", MOCK_TXN_OFFSET_COMMIT, ILLEGAL_GENERATION, 1, TXN_ABORT },
        { "offsets: unknown member", MOCK_TXN_OFFSET_COMMIT, UNKNOWN_MEMBER_ID, 1, TXN_ABORT },
        { "offsets: fenced instance", MOCK_TXN_OFFSET_COMMIT, FENCED_INSTANCE_ID, 1, TXN_ABORT },
        { "offsets: rebalance", MOCK_TXN_OFFSET_COMMIT, REBALANCE_IN_PROGRESS, 1, TXN_ABORT },
        { "offsets: metadata", MOCK_TXN_OFFSET_COMMIT, OFFSET_METADATA_TOO_LARGE, 1, TXN_ABORT },
        { "offsets: loading", MOCK_TXN_OFFSET_COMMIT, COORDINATOR_LOAD_IN_PROGRESS, 1, TXN_OK },
        { "partitions: concurrent", MOCK_ADD_PARTITIONS, CONCURRENT_TRANSACTIONS, 1, TXN_OK },
        { "partitions: epoch", MOCK_ADD_PARTITIONS, INVALID_PRODUCER_EPOCH, 1, TXN_FATAL },
        { "group: epoch", MOCK_ADD_OFFSETS, INVALID_PRODUCER_EPOCH, 1, TXN_FATAL },
        { "group: fenced", MOCK_ADD_OFFSETS, PRODUCER_FENCED, 1, TXN_ABORT },
        { "end: epoch", MOCK_END_TXN, INVALID_PRODUCER_EPOCH, 1, TXN_FATAL },
        { "end: fenced", MOCK_END_TXN, PRODUCER_FENCED, 1, TXN_FATAL },
        { "end: state", MOCK_END_TXN, INVALID_TXN_STATE, 1, TXN_FATAL },
        { "end: coordinator away", MOCK_END_TXN, COORDINATOR_NOT_AVAILABLE, 1, TXN_OK },
        { "produce: replicas", MOCK_PRODUCE, NOT_ENOUGH_REPLICAS, 1, TXN_OK },
        { "produce: no right", MOCK_PRODUCE, TOPIC_AUTHORIZATION_FAILED, 1, TXN_ABORT },
        { "produce: epoch", MOCK_PRODUCE, INVALID_PRODUCER_EPOCH, 1, TXN_FATAL },
        { "produce: order", MOCK_PRODUCE, OUT_OF_ORDER_SEQUENCE_NUMBER, 1, TXN_FATAL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct txn *t = open_txn();
        enum txn_result result;
        /* then the library refuses the topic by itself until it has new metadata */
        bool remembered = rows[i].code == TOPIC_AUTHORIZATION_FAILED;

        mock_cluster_fail(cluster, rows[i].api, rows[i].code, rows[i].times);
        result = run(t);
        mock_cluster_heal(cluster, rows[i].api);
        if (result != rows[i].result)
            fail_msg("%s: %d (%s)", rows[i].name, (int)result, err.msg);
        if (result == TXN_ABORT && txn_abort(t, &err) != TXN_OK)
            fail_msg("%s: abort: %s", rows[i].name, err.msg);
        if (result != TXN_FATAL && !remembered && run(t) != TXN_OK)
            fail_msg("%s: the next transaction: %s", rows[i].name, err.msg);
        if (result == TXN_FATAL && txn_begin(t, &err) != TXN_FATAL)
            fail_msg("%s: went on after a fatal error", rows[i].name);
        txn_free(t);
    }
}

static void an_undelivered_message_says_why(void **state)
{
    struct txn *t = open_txn();

    (void)state;
    mock_cluster_fail(cluster, MOCK_PRODUCE, TOPIC_AUTHORIZATION_FAILED, 1);
    assert_int_equal(run(t), TXN_ABORT);
    mock_cluster_heal(cluster, MOCK_PRODUCE);
    if (strstr(err.msg, "message to results") == NULL)
        fail_msg("%s", err.msg);
    txn_free(t);
}

static void without_a_member_neither_offsets_nor_results_go_out(void **state)
{
    const struct kafka_offset offset = { .topic = REQUESTS, .offset = 3 };
    struct txn *t = open_txn();

    (void)state;
    assert_int_equal(txn_begin(t, &err), TXN_OK);
    assert_int_equal(txn_send_offsets(t, &offset, 1, NULL, &err), TXN_ABORT);
    assert_int_equal(err.kind, ERR_REFUSED);
    assert_int_equal(txn_commit(t, &err), TXN_ABORT); /* nor are results without them */
    assert_int_equal(txn_abort(t, &err), TXN_OK);
    assert_int_equal(run(t), TXN_OK);
    txn_free(t);
}

static void a_message_that_is_too_large_does_not_fail_the_others(void **state)
{
    const size_t bytes = 4 * 1024 * 1024;
    char *value = calloc(1, bytes);
    struct txn_message large = message;
    struct txn *t = open_txn();

    (void)state;
    assert_non_null(value);
    large.value = value;
    large.value_len = bytes;
    assert_int_equal(txn_begin(t, &err), TXN_OK);
    assert_int_equal(txn_produce(t, &message, &err), TXN_OK);
    assert_int_equal(txn_produce(t, &large, &err), TXN_FAILED);
    assert_int_equal(err.kind, ERR_INPUT);
    assert_int_equal(txn_commit(t, &err), TXN_OK);
    txn_free(t);
    free(value);
}

static void a_message_outside_a_transaction_is_refused(void **state)
{
    struct txn *t = open_txn();

    (void)state;
    assert_int_equal(txn_produce(t, &message, &err), TXN_ABORT);
    txn_free(t);
}

static void starting_may_be_repeated_while_the_brokers_are_away(void **state)
{
    static const char *const topics[] = { RESULTS };
    struct txn_config config = { .props = member.props,
                                 .transactional_id = "workers-2",
                                 .transaction_timeout_ms = 10000,
                                 .send_offsets_timeout_ms = 10000,
                                 .client_id = "test" };
    struct txn *t = txn_new(&config, &err);
    enum txn_result result;

    (void)state;
    assert_non_null(t);
    mock_cluster_fail(cluster, MOCK_INIT_PRODUCER_ID, COORDINATOR_NOT_AVAILABLE, 1);
    do
        result = txn_init(t, topics, 1, &err);
    while (result == TXN_RETRY);
    assert_int_equal(result, TXN_OK);
    assert_int_equal(txn_init(t, topics, 1, &err), TXN_OK); /* nothing is left to do */
    assert_int_equal(run(t), TXN_OK);
    txn_free(t);
}

static void brokers_that_are_there_answer(void **state)
{
    (void)state;
    assert_int_equal(txn_brokers_answer(member.props, MEMBER_DEADLINE_MS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_broker_error_has_its_class),
        cmocka_unit_test(an_undelivered_message_says_why),
        cmocka_unit_test(without_a_member_neither_offsets_nor_results_go_out),
        cmocka_unit_test(a_message_that_is_too_large_does_not_fail_the_others),
        cmocka_unit_test(a_message_outside_a_transaction_is_refused),
        cmocka_unit_test(starting_may_be_repeated_while_the_brokers_are_away),
        cmocka_unit_test(brokers_that_are_there_answer),
    };

    return cmocka_run_group_tests(tests, join_group, leave_group);
}

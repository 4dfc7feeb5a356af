/* The publisher thread against librdkafka's mock cluster: one answer per batch, unknown is unknown,
 * and a producer is there again afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/member.h"
#include "worker/publisher.h"

#define RESULTS  "results"
#define REQUESTS "requests"

enum { /* Kafka's protocol error codes */
       MESSAGE_TOO_LARGE = 10,
       ILLEGAL_GENERATION = 22,
       OUT_OF_ORDER_SEQUENCE_NUMBER = 45,
       INVALID_PRODUCER_EPOCH = 47,
       INVALID_TXN_STATE = 48,
};

static struct mock_cluster *cluster;
static struct event_loop *loop;
static struct member member;
static struct publisher *publisher;
static int answers;
static enum publish_verdict verdict;
static enum err_kind kind;

static const struct txn_message message = {
    .topic = RESULTS, .partition = -1, .key = "k", .key_len = 1, .value = "v", .value_len = 1
};
static const struct kafka_offset offset = { .topic = REQUESTS, .offset = 3, .metadata = "r1:x" };

static void on_done(void *arg, enum publish_verdict v, const struct err *err)
{
    assert_ptr_equal(arg, &answers);
    assert_non_null(err);
    answers++;
    verdict = v;
    kind = err->kind;
}

static int set_up(void **state)
{
    static const char *const topics[] = { RESULTS };
    struct publisher_config config = { .txn = { .transactional_id = "workers-1",
                                                .transaction_timeout_ms = 10000,
                                                .send_offsets_timeout_ms = 10000,
                                                .client_id = "test" },
                                       .topics = topics,
                                       .topics_n = 1,
                                       .on_done = on_done,
                                       .arg = &answers };
    struct err err;

    (void)state;
    answers = 0;
    member = (struct member){ .group_id = "workers", .topic = REQUESTS, .manual = true };
    cluster = mock_cluster_new(1);
    loop = event_loop_new();
    mock_cluster_topic(cluster, RESULTS, 1);
    mock_cluster_topic(cluster, REQUESTS, 1);
    member_join(&member, cluster, loop);
    WAIT_FOR(loop, member.assigns == 1);
    config.loop = loop;
    config.txn.props = member.props;
    publisher = publisher_new(&config, &err);
    return publisher != NULL && member.group != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    if (publisher != NULL) {
        assert_true(publisher_stop(publisher, MEMBER_DEADLINE_MS));
        publisher_free(publisher);
    }
    member_leave(&member);
    event_loop_free(loop);
    mock_cluster_free(cluster);
    return 0;
}

static void send(void)
{
    const struct publish_batch batch = { .messages = &message,
                                         .messages_n = 1,
                                         .offsets = &offset,
                                         .offsets_n = 1,
                                         .group = member.group };

    assert_true(publisher_idle(publisher));
    publisher_send(publisher, &batch);
    assert_false(publisher_idle(publisher));
}

static enum publish_verdict outcome(void)
{
    int before = answers;

    send();
    WAIT_FOR(loop, answers > before);
    assert_int_equal(answers, before + 1);
    assert_true(publisher_idle(publisher));
    return verdict;
}

static void a_good_batch_is_committed_and_answered_once(void **state)
{
    (void)state;
    assert_int_equal(outcome(), PUBLISH_COMMITTED);
    assert_int_equal(outcome(), PUBLISH_COMMITTED);
    assert_int_equal(answers, 2);
    assert_int_equal(publisher_call_since_ms(publisher), 0);
}

static void after_every_error_it_is_unknown_and_the_next_batch_works(void **state)
{
    static const struct {
        enum mock_api api;
        int code;
    } rows[] = {
        { MOCK_TXN_OFFSET_COMMIT, ILLEGAL_GENERATION },  /* to be aborted */
        { MOCK_END_TXN, INVALID_TXN_STATE },             /* fatal */
        { MOCK_ADD_PARTITIONS, INVALID_PRODUCER_EPOCH }, /* fatal */
        { MOCK_PRODUCE, OUT_OF_ORDER_SEQUENCE_NUMBER },  /* fatal */
        { MOCK_END_TXN, INVALID_PRODUCER_EPOCH },        /* fatal */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mock_cluster_fail(cluster, rows[i].api, rows[i].code, 1);
        if (outcome() != PUBLISH_UNKNOWN)
            fail_msg("row %zu was taken for committed", i);
        mock_cluster_heal(cluster, rows[i].api);
        if (outcome() != PUBLISH_COMMITTED)
            fail_msg("no batch after row %zu", i);
    }
}

static void what_is_too_large_is_not_left_out_but_told(void **state)
{
    const size_t bytes = 4 * 1024 * 1024; /* more than the library takes */
    char *value = calloc(1, bytes);
    struct txn_message messages[2] = { message, message };
    const struct publish_batch batch = { .messages = messages,
                                         .messages_n = 2,
                                         .offsets = &offset,
                                         .offsets_n = 1,
                                         .group = member.group };

    (void)state;
    assert_non_null(value);
    messages[1].value = value;
    messages[1].value_len = bytes;
    publisher_send(publisher, &batch);
    WAIT_FOR(loop, answers == 1);
    assert_int_equal(verdict, PUBLISH_UNKNOWN);
    assert_int_equal(kind, ERR_INPUT);
    mock_cluster_fail(cluster, MOCK_PRODUCE, MESSAGE_TOO_LARGE, 1); /* the broker's word */
    assert_int_equal(outcome(), PUBLISH_UNKNOWN);
    assert_int_equal(kind, ERR_INPUT);
    mock_cluster_heal(cluster, MOCK_PRODUCE);
    assert_int_equal(outcome(), PUBLISH_COMMITTED);
    free(value);
}

static void without_a_member_nothing_goes_out(void **state)
{
    const struct publish_batch batch = {
        .messages = &message, .messages_n = 1, .offsets = &offset, .offsets_n = 1
    };

    (void)state;
    publisher_send(publisher, &batch);
    WAIT_FOR(loop, answers == 1);
    assert_int_equal(verdict, PUBLISH_UNKNOWN);
    assert_int_equal(outcome(), PUBLISH_COMMITTED);
}

static void a_stop_does_not_wait_for_a_broker_that_is_away(void **state)
{
    (void)state;
    assert_int_equal(outcome(), PUBLISH_COMMITTED);
    mock_cluster_down(cluster, 1);
    send();
    WAIT_FOR(loop, publisher_call_since_ms(publisher) != 0);
    /* It is inside a call: whether it comes back in time is the library's matter; no answer comes
     * after the stop, and nothing is freed under it. */
    assert_false(publisher_stop(publisher, 0));
    mock_cluster_up(cluster, 1);
    assert_true(publisher_stop(publisher, MEMBER_DEADLINE_MS));
}

static void it_can_be_freed_unused(void **state)
{
    (void)state;
    assert_true(publisher_stop(publisher, MEMBER_DEADLINE_MS));
    assert_true(publisher_stop(publisher, 0)); /* a second time */
    publisher_free(NULL);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_good_batch_is_committed_and_answered_once),
        T(after_every_error_it_is_unknown_and_the_next_batch_works),
        T(what_is_too_large_is_not_left_out_but_told),
        T(without_a_member_nothing_goes_out),
        T(a_stop_does_not_wait_for_a_broker_that_is_away),
        T(it_can_be_freed_unused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

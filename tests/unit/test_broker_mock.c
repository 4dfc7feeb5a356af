/* The group consumer against librdkafka's mock cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/broker/consumer.h"
#include "common/event/event.h"
#include "tests/support/mock_cluster.h"

#define DEADLINE_MS 60000 /* a test that waits this long has failed */
#define TOPIC "requests"
#define GROUP "workers"
#define PARTS_MAX 16
#define CODE_OFFSET_OUT_OF_RANGE 1
#define CODE_GROUP_AUTHORIZATION_FAILED 30

static struct mock_cluster *cluster;
static struct event_loop *loop;

/* A member as the worker is one: asks for the committed offsets and assigns what they say. */
struct member {
    struct consumer *consumer;
    struct kafka_props *props;
    bool manual;      /* the test answers on_assign itself */
    bool keep_revoke; /* the test answers on_revoke itself */
    int64_t start;    /* for all partitions; KAFKA_OFFSET_NONE: as committed */
    int assigned[PARTS_MAX];
    size_t assigned_n;
    int assigns, revokes;
    bool lost;
    struct kafka_group *group; /* taken at the last on_assign */
    bool committed_done, watermarks_done;
    struct err committed_err;
    struct kafka_offset committed[PARTS_MAX]; /* metadata is in texts */
    char texts[PARTS_MAX][64];
    size_t committed_n;
    unsigned committed_generation;
    struct kafka_watermark mark;
    int records;
    int records_of[PARTS_MAX];
    int64_t first_offset, last_offset;
    char last_value[32];
    int errors;
    bool fatal;
    int lost_partition; /* of on_partition_error; -1: none */
    struct err partition_err;
    int logs;
    bool closed;
};

static void on_committed(void *arg, const struct kafka_offset *offsets, size_t n,
                         unsigned generation, const struct err *err)
{
    struct member *m = arg;

    m->committed_done = true;
    m->committed_generation = generation;
    m->committed_n = n;
    m->committed_err = err != NULL ? *err : (struct err){ .kind = ERR_NONE };
    for (size_t i = 0; i < n && i < PARTS_MAX; i++) {
        m->committed[i] = offsets[i];
        snprintf(m->texts[i], sizeof(m->texts[i]), "%s",
                 offsets[i].metadata != NULL ? offsets[i].metadata : "");
        m->committed[i].metadata = offsets[i].metadata != NULL ? m->texts[i] : NULL;
    }
}

static void on_committed_assign(void *arg, const struct kafka_offset *offsets, size_t n,
                                unsigned generation, const struct err *err)
{
    struct member *m = arg;
    struct kafka_offset parts[PARTS_MAX];

    on_committed(arg, offsets, n, generation, err);
    if (generation != consumer_generation(m->consumer))
        return;
    if (err != NULL) {
        consumer_committed(m->consumer, offsets, n, DEADLINE_MS, on_committed_assign, m);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        parts[i] = offsets[i];
        if (m->start != KAFKA_OFFSET_NONE)
            parts[i].offset = m->start;
        else if (parts[i].offset == KAFKA_OFFSET_NONE)
            parts[i].offset = KAFKA_OFFSET_BEGINNING;
    }
    assert_int_equal(consumer_assign(m->consumer, parts, n, NULL), 0);
}

static void on_assign(void *arg, const struct kafka_offset *parts, size_t n)
{
    struct member *m = arg;

    assert_true(n <= PARTS_MAX);
    m->assigns++;
    m->assigned_n = n;
    for (size_t i = 0; i < n; i++)
        m->assigned[i] = parts[i].partition;
    kafka_group_free(m->group);
    m->group = consumer_group(m->consumer);
    if (!m->manual)
        assert_int_equal(consumer_committed(m->consumer, parts, n, DEADLINE_MS,
                                            on_committed_assign, m),
                         0);
}

static void on_revoke(void *arg, const struct kafka_offset *parts, size_t n, bool lost)
{
    struct member *m = arg;

    (void)parts;
    (void)n;
    m->revokes++;
    m->lost = lost;
    m->assigned_n = 0;
    if (!m->keep_revoke)
        assert_int_equal(consumer_unassign(m->consumer, NULL), 0);
}

static void on_record(void *arg, const struct kafka_record *record)
{
    struct member *m = arg;

    if (m->records++ == 0)
        m->first_offset = record->offset;
    m->last_offset = record->offset;
    m->records_of[record->partition]++;
    snprintf(m->last_value, sizeof(m->last_value), "%.*s", (int)record->value_len,
             (const char *)record->value);
}

static void on_error(void *arg, const struct err *err, bool fatal)
{
    struct member *m = arg;

    (void)err;
    m->errors++;
    m->fatal = m->fatal || fatal;
}

static void on_partition_error(void *arg, const char *topic, int32_t partition,
                               const struct err *err)
{
    struct member *m = arg;

    assert_string_equal(topic, TOPIC);
    m->lost_partition = partition;
    m->partition_err = *err;
}

static void on_log(void *arg, int level, const char *facility, const char *text)
{
    struct member *m = arg;

    assert_true(level >= 0 && facility != NULL && text != NULL);
    m->logs++;
}

static void on_closed(void *arg)
{
    struct member *m = arg;

    m->closed = true;
}

/* ---- helpers ---- */

static void join(struct member *m)
{
    static const char *const topics[] = { TOPIC };
    const struct consumer_handlers handlers = {
        .on_assign = on_assign,
        .on_revoke = on_revoke,
        .on_record = on_record,
        .on_error = on_error,
        .on_partition_error = on_partition_error,
        .on_log = on_log,
        .arg = m,
    };
    struct consumer_config config = {
        .group_id = GROUP,
        .client_id = "a name of a client that is much longer than the sixty-four characters allowed",
        .session_timeout_ms = 6000,
        .topics = topics,
        .topics_n = 1,
    };
    struct err err;

    m->lost_partition = -1;
    if (m->props == NULL)
        m->props = mock_cluster_props(cluster);
    config.props = m->props;
    m->consumer = consumer_new(loop, &config, &handlers, &err);
    if (m->consumer == NULL)
        fail_msg("%s", err.msg);
}

/* Turns the loop until the condition holds. */
#define WAIT_FOR(condition)                                                     \
    do {                                                                        \
        int64_t deadline_ = event_now_ms(loop) + DEADLINE_MS;                   \
        bool never_ = false;                                                    \
                                                                                \
        while (!(condition) && event_now_ms(loop) < deadline_)                  \
            event_loop_run_until(loop, &never_, event_now_ms(loop) + TURN_MS);  \
        if (!(condition))                                                       \
            fail_msg("waited in vain for: %s", #condition);                     \
    } while (0)
#define TURN_MS 5

static void leave(struct member *m)
{
    consumer_close(m->consumer, on_closed, m);
    WAIT_FOR(m->closed);
    consumer_free(m->consumer);
    kafka_group_free(m->group);
    kafka_props_free(m->props);
}

static bool ready(const struct member *m)
{
    return m->assigned_n > 0 && m->committed_done &&
           m->committed_generation == consumer_generation(m->consumer);
}

static int setup(void **state)
{
    (void)state;
    cluster = mock_cluster_new(1);
    loop = event_loop_new();
    return loop != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    event_loop_free(loop);
    mock_cluster_free(cluster);
    return 0;
}

/* ---- tests ---- */

static void two_members_share_the_partitions_and_the_last_one_gets_all(void **state)
{
    struct member a = { .start = KAFKA_OFFSET_NONE }, b = { .start = KAFKA_OFFSET_NONE };
    unsigned generation;
    int seen[4] = { 0 };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 4);
    join(&a);
    WAIT_FOR(ready(&a) && a.assigned_n == 4);
    generation = consumer_generation(a.consumer);
    join(&b);
    WAIT_FOR(ready(&a) && ready(&b) && a.assigned_n == 2);
    for (size_t i = 0; i < 2; i++) {
        seen[a.assigned[i]]++;
        seen[b.assigned[i]]++;
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(a.revokes, 1);
    assert_false(a.lost);
    assert_int_equal(consumer_generation(a.consumer), generation + 2);
    leave(&b);
    WAIT_FOR(ready(&a) && a.assigned_n == 4);
    leave(&a);
}

static void committed_offsets_and_metadata_are_given_and_none_is_none(void **state)
{
    struct member m = { .start = KAFKA_OFFSET_NONE };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 2);
    mock_cluster_commit(cluster, GROUP, TOPIC, 7, "r1:done-map");
    mock_cluster_produce(cluster, TOPIC, 0, 10);
    join(&m);
    WAIT_FOR(ready(&m) && m.records == 3);
    assert_int_equal(m.committed_n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_false(m.committed[i].failed);
        assert_int_equal(m.committed[i].offset,
                         m.committed[i].partition == 0 ? 7 : KAFKA_OFFSET_NONE);
        if (m.committed[i].partition == 0)
            assert_string_equal(m.committed[i].metadata, "r1:done-map");
        else
            assert_null(m.committed[i].metadata);
    }
    assert_int_equal(m.first_offset, 7);
    assert_string_equal(m.last_value, "9");
    leave(&m);
}

static void an_error_for_committed_offsets_is_not_taken_as_none(void **state)
{
    struct member m = { .manual = true };
    const struct kafka_offset part = { .topic = TOPIC, .partition = 0 };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 1);
    mock_cluster_commit(cluster, GROUP, TOPIC, 5, "map");
    join(&m);
    WAIT_FOR(m.assigns == 1);
    mock_cluster_fail(cluster, MOCK_OFFSET_FETCH, CODE_GROUP_AUTHORIZATION_FAILED, 1);
    assert_int_equal(consumer_committed(m.consumer, &part, 1, DEADLINE_MS, on_committed, &m), 0);
    WAIT_FOR(m.committed_done);
    assert_true(m.committed_err.kind != ERR_NONE || m.committed[0].failed);
    if (m.committed_err.kind != ERR_NONE)
        assert_true(m.committed_err.retriable);
    m.committed_done = false;
    assert_int_equal(consumer_committed(m.consumer, &part, 1, DEADLINE_MS, on_committed, &m), 0);
    WAIT_FOR(m.committed_done);
    assert_int_equal(m.committed_err.kind, ERR_NONE);
    assert_false(m.committed[0].failed);
    assert_int_equal(m.committed[0].offset, 5);
    leave(&m);
}

static void records_start_at_the_explicit_offset(void **state)
{
    struct member m = { .start = 6 };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 1);
    mock_cluster_commit(cluster, GROUP, TOPIC, 2, "");
    mock_cluster_produce(cluster, TOPIC, 0, 10);
    join(&m);
    WAIT_FOR(m.records == 4);
    assert_int_equal(m.first_offset, 6);
    leave(&m);
}

static void a_paused_partition_is_silent_until_it_is_resumed(void **state)
{
    struct member m = { .start = KAFKA_OFFSET_BEGINNING };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 2);
    join(&m);
    WAIT_FOR(ready(&m));
    consumer_pause(m.consumer, TOPIC, 0);
    consumer_pause(m.consumer, TOPIC, 0);
    mock_cluster_produce(cluster, TOPIC, 0, 5);
    mock_cluster_produce(cluster, TOPIC, 1, 5);
    WAIT_FOR(m.records_of[1] == 5);
    assert_int_equal(m.records_of[0], 0);
    consumer_resume(m.consumer, TOPIC, 1); /* not paused: must do nothing */
    consumer_resume(m.consumer, TOPIC, 0);
    WAIT_FOR(m.records_of[0] == 5);
    assert_int_equal(m.records_of[1], 5);
    leave(&m);
}

static void a_pause_does_not_outlive_the_next_assignment(void **state)
{
    struct member a = { .start = KAFKA_OFFSET_BEGINNING }, b = { .start = KAFKA_OFFSET_BEGINNING };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 2);
    join(&a);
    WAIT_FOR(ready(&a));
    consumer_pause(a.consumer, TOPIC, 0);
    consumer_pause(a.consumer, TOPIC, 1);
    join(&b);
    WAIT_FOR(ready(&b) && ready(&a) && a.assigned_n == 1);
    leave(&b);
    WAIT_FOR(ready(&a) && a.assigned_n == 2);
    mock_cluster_produce(cluster, TOPIC, 0, 3);
    mock_cluster_produce(cluster, TOPIC, 1, 3);
    WAIT_FOR(a.records_of[0] == 3 && a.records_of[1] == 3);
    leave(&a);
}

static void no_record_comes_between_revoke_and_its_answer(void **state)
{
    struct member a = { .start = KAFKA_OFFSET_BEGINNING, .keep_revoke = true };
    struct member b = { .start = KAFKA_OFFSET_BEGINNING };
    int before;

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 2);
    join(&a);
    WAIT_FOR(ready(&a));
    join(&b);
    WAIT_FOR(a.revokes == 1);
    before = a.records;
    mock_cluster_produce(cluster, TOPIC, 0, 50);
    mock_cluster_produce(cluster, TOPIC, 1, 50);
    assert_int_equal(consumer_unassign(a.consumer, NULL), 0);
    assert_int_equal(consumer_unassign(a.consumer, NULL), -1);
    a.keep_revoke = false;
    assert_int_equal(a.records, before);
    WAIT_FOR(a.records == 50 && b.records == 50);
    leave(&b);
    leave(&a);
}

static void a_superseded_assignment_is_refused(void **state)
{
    struct member m = { .start = KAFKA_OFFSET_BEGINNING };
    const struct kafka_offset part = { .topic = TOPIC, .partition = 0, .offset = 0 };
    struct err err;

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 1);
    join(&m);
    WAIT_FOR(ready(&m));
    assert_int_equal(consumer_assign(m.consumer, &part, 1, &err), -1);
    assert_int_equal(err.kind, ERR_REFUSED);
    leave(&m);
}

static void an_assignment_without_a_start_offset_is_refused(void **state)
{
    struct member m = { .manual = true };
    const struct kafka_offset part = { .topic = TOPIC, .offset = KAFKA_OFFSET_NONE };
    struct err err;

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 1);
    join(&m);
    WAIT_FOR(m.assigns == 1);
    assert_int_equal(consumer_assign(m.consumer, &part, 1, &err), -1);
    assert_int_equal(err.kind, ERR_INTERNAL);
    leave(&m);
}

static void the_group_is_there_at_the_assignment_and_not_before(void **state)
{
    struct member m = { .start = KAFKA_OFFSET_BEGINNING };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 1);
    mock_cluster_down(cluster, 1);
    join(&m);
    assert_null(consumer_group(m.consumer));
    mock_cluster_up(cluster, 1);
    WAIT_FOR(ready(&m));
    assert_non_null(m.group);
    leave(&m);
}

static void an_offset_outside_the_log_is_told_and_the_rest_goes_on(void **state)
{
    struct member m = { .manual = true };
    const struct kafka_offset parts[] = {
        { .topic = TOPIC, .partition = 0, .offset = 0 },
        { .topic = TOPIC, .partition = 1, .offset = 0 },
    };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 2);
    mock_cluster_produce(cluster, TOPIC, 1, 3);
    join(&m);
    WAIT_FOR(m.assigns == 1);
    mock_cluster_fail(cluster, MOCK_FETCH, CODE_OFFSET_OUT_OF_RANGE, 1);
    assert_int_equal(consumer_assign(m.consumer, parts, 2, NULL), 0);
    WAIT_FOR(m.lost_partition >= 0);
    assert_int_equal(m.partition_err.kind, ERR_REFUSED);
    assert_false(m.fatal);
    leave(&m);
}

static void on_watermarks(void *arg, const struct kafka_watermark *marks, size_t n,
                          unsigned generation, const struct err *err)
{
    struct member *m = arg;

    assert_null(err);
    assert_int_equal(n, 1);
    assert_int_equal(generation, consumer_generation(m->consumer));
    m->mark = marks[0];
    m->watermarks_done = true;
}

static void watermarks_are_asked_of_the_broker(void **state)
{
    struct member m = { .start = KAFKA_OFFSET_BEGINNING };
    const struct kafka_offset part = { .topic = TOPIC, .partition = 0 };
    int64_t low, high;

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 1);
    mock_cluster_produce(cluster, TOPIC, 0, 4);
    join(&m);
    assert_false(consumer_watermarks(m.consumer, TOPIC, 0, &low, &high));
    WAIT_FOR(m.records == 4);
    assert_true(consumer_watermarks(m.consumer, TOPIC, 0, &low, &high));
    assert_int_equal(high, 4);
    assert_int_equal(consumer_query_watermarks(m.consumer, &part, 1, DEADLINE_MS, on_watermarks,
                                               &m),
                     0);
    WAIT_FOR(m.watermarks_done);
    assert_false(m.mark.failed);
    assert_int_equal(m.mark.low, 0);
    assert_int_equal(m.mark.high, 4);
    leave(&m);
}

static void a_query_may_outlive_the_consumer_and_tells_nobody(void **state)
{
    struct member m = { .manual = true };
    const struct kafka_offset part = { .topic = TOPIC, .partition = 0 };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 1);
    join(&m);
    WAIT_FOR(m.assigns == 1);
    mock_cluster_down(cluster, 1);
    assert_int_equal(consumer_committed(m.consumer, &part, 1, 500, on_committed, &m), 0);
    assert_int_equal(consumer_query_watermarks(m.consumer, &part, 1, 500, on_watermarks, &m), 0);
    consumer_free(m.consumer);
    event_loop_free(loop); /* waits for the helper threads */
    loop = event_loop_new();
    assert_false(m.committed_done);
    assert_false(m.watermarks_done);
    kafka_group_free(m.group);
    kafka_props_free(m.props);
}

static void a_brokerless_query_fails_as_retriable(void **state)
{
    struct member m = { .manual = true };
    const struct kafka_offset part = { .topic = TOPIC, .partition = 0 };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 1);
    join(&m);
    WAIT_FOR(m.assigns == 1);
    mock_cluster_down(cluster, 1);
    assert_int_equal(consumer_committed(m.consumer, &part, 1, 300, on_committed, &m), 0);
    WAIT_FOR(m.committed_done);
    assert_int_equal(m.committed_err.kind, ERR_UNREACHABLE);
    assert_true(m.committed_err.retriable);
    mock_cluster_up(cluster, 1);
    leave(&m);
}

static void closing_answers_an_assignment_that_was_not_answered(void **state)
{
    struct member a = { .manual = true }, b = { .start = KAFKA_OFFSET_BEGINNING };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 1);
    join(&a);
    WAIT_FOR(a.assigns == 1);
    leave(&a);
    join(&b);
    WAIT_FOR(ready(&b)); /* the group is free for the next member at once */
    leave(&b);
}

static void closing_answers_a_revoke_that_was_not_answered(void **state)
{
    struct member a = { .start = KAFKA_OFFSET_BEGINNING, .keep_revoke = true };
    struct member b = { .start = KAFKA_OFFSET_BEGINNING };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 1);
    join(&a);
    WAIT_FOR(ready(&a));
    join(&b);
    WAIT_FOR(a.revokes == 1);
    leave(&a);
    WAIT_FOR(ready(&b));
    leave(&b);
}

static void the_librarys_log_comes_on_the_loop(void **state)
{
    struct member m = { .start = KAFKA_OFFSET_BEGINNING };

    (void)state;
    mock_cluster_topic(cluster, TOPIC, 1);
    m.props = mock_cluster_props(cluster);
    assert_int_equal(kafka_props_set(m.props, "debug", "cgrp"), 0);
    join(&m);
    assert_int_equal(m.logs, 0);
    WAIT_FOR(m.logs > 0);
    leave(&m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_members_share_the_partitions_and_the_last_one_gets_all),
        TEST(committed_offsets_and_metadata_are_given_and_none_is_none),
        TEST(an_error_for_committed_offsets_is_not_taken_as_none),
        TEST(records_start_at_the_explicit_offset),
        TEST(a_paused_partition_is_silent_until_it_is_resumed),
        TEST(a_pause_does_not_outlive_the_next_assignment),
        TEST(no_record_comes_between_revoke_and_its_answer),
        TEST(a_superseded_assignment_is_refused),
        TEST(an_assignment_without_a_start_offset_is_refused),
        TEST(the_group_is_there_at_the_assignment_and_not_before),
        TEST(an_offset_outside_the_log_is_told_and_the_rest_goes_on),
        TEST(watermarks_are_asked_of_the_broker),
        TEST(a_query_may_outlive_the_consumer_and_tells_nobody),
        TEST(a_brokerless_query_fails_as_retriable),
        TEST(closing_answers_an_assignment_that_was_not_answered),
        TEST(closing_answers_a_revoke_that_was_not_answered),
        TEST(the_librarys_log_comes_on_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

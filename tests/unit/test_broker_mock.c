/* One member of a consumer group against librdkafka's mock cluster. A new group takes the mock
 * three seconds, so the groups of all tests are joined at once, each with a topic of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "tests/support/member.h"

#define MANY_RECORDS                    (5 * CONSUMER_EVENTS_PER_TURN)
#define CODE_GROUP_AUTHORIZATION_FAILED 30

static struct mock_cluster *cluster;
static struct event_loop *loop;

static struct member committed = { .group_id = "g1",
                                   .topic = "committed",
                                   .start = KAFKA_OFFSET_NONE };
static struct member explicit = { .group_id = "g2", .topic = "explicit", .start = 6 };
static struct member paused = { .group_id = "g3",
                                .topic = "paused",
                                .start = KAFKA_OFFSET_BEGINNING };
static struct member startless = { .group_id = "g4", .topic = "startless", .manual = true };
static struct member lost = { .group_id = "g5", .topic = "lost", .manual = true };
static struct member marked = { .group_id = "g6",
                                .topic = "marked",
                                .start = KAFKA_OFFSET_BEGINNING };
static struct member unanswered = { .group_id = "g7", .topic = "unanswered", .manual = true };
static struct member logging = {
    .group_id = "g8", .topic = "logging", .manual = true, .debug = "cgrp"
};
static struct member many = { .group_id = "g9", .topic = "many", .start = KAFKA_OFFSET_BEGINNING };

static int join_all(void **state)
{
    struct member *all[] = { &committed, &explicit,   &paused,  &startless, &lost,
                             &marked,    &unanswered, &logging, &many };

    (void)state;
    cluster = mock_cluster_new(1);
    loop = event_loop_new();
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        mock_cluster_topic(cluster, all[i]->topic, 2);
    mock_cluster_commit(cluster, committed.group_id, committed.topic, 7, "r1:done-map");
    mock_cluster_commit(cluster, explicit.group_id, explicit.topic, 2, "");
    mock_cluster_produce(cluster, committed.topic, 0, 10);
    mock_cluster_produce(cluster, explicit.topic, 0, 10);
    mock_cluster_produce(cluster, explicit.topic, 1, 10);
    mock_cluster_produce(cluster, lost.topic, 1, 3);
    mock_cluster_produce(cluster, marked.topic, 0, 4);
    mock_cluster_produce(cluster, many.topic, 0, MANY_RECORDS);
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        member_join(all[i], cluster, loop);
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    event_loop_free(loop);
    mock_cluster_free(cluster);
    return 0;
}

static void the_group_is_not_there_before_the_assignment(void **state)
{
    struct member *m = &committed;

    (void)state;
    assert_int_equal(m->assigns, 0);
    assert_null(consumer_group(m->consumer));
    WAIT_FOR(loop, member_ready(m));
    assert_non_null(m->group); /* as taken inside on_assign */
}

static void committed_offsets_and_metadata_are_given_and_none_is_none(void **state)
{
    struct member *m = &committed;

    (void)state;
    WAIT_FOR(loop, member_ready(m) && m->records == 3);
    assert_int_equal(m->committed_n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_false(m->committed[i].failed);
        if (m->committed[i].partition == 0) {
            assert_int_equal(m->committed[i].offset, 7);
            assert_string_equal(m->committed[i].metadata, "r1:done-map");
        } else {
            assert_int_equal(m->committed[i].offset, KAFKA_OFFSET_NONE);
            assert_null(m->committed[i].metadata);
        }
    }
    assert_int_equal(m->first_offset, 7);
    assert_string_equal(m->last_value, "9");
    member_leave(m);
}

static void records_start_at_the_explicit_offset(void **state)
{
    struct member *m = &explicit;

    (void)state;
    WAIT_FOR(loop, m->records == 8);
    assert_int_equal(m->first_offset, 6);
    assert_int_equal(m->records_of[0], 4);
    assert_int_equal(m->records_of[1], 4);
    member_leave(m);
}

static void a_paused_partition_is_silent_until_it_is_resumed(void **state)
{
    struct member *m = &paused;

    (void)state;
    WAIT_FOR(loop, member_ready(m));
    consumer_pause(m->consumer, m->topic, 0);
    consumer_pause(m->consumer, m->topic, 0);
    mock_cluster_produce(cluster, m->topic, 0, 5);
    mock_cluster_produce(cluster, m->topic, 1, 5);
    WAIT_FOR(loop, m->records_of[1] == 5);
    assert_int_equal(m->records_of[0], 0);
    consumer_resume(m->consumer, m->topic, 1); /* not paused: must do nothing */
    consumer_resume(m->consumer, m->topic, 0);
    WAIT_FOR(loop, m->records_of[0] == 5);
    assert_int_equal(m->records_of[1], 5);
    member_leave(m);
}

static void an_assignment_without_a_start_offset_is_refused(void **state)
{
    struct member *m = &startless;
    const struct kafka_offset part = { .topic = m->topic, .offset = KAFKA_OFFSET_NONE };
    struct err err;

    (void)state;
    WAIT_FOR(loop, m->assigns == 1);
    assert_int_equal(consumer_assign(m->consumer, &part, 1, &err), -1);
    assert_int_equal(err.kind, ERR_INTERNAL);
    member_leave(m);
}

static void an_offset_outside_the_log_is_told_with_its_partition(void **state)
{
    struct member *m = &lost;
    const struct kafka_offset parts[] = {
        { .topic = m->topic, .partition = 0, .offset = 100 },
        { .topic = m->topic, .partition = 1, .offset = 0 },
    };

    (void)state;
    WAIT_FOR(loop, m->assigns == 1);
    assert_int_equal(consumer_assign(m->consumer, parts, 2, NULL), 0);
    WAIT_FOR(loop, m->lost_partition >= 0 && m->records == 3);
    assert_int_equal(m->lost_partition, 0);
    assert_int_equal(m->partition_err.kind, ERR_REFUSED);
    assert_int_equal(m->records_of[1], 3);
    assert_false(m->fatal);
    member_leave(m);
}

static void watermarks_are_asked_of_the_broker(void **state)
{
    struct member *m = &marked;
    const struct kafka_offset part = { .topic = m->topic };
    int64_t low, high;

    (void)state;
    WAIT_FOR(loop, m->records == 4);
    assert_true(consumer_watermarks(m->consumer, m->topic, 0, &low, &high));
    assert_int_equal(low, 0);
    assert_int_equal(high, 4);
    assert_false(consumer_watermarks(m->consumer, m->topic, 7, &low, &high));
    assert_int_equal(consumer_query_watermarks(
                         m->consumer, &(struct consumer_lookup){ &part, 1, MEMBER_DEADLINE_MS },
                         member_on_watermarks, m),
                     0);
    WAIT_FOR(loop, m->watermarks_done);
    assert_false(m->watermarks_failed);
    assert_false(m->mark.failed);
    assert_int_equal(m->mark.low, 0);
    assert_int_equal(m->mark.high, 4);
    member_leave(m);
}

static void closing_answers_an_assignment_that_was_not_answered(void **state)
{
    struct member *m = &unanswered;

    (void)state;
    WAIT_FOR(loop, m->assigns == 1);
    member_leave(m);
    assert_int_equal(m->revokes, 0);
}

static void the_librarys_log_comes_on_the_loop(void **state)
{
    struct member *m = &logging;

    (void)state;
    WAIT_FOR(loop, m->logs > 0);
    member_leave(m);
}

static void more_records_than_one_turn_may_take_all_arrive(void **state)
{
    struct member *m = &many;

    (void)state;
    WAIT_FOR(loop, m->records == MANY_RECORDS);
    assert_int_equal(m->last_offset, MANY_RECORDS - 1);
    assert_true(consumer_last_poll_ms(m->consumer) > 0);
    member_leave(m);
}

/* ---- broken brokers: these have a cluster of their own ---- */

static void an_error_for_committed_offsets_is_not_taken_as_none(void **state)
{
    struct mock_cluster *own = mock_cluster_new(1);
    struct member m = { .group_id = "g", .topic = "t", .manual = true };
    const struct kafka_offset part = { .topic = m.topic };

    (void)state;
    mock_cluster_topic(own, m.topic, 1);
    mock_cluster_commit(own, m.group_id, m.topic, 5, "map");
    mock_cluster_fail(own, MOCK_OFFSET_FETCH, CODE_GROUP_AUTHORIZATION_FAILED, 1);
    member_join(&m, own, loop);
    assert_int_equal(consumer_committed(m.consumer,
                                        &(struct consumer_lookup){ &part, 1, MEMBER_DEADLINE_MS },
                                        member_on_committed, &m),
                     0);
    WAIT_FOR(loop, m.committed_done);
    assert_int_equal(m.committed_n, 1);
    assert_true(m.committed[0].failed);
    m.committed_done = false;
    assert_int_equal(consumer_committed(m.consumer,
                                        &(struct consumer_lookup){ &part, 1, MEMBER_DEADLINE_MS },
                                        member_on_committed, &m),
                     0);
    WAIT_FOR(loop, m.committed_done);
    assert_int_equal(m.committed_err.kind, ERR_NONE);
    assert_false(m.committed[0].failed);
    assert_int_equal(m.committed[0].offset, 5);
    assert_string_equal(m.committed[0].metadata, "map");
    member_leave(&m);
    mock_cluster_free(own);
}

static void a_query_without_a_broker_fails_as_retriable(void **state)
{
    struct mock_cluster *own = mock_cluster_new(1);
    struct member m = { .group_id = "g", .topic = "t", .manual = true };
    const struct kafka_offset part = { .topic = m.topic };

    (void)state;
    mock_cluster_topic(own, m.topic, 1);
    mock_cluster_down(own, 1);
    member_join(&m, own, loop);
    assert_int_equal(consumer_committed(m.consumer, &(struct consumer_lookup){ &part, 1, 300 },
                                        member_on_committed, &m),
                     0);
    assert_int_equal(consumer_query_watermarks(m.consumer,
                                               &(struct consumer_lookup){ &part, 1, 300 },
                                               member_on_watermarks, &m),
                     0);
    WAIT_FOR(loop, m.committed_done && m.watermarks_done);
    assert_int_equal(m.committed_err.kind, ERR_UNREACHABLE);
    assert_true(m.committed_err.retriable);
    assert_true(m.committed[0].failed);
    assert_true(m.watermarks_failed);
    assert_true(m.mark.failed);
    member_leave(&m);
    mock_cluster_free(own);
}

static void a_query_may_outlive_the_consumer_and_tells_nobody(void **state)
{
    struct mock_cluster *own = mock_cluster_new(1);
    struct event_loop *own_loop = event_loop_new();
    struct member m = { .group_id = "g", .topic = "t", .start = KAFKA_OFFSET_BEGINNING };
    const struct kafka_offset part = { .topic = m.topic };

    (void)state;
    mock_cluster_topic(own, m.topic, 1);
    member_join(&m, own, own_loop);
    WAIT_FOR(own_loop, member_ready(&m));
    mock_cluster_down(own, 1);
    m.committed_done = false;
    assert_int_equal(consumer_committed(m.consumer, &(struct consumer_lookup){ &part, 1, 500 },
                                        member_on_committed, &m),
                     0);
    assert_int_equal(consumer_query_watermarks(m.consumer,
                                               &(struct consumer_lookup){ &part, 1, 500 },
                                               member_on_watermarks, &m),
                     0);
    member_discard(&m);
    event_loop_free(own_loop); /* waits for the helper threads */
    assert_false(m.committed_done);
    assert_false(m.watermarks_done);
    mock_cluster_free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_group_is_not_there_before_the_assignment),
        cmocka_unit_test(committed_offsets_and_metadata_are_given_and_none_is_none),
        cmocka_unit_test(records_start_at_the_explicit_offset),
        cmocka_unit_test(a_paused_partition_is_silent_until_it_is_resumed),
        cmocka_unit_test(an_assignment_without_a_start_offset_is_refused),
        cmocka_unit_test(an_offset_outside_the_log_is_told_with_its_partition),
        cmocka_unit_test(watermarks_are_asked_of_the_broker),
        cmocka_unit_test(closing_answers_an_assignment_that_was_not_answered),
        cmocka_unit_test(the_librarys_log_comes_on_the_loop),
        cmocka_unit_test(more_records_than_one_turn_may_take_all_arrive),
        cmocka_unit_test(an_error_for_committed_offsets_is_not_taken_as_none),
        cmocka_unit_test(a_query_without_a_broker_fails_as_retriable),
        cmocka_unit_test(a_query_may_outlive_the_consumer_and_tells_nobody),
    };

    return cmocka_run_group_tests(tests, join_all, free_all);
}

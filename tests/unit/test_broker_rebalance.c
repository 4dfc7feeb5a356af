/* Two members of one group, and a member that is a producer's, against librdkafka's mock cluster.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/member.h"

static struct mock_cluster *cluster;
static struct event_loop *loop;

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

static void check_shared(const struct member *a, const struct member *b)
{
    int seen[4] = { 0 };

    for (size_t i = 0; i < 2; i++) {
        seen[a->assigned[i]]++;
        seen[b->assigned[i]]++;
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(seen[i], 1);
}

static void two_members_share_and_no_pause_outlives_the_assignment(void **state)
{
    struct member a = { .group_id = "g", .topic = "t", .start = KAFKA_OFFSET_BEGINNING };
    struct member b = a;
    const struct kafka_offset part = { .topic = "t", .partition = 0, .offset = 0 };
    unsigned generation;
    struct err err;

    (void)state;
    mock_cluster_topic(cluster, "t", 4);
    member_join(&a, cluster, loop);
    WAIT_FOR(loop, member_ready(&a) && a.assigned_n == 4);
    for (int i = 0; i < 4; i++)
        consumer_pause(a.consumer, "t", i);
    generation = consumer_generation(a.consumer);
    assert_int_equal(consumer_assign(a.consumer, &part, 1, &err), -1);
    assert_int_equal(err.kind, ERR_REFUSED); /* it is answered already */

    member_join(&b, cluster, loop);
    WAIT_FOR(loop, member_ready(&a) && member_ready(&b) && a.assigned_n == 2 && b.assigned_n == 2);
    check_shared(&a, &b);
    assert_false(a.lost);
    assert_int_equal(consumer_generation(a.consumer), generation + 2 * (unsigned)a.revokes);

    member_leave(&b);
    WAIT_FOR(loop, member_ready(&a) && a.assigned_n == 4);
    for (int i = 0; i < 4; i++)
        mock_cluster_produce(cluster, "t", i, 3);
    WAIT_FOR(loop, a.records == 12);
    member_leave(&a);
}

static void a_revoke_stops_records_and_closing_answers_it(void **state)
{
    struct member a = { .group_id = "g", .topic = "t", .start = KAFKA_OFFSET_BEGINNING };
    struct member b = a;

    (void)state;
    a.keep_revoke = true;
    mock_cluster_topic(cluster, "t", 1);
    member_join(&a, cluster, loop);
    WAIT_FOR(loop, member_ready(&a));
    member_join(&b, cluster, loop);
    WAIT_FOR(loop, a.revokes == 1);
    mock_cluster_produce(cluster, "t", 0, 50);
    member_leave(&a);
    WAIT_FOR(loop, b.records == 50); /* so the group did not wait for the answer */
    assert_int_equal(a.records, 0);
    member_leave(&b);
}

static void a_revoke_is_answered_once(void **state)
{
    struct member a = { .group_id = "g", .topic = "t", .start = KAFKA_OFFSET_BEGINNING };
    struct member b = a;
    struct err err;

    (void)state;
    a.keep_revoke = true;
    mock_cluster_topic(cluster, "t", 2);
    member_join(&a, cluster, loop);
    WAIT_FOR(loop, member_ready(&a));
    assert_int_equal(consumer_unassign(a.consumer, &err), -1);
    assert_int_equal(err.kind, ERR_REFUSED);
    member_join(&b, cluster, loop);
    WAIT_FOR(loop, a.revokes == 1);
    assert_int_equal(consumer_unassign(a.consumer, NULL), 0);
    assert_int_equal(consumer_unassign(a.consumer, NULL), -1);
    a.keep_revoke = false; /* on a slow machine the group may rebalance again */
    WAIT_FOR(loop, member_ready(&a) && member_ready(&b));
    member_leave(&a);
    member_leave(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_members_share_and_no_pause_outlives_the_assignment,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_revoke_stops_records_and_closing_answers_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_revoke_is_answered_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Partitions: which are owned, which assignment a request belongs to, records beyond the window. */
#include "worker/parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct parts parts;

static int set_up(void **state)
{
    (void)state;
    return parts_init(&parts, "requests", "requests.high", 3);
}

static int tear_down(void **state)
{
    (void)state;
    parts_done(&parts);
    return 0;
}

static void own(struct part *part)
{
    struct err err;
    struct tracker *t = tracker_new(0, NULL, &err);

    assert_non_null(t);
    part_assign(part, t);
}

static struct req *request(struct part *part, int64_t offset)
{
    struct req *req = calloc(1, sizeof(*req));

    assert_non_null(req);
    req->part = part;
    req->epoch = part->epoch;
    req->offset = offset;
    return req;
}

static void a_partition_is_found_by_topic_and_number(void **state)
{
    (void)state;
    assert_int_equal(parts.n, 6);
    for (int32_t p = 0; p < 3; p++) {
        assert_ptr_equal(parts_find(&parts, "requests", p), parts_at(&parts, 0, p));
        assert_ptr_equal(parts_find(&parts, "requests.high", p), parts_at(&parts, 1, p));
        assert_int_equal(parts_at(&parts, 1, p)->lane, 1);
        assert_int_equal(parts_at(&parts, 1, p)->partition, p);
    }
    assert_ptr_not_equal(parts_at(&parts, 0, 0), parts_at(&parts, 1, 0));
}

static void what_is_no_partition_of_ours_is_not_found(void **state)
{
    (void)state;
    assert_null(parts_find(&parts, "results", 0));
    assert_null(parts_find(&parts, "requests", 3));
    assert_null(parts_find(&parts, "requests", -1));
    assert_null(parts_at(&parts, 2, 0));
    assert_null(parts_at(&parts, -1, 0));
    assert_null(parts_at(&parts, 0, INT32_MAX));
}

static void every_assignment_and_revoke_begins_a_new_epoch(void **state)
{
    struct part *part = parts_at(&parts, 0, 1);
    uint32_t before = part->epoch;

    (void)state;
    own(part);
    assert_int_equal(part->epoch, before + 1);
    assert_int_equal(parts_owned(&parts), 1);
    own(part); /* assigned again without a revoke: the old tracker is freed */
    assert_int_equal(part->epoch, before + 2);
    part_revoke(part);
    assert_int_equal(part->epoch, before + 3);
    assert_null(part->tracker);
    assert_int_equal(parts_owned(&parts), 0);
}

static void a_request_of_an_earlier_assignment_is_not_held(void **state)
{
    struct part *part = parts_at(&parts, 0, 1);
    struct req *req;

    (void)state;
    own(part);
    req = request(part, 5);
    assert_true(part_holds(req));
    part_revoke(part);
    assert_false(part_holds(req));
    own(part);
    assert_false(part_holds(req));
    req->epoch = part->epoch;
    assert_true(part_holds(req));
    free(req);
}

static void an_assignment_begins_neither_paused_nor_refused(void **state)
{
    struct part *part = parts_at(&parts, 1, 2);

    (void)state;
    part->paused = part->refused = true;
    own(part);
    assert_false(part->paused);
    assert_false(part->refused);
    part->paused = part->refused = true;
    part_revoke(part);
    assert_false(part->paused);
    assert_false(part->refused);
}

static void held_records_come_out_in_the_order_they_came(void **state)
{
    struct part *part = parts_at(&parts, 0, 0);

    (void)state;
    own(part);
    assert_null(part_held(part));
    assert_null(part_unhold(part));
    for (int round = 0; round < 2; round++) {
        for (int64_t o = 7; o < 10; o++)
            assert_int_equal(part_hold(part, request(part, o)), 0);
        for (int64_t o = 7; o < 10; o++) {
            struct req *req = part_held(part);

            assert_int_equal(req->offset, o);
            assert_ptr_equal(part_unhold(part), req);
            free(req);
        }
        assert_null(part_held(part));
    }
}

static void a_revoke_frees_what_is_held(void **state)
{
    struct part *part = parts_at(&parts, 0, 0);

    (void)state;
    own(part);
    part_hold(part, request(part, 1));
    part_hold(part, request(part, 2));
    part_revoke(part);
    assert_null(part_held(part));
    own(part);
    part_hold(part, request(part, 3)); /* parts_done frees this one */
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_partition_is_found_by_topic_and_number),
        T(what_is_no_partition_of_ours_is_not_found),
        T(every_assignment_and_revoke_begins_a_new_epoch),
        T(a_request_of_an_earlier_assignment_is_not_held),
        T(an_assignment_begins_neither_paused_nor_refused),
        T(held_records_come_out_in_the_order_they_came),
        T(a_revoke_frees_what_is_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The replicas as a worker sees them: what is free, whom to ask. */
#include "worker/targets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 10000

static struct targets targets;

static int set_up(void **state)
{
    (void)state;
    memset(&targets, 0, sizeof(targets));
    return 0;
}

static struct target *usable(const char *name, int limit, int open)
{
    struct target *t = targets_need(&targets, name, "http://host:3939");

    assert_non_null(t);
    t->configured = t->active = t->known = true;
    t->limit = t->max_inflight = limit;
    t->open = open;
    return t;
}

static void break_it(struct target *t)
{
    for (int i = 0; i < BREAKER_FAILURES; i++)
        breaker_failure(&t->breaker, NOW);
    assert_false(breaker_closed(&t->breaker));
}

static void free_slots_are_limit_minus_open_of_what_is_usable(void **state)
{
    static const struct {
        const char *what;
        int limit, open;
        bool active, known, broken, limited;
        int64_t start_at;
        int free;
    } rows[] = {
        { "three of four are free", 4, 1, true, true, false, false, 0, 3 },
        { "a full one has none", 2, 2, true, true, false, false, 0, 0 },
        { "over a limit that was lowered there is none", 1, 3, true, true, false, false, 0, 0 },
        { "one that the ledger does not call active has none", 4, 0, false, true, false, false, 0,
          0 },
        { "one that never answered has none", 4, 0, true, false, false, false, 0, 0 },
        { "one with an open breaker has none", 4, 0, true, true, true, false, 0, 0 },
        { "one with a start rate has one at a time", 4, 0, true, true, false, true, NOW, 1 },
        { "and none before its next start", 4, 0, true, true, false, true, NOW + 1, 0 },
        { "nor when it is full", 4, 4, true, true, false, true, NOW, 0 },
        { "a limit of 0 has none", 0, 0, true, true, false, false, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct target *t;

        set_up(NULL);
        t = usable("a", rows[i].limit, rows[i].open);
        t->active = rows[i].active;
        t->known = rows[i].known;
        t->start_limited = rows[i].limited;
        t->start_at_ms = rows[i].start_at;
        if (rows[i].broken)
            break_it(t);
        if (targets_free(&targets, NOW) != rows[i].free)
            fail_msg("%s: %d", rows[i].what, targets_free(&targets, NOW));
    }
}

static void replicas_are_added_up(void **state)
{
    (void)state;
    usable("a", 4, 1);
    usable("b", 2, 3); /* over its limit: does not count against the others */
    usable("c", 1, 0);
    assert_int_equal(targets_free(&targets, NOW), 4);
    assert_int_equal(targets_slots(&targets), 7);
    targets_find(&targets, "a")->active = false;
    assert_int_equal(targets_slots(&targets), 3);
}

static void a_slot_left_to_another_worker_is_not_free_until_taken_or_late(void **state)
{
    struct target *t = usable("a", 4, 3);

    (void)state;
    target_leave_slot(t, NOW, NOW + 50);
    assert_int_equal(targets_free(&targets, NOW), 0);
    target_counted(t, 3); /* nobody took it yet */
    assert_int_equal(targets_free(&targets, NOW + 49), 0);
    assert_int_equal(targets_free(&targets, NOW + 50), 1);
    target_counted(t, 4); /* it was taken: what ends from now on is free at once */
    target_counted(t, 3);
    assert_int_equal(targets_free(&targets, NOW + 1), 1);
}

static void slots_left_add_up_while_they_are_left(void **state)
{
    struct target *t = usable("a", 4, 1);

    (void)state;
    target_leave_slot(t, NOW, NOW + 50);
    target_leave_slot(t, NOW + 10, NOW + 60);
    assert_int_equal(target_taken(t, NOW + 59), 3);
    target_leave_slot(t, NOW + 60, NOW + 110);
    assert_int_equal(target_taken(t, NOW + 60), 2);
}

static void one_is_found_by_name_or_added_inactive(void **state)
{
    struct target *a = usable("a", 4, 0), *gone;

    (void)state;
    assert_ptr_equal(targets_find(&targets, "a"), a);
    assert_null(targets_find(&targets, "b"));
    assert_ptr_equal(targets_need(&targets, "a", "http://elsewhere"), a);
    assert_string_equal(a->url, "http://host:3939"); /* what is configured stays */
    gone = targets_need(&targets, "gone", "http://gone:3939");
    assert_string_equal(gone->url, "http://gone:3939");
    assert_false(gone->configured || gone->active || target_usable(gone));
    assert_int_equal(targets_free(&targets, NOW), 4);
}

static void no_more_than_the_bound_are_added(void **state)
{
    char name[16];

    (void)state;
    for (int i = 0; i < REPLICAS_MAX; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        assert_non_null(targets_need(&targets, name, "u"));
    }
    assert_null(targets_need(&targets, "one more", "u"));
    assert_non_null(targets_need(&targets, "r7", "u"));
}

static void any_goes_round_the_usable_ones(void **state)
{
    struct target *a = usable("a", 1, 0), *b = usable("b", 1, 0), *c = usable("c", 1, 0);
    int asked[3] = { 0 };

    (void)state;
    break_it(b);
    for (int i = 0; i < 8; i++) {
        struct target *t = targets_any(&targets);

        asked[0] += t == a;
        asked[1] += t == b;
        asked[2] += t == c;
    }
    assert_int_equal(asked[1], 0);
    assert_true(asked[0] > 0 && asked[2] > 0);
    assert_int_equal(asked[0] + asked[2], 8);
}

static void any_falls_back_to_known_ones_and_never_to_nobody(void **state)
{
    struct target *a = usable("a", 1, 0), *b = usable("b", 1, 0);

    (void)state;
    break_it(a);
    break_it(b);
    b->known = false;
    assert_ptr_equal(targets_any(&targets), a);
    assert_true(targets_any_known(&targets));
    a->known = false;
    assert_non_null(targets_any(&targets));
    assert_false(targets_any_known(&targets));
    set_up(NULL);
    assert_null(targets_any(&targets));
}

static void a_replica_that_is_not_configured_is_not_asked(void **state)
{
    struct target *gone = targets_need(&targets, "gone", "http://gone:3939");
    struct target *a = usable("a", 1, 0);

    (void)state;
    gone->known = true;
    break_it(a);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(targets_any(&targets), a);
    a->known = false;
    assert_false(targets_any_known(&targets));
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(targets_any(&targets), a);
}

#define T(fn) cmocka_unit_test_setup(fn, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(free_slots_are_limit_minus_open_of_what_is_usable),
        T(replicas_are_added_up),
        T(a_slot_left_to_another_worker_is_not_free_until_taken_or_late),
        T(slots_left_add_up_while_they_are_left),
        T(one_is_found_by_name_or_added_inactive),
        T(no_more_than_the_bound_are_added),
        T(any_goes_round_the_usable_ones),
        T(any_falls_back_to_known_ones_and_never_to_nobody),
        T(a_replica_that_is_not_configured_is_not_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

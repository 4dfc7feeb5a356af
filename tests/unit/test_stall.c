/* A call of the publisher that hangs ends the worker only when brokers have been there for a while.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "worker/stall.h"

#define BEGAN 1000

static void brokers_that_answer_all_the_time(void **state)
{
    struct stall s = { 0 };

    (void)state;
    assert_false(stall_hangs(&s, BEGAN, true, BEGAN + TXN_STALL_EXIT_MS));
    assert_false(stall_hangs(&s, BEGAN, true, BEGAN + TXN_STALL_EXIT_MS + BROKERS_BACK_MS - 1));
    assert_true(stall_hangs(&s, BEGAN, true, BEGAN + TXN_STALL_EXIT_MS + BROKERS_BACK_MS));
}

static void brokers_that_have_just_come_back(void **state)
{
    const int64_t back = BEGAN + 10 * TXN_STALL_EXIT_MS;
    struct stall s = { 0 };

    (void)state;
    assert_false(stall_hangs(&s, BEGAN, false, BEGAN + TXN_STALL_EXIT_MS));
    assert_false(stall_hangs(&s, BEGAN, true, back));
    assert_false(stall_hangs(&s, BEGAN, false, back + BROKERS_BACK_MS - 1)); /* away once more */
    assert_false(stall_hangs(&s, BEGAN, true, back + BROKERS_BACK_MS));
    assert_true(stall_hangs(&s, BEGAN, true, back + 2 * BROKERS_BACK_MS));
}

static void a_call_that_ended_starts_anew(void **state)
{
    const int64_t late = BEGAN + 2 * TXN_STALL_EXIT_MS;
    struct stall s = { 0 };

    (void)state;
    assert_false(stall_hangs(&s, BEGAN, true, late));
    assert_false(stall_hangs(&s, 0, true, late + BROKERS_BACK_MS));
    assert_false(stall_hangs(&s, late, true, late + TXN_STALL_EXIT_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brokers_that_answer_all_the_time),
        cmocka_unit_test(brokers_that_have_just_come_back),
        cmocka_unit_test(a_call_that_ended_starts_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

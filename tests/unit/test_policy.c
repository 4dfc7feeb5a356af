/* The two small policies: breaker and retry. */
#include "worker/breaker.h"
#include "worker/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/limits.h"

/* ---- breaker ---- */

static void fail_n(struct breaker *b, int n, int64_t now_ms)
{
    for (int i = 0; i < n; i++)
        breaker_failure(b, now_ms);
}

static void five_failures_in_a_row_open_it(void **state)
{
    struct breaker b;
    (void)state;

    breaker_init(&b);
    assert_true(breaker_closed(&b));
    fail_n(&b, BREAKER_FAILURES - 1, 1000);
    breaker_success(&b);
    fail_n(&b, BREAKER_FAILURES - 1, 2000);
    assert_true(breaker_closed(&b));
    assert_false(breaker_wants_probe(&b, INT64_MAX));
    breaker_failure(&b, 3000);
    assert_false(breaker_closed(&b));
    assert_int_equal(b.state, BREAKER_OPEN);
}

static void after_its_time_it_wants_one_probe(void **state)
{
    struct breaker b;
    (void)state;

    breaker_init(&b);
    fail_n(&b, BREAKER_FAILURES, 1000);
    assert_false(breaker_wants_probe(&b, 1000 + BREAKER_OPEN_MS - 1));
    assert_true(breaker_wants_probe(&b, 1000 + BREAKER_OPEN_MS));
    assert_false(breaker_wants_probe(&b, 1000 + BREAKER_OPEN_MS));
    assert_int_equal(b.state, BREAKER_PROBING);
    assert_false(breaker_closed(&b));
}

static void a_probe_that_fails_opens_it_again_and_one_that_succeeds_closes_it(void **state)
{
    const int64_t probed = 1000 + BREAKER_OPEN_MS;
    struct breaker b;
    (void)state;

    breaker_init(&b);
    fail_n(&b, BREAKER_FAILURES, 1000);
    assert_true(breaker_wants_probe(&b, probed));
    breaker_failure(&b, probed + 100);
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_false(breaker_wants_probe(&b, probed + 100 + BREAKER_OPEN_MS - 1));
    assert_true(breaker_wants_probe(&b, probed + 100 + BREAKER_OPEN_MS));
    breaker_success(&b);
    assert_true(breaker_closed(&b));
    fail_n(&b, BREAKER_FAILURES - 1, probed * 2);
    assert_true(breaker_closed(&b));
}

static void late_failures_do_not_put_the_probe_off(void **state)
{
    struct breaker b;
    (void)state;

    breaker_init(&b);
    fail_n(&b, BREAKER_FAILURES, 1000);
    fail_n(&b, 100, 1000 + BREAKER_OPEN_MS - 1);
    assert_true(breaker_wants_probe(&b, 1000 + BREAKER_OPEN_MS));
}

static void a_late_success_closes_it_without_a_probe(void **state)
{
    struct breaker b;
    (void)state;

    breaker_init(&b);
    fail_n(&b, BREAKER_FAILURES, 1000);
    breaker_success(&b);
    assert_true(breaker_closed(&b));
}

static void a_probe_that_nobody_reported_is_made_again(void **state)
{
    struct breaker b;
    (void)state;

    breaker_init(&b);
    fail_n(&b, BREAKER_FAILURES, 0);
    assert_true(breaker_wants_probe(&b, BREAKER_OPEN_MS));
    assert_false(breaker_wants_probe(&b, 2 * BREAKER_OPEN_MS - 1));
    assert_true(breaker_wants_probe(&b, 2 * BREAKER_OPEN_MS));
}

static void it_is_gone_since_the_first_failure_of_the_row(void **state)
{
    struct breaker b;
    (void)state;

    breaker_init(&b);
    assert_false(breaker_gone_for(&b, INT64_MAX, 0));
    breaker_failure(&b, 0);
    breaker_failure(&b, 250);
    assert_false(breaker_gone_for(&b, 299, 300));
    assert_true(breaker_gone_for(&b, 300, 300));
    breaker_success(&b);
    assert_false(breaker_gone_for(&b, 300, 300));
    breaker_failure(&b, 400);
    assert_false(breaker_gone_for(&b, 699, 300));
}

/* ---- retry ---- */

static void delays_stay_within_their_bounds(void **state)
{
    static const struct {
        int64_t min_ms, max_ms;
        int made;
        int64_t top_ms;
    } rows[] = {
        { 30000, 600000, 1, 30000 },
        { 30000, 600000, 2, 60000 },
        { 30000, 600000, 3, 120000 },
        { 30000, 600000, 5, 480000 },
        { 30000, 600000, 6, 600000 },
        { 30000, 600000, 100, 600000 },
        { 1, INT64_MAX, 62, INT64_C(1) << 61 },
        { 1, INT64_MAX, 63, INT64_C(1) << 62 },
        { 1, INT64_MAX, 64, INT64_MAX },
        { 1, INT64_MAX, INT32_MAX, INT64_MAX },
        { 3, INT64_MAX, 62, INT64_C(3) << 61 },
        { 5, INT64_MAX, 62, INT64_MAX },
        { 7, 7, 9, 7 },
        { 0, 100, 4, 0 },
        { 200, 100, 2, 200 }, /* a maximum below the minimum: the minimum */
        { 100, 1000, 0, 100 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t span = (uint64_t)(rows[i].top_ms - rows[i].min_ms);

        assert_true(retry_delay_ms(rows[i].min_ms, rows[i].max_ms, rows[i].made, 0) ==
                    rows[i].min_ms);
        assert_true(retry_delay_ms(rows[i].min_ms, rows[i].max_ms, rows[i].made, span) ==
                    rows[i].top_ms);
        assert_true(retry_delay_ms(rows[i].min_ms, rows[i].max_ms, rows[i].made, span + 1) ==
                    rows[i].min_ms);
    }
}

static void back_off_has_the_same_ceiling_and_no_floor(void **state)
{
    (void)state;

    assert_int_equal(backoff_delay_ms(200, 10000, 1, 0), 0);
    assert_int_equal(backoff_delay_ms(200, 10000, 1, 200), 200);
    assert_int_equal(backoff_delay_ms(200, 10000, 1, 201), 0);
    assert_int_equal(backoff_delay_ms(200, 10000, 3, 800), 800);
    assert_int_equal(backoff_delay_ms(200, 10000, 3, 801), 0);
    assert_int_equal(backoff_delay_ms(200, 10000, 50, 10000), 10000);
    assert_in_range(backoff_delay_ms(1, INT64_MAX, 1000, UINT64_MAX), 0, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_failures_in_a_row_open_it),
        cmocka_unit_test(after_its_time_it_wants_one_probe),
        cmocka_unit_test(a_probe_that_fails_opens_it_again_and_one_that_succeeds_closes_it),
        cmocka_unit_test(late_failures_do_not_put_the_probe_off),
        cmocka_unit_test(a_late_success_closes_it_without_a_probe),
        cmocka_unit_test(a_probe_that_nobody_reported_is_made_again),
        cmocka_unit_test(it_is_gone_since_the_first_failure_of_the_row),
        cmocka_unit_test(delays_stay_within_their_bounds),
        cmocka_unit_test(back_off_has_the_same_ceiling_and_no_floor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every allocation of the policy modules fails once, then all from there on: nothing leaks (ASan
 * says), nothing is half done, and it works again afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/admit.h"
#include "worker/tracker.h"
#include "worker/waiting.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
char *__wrap_strdup(const char *s);

static long countdown; /* the allocation that fails; 0: none */
static bool and_later;
static bool failed; /* one did */

static bool fails(void)
{
    if (countdown == 0)
        return false;
    if (countdown > 1) {
        countdown--;
        return false;
    }
    if (!and_later)
        countdown = 0;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t n, size_t bytes)
{
    return fails() ? NULL : __real_calloc(n, bytes);
}

void *__wrap_realloc(void *old, size_t bytes)
{
    return fails() ? NULL : __real_realloc(old, bytes);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

/* Runs the scenario with its 1st, 2nd, ... allocation failing, until it ran without a failure. */
static void fail_each(void (*scenario)(void))
{
    for (int mode = 0; mode < 2; mode++) {
        long n = 0;

        do {
            and_later = mode == 1;
            failed = false;
            countdown = ++n;
            scenario();
            countdown = 0;
        } while (failed);
        assert_true(n > 1); /* it allocates at all */
    }
}

static void use_tracker(void)
{
    struct err err = { 0 };
    struct tracker *t = tracker_new(7, NULL, &err);

    if (t == NULL) {
        assert_int_equal(err.kind, ERR_INTERNAL);
        assert_true(failed);
        return;
    }
    assert_int_equal(tracker_record(t, 7), TRACKER_NEW);
    tracker_free(t);
}

static void a_tracker_without_memory_is_an_error(void **state)
{
    (void)state;
    fail_each(use_tracker);
}

#define REQS 200

/* Many keys, so that uthash's table grows too. */
static size_t put_all(struct waiting *w, struct req *reqs)
{
    size_t in = 0;

    for (int i = 0; i < REQS; i++) {
        enum wait_reason reason = (enum wait_reason)(i % WAIT_REASONS);
        char key[16];

        snprintf(key, sizeof(key), "k%d", i);
        reqs[i] = (struct req){ .rank = i };
        if (waiting_put(w, &reqs[i], reason, i < REQS - 60 ? key : "one long list", i) == 0)
            in++;
        else
            assert_null(reqs[i].list);
        assert_int_equal(waiting_total(w), in);
    }
    return in;
}

static void use_waiting(void)
{
    static struct req reqs[REQS], *out[REQS];
    struct waiting *w = waiting_new();
    size_t in, n;

    if (w == NULL)
        return;
    in = put_all(w, reqs);
    /* From here on nothing may need memory. */
    and_later = true;
    countdown = 1;
    failed = false;
    waiting_release(w, WAIT_GROUP, "one long list");
    waiting_release(w, WAIT_CONTENT, "one long list");
    n = waiting_heads(w, INT64_MAX, REQS, out, REQS);
    for (size_t more = 1; more > 0; n += more)
        more = waiting_heads(w, INT64_MAX, REQS, out, REQS);
    assert_int_equal(n, in);
    assert_false(failed);
    failed = in < REQS;
    waiting_free(w);
}

static void a_request_that_cannot_wait_for_want_of_memory_is_in_no_list(void **state)
{
    (void)state;
    fail_each(use_waiting);
}

static void use_admit(void)
{
    struct admit_replica replica = { .limit = 1, .usable = true };
    struct admit_campaign campaign = { .limit = -1 };
    struct admit_item item = { .groups = { -1 }, .avoid_replica = -1 };
    struct admit_input in = { &replica, 1, &campaign, 1, NULL, 0, &item, 1 };
    struct admit_decision out = { .what = ADMIT_WAIT_SLOT };
    int rc = admit(&in, &out);

    assert_int_equal(rc, failed ? -1 : 0);
    assert_int_equal(out.what, failed ? ADMIT_WAIT_SLOT : ADMIT_RUN);
}

static void admit_without_memory_decides_nothing(void **state)
{
    (void)state;
    fail_each(use_admit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tracker_without_memory_is_an_error),
        cmocka_unit_test(a_request_that_cannot_wait_for_want_of_memory_is_in_no_list),
        cmocka_unit_test(admit_without_memory_decides_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#define TRIES_MAX 20000 /* allocations of one scenario; far above any */

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__real_reallocarray(void *old, size_t n, size_t bytes);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t max);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void *__wrap_reallocarray(void *old, size_t n, size_t bytes);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t max);

static long countdown; /* the allocation that fails; 0: none */
static bool and_later;
static bool failed;

static bool fails(void)
{
    if (failed && and_later)
        return true;
    if (countdown == 0 || --countdown > 0)
        return false;
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

void *__wrap_reallocarray(void *old, size_t n, size_t bytes)
{
    return fails() ? NULL : __real_reallocarray(old, n, bytes);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t max)
{
    return fails() ? NULL : __real_strndup(s, max);
}

void alloc_fail_at(long n, bool lasting)
{
    countdown = n;
    and_later = lasting;
    failed = false;
}

bool alloc_failed(void)
{
    return failed;
}

/* Whether the scenario met a failure. */
static bool fail_one(bool (*scenario)(void), long n, bool lasting)
{
    bool done, met;

    alloc_fail_at(n, lasting);
    done = scenario();
    met = failed;
    alloc_fail_at(0, false);
    if (!met && !done)
        fail_msg("nothing failed, and it is not done");
    if (met && done && lasting)
        fail_msg("allocation %ld and all after it failed and nobody noticed", n);
    return met;
}

void alloc_fail_each(bool (*scenario)(void))
{
    for (int lasting = 0; lasting < 2; lasting++) {
        long n = 1;

        while (fail_one(scenario, n, lasting == 1) && n < TRIES_MAX)
            n++;
        assert_in_range(n, 2, TRIES_MAX - 1); /* it allocates at all, and comes to an end */
    }
}

void alloc_fail_all(bool (*scenario)(void))
{
    bool done;

    alloc_fail_at(1, true);
    done = scenario();
    alloc_fail_at(0, false);
    assert_true(done);
}

int alloc_fail_set_up(void **state)
{
    cJSON_Hooks hooks = { __wrap_malloc, free };

    (void)state;
    cJSON_InitHooks(&hooks);
    return 0;
}

/* Memory that fails, for the programs tests/unit/alloc_*.c: they are linked with --wrap, so what
 * our code allocates comes here. The product knows nothing of it. What a shared library allocates
 * does not; cJSON is led here by its hooks. Leaks show under the address sanitizer. */
#ifndef TESTS_SUPPORT_ALLOC_FAIL_H
#define TESTS_SUPPORT_ALLOC_FAIL_H

#include <stdbool.h>
#include <stddef.h>

/* The n-th allocation from now on fails, and with `lasting` all after it; 0: none fails. */
void alloc_fail_at(long n, bool lasting);
bool alloc_failed(void); /* one has, since the last alloc_fail_at */

/* Runs the scenario with its 1st, 2nd, ... allocation failing, alone and with all after it, until
 * none failed. It leaves nothing behind, checks what must hold, and returns whether it did all it
 * should: it must if nothing failed, and cannot if nothing could be allocated any more. */
void alloc_fail_each(bool (*scenario)(void));
/* The scenario does all it should without any memory. */
void alloc_fail_all(bool (*scenario)(void));

int alloc_fail_set_up(void **state); /* a cmocka group setup: cJSON's hooks */

#endif

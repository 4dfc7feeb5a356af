/* Array literals of PostgreSQL: what is read can be written, and is read again the same. */
#include "common/ledger/array.h"
#include "tests/support/fuzz.h"

#define MOST 64

static void same(char **a, char **b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        must((a[i] == NULL) == (b[i] == NULL) && (a[i] == NULL || strcmp(a[i], b[i]) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), **items = NULL, **again = NULL;
    ptrdiff_t n = array_parse(text, MOST, &items);
    struct buf b;

    must(n <= MOST);
    if (n >= 0) {
        buf_init(&b, 1024 * 1024);
        array_open(&b);
        for (ptrdiff_t i = 0; i < n; i++)
            array_add(&b, items[i]);
        array_close(&b);
        must(array_parse(buf_str(&b), MOST, &again) == n);
        same(items, again, (size_t)n);
        array_free(items, (size_t)n);
        array_free(again, (size_t)n);
        buf_done(&b);
    }
    free(text);
    return 0;
}

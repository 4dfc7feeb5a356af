/* Access checks as they stand in the ledger: refused, or read; and what is read is written again as
 * a text that reads as the same. */
#include "common/base/limits.h"
#include "common/record/result.h"
#include "tests/support/fuzz.h"

static char *written(const struct access_check *checks, size_t n)
{
    struct buf b;
    char *text;

    buf_init(&b, RESULT_MAX_BYTES);
    must(access_checks_encode(checks, n, &b) == 0);
    text = strdup(buf_str(&b));
    must(text != NULL);
    buf_done(&b);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *once, *twice;
    struct access_check *checks = NULL;
    struct err err = { .kind = ERR_NONE };
    size_t n = 0;

    if (access_checks_decode(text, &checks, &n, &err) == 0) {
        once = written(checks, n);
        access_checks_free(checks, n);
        must(access_checks_decode(once, &checks, &n, &err) == 0);
        twice = written(checks, n);
        must(strcmp(once, twice) == 0);
        access_checks_free(checks, n);
        free(once);
        free(twice);
    } else {
        must(err.kind == ERR_INPUT);
    }
    free(text);
    return 0;
}

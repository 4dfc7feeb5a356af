/* A version expression is refused with a sentence that names the option, or becomes a condition
 * whose text has nothing of the input in it but digits: all else are parameters. */
#include "producer/select_version.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct err err = { .kind = ERR_NONE };
    struct query q;

    query_init(&q);
    if (version_condition(&q, "--r-version", "s.r_version", text, &err) != 0) {
        must(err.kind == ERR_CONFIG && strstr(err.msg, "--r-version") != NULL);
    } else {
        must(!q.failed && strncmp(buf_str(&q.sql), " and ", 5) == 0);
        must(strpbrk(buf_str(&q.sql), ";\\") == NULL);
    }
    query_done(&q);
    free(text);
    return 0;
}

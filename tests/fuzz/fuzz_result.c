/* A result or a list of access checks from anybody; and any text inside a result that we render,
 * which must stay JSON, within its bound, and readable by our own reader. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/record/json_scan.h"
#include "common/record/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void render_with(char *text)
{
    static char source[] = "/s", outcome[] = "succeeded",
                guid[] = "4ffc819c-065c-420c-88eb-332db1133317";
    char *lines[LOG_TAIL_LINES];
    struct access_check check = { text, text, 1, -1, text, text };
    struct result r = { .request_id = { { 1 } },
                        .source = source,
                        .content = { .guid = guid, .title = text, .image_name = text },
                        .outcome = outcome,
                        .finished_at = source,
                        .access_verdict = outcome,
                        .error_class = text,
                        .error_message = text,
                        .server = text,
                        .topic = text,
                        .log_tail = lines,
                        .log_tail_n = LOG_TAIL_LINES,
                        .checks = &check,
                        .checks_n = 1 };
    struct result_brief brief;
    struct json_scan scan;
    struct err err = { 0 };
    struct buf out;

    for (size_t i = 0; i < LOG_TAIL_LINES; i++)
        lines[i] = text;
    buf_init(&out, RESULT_MAX_BYTES);
    must(result_render(&r, &out, &err) == 0);
    must(json_scan(out.data, out.len, RESULT_MAX_BYTES, &scan) && scan.mends == 0);
    must(result_read(out.data, out.len, &brief, &err) == 0);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct access_check *checks = NULL;
    struct result_brief brief;
    struct err err = { 0 };
    size_t n = 0;

    must(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (result_read((const char *)data, size, &brief, &err) != 0)
        must(err.kind == ERR_INPUT && err.msg[0] != '\0');
    if (result_check((const char *)data, size, &brief, &err) == 0)
        must(result_read((const char *)data, size, &brief, &err) == 0);
    if (access_checks_decode(text, &checks, &n, NULL) == 0)
        access_checks_free(checks, n);
    render_with(text);
    free(text);
    return 0;
}

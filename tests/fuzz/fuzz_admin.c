/* A request to the admin server: "METHOD PATH\nACCEPT\nBODY". Whatever it is, there is one answer
 * with a status, and a body of the length it says. */
#include "common/serve/probes.h"
#include "tests/support/fuzz.h"

static void set_level(void *arg, enum log_level level)
{
    (void)arg;
    must(level >= LOG_DEBUG && level <= LOG_ERROR);
}

static bool status(void *arg, struct buf *json)
{
    (void)arg;
    buf_str_add(json, "{}");
    return true;
}

/* Cuts the text at the first of `ends`; what is behind it, or "". */
static char *cut(char *text, const char *ends)
{
    char *end = strpbrk(text, ends);

    if (end == NULL)
        return text + strlen(text);
    *end = '\0';
    return end + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct probes p = { .started = true,
                                     .ready = true,
                                     .last_turn_ms = 1000,
                                     .status = status,
                                     .set_level = set_level };
    char *text = fuzz_text(data, size), *path = cut(text, " "), *accept = cut(path, "\n");
    char *body = cut(accept, "\n");
    struct server_request r = { .method = text,
                                .path = path,
                                .accept = accept,
                                .body = body,
                                .body_len = size - (size_t)(body - text) };
    struct server_answer a = { .status = 0 };

    if (!probes_answer(&p, 1000, &r, &a))
        probes_not_found(&r, &a);
    must(a.status >= 200 && a.status < 600);
    must(a.body == NULL ? a.body_len == 0 : memchr(a.body, '\0', a.body_len) == NULL);
    probes_wants_openmetrics(accept);
    free(a.body);
    free(text);
    return 0;
}

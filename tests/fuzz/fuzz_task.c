/* The answer of a poll, as success and as each kind of failure. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/connect/api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void on_line(void *arg, const char *text, size_t len)
{
    size_t *n = arg;

    must(strlen(text) == len);
    (*n)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = { 200, 302, 400, 401, 404, 429, 502 };
    char *body = malloc(size + 1);

    must(body != NULL);
    if (size > 0)
        memcpy(body, data, size);
    body[size] = '\0';
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct http_answer a = { .status = statuses[i], .body = body, .body_len = size };
        struct api_task task;
        size_t lines = 0;
        struct api_verdict v = api_read_task(&a, &task, on_line, &lines);

        must((v.what == API_GOOD) <= (statuses[i] == 200));
        must(v.what == API_GOOD || lines == 0);
        must(v.what != API_UNKNOWN && v.what != API_NOT_SENT && v.what != API_NOT_LET);
        must(v.what != API_GOOD || task.last >= 0);
    }
    free(body);
    return 0;
}

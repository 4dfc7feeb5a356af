/* Content, the answer to a build, the user and the settings: whatever comes as JSON. */
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

static void read_all(const struct http_answer *a)
{
    struct api_content content;
    char id[API_ID_BYTES], name[128], role[32], host[256], version[64];
    struct api_verdict v = api_read_content(a, &content);

    must(v.what != API_UNKNOWN && v.what != API_NO_TASK);
    if (v.what == API_GOOD)
        must(strlen(content.guid) == 36 && strlen(content.bundle_id) < API_ID_BYTES);
    v = api_read_build(a, id);
    if (v.what == API_GOOD)
        must(id[0] != '\0' && strpbrk(id, " \r\n") == NULL);
    if (a->status / 100 == 2) /* a build that may have started never looks refused */
        must(v.what == API_GOOD || v.what == API_UNKNOWN);
    v = api_read_user(a, name, role);
    must(v.what != API_REFUSED);
    v = api_read_settings(a, host, version);
    must(v.what != API_REFUSED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = { 200, 202, 400, 401, 403, 404, 409, 500, 502 };
    char *body = malloc(size + 1);

    must(body != NULL);
    if (size > 0)
        memcpy(body, data, size);
    body[size] = '\0';
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct http_answer a = { .status = statuses[i], .body = body, .body_len = size };

        read_all(&a);
    }
    free(body);
    return 0;
}

/* Short answers of Connect: settings, user, a started build, and each kind of refusal of them. */
#include "common/connect/api.h"
#include "tests/support/fuzz.h"

static void fits(const char *text, size_t bytes)
{
    must(memchr(text, '\0', bytes) != NULL);
}

static void read_all(const struct http_answer *a)
{
    char hostname[256] = "", version[64] = "", name[128] = "", role[32] = "";
    char task_id[API_ID_BYTES] = "";
    struct api_verdict v = api_read_settings(a, hostname, version);

    must((v.what == API_GOOD) <= (a->status >= 200 && a->status < 300));
    must(v.what == API_GOOD || v.msg[0] != '\0');
    fits(hostname, sizeof(hostname));
    fits(version, sizeof(version));
    v = api_read_user(a, name, role);
    must(v.what != API_GOOD || name[0] != '\0');
    v = api_read_build(a, task_id);
    must(v.what != API_GOOD || task_id[0] != '\0');
    must(v.what == API_GOOD || v.msg[0] != '\0');
    fits(task_id, sizeof(task_id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = { 200, 202, 302, 400, 401, 403, 404, 409, 429, 500, 502, 503 };
    char *body = fuzz_text(data, size);

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        read_all(&(struct http_answer){ .status = statuses[i], .body = body, .body_len = size });
    free(body);
    return 0;
}

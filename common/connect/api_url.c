#include <string.h>

#include "common/connect/api.h"
#include "common/record/json_out.h"

#define API_ROOT "/__api__/v1/"

/* Percent-encodes all but the unreserved characters, so that an id cannot leave its segment. */
static bool add_segment(struct buf *out, const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL)
            buf_char_add(out, *text);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
    return !out->failed;
}

/* Encodes only what may not stand in a URL, and '#', which would cut the rest off: the path may
 * hold escapes and a query of its own. */
static bool add_path(struct buf *out, const char *path)
{
    for (; *path != '\0'; path++) {
        if (*path > ' ' && *path < '\x7f' && strchr("\"#<>\\^`{|}", *path) == NULL)
            buf_char_add(out, *path);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*path);
    }
    return !out->failed;
}

static bool add_content(struct buf *out, const char *base, const char *guid)
{
    buf_str_add(out, base);
    buf_str_add(out, API_ROOT "content/");
    return add_segment(out, guid);
}

bool api_url_content(struct buf *out, const char *base, const char *guid)
{
    return add_content(out, base, guid);
}

bool api_url_build(struct buf *out, const char *base, const char *guid)
{
    add_content(out, base, guid);
    return buf_str_add(out, "/build");
}

bool api_url_task(struct buf *out, const char *base, const char *task_id, int64_t first, int wait_s)
{
    buf_str_add(out, base);
    buf_str_add(out, API_ROOT "tasks/");
    add_segment(out, task_id);
    return buf_printf(out, "?first=%lld&wait=%d", (long long)first, wait_s);
}

bool api_url_jobs(struct buf *out, const char *base, const char *guid)
{
    add_content(out, base, guid);
    return buf_str_add(out, "/jobs");
}

bool api_url_job(struct buf *out, const char *base, const char *guid, const char *job_key)
{
    api_url_jobs(out, base, guid);
    buf_char_add(out, '/');
    return add_segment(out, job_key);
}

bool api_url_user(struct buf *out, const char *base)
{
    buf_str_add(out, base);
    return buf_str_add(out, API_ROOT "user");
}

bool api_url_settings(struct buf *out, const char *base)
{
    buf_str_add(out, base);
    return buf_str_add(out, "/__api__/server_settings");
}

bool api_url_page(struct buf *out, const char *base, const char *guid, const char *path)
{
    buf_str_add(out, base);
    if (path != NULL && path[0] == '/')
        return add_path(out, path);
    buf_str_add(out, "/content/");
    add_segment(out, guid);
    buf_char_add(out, '/');
    return path == NULL ? !out->failed : add_path(out, path);
}

bool api_body_build(struct buf *out, const char *bundle_id)
{
    struct json_out o = { .buf = out };

    json_put_open(&o, NULL, '{');
    json_put_text(&o, "bundle_id", bundle_id, API_ID_BYTES);
    json_put_close(&o, '}');
    return !out->failed;
}

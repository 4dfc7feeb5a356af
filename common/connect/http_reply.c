#include "common/connect/http_reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/limits.h"

struct http_reply *http_reply_new(size_t max_body_bytes)
{
    struct http_reply *r = calloc(1, sizeof(*r));

    if (r != NULL)
        buf_init(&r->body, max_body_bytes);
    return r;
}

static void cookies_free(struct http_reply *r)
{
    for (size_t i = 0; i < r->answer.set_cookies_n; i++)
        free(r->cookies[i]);
    r->answer.set_cookies_n = 0;
}

void http_reply_free(struct http_reply *r)
{
    if (r == NULL)
        return;
    cookies_free(r);
    buf_done(&r->body);
    free(r);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void keep_text(char *dst, size_t dst_bytes, const char *value, size_t len)
{
    if (len >= dst_bytes)
        len = dst_bytes - 1;
    memcpy(dst, value, len);
    dst[len] = '\0';
}

static bool keep_cookie(struct http_reply *r, const char *value, size_t len)
{
    struct http_answer *a = &r->answer;
    char *copy;

    if (a->set_cookies_n == HTTP_SET_COOKIES_MAX || len > COOKIES_MAX_BYTES)
        return true;
    copy = strndup(value, len);
    if (copy == NULL) {
        r->no_memory = true;
        return false;
    }
    r->cookies[a->set_cookies_n] = copy;
    a->set_cookies[a->set_cookies_n++] = copy;
    return true;
}

static bool keep_field(struct http_reply *r, const char *line, size_t name_len, const char *value,
                       size_t len)
{
    struct http_answer *a = &r->answer;
    const struct {
        const char *name;
        char *dst;
        size_t bytes;
    } kept[] = {
        { "content-type", a->content_type, sizeof(a->content_type) },
        { "date", a->date, sizeof(a->date) },
        { "location", a->location, sizeof(a->location) },
        { "retry-after", a->retry_after, sizeof(a->retry_after) },
    };

    if (name_len == 10 && strncasecmp(line, "set-cookie", 10) == 0)
        return keep_cookie(r, value, len);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (strlen(kept[i].name) == name_len && strncasecmp(line, kept[i].name, name_len) == 0)
            keep_text(kept[i].dst, kept[i].bytes, value, len);
    return true;
}

/* Another answer begins: what came was a 100, a 103, or one that libcurl did not take for final. */
static void restart(struct http_reply *r)
{
    cookies_free(r);
    memset(&r->answer, 0, sizeof(r->answer));
}

bool http_reply_header(struct http_reply *r, const char *line, size_t len)
{
    const char *colon, *value;

    r->headers_bytes += len;
    if (r->headers_bytes > HTTP_HEADERS_MAX_BYTES) {
        r->too_large = true;
        return false;
    }
    if (r->body_began) /* a trailer: nothing we use may come so late */
        return true;
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        restart(r);
        return true;
    }
    colon = memchr(line, ':', len);
    if (colon == NULL)
        return true;
    value = colon + 1;
    len -= (size_t)(value - line);
    while (len > 0 && is_blank(*value))
        value++, len--;
    while (len > 0 && is_blank(value[len - 1]))
        len--;
    return keep_field(r, line, (size_t)(colon - line), value, len);
}

bool http_reply_body(struct http_reply *r, const char *data, size_t len, bool cut_is_error)
{
    size_t room = r->body.max_bytes - r->body.len;
    size_t taken = len < room ? len : room;

    r->body_began = true;
    if (taken > 0 && !buf_add(&r->body, data, taken)) {
        r->no_memory = true;
        return false;
    }
    if (taken == len)
        return true;
    r->answer.body_cut = true;
    if (cut_is_error) {
        r->too_large = true;
        return false;
    }
    r->drained_bytes += len - taken;
    return r->drained_bytes <= HTTP_DRAIN_MAX_BYTES;
}

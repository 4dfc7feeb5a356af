#include <string.h>
#include <strings.h>

#include "common/base/str.h"
#include "common/base/time_text.h"
#include "common/connect/api.h"

#define LONG_PAST_MS                                                                   \
    INT64_C(946684800000) /* 2000: where the answer has no date, a cookie that expired \
                             before it was meant to be deleted */

struct piece { /* of a text; not terminated */
    const char *p;
    size_t len;
};

static struct piece trimmed(const char *p, size_t len)
{
    while (len > 0 && (*p == ' ' || *p == '\t')) {
        p++;
        len--;
    }
    while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
        len--;
    return (struct piece){ p, len };
}

/* The text up to the next ';', and what is behind it in *rest ("" at the end). */
static struct piece next_part(const char **rest)
{
    const char *start = *rest;
    size_t len = strcspn(start, ";");

    *rest = start[len] == '\0' ? start + len : start + len + 1;
    return trimmed(start, len);
}

/* false: no '=' in it; then all of it is the name. */
static bool split(struct piece part, struct piece *name, struct piece *value)
{
    const char *equals = part.len == 0 ? NULL : memchr(part.p, '=', part.len);
    size_t n = equals == NULL ? part.len : (size_t)(equals - part.p);

    *name = trimmed(part.p, n);
    *value =
        equals == NULL ? (struct piece){ part.p + n, 0 } : trimmed(equals + 1, part.len - n - 1);
    return equals != NULL;
}

/* It goes into a request header as it is, so only what RFC 6265 allows in a name or a value. */
static bool clean(struct piece piece, const char *forbidden)
{
    for (size_t i = 0; i < piece.len; i++)
        if (piece.p[i] <= ' ' || piece.p[i] > '~' || strchr(forbidden, piece.p[i]) != NULL)
            return false;
    return true;
}

static bool named(struct piece name, const char *text)
{
    return strlen(text) == name.len && strncasecmp(name.p, text, name.len) == 0;
}

static bool past(const struct http_answer *a, const char *expires)
{
    int64_t until, now;

    if (!clock_parse_http_date(expires, &until))
        return false;
    return until < (clock_parse_http_date(a->date, &now) ? now : LONG_PAST_MS);
}

/* Max-Age wins over Expires (RFC 6265, 5.3). */
static bool deleted(const struct http_answer *a, const char *attributes)
{
    bool expired = false;

    while (*attributes != '\0') {
        struct piece name, value;
        char text[64] = "";

        split(next_part(&attributes), &name, &value);
        if (value.len > 0 && value.len < sizeof text)
            memcpy(text, value.p, value.len);
        if (named(name, "max-age") && value.len > 0)
            return text[0] == '-' || strspn(text, "0") == value.len;
        if (named(name, "expires"))
            expired = past(a, text);
    }
    return expired;
}

static bool same(struct piece a, struct piece b)
{
    return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* Appends to a header that holds len bytes; what does not fit is left out. */
static size_t add_pair(char *header, size_t len, struct piece name, struct piece value)
{
    size_t comma = len == 0 ? 0 : 2;

    if (len + comma + name.len + 1 + value.len >= COOKIES_MAX_BYTES)
        return len;
    memcpy(header + len, "; ", comma);
    len += comma;
    memcpy(header + len, name.p, name.len);
    len += name.len;
    header[len++] = '=';
    memcpy(header + len, value.p, value.len);
    len += value.len;
    header[len] = '\0';
    return len;
}

static void replace(char cookies[COOKIES_MAX_BYTES], struct piece name, const struct piece *value)
{
    char header[COOKIES_MAX_BYTES] = "";
    const char *rest = cookies;
    size_t len = 0;

    while (*rest != '\0') {
        struct piece old_name, old_value;

        if (split(next_part(&rest), &old_name, &old_value) && !same(old_name, name))
            len = add_pair(header, len, old_name, old_value);
    }
    if (value != NULL)
        add_pair(header, len, name, *value);
    str_copy(cookies, COOKIES_MAX_BYTES, header);
}

void api_cookies_update(char cookies[COOKIES_MAX_BYTES], const struct http_answer *a)
{
    for (size_t i = 0; i < a->set_cookies_n && i < HTTP_SET_COOKIES_MAX; i++) {
        const char *rest = a->set_cookies[i];
        struct piece name, value;

        if (!split(next_part(&rest), &name, &value) || name.len == 0 ||
            !clean(name, "()<>@,;:\\\"/[]?={}") || !clean(value, ",;\\"))
            continue;
        replace(cookies, name, deleted(a, rest) ? NULL : &value);
    }
}

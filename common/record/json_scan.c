#include "common/record/json_scan.h"

#include <string.h>

#include "common/record/json.h"

#define NUMBER_MAX_CHARS 63 /* cJSON copies a number into 64 bytes; a longer one means nothing */

struct scan {
    const char *p, *end;
    size_t depth;
    char closer[JSON_DEPTH_MAX]; /* what closes each open container */
    bool after;                  /* a value is complete: a comma or a closer comes */
    size_t values, values_max, mends;
    const char *why;
};

static bool bad(struct scan *s, const char *why)
{
    s->why = why;
    return false;
}

static char peek(const struct scan *s) /* NUL at the end: no token begins with it */
{
    return s->p < s->end ? *s->p : '\0';
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of the \uXXXX at p, or -1. */
static int code_unit(const char *p, const char *end)
{
    int code = 0;

    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        int v = hex_value(p[i]);

        if (v < 0)
            return -1;
        code = code << 4 | v;
    }
    return code;
}

/* Length of the escape at p, 0 when it is none. *ret_mend: it names no character. */
static size_t escape_len(const char *p, const char *end, bool *ret_mend)
{
    int code, low;

    *ret_mend = false;
    if (end - p >= 2 && p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL)
        return 2;
    code = code_unit(p, end);
    if (code < 0)
        return 0;
    if (code >= 0xd800 && code <= 0xdbff) {
        low = code_unit(p + 6, end);
        if (low >= 0xdc00 && low <= 0xdfff)
            return 12;
    }
    *ret_mend = code == 0 || (code >= 0xd800 && code <= 0xdfff);
    return 6;
}

static bool scan_string(struct scan *s)
{
    if (peek(s) != '"')
        return bad(s, "a string is missing");
    for (s->p++; s->p < s->end && *s->p != '"'; s->p++) {
        bool mend;
        size_t n;

        if (*s->p == '\0')
            return bad(s, "a string has a NUL byte");
        if (*s->p != '\\')
            continue;
        n = escape_len(s->p, s->end, &mend);
        if (n == 0)
            return bad(s, "an escape is wrong");
        s->mends += mend;
        s->p += n - 1;
    }
    if (s->p >= s->end)
        return bad(s, "a string does not end");
    s->p++;
    return true;
}

static size_t skip_digits(struct scan *s)
{
    const char *start = s->p;

    while (peek(s) >= '0' && peek(s) <= '9')
        s->p++;
    return (size_t)(s->p - start);
}

static bool scan_number(struct scan *s)
{
    const char *start = s->p;
    size_t n;

    if (peek(s) == '-')
        s->p++;
    n = peek(s) == '0' ? 0 : skip_digits(s);
    if (n == 0 && peek(s) != '0')
        return bad(s, "a value is missing");
    if (n == 0)
        s->p++;
    if (peek(s) == '.') {
        s->p++;
        if (skip_digits(s) == 0)
            return bad(s, "a number is wrong");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->p++;
        if (peek(s) == '+' || peek(s) == '-')
            s->p++;
        if (skip_digits(s) == 0)
            return bad(s, "a number is wrong");
    }
    return s->p - start <= NUMBER_MAX_CHARS || bad(s, "a number is too long");
}

static bool scan_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
        return bad(s, "a value is wrong");
    s->p += n;
    return true;
}

static bool scan_name(struct scan *s)
{
    skip_space(s);
    if (!scan_string(s))
        return false;
    skip_space(s);
    if (peek(s) != ':')
        return bad(s, "a colon is missing");
    s->p++;
    return true;
}

static bool scan_open(struct scan *s, char closer)
{
    if (s->depth == JSON_DEPTH_MAX)
        return bad(s, "it nests too deep");
    s->p++;
    skip_space(s);
    if (peek(s) == closer) {
        s->p++;
        return true;
    }
    s->closer[s->depth++] = closer;
    s->after = false;
    return closer == ']' || scan_name(s);
}

/* One scalar, or the opening of a container and, in an object, the first name. */
static bool scan_value(struct scan *s)
{
    if (++s->values > s->values_max)
        return bad(s, "it has too many values");
    s->after = true;
    switch (peek(s)) {
    case '{': return scan_open(s, '}');
    case '[': return scan_open(s, ']');
    case '"': return scan_string(s);
    case 't': return scan_word(s, "true");
    case 'f': return scan_word(s, "false");
    case 'n': return scan_word(s, "null");
    default: return scan_number(s);
    }
}

static bool scan_after(struct scan *s)
{
    char closer = s->closer[s->depth - 1];
    char c = peek(s);

    if (c != ',' && c != closer)
        return bad(s, closer == '}' ? "an object does not go on" : "an array does not go on");
    s->p++;
    if (c == closer) {
        s->depth--;
        return true;
    }
    s->after = false;
    return closer == ']' || scan_name(s);
}

static bool scan_document(struct scan *s)
{
    do {
        skip_space(s);
        if (!(s->after ? scan_after(s) : scan_value(s)))
            return false;
    } while (!s->after || s->depth > 0);
    skip_space(s);
    return s->p == s->end || bad(s, "something follows the document");
}

bool json_scan(const char *text, size_t len, size_t values_max, struct json_scan *ret)
{
    struct scan s = { .p = text, .end = text + len, .values_max = values_max };
    bool ok = scan_document(&s);

    *ret = (struct json_scan){ .why = s.why, .at = (size_t)(s.p - text), .mends = s.mends };
    return ok;
}

void json_mend(char *text, size_t len)
{
    char *end = text + len;
    size_t n;

    for (char *p = text; p < end; p += n) {
        bool mend = false;

        n = *p == '\\' ? escape_len(p, end, &mend) : 1;
        if (!mend)
            continue;
        p[2] = p[3] = p[4] = 'f';
        p[5] = 'd';
    }
}

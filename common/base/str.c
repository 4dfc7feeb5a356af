#include "common/base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DISTANCE_MAX_BYTES 64
#define REPLACEMENT        "\xef\xbf\xbd" /* U+FFFD */

bool str_copy(char *dst, size_t dst_bytes, const char *src)
{
    size_t len = src == NULL ? 0 : strlen(src);
    bool whole = len < dst_bytes;

    if (dst_bytes == 0)
        return false;
    if (!whole)
        len = dst_bytes - 1;
    if (len > 0)
        memcpy(dst, src, len);
    dst[len] = '\0';
    return whole;
}

char *str_dup(const char *s)
{
    return s == NULL ? NULL : strdup(s);
}

bool str_equal(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return strcmp(a, b) == 0;
}

bool str_to_i64(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = text[0] == '-';
    const char *p = negative ? text + 1 : text;
    int64_t v = 0; /* counted downwards: INT64_MIN has no positive */

    if (*p == '\0')
        return false;
    for (; *p != '\0'; p++) {
        if (*p < '0' || *p > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, *p - '0', &v))
            return false;
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, v, &v))
        return false;
    if (v < min || v > max)
        return false;
    *ret = v;
    return true;
}

bool str_to_double(const char *text, double *ret)
{
    char *end;
    double v;

    /* strtod also takes blanks in front, hexadecimal, "inf" and "nan" */
    if (text[0] == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0')
        return false;
    v = strtod(text, &end);
    if (*end != '\0' || end == text || !isfinite(v))
        return false;
    *ret = v;
    return true;
}

size_t str_utf8_next(const char *s, size_t len, uint32_t *ret_code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char c = (unsigned char)s[0];
    size_t n = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;
    uint32_t code;

    if (n == 0 || n > len)
        return 0;
    code = n == 1 ? c : c & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)s[i] & 0x3f);
    }
    if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return n;
}

size_t str_clean_utf8(char *dst, size_t max_bytes, const char *src, size_t src_len, bool *ret_cut)
{
    size_t len = 0, step = 0, i = 0;

    for (; i < src_len; i += step) {
        uint32_t code = 0;
        const char *piece = src + i;
        size_t n = str_utf8_next(src + i, src_len - i, &code);

        step = n == 0 ? 1 : n;
        if (n == 0 || code == 0) {
            piece = REPLACEMENT;
            n = sizeof(REPLACEMENT) - 1;
        } else if ((code < 0x20 && code != '\t') || (code >= 0x7f && code <= 0x9f)) {
            piece = " ";
            n = 1;
        }
        if (n > max_bytes - len)
            break;
        memcpy(dst + len, piece, n);
        len += n;
    }
    dst[len] = '\0';
    if (ret_cut != NULL)
        *ret_cut = i < src_len;
    return len;
}

static size_t min2(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t str_distance(const char *a, const char *b)
{
    size_t row[3][DISTANCE_MAX_BYTES + 1]; /* the last three rows; row i is at i % 3 */
    size_t an = strlen(a), bn = strlen(b);

    if (an > DISTANCE_MAX_BYTES || bn > DISTANCE_MAX_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= bn; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t *now = row[i % 3], *before = row[(i - 1) % 3], *two_before = row[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t swap = before[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);

            now[j] = min2(swap, 1 + min2(before[j], now[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = min2(now[j], two_before[j - 2] + 1);
        }
    }
    return row[an % 3][bn];
}

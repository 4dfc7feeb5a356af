#include "common/base/codec.h"

#include <pthread.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64url_encode(const uint8_t *data, size_t len, char *out)
{
    size_t n = 0;
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < len; i++) {
        bits = (bits << 8 | data[i]) & 0xffff;
        for (have += 8; have >= 6; have -= 6)
            out[n++] = digits[bits >> (have - 6) & 63];
    }
    if (have > 0)
        out[n++] = digits[bits << (6 - have) & 63];
    out[n] = '\0';
    return n;
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

ptrdiff_t base64url_decode(const char *text, size_t len, uint8_t *out, size_t out_max)
{
    size_t n = 0;
    uint32_t bits = 0;
    unsigned have = 0;

    if (len % 4 == 1)
        return -1;
    for (size_t i = 0; i < len; i++) {
        int v = digit_value(text[i]);

        if (v < 0)
            return -1;
        bits = (bits << 6 | (uint32_t)v) & 0xffff;
        have += 6;
        if (have < 8)
            continue;
        if (n == out_max)
            return -1;
        have -= 8;
        out[n++] = (uint8_t)(bits >> have);
    }
    /* left-over bits must be zero: one value has one text */
    if ((bits & ((1u << have) - 1)) != 0)
        return -1;
    return (ptrdiff_t)n;
}

static uint32_t crc_table[256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void crc_fill(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int k = 0; k < 8; k++)
            c = (c & 1) != 0 ? 0xedb88320u ^ c >> 1 : c >> 1;
        crc_table[i] = c;
    }
}

uint32_t crc32_ieee(const uint8_t *data, size_t len)
{
    uint32_t crc = 0xffffffffu;

    pthread_once(&crc_once, crc_fill);
    for (size_t i = 0; i < len; i++)
        crc = crc_table[(crc ^ data[i]) & 0xff] ^ crc >> 8;
    return ~crc;
}

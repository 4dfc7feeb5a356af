#include "common/base/uuid.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SHA1_BLOCK_BYTES 64

static bool dash_at(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_parse(const char *text, struct uuid *ret)
{
    struct uuid u;
    size_t n = 0; /* hexadecimal digits so far */

    if (strnlen(text, UUID_TEXT_BYTES) != UUID_TEXT_BYTES - 1)
        return false;
    for (size_t i = 0; i < UUID_TEXT_BYTES - 1; i++) {
        int v = hex_value(text[i]);

        if (dash_at(i)) {
            if (text[i] != '-')
                return false;
            continue;
        }
        if (v < 0)
            return false;
        u.b[n / 2] = (uint8_t)(n % 2 == 0 ? v << 4 : u.b[n / 2] | v);
        n++;
    }
    *ret = u;
    return true;
}

const char *uuid_format(const struct uuid *u, char out[UUID_TEXT_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;

    for (size_t i = 0; i < sizeof(u->b); i++) {
        if (dash_at(n))
            out[n++] = '-';
        out[n++] = hex[u->b[i] >> 4];
        out[n++] = hex[u->b[i] & 15];
    }
    out[n] = '\0';
    return out;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool uuid_is_nil(const struct uuid *u)
{
    static const struct uuid nil;

    return uuid_equal(u, &nil);
}

/* Ids and fencing tokens rest on it, so there is nothing to go on with when the kernel has none. */
static void fill_random(void *out, size_t len)
{
    ssize_t n;

    do
        n = getrandom(out, len, 0); /* up to 256 bytes come whole */
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)len)
        abort();
}

static void stamp(struct uuid *u, unsigned version)
{
    u->b[6] = (uint8_t)((u->b[6] & 0x0f) | version << 4);
    u->b[8] = (uint8_t)((u->b[8] & 0x3f) | 0x80);
}

struct uuid uuid_v4(void)
{
    struct uuid u;

    fill_random(u.b, sizeof(u.b));
    stamp(&u, 4);
    return u;
}

struct uuid uuid_v7(int64_t wall_ms)
{
    struct uuid u;

    fill_random(u.b, sizeof(u.b));
    for (int i = 0; i < 6; i++)
        u.b[i] = (uint8_t)((uint64_t)wall_ms >> (40 - 8 * i));
    stamp(&u, 7);
    return u;
}

uint64_t random_u64(void)
{
    uint64_t v;

    fill_random(&v, sizeof(v));
    return v;
}

/* SHA-1 (FIPS 180-4), only for names: RFC 9562 wants it. */
struct sha1 {
    uint32_t h[5];
    uint8_t block[SHA1_BLOCK_BYTES];
    size_t used; /* bytes in block */
    uint64_t total;
};

static uint32_t rotl(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}

static uint32_t sha1_mix(int t, uint32_t b, uint32_t c, uint32_t d)
{
    if (t < 20)
        return ((b & c) | (~b & d)) + 0x5a827999u;
    if (t < 40)
        return (b ^ c ^ d) + 0x6ed9eba1u;
    if (t < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
    return (b ^ c ^ d) + 0xca62c1d6u;
}

static void sha1_block(struct sha1 *s)
{
    uint32_t w[80], v[5];

    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)s->block[4 * t] << 24 | (uint32_t)s->block[4 * t + 1] << 16 |
               (uint32_t)s->block[4 * t + 2] << 8 | s->block[4 * t + 3];
    for (int t = 16; t < 80; t++)
        w[t] = rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    memcpy(v, s->h, sizeof(v));
    for (int t = 0; t < 80; t++) {
        uint32_t next = rotl(v[0], 5) + sha1_mix(t, v[1], v[2], v[3]) + v[4] + w[t];

        v[4] = v[3];
        v[3] = v[2];
        v[2] = rotl(v[1], 30);
        v[1] = v[0];
        v[0] = next;
    }
    for (int i = 0; i < 5; i++)
        s->h[i] += v[i];
    s->used = 0;
}

static void sha1_byte(struct sha1 *s, uint8_t byte)
{
    s->block[s->used++] = byte;
    if (s->used == SHA1_BLOCK_BYTES)
        sha1_block(s);
}

static void sha1_add(struct sha1 *s, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++)
        sha1_byte(s, p[i]);
    s->total += len;
}

static void sha1_end(struct sha1 *s, uint8_t out[20])
{
    sha1_byte(s, 0x80);
    while (s->used != SHA1_BLOCK_BYTES - 8)
        sha1_byte(s, 0);
    for (int i = 7; i >= 0; i--)
        sha1_byte(s, (uint8_t)(s->total * 8 >> (8 * i)));
    for (int i = 0; i < 20; i++)
        out[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

struct uuid uuid_v5(const struct uuid *space, const char *name)
{
    struct sha1 s = { .h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 } };
    uint8_t digest[20];
    struct uuid u;

    sha1_add(&s, space->b, sizeof(space->b));
    sha1_add(&s, name, strlen(name));
    sha1_end(&s, digest);
    memcpy(u.b, digest, sizeof(u.b));
    stamp(&u, 5);
    return u;
}

#include "tests/simulator/draw.h"

#include <inttypes.h>
#include <stdio.h>

/* The finalizer of SplitMix64: every input bit reaches every output bit. */
static uint64_t mixed(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t draw_hash(uint64_t seed, const char *subject, uint64_t number)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a over the subject */

    for (const char *c = subject; *c != '\0'; c++)
        h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    return mixed(mixed(seed ^ h) ^ number);
}

double draw_unit(uint64_t hash)
{
    return (double)(hash >> 11) * 0x1.0p-53;
}

size_t draw_below(uint64_t hash, size_t n)
{
    return (size_t)(draw_unit(hash) * (double)n);
}

bool draw_share(uint64_t hash, double share)
{
    return draw_unit(hash) < share;
}

void draw_guid(uint64_t hash, char to[GUID_BYTES])
{
    uint64_t a = mixed(hash);
    uint64_t b = mixed(a);

    snprintf(to, GUID_BYTES, "%08" PRIx32 "-%04x-4%03x-%04x-%012" PRIx64, (uint32_t)(a >> 32),
             (unsigned)(a >> 16) & 0xffffu, (unsigned)a & 0xfffu,
             0x8000u | ((unsigned)(b >> 48) & 0x3fffu), b & UINT64_C(0xffffffffffff));
}

void draw_id(uint64_t hash, char to[ID_BYTES])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    uint64_t a = mixed(hash);

    for (size_t i = 0; i < ID_BYTES - 1; i++) {
        to[i] = letters[a % (sizeof letters - 1)];
        a = i == 7 ? mixed(hash ^ a) : a / (sizeof letters - 1);
    }
    to[ID_BYTES - 1] = '\0';
}

#ifndef SIMULATOR_DRAW_H
#define SIMULATOR_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/simulator/limits.h"

/* Chance that repeats: everything drawn is a function of the seed, a subject ("fail", a guid) and a
 * number, so two runs with one seed see the same items, durations and failures. */

uint64_t draw_hash(uint64_t seed, const char *subject, uint64_t number);

double draw_unit(uint64_t hash);                    /* 0 <= x < 1 */
size_t draw_below(uint64_t hash, size_t n);         /* 0 .. n-1; n > 0 */
bool draw_share(uint64_t hash, double share);       /* true in this share of the hashes */
void draw_guid(uint64_t hash, char to[GUID_BYTES]); /* a version 4 UUID */
void draw_id(uint64_t hash, char to[ID_BYTES]);     /* 16 letters and digits, as task ids have */

#endif

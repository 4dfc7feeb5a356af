/* The done map: which offsets of a partition are done, as the text of its commit metadata.
 * "r1:" + base64url(version byte 1, base as 8 bytes big endian, bitmap without trailing zero bytes,
 * CRC-32 of all before it, big endian). Bit 0 of byte 0 of the bitmap is offset base (never set, as
 * a done base would have moved). One encoding: equal content gives equal text. Pure. */
#ifndef WORKER_DONEMAP_H
#define WORKER_DONEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"

#define DONEMAP_BITMAP_BYTES (WINDOW_OFFSETS / 8)
#define DONEMAP_TEXT_BYTES   (DONE_MAP_MAX_CHARS + 1)

/* bitmap holds `bits` bits; out has DONEMAP_TEXT_BYTES. Returns the length; 0, with out untouched,
 * when bits is over the window, base is negative or its own bit is set. */
size_t donemap_encode(int64_t base, const uint8_t *bitmap, size_t bits, char *out);
/* Fills *ret_base, the whole bitmap (DONEMAP_BITMAP_BYTES, zeroed beyond) and the number of bits up
 * to the highest set one. ERR_INPUT: not a done map, or damaged; the sentence says which. */
int donemap_decode(const char *text, int64_t *ret_base, uint8_t *bitmap, size_t *ret_bits,
                   struct err *err);

#endif

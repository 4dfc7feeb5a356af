/* Small encodings: base64url without padding, CRC-32 (IEEE 802.3). */
#ifndef COMMON_BASE_CODEC_H
#define COMMON_BASE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#define BASE64URL_LEN(n) (((n)*4 + 2) / 3)

/* out has BASE64URL_LEN(len) + 1 bytes; NUL terminated; returns the length. */
size_t base64url_encode(const uint8_t *data, size_t len, char *out);
/* Returns the number of bytes, or -1 when text is not base64url or does not fit into out. */
ptrdiff_t base64url_decode(const char *text, size_t len, uint8_t *out, size_t out_max);
uint32_t crc32_ieee(const uint8_t *data, size_t len);

#endif

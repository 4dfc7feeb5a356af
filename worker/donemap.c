#include "worker/donemap.h"

#include <string.h>

#include "common/base/codec.h"

#define PREFIX        "r1:"
#define PREFIX_LEN    (sizeof(PREFIX) - 1)
#define VERSION       1
#define HEAD_BYTES    9 /* version, base */
#define CRC_BYTES     4
#define RAW_MAX_BYTES (HEAD_BYTES + DONEMAP_BITMAP_BYTES + CRC_BYTES)

_Static_assert(WINDOW_OFFSETS % 8 == 0, "the bitmap has whole bytes");
_Static_assert(PREFIX_LEN + BASE64URL_LEN(RAW_MAX_BYTES) <= DONE_MAP_MAX_CHARS,
               "a full window fits into the commit metadata");

static void put_big_endian(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i-- > 0; value >>= 8)
        out[i] = (uint8_t)value;
}

static uint64_t get_big_endian(const uint8_t *in, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | in[i];
    return value;
}

/* Copies the first `bits` bits, zeroes what is left of the last byte, and returns the length
 * without trailing zero bytes. */
static size_t copy_bitmap(uint8_t *out, const uint8_t *bitmap, size_t bits)
{
    size_t bytes = (bits + 7) / 8;

    if (bytes > 0)
        memcpy(out, bitmap, bytes);
    if (bits % 8 != 0)
        out[bytes - 1] &= (uint8_t)((1u << bits % 8) - 1);
    while (bytes > 0 && out[bytes - 1] == 0)
        bytes--;
    return bytes;
}

size_t donemap_encode(int64_t base, const uint8_t *bitmap, size_t bits, char *out)
{
    uint8_t raw[RAW_MAX_BYTES];
    size_t len = HEAD_BYTES;

    if (base < 0 || bits > WINDOW_OFFSETS || (bits > 0 && (bitmap[0] & 1) != 0))
        return 0;
    raw[0] = VERSION;
    put_big_endian(raw + 1, (uint64_t)base, HEAD_BYTES - 1);
    len += copy_bitmap(raw + HEAD_BYTES, bitmap, bits);
    put_big_endian(raw + len, crc32_ieee(raw, len), CRC_BYTES);
    memcpy(out, PREFIX, PREFIX_LEN);
    return PREFIX_LEN + base64url_encode(raw, len + CRC_BYTES, out + PREFIX_LEN);
}

/* Undoes the text form and checks the sum. Returns the bytes without it, or -1. */
static ptrdiff_t decode_text(const char *text, uint8_t raw[RAW_MAX_BYTES], struct err *err)
{
    size_t text_len = strnlen(text, DONEMAP_TEXT_BYTES);
    ptrdiff_t len;

    if (strncmp(text, PREFIX, PREFIX_LEN) != 0)
        return err_set(err, ERR_INPUT, "the commit metadata is not a done map (no \"%s\")", PREFIX);
    len = base64url_decode(text + PREFIX_LEN, text_len - PREFIX_LEN, raw, RAW_MAX_BYTES);
    if (len < 0)
        return err_set(err, ERR_INPUT, "the done map is no base64url or longer than its window");
    if (len < HEAD_BYTES + CRC_BYTES)
        return err_set(err, ERR_INPUT, "the done map is cut off after %td bytes", len);
    len -= CRC_BYTES;
    if (get_big_endian(raw + len, CRC_BYTES) != crc32_ieee(raw, (size_t)len))
        return err_set(err, ERR_INPUT, "the done map is damaged: its checksum differs");
    return len;
}

/* What a right checksum does not say: that the content is one that donemap_encode() writes. */
static int check_content(const uint8_t *raw, size_t len, struct err *err)
{
    if (raw[0] != VERSION)
        return err_set(err, ERR_INPUT, "the done map has version %d, this program knows %d", raw[0],
                       VERSION);
    if (get_big_endian(raw + 1, HEAD_BYTES - 1) > INT64_MAX - WINDOW_OFFSETS)
        return err_set(err, ERR_INPUT, "the done map has a base that is no offset");
    if (len > HEAD_BYTES && raw[len - 1] == 0)
        return err_set(err, ERR_INPUT, "the done map has trailing zero bytes");
    if (len > HEAD_BYTES && (raw[HEAD_BYTES] & 1) != 0)
        return err_set(err, ERR_INPUT, "the done map says that its own base is done");
    return 0;
}

static size_t bits_of(const uint8_t *bitmap, size_t bytes)
{
    size_t bits = bytes * 8;

    if (bytes == 0)
        return 0;
    for (uint8_t top = bitmap[bytes - 1]; (top & 0x80) == 0; top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

int donemap_decode(const char *text, int64_t *ret_base, uint8_t *bitmap, size_t *ret_bits,
                   struct err *err)
{
    uint8_t raw[RAW_MAX_BYTES] = { 0 };
    ptrdiff_t len = decode_text(text, raw, err);
    size_t bytes;

    if (len < 0 || check_content(raw, (size_t)len, err) != 0)
        return -1;
    bytes = (size_t)len - HEAD_BYTES;
    memset(bitmap, 0, DONEMAP_BITMAP_BYTES);
    memcpy(bitmap, raw + HEAD_BYTES, bytes);
    *ret_base = (int64_t)get_big_endian(raw + 1, HEAD_BYTES - 1);
    *ret_bits = bits_of(bitmap, bytes);
    return 0;
}

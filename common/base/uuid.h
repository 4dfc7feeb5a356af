/* UUIDs as 16 bytes, RFC 9562. Text form is lower case with dashes. */
#ifndef COMMON_BASE_UUID_H
#define COMMON_BASE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT_BYTES 37

struct uuid {
    uint8_t b[16];
};

bool uuid_parse(const char *text, struct uuid *ret); /* exactly 36 characters, either case */
const char *uuid_format(const struct uuid *u, char out[UUID_TEXT_BYTES]); /* returns out */
bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_nil(const struct uuid *u);
struct uuid uuid_v4(void);            /* from getrandom(2) */
struct uuid uuid_v7(int64_t wall_ms); /* time ordered: campaigns, attempts */
struct uuid uuid_v5(const struct uuid *space, const char *name); /* SHA-1 of namespace and name */
uint64_t random_u64(void);                                       /* from getrandom(2) */

#endif

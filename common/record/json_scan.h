/* Is a text JSON (RFC 8259), within bounds? Recursion-free, allocates nothing, reads only [text,
 * len). */
#ifndef COMMON_RECORD_JSON_SCAN_H
#define COMMON_RECORD_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct json_scan {
    const char *why; /* when it is not: one clause */
    size_t at;       /* ... and the byte where */
    size_t mends;    /* escapes that name no character: NUL, half of a surrogate pair */
};

bool json_scan(const char *text, size_t len, size_t values_max, struct json_scan *ret);
/* Turns the escapes that were counted into \ufffd, in place; text passed json_scan. */
void json_mend(char *text, size_t len);

#endif

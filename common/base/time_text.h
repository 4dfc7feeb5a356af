/* Times as text, both ways. Pure: no clock is asked, so policy may use it. Code: clock.c. */
#ifndef COMMON_BASE_TIME_TEXT_H
#define COMMON_BASE_TIME_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_RFC3339_BYTES 32

/* "2026-01-12T10:07:31.402Z" for Unix milliseconds; returns out. */
const char *clock_format_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_BYTES]);
/* RFC 3339 with 'T' or ' ', any fraction, Z or +hh:mm (PostgreSQL's +hh too). False: not a time. */
bool clock_parse_rfc3339(const char *text, int64_t *ret_wall_ms);
/* RFC 9110 IMF-fixdate ("Sun, 06 Nov 1994 08:49:37 GMT"), as in Date and Retry-After. */
bool clock_parse_http_date(const char *text, int64_t *ret_wall_ms);

#endif

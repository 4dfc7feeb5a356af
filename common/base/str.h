/* Strings with bounds. */
#ifndef COMMON_BASE_STR_H
#define COMMON_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies as much as fits, always NUL terminated; false when cut. NULL src counts as "". */
bool str_copy(char *dst, size_t dst_bytes, const char *src);
char *str_dup(const char *s);                 /* NULL in, NULL out; NULL also when no memory */
bool str_equal(const char *a, const char *b); /* NULL equals NULL only */
/* Whole text is one decimal integer within [min, max]. */
bool str_to_i64(const char *text, int64_t min, int64_t max, int64_t *ret);
bool str_to_double(const char *text, double *ret); /* finite only, whole text */
/* Bytes of the UTF-8 character at s (len > 0 bytes are there) and its code point; 0: not valid. */
size_t str_utf8_next(const char *s, size_t len, uint32_t *ret_code);
/* Clean UTF-8 for JSON and PostgreSQL: invalid bytes and NUL become U+FFFD, other control
 * characters but tab become a space; cut at max_bytes on a character boundary. dst has
 * max_bytes + 1 bytes. Returns the length; *ret_cut (may be NULL) says whether something was cut.
 */
size_t str_clean_utf8(char *dst, size_t max_bytes, const char *src, size_t src_len, bool *ret_cut);
/* Optimal-string-alignment distance, for "did you mean"; words over 64 bytes count as far away
 * (SIZE_MAX). */
size_t str_distance(const char *a, const char *b);

#endif

#ifndef SIMULATOR_TEXT_H
#define SIMULATOR_TEXT_H

#include <stddef.h>

/* A growing run of bytes, always followed by a NUL that is not counted. Zeroed = empty. The ceiling
 * is MAX_TEXT_BYTES; what would pass it is left out. */

struct text {
    char *data; /* NULL while nothing was ever added */
    size_t len;
    size_t room;
};

void text_add(struct text *text, const void *bytes, size_t n);
void text_add_string(struct text *text, const char *string);
void text_add_format(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_add_repeated(struct text *text, char byte, size_t n);
char *text_take(
    struct text *text);            /* the bytes, never NULL; caller frees; text is empty after it */
void text_done(struct text *text); /* frees the bytes; text is empty after it */

/* Copies what fits, always with a NUL; returns false if it was cut. source NULL counts as "". */
_Bool text_copy(char *to, size_t size, const char *source);

/* Reads a whole decimal number of at most 18 digits, with nothing after it. */
_Bool text_to_whole(const char *string, long long *ret_number);

/* Reads a decimal number with nothing after it. */
_Bool text_to_real(const char *string, double *ret_number);

#endif

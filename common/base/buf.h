/* A growing byte buffer with a ceiling given at init. Always NUL terminated (the NUL is not in
 * len). A failed append (ceiling or memory) sets failed, leaves the content as it was, and every
 * later append fails too: check once at the end. */
#ifndef COMMON_BASE_BUF_H
#define COMMON_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* NULL until the first append; use buf_str() to read */
    size_t len;
    size_t cap;
    size_t max_bytes;
    bool failed;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_done(struct buf *b);  /* frees; the buffer may be used again after buf_init */
void buf_clear(struct buf *b); /* len 0, failed false, memory kept */
bool buf_add(struct buf *b, const void *data, size_t len);
bool buf_str_add(struct buf *b, const char *text);
bool buf_char_add(struct buf *b, char c);
bool buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *buf_str(const struct buf *b); /* borrowed; "" when empty */
char *buf_take(struct buf *b,
               size_t *ret_len); /* caller frees; NULL if failed; buffer is empty after */

#endif

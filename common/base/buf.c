#include "common/base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST_BYTES 64 /* the first allocation; doubled from there */

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){ .max_bytes = max_bytes };
}

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ .max_bytes = b->max_bytes };
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data != NULL)
        b->data[0] = '\0';
}

/* Room for `more` bytes and the NUL, or the buffer has failed. */
static bool reserve(struct buf *b, size_t more)
{
    size_t need, cap;
    char *data;

    if (b->failed || more > b->max_bytes || b->len > b->max_bytes - more) {
        b->failed = true;
        return false;
    }
    need = b->len + more + 1;
    if (need <= b->cap)
        return true;
    cap = b->cap == 0 ? BUF_FIRST_BYTES : b->cap;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    data = realloc(b->data, cap);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

bool buf_add(struct buf *b, const void *data, size_t len)
{
    if (!reserve(b, len))
        return false;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return true;
}

bool buf_str_add(struct buf *b, const char *text)
{
    return buf_add(b, text, strlen(text));
}

bool buf_char_add(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

bool buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
        return false;
    }
    if (!reserve(b, (size_t)n))
        return false;
    va_start(ap, fmt);
    n = vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return true;
}

const char *buf_str(const struct buf *b)
{
    return b->data == NULL ? "" : b->data;
}

char *buf_take(struct buf *b, size_t *ret_len)
{
    char *data = NULL;
    size_t len = b->len;

    if (buf_add(b, "", 0)) { /* an empty buffer gives "", not NULL */
        data = b->data;
        b->data = NULL;
        if (ret_len != NULL)
            *ret_len = len;
    }
    buf_done(b);
    return data;
}

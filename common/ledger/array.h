/* PostgreSQL array literals, for text parameters such as $1::uuid[], and back. */
#ifndef COMMON_LEDGER_ARRAY_H
#define COMMON_LEDGER_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

/* Begin with array_open, add, end with array_close; then buf_str(b) is the parameter. */
void array_open(struct buf *b);
void array_add(struct buf *b, const char *text); /* quoted and escaped; NULL is NULL */
void array_add_int(struct buf *b, int64_t value);
void array_close(struct buf *b);

/* Splits the literal of a one-dimensional array of at most max elements. Returns the number, each
 * element allocated (NULL for null) in *ret, itself allocated: free with array_free. -1: not such a
 * literal, more than max, or no memory. */
ptrdiff_t array_parse(const char *literal, size_t max, char ***ret);
void array_free(char **items, size_t n);

#endif

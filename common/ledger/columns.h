/* Rows as array parameters, one array per column, for statements that unnest them: the number of
 * parameters does not depend on the number of rows. */
#ifndef COMMON_LEDGER_COLUMNS_H
#define COMMON_LEDGER_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/uuid.h"

#define COLUMNS_MAX 24
#define COLUMN_MAX_BYTES                                                     \
    (64 * 1024 * 1024) /* 256 attempts with 40 log lines of 1 KiB are 10 MiB \
                        */

struct columns {
    struct buf cols[COLUMNS_MAX];
    const char *params[COLUMNS_MAX + 8]; /* arrays first, then single values of columns_value */
    size_t cols_n;
    size_t params_n;
    size_t rows;
};

void columns_open(struct columns *c, size_t n);
void columns_text(struct columns *c, size_t col, const char *text); /* NULL: null */
void columns_int(struct columns *c, size_t col, int64_t value);
void columns_bool(struct columns *c, size_t col, bool value);
void columns_uuid(struct columns *c, size_t col, const struct uuid *u); /* NULL: null */
/* Closes the arrays. false: no memory somewhere. Then params[0..cols_n) are set. */
bool columns_close(struct columns *c);
void columns_value(struct columns *c,
                   const char *text); /* one more parameter, borrowed; after close */
void columns_done(struct columns *c);

#endif

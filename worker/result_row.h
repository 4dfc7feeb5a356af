/* A row of SQL_RESULTS as a result record. */
#ifndef WORKER_RESULT_ROW_H
#define WORKER_RESULT_ROW_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/record/result.h"

struct db_reply;
struct worker;

struct result_row {
    const struct db_reply *reply;
    size_t statement, row;
};

/* Fills *ret (to be freed with result_done). -1: no memory, or a value that is not what the schema
 * says. */
int result_row_read(struct worker *w, const struct result_row *row, struct result *ret,
                    struct err *err);

#endif

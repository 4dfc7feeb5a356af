#include <libpq-fe.h>
#include <stdlib.h>

#include "common/base/str.h"
#include "common/ledger/db_unit.h"

void db_reply_clear(struct db_reply *reply)
{
    for (size_t i = 0; i < reply->n; i++) {
        PQclear(reply->results[i]);
        reply->results[i] = NULL;
    }
}

void db_reply_free(struct db_reply *reply)
{
    if (reply == NULL)
        return;
    db_reply_clear(reply);
    free(reply);
}

/* NULL, which has no rows and no columns, for a statement that is not there. */
static PGresult *result(const struct db_reply *reply, size_t statement)
{
    return reply != NULL && statement < reply->n ? reply->results[statement] : NULL;
}

size_t db_rows(const struct db_reply *reply, size_t statement)
{
    const PGresult *res = result(reply, statement);

    return res != NULL ? (size_t)PQntuples(res) : 0;
}

size_t db_cols(const struct db_reply *reply, size_t statement)
{
    const PGresult *res = result(reply, statement);

    return res != NULL ? (size_t)PQnfields(res) : 0;
}

size_t db_changed(const struct db_reply *reply, size_t statement)
{
    PGresult *res = result(reply, statement);
    int64_t n = 0;

    if (res != NULL && !str_to_i64(PQcmdTuples(res), 0, INT64_MAX, &n))
        n = 0; /* "" after a statement that changes no rows */
    return (size_t)n;
}

const char *db_text(const struct db_reply *reply, size_t statement, size_t row, size_t col)
{
    if (row >= db_rows(reply, statement) || col >= db_cols(reply, statement) ||
        PQgetisnull(reply->results[statement], (int)row, (int)col))
        return NULL;
    return PQgetvalue(reply->results[statement], (int)row, (int)col);
}

bool db_null(const struct db_reply *reply, size_t statement, size_t row, size_t col)
{
    return db_text(reply, statement, row, col) == NULL;
}

int64_t db_int(const struct db_reply *reply, size_t statement, size_t row, size_t col)
{
    const char *text = db_text(reply, statement, row, col);
    int64_t value = 0;

    if (text == NULL || !str_to_i64(text, INT64_MIN, INT64_MAX, &value))
        return 0;
    return value;
}

double db_num(const struct db_reply *reply, size_t statement, size_t row, size_t col)
{
    const char *text = db_text(reply, statement, row, col);
    double value = 0;

    if (text == NULL || !str_to_double(text, &value))
        return 0;
    return value;
}

bool db_bool(const struct db_reply *reply, size_t statement, size_t row, size_t col)
{
    const char *text = db_text(reply, statement, row, col);

    return text != NULL && text[0] == 't';
}

const char *db_col_name(const struct db_reply *reply, size_t statement, size_t col)
{
    return col < db_cols(reply, statement) ? PQfname(reply->results[statement], (int)col) : NULL;
}

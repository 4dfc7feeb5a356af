/* What PostgreSQL or libpq says is wrong, as struct err. Pure but for reading libpq's objects. */
#ifndef COMMON_LEDGER_DB_ERROR_H
#define COMMON_LEDGER_DB_ERROR_H

#include <stdbool.h>

#include "common/base/err.h"

#define DB_SQLSTATE_BYTES 6

struct pg_conn;
struct pg_result;

struct db_failure {
    struct err err;
    char sqlstate[DB_SQLSTATE_BYTES]; /* "" when libpq and not the server failed */
};

/* An error answer to a statement: the primary message and, as far as it fits, the detail. */
void db_error_of_result(const struct pg_result *res, struct db_failure *ret);
/* A connection that could not be made; it was made with PQERRORS_VERBOSE, which alone lets libpq
 * say the SQLSTATE. *ret_for_good: trying again with the same settings is of no use. */
void db_error_of_connect(const struct pg_conn *conn, struct db_failure *ret, bool *ret_for_good);
/* A connection that was up. */
void db_error_of_loss(const struct pg_conn *conn, struct err *ret);
/* libpq's text on one line, without the LOCATION lines of PQERRORS_VERBOSE. */
void db_error_clean(char *dst, unsigned long dst_bytes, const char *text);
/* Neither the server nor the statement is wrong, but it is a standby that we talk to. */
bool db_error_read_only(const struct db_failure *f);

#endif

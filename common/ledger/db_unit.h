/* A unit and its reply, as the files of the ledger's connection share them. */
#ifndef COMMON_LEDGER_DB_UNIT_H
#define COMMON_LEDGER_DB_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/list.h"
#include "common/ledger/db.h"
#include "common/ledger/db_error.h"

#define DB_UNIT_MAX_BYTES      (16 * 1024 * 1024) /* all parameters: more is a caller out of bounds */
#define DB_UNIT_MAX_STATEMENTS 10000              /* the same; a unit is answered as a whole */
#define DB_MAX_PARAMS          65535              /* of one statement, by the protocol */

struct db_sql;
struct pg_result;

struct db_statement {
    const char *sql; /* expanded once the unit is submitted */
    char *owned;     /* NULL: sql is borrowed for ever */
    size_t params_n;
    size_t first; /* in db_unit.offsets */
};

struct db_reply {
    size_t n;
    struct pg_result *results[];
};

struct db_unit {
    struct list_node node;      /* waiting, wire or done */
    struct list_node kept_node; /* kept */
    struct db_statement *statements;
    size_t n, cap;
    ptrdiff_t *offsets; /* of the parameters, in bytes; -1: NULL */
    size_t params_n, params_cap;
    struct buf bytes;
    bool out_of_memory; /* or out of bounds: cannot be submitted */
    bool transaction, keep;
    struct db_unit *kept_as;    /* kept in its place; owned until then */
    bool internal;              /* the connection's own, such as LISTEN */
    bool replayed;              /* was answered before; nobody waits for it */
    bool prefixed;              /* sent with a statement for its settings before its own */
    bool delivered;             /* its callback has run */
    size_t got;                 /* results so far, the prefix's among them */
    struct db_reply *reply;     /* NULL once it was delivered */
    struct db_failure *failure; /* NULL: none */
    db_done_fn *fn;             /* NULL: nobody waits */
    void *arg;
    bool hand_over; /* the reply goes to db->handed after fn, and is not freed */
    int64_t committed_ms;
};

/* Makes the unit ready to be sent; false: no memory, or it was out of bounds. */
bool db_unit_prepare(struct db_unit *unit, struct db_sql *sql);
void db_unit_rewind(struct db_unit *unit);        /* forgets what an earlier sending brought */
size_t db_unit_bytes(const struct db_unit *unit); /* what it costs to keep, about */
/* values gets the statement's parameters; it has room for them. */
void db_unit_values(const struct db_unit *unit, size_t statement, const char **values);
size_t db_unit_most_params(const struct db_unit *unit); /* of its statements */
void db_unit_fail(struct db_unit *unit,
                  const struct db_failure *failure); /* the first one counts */
void db_reply_clear(struct db_reply *reply);         /* its results; the reply stays */

#endif

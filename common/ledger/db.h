/* One asynchronous PostgreSQL connection: connects with a time-out, reconnects with back-off, sends
 * units of statements in pipeline mode, listens. What the statements mean is not known here.
 *
 * A unit is one or more statements with one Sync at its end. What stands between two Syncs is one
 * transaction in PostgreSQL, done as a whole or not at all, so no statement may be BEGIN, COMMIT or
 * ROLLBACK: a failed one would leave the units behind it in an aborted transaction. Units are sent
 * in the order of db_submit and up to DB_PIPELINE_UNITS are on their way at once. Statements are
 * unnamed and every parameter is text, so PgBouncer in transaction mode works. In SQL text "@name"
 * (a lower-case letter or _ after the @, not in quotes, dollar quotes or comments) stands for the
 * table or function `name` in the configured schema.
 *
 * statement_timeout, which bounds each statement of a unit, and times as ISO text are set once for
 * the session, or, where a pooler stands between (told by the backend's process number, which a
 * pooler does not pass on), by a statement before each unit, local to its transaction. A server
 * that says nothing for that time and DB_WATCHDOG_MARGIN_MS more, while it owes an answer, counts
 * as lost. */
#ifndef COMMON_LEDGER_DB_H
#define COMMON_LEDGER_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define DB_PIPELINE_UNITS \
    64 /* on the wire at once; the rest waits in memory, cancellable by nobody */
#define DB_WATCHDOG_MARGIN_MS 5000 /* network and a busy server, on top of statement_timeout */

struct event_loop;
struct db;
struct db_unit;
struct db_reply;

struct db_config {
    const char *conninfo;         /* any libpq connection string; "" or NULL: libpq's environment */
    const char *application_name; /* seen in pg_stat_activity */
    const char *schema;           /* "rebuild" */
    int statement_timeout_ms;     /* 0: none */
    const char *channel;          /* LISTEN on it after each connect; NULL: do not listen */
    /* Comes up only when that one is up and what it kept is answered, so that a kept write may lean
     * on one that was committed there before it. Freed together; NULL: none. */
    const struct db *after;
};

struct db_handlers {
    void (*on_up)(void *arg); /* connected, LISTEN done; also after each reconnect */
    void (*on_down)(void *arg,
                    const struct err *err); /* connection lost or refused; it tries again */
    void (*on_notify)(void *arg, const char *payload); /* on our channel */
    void *arg;
};

/* Starts to connect at once. Copies config and handlers; any handler may be NULL. NULL: no memory.
 */
struct db *db_new(struct event_loop *loop, const struct db_config *config,
                  const struct db_handlers *handlers);
/* Units not yet answered are dropped without their callback. NULL is fine. */
void db_free(struct db *db);
bool db_is_up(const struct db *db);
/* Up and LISTEN works: false without a channel, when LISTEN was refused, and behind any pooler,
 * where it would hold only by chance. */
bool db_listening(const struct db *db);
size_t db_backlog(
    const struct db *db); /* units not yet answered: the worker's bound is DB_QUEUE_UNITS */
bool db_failed_for_good(
    const struct db *db,
    struct err *ret); /* wrong password, no such database: ERR_DENIED/ERR_CONFIG */

/* A unit under construction; owned by the caller until db_submit takes it. */
struct db_unit *db_unit_new(void);
void db_unit_free(struct db_unit *unit); /* only one that was not submitted; NULL is fine */
/* sql is borrowed for ever (a static text) unless db_add_copy is used; params are copied, a NULL
 * entry is SQL NULL. Returns the index of the statement in the reply. */
size_t db_add(struct db_unit *unit, const char *sql, size_t params_n, const char *const *params);
size_t db_add_copy(struct db_unit *unit, const char *sql, size_t params_n,
                   const char *const *params);
/* The statements of a script, cut at its semicolons, each expanded like the others; they have
 * indexes but no parameters. For migrations. (A function with a BEGIN ATOMIC body cannot be cut.)
 */
void db_add_script(struct db_unit *unit, const char *script);
/* The unit, which is one transaction like every unit, runs with a local lock_timeout of 1 s and a
 * local idle_in_transaction_session_timeout of 2 s; what sets them has no index. */
void db_unit_transaction(struct db_unit *unit);
/* A keyed write: if the connection dies before the answer it is sent again after the reconnect (its
 * callback then runs once, with the later answer), and for DB_KEEP_MS after its commit it is kept
 * and sent again, in order and without callback, after a reconnect. Without this, a lost connection
 * ends the unit with ERR_UNREACHABLE: whether it was done is unknown. */
void db_unit_keep(struct db_unit *unit);
/* The same for DB_KEEP_MS after the commit, but what is sent again then is `kept`, which may do
 * more where rows were lost; a connection that dies before the answer ends the unit. Takes kept,
 * whose callback nobody needs. */
void db_unit_keep_as(struct db_unit *unit, struct db_unit *kept);

/* fn runs exactly once, from the loop, and not at all after db_free, which it may call. reply is
 * borrowed and NULL when err is set; sqlstate is never NULL, "" without one. A unit that was not
 * sent yet waits over a lost connection. Takes the unit in any case. -1 (fn never runs): no memory,
 * or over a bound. */
typedef void db_done_fn(void *arg, const struct db_reply *reply, const struct err *err,
                        const char *sqlstate);
int db_submit(struct db *db, struct db_unit *unit, db_done_fn *fn, void *arg);

/* Submits and runs the loop until the answer is there: for command-line verbs. *ret is the caller's
 * to free with db_reply_free. timeout_ms 0: 30 s. After a time-out the unit may still be done.
 * Not from inside a callback. */
int db_run(struct db *db, struct db_unit *unit, int64_t timeout_ms, struct db_reply **ret,
           struct err *err);
/* Runs the loop until the connection is up; ERR_UNREACHABLE after timeout_ms, ERR_DENIED or
 * ERR_CONFIG at once where waiting cannot help. */
int db_wait_up(struct db *db, int64_t timeout_ms, struct err *err);
void db_reply_free(struct db_reply *reply); /* NULL is fine */

size_t db_rows(const struct db_reply *reply, size_t statement);
size_t db_changed(const struct db_reply *reply,
                  size_t statement); /* rows of INSERT UPDATE DELETE */
const char *db_text(const struct db_reply *reply, size_t statement, size_t row,
                    size_t col); /* NULL: null */
int64_t db_int(const struct db_reply *reply, size_t statement, size_t row,
               size_t col); /* null: 0 */
double db_num(const struct db_reply *reply, size_t statement, size_t row, size_t col);
bool db_bool(const struct db_reply *reply, size_t statement, size_t row,
             size_t col); /* null: false */
bool db_null(const struct db_reply *reply, size_t statement, size_t row, size_t col);
size_t db_cols(const struct db_reply *reply, size_t statement);
const char *db_col_name(const struct db_reply *reply, size_t statement, size_t col);

/* Quotes an identifier that may be "schema.table" for a statement made at run time. false: too
 * long. */
bool db_quote_name(const char *name, char *out, size_t out_bytes);

#endif

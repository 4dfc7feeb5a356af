#include "common/ledger/db_state.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Local to the unit's transaction, so that a pooler's server connection comes back as it was. */
#define SET_TRANSACTION                               \
    "select set_config('lock_timeout', '1s', true), " \
    "set_config('idle_in_transaction_session_timeout', '2s', true)"
/* What db_setup.c sets for the session where there is one. */
#define SET_LOCALLY \
    "set_config('DateStyle', 'ISO', true), set_config('statement_timeout', $1, true)"
#define SET_SESSION      "select " SET_LOCALLY
#define SET_BOTH         SET_TRANSACTION ", " SET_LOCALLY
#define SSL_RECORD_READS 2 /* more calls empty what is left of a record of 16 KiB */

/* ---- out ---- */

static bool send_statement(struct db *db, const char *sql, size_t params_n)
{
    return PQsendQueryParams(db->conn, sql, (int)params_n, NULL, db->values, NULL, NULL, 0) == 1;
}

static bool make_room(struct db *db, const struct db_unit *unit)
{
    size_t need = db_unit_most_params(unit) + 1; /* one for the prefix */
    const char **values;

    if (need <= db->values_n)
        return true;
    values = realloc(db->values, need * sizeof(*values));
    if (values == NULL)
        return false;
    db->values = values;
    db->values_n = need;
    return true;
}

static bool send_prefix(struct db *db, struct db_unit *unit)
{
    bool pooled = db->pooled && !unit->internal;
    char number[16];

    unit->prefixed = pooled || unit->transaction;
    if (!unit->prefixed)
        return true;
    snprintf(number, sizeof(number), "%d", db->statement_timeout_ms);
    db->values[0] = number;
    return send_statement(db,
                          !pooled             ? SET_TRANSACTION
                          : unit->transaction ? SET_BOTH
                                              : SET_SESSION,
                          pooled ? 1 : 0);
}

bool db_pipe_send_unit(struct db *db, struct db_unit *unit)
{
    bool ok;

    if (db->wire.n == 0)
        db->heard_ms = event_now_ms(db->loop);
    db_unit_rewind(unit);
    list_push(&db->wire, &unit->node);
    ok = make_room(db, unit) && send_prefix(db, unit);
    for (size_t i = 0; i < unit->n && ok; i++) {
        db_unit_values(unit, i, db->values);
        ok = send_statement(db, unit->statements[i].sql, unit->statements[i].params_n);
    }
    return ok && PQpipelineSync(db->conn) == 1;
}

/* Left alone while it runs: it looks at heard_ms when it is due. */
static void start_watchdog(struct db *db)
{
    int64_t limit_ms = db->statement_timeout_ms + DB_WATCHDOG_MARGIN_MS;

    if (db->state == DB_UP && db->statement_timeout_ms > 0 && db->wire.n > 0 &&
        !event_timer_active(db->timer))
        event_timer_start(db->timer, limit_ms - (event_now_ms(db->loop) - db->heard_ms), 0);
}

void db_pipe_send(struct db *db)
{
    struct list_node *node;

    while (db->state == DB_UP && !db->broken && db->wire.n < DB_PIPELINE_UNITS &&
           (node = list_pop(&db->waiting)) != NULL)
        db->broken = !db_pipe_send_unit(db, list_entry(node, struct db_unit, node));
    db_pipe_flush(db);
    start_watchdog(db);
}

void db_pipe_flush(struct db *db)
{
    int left;

    if (db->conn == NULL || db->broken)
        return;
    left = PQflush(db->conn);
    if (left < 0)
        db->broken = true;
    else if (db->fd != NULL) /* both: a server that waits for us to read does not read either */
        event_fd_update(db->fd, left > 0 ? EVENT_READ | EVENT_WRITE : EVENT_READ);
}

/* ---- in ---- */

void db_pipe_hung_up(struct db *db)
{
    struct err err;

    db_error_of_loss(db->conn, &err);
    if (db->last_words[0] != '\0')
        err_set(&err, ERR_UNREACHABLE, "the connection to PostgreSQL was lost: %s", db->last_words);
    db_lost(db, &err);
}

static void protocol_error(struct db *db, const char *what)
{
    struct err err;

    if (PQstatus(db->conn) == CONNECTION_BAD) {
        db_pipe_hung_up(db);
        return;
    }
    err_set(&err, ERR_UNREACHABLE, "the answers of PostgreSQL are out of step: %s", what);
    db_lost(db, &err);
}

static void unit_answered(struct db *db, struct db_unit *unit)
{
    int64_t now_ms = db->heard_ms;

    list_remove(&db->wire, &unit->node);
    db->replays -= unit->replayed ? 1 : 0;
    if (unit->keep && unit->failure == NULL)
        db_keep_add(db, unit, now_ms);
    if (unit->kept_as != NULL && unit->failure == NULL) {
        db_keep_add(db, unit->kept_as, now_ms);
        unit->kept_as = NULL;
    }
    if (!unit->internal) /* a new server's first words prove nothing of the old one's commits */
        db_keep_purge(db, now_ms);
    list_push(&db->done, &unit->node);
}

/* The end of the unit at the head. False: the connection was given up. */
static bool take_sync(struct db *db, struct db_unit *unit)
{
    if (unit->got != unit->n + unit->prefixed && unit->failure == NULL) {
        protocol_error(db, "the end of a unit came before its results");
        return false;
    }
    if (unit->failure != NULL && !unit->internal && db_error_read_only(unit->failure)) {
        struct err err = unit->failure->err; /* the next attempt may find the primary */

        db->first_host++;
        db_lost(db, &err);
        return false;
    }
    unit_answered(db, unit);
    return true;
}

/* Takes res. */
static void take_rows(struct db_unit *unit, PGresult *res)
{
    size_t i = unit->got++ - unit->prefixed;

    if (unit->reply == NULL || i >= unit->reply->n || unit->reply->results[i] != NULL)
        PQclear(res); /* the prefix's, or nobody waits */
    else
        unit->reply->results[i] = res;
}

static void take_error(struct db *db, struct db_unit *unit, const PGresult *res)
{
    struct db_failure failure;

    unit->got++;
    db_error_of_result(res, &failure);
    db_unit_fail(unit, &failure);
    if (failure.err.kind == ERR_UNREACHABLE) /* if the server hangs up now, this is why */
        memcpy(db->last_words, failure.err.msg, sizeof(db->last_words));
}

/* False: the connection was given up. Takes res. */
static bool take_result(struct db *db, struct db_unit *unit, PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
        take_rows(unit, res);
        return true;
    }
    if (status == PGRES_FATAL_ERROR)
        take_error(db, unit, res);
    else if (status == PGRES_PIPELINE_ABORTED)
        unit->got++; /* of the statements behind the one that failed */
    PQclear(res);
    if (status == PGRES_PIPELINE_SYNC)
        return take_sync(db, unit);
    if (status != PGRES_FATAL_ERROR && status != PGRES_PIPELINE_ABORTED) {
        protocol_error(db, PQresStatus(status));
        return false;
    }
    return true;
}

/* Everything that has arrived. False: the connection was given up. */
static bool take_results(struct db *db)
{
    struct list_node *head;
    bool null_before = false;

    while ((head = list_first(&db->wire)) != NULL && !PQisBusy(db->conn)) {
        PGresult *res = PQgetResult(db->conn);

        /* NULL stands once behind each statement; twice means that libpq expects nothing more. */
        if (res == NULL && null_before) {
            protocol_error(db, "a result is missing");
            return false;
        }
        null_before = res == NULL;
        if (res != NULL)
            db->heard_ms = event_now_ms(db->loop);
        if (res != NULL && !take_result(db, list_entry(head, struct db_unit, node), res))
            return false;
    }
    return true;
}

/* False: the connection was given up. */
static bool consume(struct db *db)
{
    bool read = PQconsumeInput(db->conn) == 1;

    if (!take_results(db))
        return false;
    if (read && PQstatus(db->conn) != CONNECTION_BAD)
        return true;
    db_pipe_hung_up(db);
    return false;
}

void db_pipe_read(struct db *db)
{
    if (!consume(db))
        return;
    for (int i = 0; db->encrypted && db->wire.n > 0 && i < SSL_RECORD_READS; i++)
        if (!consume(db))
            return;
    db_pipe_send(db);
}

/* ---- the end ---- */

/* A write that must not get lost goes back to the front, where it came from; of any other nobody
 * knows whether it was done. */
void db_pipe_lost(struct db *db, const struct err *err)
{
    struct list_node *at = &db->waiting.head, *node;

    while ((node = list_pop(&db->wire)) != NULL) {
        struct db_unit *unit = list_entry(node, struct db_unit, node);

        db_unit_rewind(unit);
        if (unit->internal) {
            db_unit_free(unit);
        } else if (unit->keep) {
            list_insert_after(&db->waiting, at, node);
            at = node;
        } else {
            struct db_failure failure = { .err = *err };

            db_unit_fail(unit, &failure);
            list_push(&db->done, node);
        }
    }
}

void db_pipe_watchdog(struct db *db)
{
    int64_t limit_ms = db->statement_timeout_ms + DB_WATCHDOG_MARGIN_MS, heard_ms = db->heard_ms;
    struct err err;

    /* A process that was frozen meets its timers before the answers in its socket. */
    if (db->wire.n > 0 && event_now_ms(db->loop) - heard_ms >= limit_ms) {
        if (!consume(db))
            return;
        if (db->wire.n > 0 && db->heard_ms == heard_ms) {
            err_set(&err, ERR_UNREACHABLE, "PostgreSQL has not answered for %lld ms",
                    (long long)limit_ms);
            db->first_host++;
            db_lost(db, &err);
            return;
        }
        db_pipe_send(db);
    }
    start_watchdog(db);
}

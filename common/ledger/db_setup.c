#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "common/ledger/db_sql.h"
#include "common/ledger/db_state.h"

#define CHANNEL_QUOTED_BYTES 130 /* 63 bytes are the server's limit, each could be a quote */

#define HELD_LOOK_MS 20 /* the other connection is back within this time, mostly */

/* What follows after a connection is made: first, are we talking to the server itself? */
#define ASK_PID "select pg_backend_pid()"
/* Times as ISO text whatever the database or role says; the time-out for the whole session. */
#define SET_SESSION                                  \
    "select set_config('DateStyle', 'ISO', false), " \
    "set_config('statement_timeout', $1, false)"

static void send_internal(struct db *db, struct db_unit *unit, db_done_fn *fn)
{
    if (unit == NULL || !db_unit_prepare(unit, db->sql)) {
        db_unit_free(unit);
        db->broken = true;
        return;
    }
    unit->internal = true;
    unit->fn = fn;
    unit->arg = db;
    if (!db_pipe_send_unit(db, unit))
        db->broken = true;
    db_pipe_flush(db);
}

static void send_one(struct db *db, const char *sql, const char *param, db_done_fn *fn)
{
    struct db_unit *unit = db_unit_new();

    if (unit != NULL)
        db_add_copy(unit, sql, param != NULL ? 1 : 0, &param);
    send_internal(db, unit, fn);
}

static bool must_wait(const struct db *after)
{
    return after != NULL && (after->state != DB_UP || after->replays > 0);
}

static void up(struct db *db)
{
    db->held = must_wait(db->after);
    if (db->held) {
        event_timer_start(db->timer, HELD_LOOK_MS, 0);
        return;
    }
    event_timer_stop(db->timer);
    db->up_ms = event_now_ms(db->loop);
    db->failed_for_good = false;
    db_enter(db, DB_UP);
    db_keep_replay(db);
    db_pipe_send(db);
    db->tell_up = true;
}

/* Only of this channel may the payloads be what we think they are; and without LISTEN the work goes
 * on, only slower. */
static void on_listen(void *arg, const struct db_reply *reply, const struct err *err,
                      const char *sqlstate)
{
    struct db *db = arg;

    (void)reply;
    (void)sqlstate;
    db->listening = err == NULL;
    up(db);
}

static void on_session(void *arg, const struct db_reply *reply, const struct err *err,
                       const char *sqlstate)
{
    struct db *db = arg;
    char name[CHANNEL_QUOTED_BYTES], sql[sizeof(name) + 16];

    (void)reply;
    (void)sqlstate;
    if (err != NULL) {
        db_lost(db, err);
        return;
    }
    if (db->channel == NULL ||
        db_sql_quote(db->channel, strlen(db->channel), name, sizeof(name)) == 0) {
        up(db);
        return;
    }
    snprintf(sql, sizeof(sql), "listen %s", name);
    send_one(db, sql, NULL, on_listen);
}

static void on_pid(void *arg, const struct db_reply *reply, const struct err *err,
                   const char *sqlstate)
{
    struct db *db = arg;
    char number[16];

    (void)sqlstate;
    if (err != NULL) {
        db_lost(db, err);
        return;
    }
    db->pooled = db_int(reply, 0, 0, 0) != PQbackendPID(db->conn);
    if (db->pooled) {
        up(db);
        return;
    }
    snprintf(number, sizeof(number), "%d", db->statement_timeout_ms);
    send_one(db, SET_SESSION, number, on_session);
}

void db_set_up_go_on(struct db *db)
{
    up(db);
}

void db_set_up(struct db *db)
{
    db->pooled = db->listening = false;
    send_one(db, ASK_PID, NULL, on_pid);
}

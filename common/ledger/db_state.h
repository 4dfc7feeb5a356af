/* The connection, as the files that make it up share it. Each turn (a socket that is ready, a
 * timer, a look-up) first brings libpq and the lists into order, and only then runs callbacks, from
 * db_turn_end: so a callback may submit, or free the connection, and never meets a half-done state.
 */
#ifndef COMMON_LEDGER_DB_STATE_H
#define COMMON_LEDGER_DB_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "common/ledger/db_unit.h"

/* How long the kernel waits for a peer that is gone; the connection string may say otherwise. */
#define DB_KEEPALIVE_IDLE_S     "10"
#define DB_KEEPALIVE_INTERVAL_S "5"
#define DB_KEEPALIVE_COUNT      "3"
#define DB_TCP_USER_TIMEOUT_MS  "15000"
/* A unit should leave the process in one piece: frozen in the middle of one, it would hold its
 * locks. */
#define DB_SEND_BUFFER_BYTES (1024 * 1024)
/* Committed writes that wait for DB_KEEP_MS to pass: 6,500 a second, of 1 KiB each. Above, the
 * oldest are forgotten; they matter only in a failover to a standby that lost them. */
#define DB_KEEP_UNITS 65536
#define DB_KEEP_BYTES (64 * 1024 * 1024)

enum db_state {
    DB_DOWN,       /* the timer brings the next attempt */
    DB_RESOLVING,  /* host names are looked up */
    DB_CONNECTING, /* PQconnectPoll */
    DB_SETUP,      /* connected; the session's settings and LISTEN are on the wire */
    DB_UP,
};

struct pg_conn;
struct db_hosts;
struct db_sql;

struct db {
    struct event_loop *loop;
    char *conninfo, *application_name, *channel; /* channel NULL: do not listen */
    int statement_timeout_ms;
    struct db_handlers handlers;
    struct db_sql *sql;
    struct db_hosts *hosts; /* NULL: the connection string cannot be read */

    enum db_state state;
    struct pg_conn *conn; /* from DB_CONNECTING on */
    struct event_fd *fd;
    struct event_timer *timer; /* the back-off, the time to connect, the watchdog */
    struct event_timer *kick;  /* what must not happen inside db_new or db_submit */
    unsigned attempts;         /* that failed in a row: the back-off's exponent */
    size_t first_host;         /* where the next attempt begins: past one that hangs */
    bool failed_for_good;
    struct err last_err; /* of the last failure */
    int64_t up_ms;       /* since when it is up */
    int64_t heard_ms;    /* when the server last said something, or began to owe an answer */
    bool pooled;         /* a pooler stands between */
    bool listening;
    bool encrypted;                 /* the socket may be empty though libpq has more to read */
    bool broken;                    /* libpq failed inside db_submit; the kick deals with it */
    const struct db *after;         /* NULL: none */
    bool held;                      /* set up; waits for `after`, which the timer looks at */
    size_t replays;                 /* kept units that were sent again and are not answered */
    char last_words[ERR_MSG_BYTES]; /* a FATAL message that belongs to no statement */

    struct list waiting; /* units not sent */
    struct list wire;    /* units sent and not answered, in order */
    struct list done;    /* units whose callback has to run, in order */
    struct list kept;    /* units committed lately, in order; by kept_node */
    size_t kept_bytes;
    size_t backlog;
    const char **values; /* scratch for parameters */
    size_t values_n;

    unsigned turn; /* > 0: inside a turn */
    bool freed;    /* by a callback: the turn's end frees */
    bool tell_up, tell_down;
    struct db_reply *handed; /* to db_run */
    bool *alert;             /* of db_run or db_wait_up: set when something has changed */
};

void db_enter(struct db *db, enum db_state state); /* the only one to write the state */
void db_turn_begin(struct db *db);
void db_turn_end(struct db *db); /* runs callbacks; db may be gone */
/* The attempt, or the connection, is over; the next attempt follows after the back-off. */
void db_lost(struct db *db, const struct err *err);

/* db_connect.c */
void db_connect_start(struct db *db); /* from DB_DOWN; a failure ends in db_lost */
void db_connect_step(struct db *db);  /* the socket is ready */
void db_connect_close(struct db *db);
void db_watch(struct db *db, unsigned interest); /* the connection's socket as it is now */
void db_set_up(struct db *db);                   /* connected: leads to DB_UP */
void db_set_up_go_on(struct db *db);             /* held: looks whether it may come up now */

/* db_pipe.c */
void db_pipe_send(struct db *db); /* as many waiting units as may go; sets broken on failure */
bool db_pipe_send_unit(struct db *db, struct db_unit *unit); /* puts it on the wire in any case */
void db_pipe_flush(struct db *db);
void db_pipe_read(struct db *db);
void db_pipe_hung_up(struct db *db); /* libpq says that the connection is gone */
void db_pipe_lost(struct db *db, const struct err *err); /* what becomes of the units on the wire */
void db_pipe_watchdog(struct db *db);                    /* the timer, while set up or up */

/* db_keep.c */
void db_keep_add(struct db *db, struct db_unit *unit, int64_t now_ms);
void db_keep_purge(struct db *db, int64_t now_ms);
void db_keep_or_free(struct db_unit *unit); /* its callback has run, or never will */
void db_keep_replay(struct db *db);         /* what is kept goes before what waits */
void db_keep_free(struct db *db);

#endif

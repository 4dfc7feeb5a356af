#include "common/ledger/db_state.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/ledger/db_hosts.h"

static void on_ready(void *arg, unsigned ready)
{
    struct db *db = arg;

    db_turn_begin(db);
    if (db->state == DB_CONNECTING) {
        db_connect_step(db);
    } else {
        if ((ready & EVENT_READ) != 0)
            db->heard_ms = event_now_ms(db->loop);
        db_pipe_read(db);
    }
    db_turn_end(db);
}

/* Anew each time: libpq may have closed its socket and opened another one of the same number. */
void db_watch(struct db *db, unsigned interest)
{
    struct err err;

    event_fd_stop(db->fd);
    db->fd = event_fd_start(db->loop, PQsocket(db->conn), interest, on_ready, db);
    if (db->fd != NULL)
        return;
    err_set(&err, ERR_INTERNAL, "the socket of PostgreSQL cannot be watched");
    db_lost(db, &err);
}

static void connect_failed(struct db *db)
{
    struct db_failure failure;
    bool for_good;

    db_error_of_connect(db->conn, &failure, &for_good);
    db_lost(db, &failure.err);
    db->failed_for_good = for_good;
}

/* A FATAL message that comes while no statement runs is all that says why the server hangs up. */
static void on_notice(void *arg, const PGresult *res)
{
    struct db *db = arg;
    const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    struct db_failure failure;

    if (severity == NULL || (strcmp(severity, "FATAL") != 0 && strcmp(severity, "PANIC") != 0))
        return;
    db_error_of_result(res, &failure);
    str_copy(db->last_words, sizeof(db->last_words), failure.err.msg);
}

/* What stands before dbname is a default, which the connection string overrides; what stands behind
 * it overrides the connection string. Empty values are skipped by libpq. */
static PGconn *start(const struct db *db, const struct db_hosts_text *hosts)
{
    const char *const keys[] = { "keepalives_idle",
                                 "keepalives_interval",
                                 "keepalives_count",
                                 "tcp_user_timeout",
                                 "fallback_application_name",
                                 "dbname",
                                 "client_encoding",
                                 "host",
                                 "hostaddr",
                                 "port",
                                 NULL };
    const char *const values[] = { DB_KEEPALIVE_IDLE_S,
                                   DB_KEEPALIVE_INTERVAL_S,
                                   DB_KEEPALIVE_COUNT,
                                   DB_TCP_USER_TIMEOUT_MS,
                                   db->application_name,
                                   db->conninfo,
                                   "UTF8",
                                   hosts->host,
                                   hosts->hostaddr,
                                   hosts->port,
                                   NULL };

    return PQconnectStartParams(keys, values, 1);
}

static void begin(struct db *db)
{
    struct db_hosts_text hosts;
    struct err err;

    err_set(&err, ERR_INTERNAL, "no memory to connect to PostgreSQL");
    if (!db_hosts_text(db->hosts, db->first_host, &hosts)) {
        db_lost(db, &err);
        return;
    }
    db->last_words[0] = '\0';
    db->conn = start(db, &hosts);
    db_hosts_text_free(&hosts);
    if (db->conn == NULL) {
        db_lost(db, &err);
        return;
    }
    if (PQstatus(db->conn) == CONNECTION_BAD) {
        connect_failed(db);
        return;
    }
    PQsetErrorVerbosity(db->conn, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(db->conn, on_notice, db);
    db_enter(db, DB_CONNECTING);
    event_timer_start(db->timer, DB_CONNECT_TIMEOUT_MS, 0);
    db_watch(db, EVENT_WRITE);
}

static void on_hosts(void *arg, const struct err *err)
{
    struct db *db = arg;

    db_turn_begin(db);
    if (err != NULL)
        db_lost(db, err);
    else
        begin(db);
    db_turn_end(db);
}

void db_connect_start(struct db *db)
{
    if (db_hosts_lookup(db->hosts, on_hosts, db))
        db_enter(db, DB_RESOLVING); /* which has a bound of its own */
    else
        begin(db);
}

static void connected(struct db *db)
{
    int bytes = DB_SEND_BUFFER_BYTES;

    PQsetErrorVerbosity(db->conn, PQERRORS_DEFAULT);
    if (PQsetnonblocking(db->conn, 1) != 0 || PQenterPipelineMode(db->conn) != 1) {
        db_pipe_hung_up(db);
        return;
    }
    /* The kernel gives what it may; less is no error. */
    (void)setsockopt(PQsocket(db->conn), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    db->encrypted = PQsslInUse(db->conn) != 0 || PQgssEncInUse(db->conn) != 0;
    db_enter(db, DB_SETUP);
    db_watch(db, EVENT_READ);
    if (db->state == DB_SETUP)
        db_set_up(db);
}

void db_connect_step(struct db *db)
{
    event_fd_stop(db->fd); /* before libpq may close its socket */
    db->fd = NULL;
    switch (PQconnectPoll(db->conn)) {
    case PGRES_POLLING_READING: db_watch(db, EVENT_READ); return;
    case PGRES_POLLING_WRITING: db_watch(db, EVENT_WRITE); return;
    case PGRES_POLLING_OK: connected(db); return;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE: break;
    }
    connect_failed(db);
}

void db_connect_close(struct db *db)
{
    event_fd_stop(db->fd);
    db->fd = NULL;
    if (db->hosts != NULL)
        db_hosts_stop(db->hosts);
    PQfinish(db->conn);
    db->conn = NULL;
}

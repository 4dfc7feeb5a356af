#include "common/ledger/db.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/base/uuid.h"
#include "common/ledger/db_hosts.h"
#include "common/ledger/db_sql.h"
#include "common/ledger/db_state.h"

#define BIT(state) (1u << (state))

static const unsigned may_go[] = {
    [DB_DOWN] = BIT(DB_RESOLVING) | BIT(DB_CONNECTING),
    [DB_RESOLVING] = BIT(DB_CONNECTING) | BIT(DB_DOWN),
    [DB_CONNECTING] = BIT(DB_SETUP) | BIT(DB_DOWN),
    [DB_SETUP] = BIT(DB_UP) | BIT(DB_DOWN),
    [DB_UP] = BIT(DB_DOWN),
};

void db_enter(struct db *db, enum db_state state)
{
    if ((may_go[db->state] & BIT(state)) == 0)
        abort(); /* a state that cannot follow is a fault of these files */
    db->state = state;
}

/* ---- loss and back-off ---- */

static int64_t backoff_ms(const struct db *db)
{
    int64_t most = DB_BACKOFF_MIN_MS;

    for (unsigned i = 1; i < db->attempts && most < DB_BACKOFF_MAX_MS; i++)
        most *= 2;
    if (most > DB_BACKOFF_MAX_MS)
        most = DB_BACKOFF_MAX_MS;
    return (int64_t)(random_u64() % (uint64_t)(most + 1));
}

void db_lost(struct db *db, const struct err *err)
{
    db->last_err = *err; /* err may be of the unit that is freed below */
    /* A server that lets in and throws out at once must not be asked five times a second. */
    if (db->state == DB_UP && event_now_ms(db->loop) - db->up_ms >= DB_BACKOFF_MAX_MS)
        db->attempts = 0;
    db->attempts++;
    db_connect_close(db);
    db->broken = db->listening = db->failed_for_good = db->held = false;
    db->tell_up = false;
    db->tell_down = true;
    if (db->state != DB_DOWN)
        db_enter(db, DB_DOWN);
    db_pipe_lost(db, &db->last_err);
    event_timer_start(db->timer, backoff_ms(db), 0);
}

static void on_timer(void *arg)
{
    struct db *db = arg;
    struct err err;

    db_turn_begin(db);
    if (db->state == DB_DOWN) {
        db_connect_start(db);
    } else if (db->state == DB_UP) {
        db_pipe_watchdog(db);
    } else if (db->held) {
        db_set_up_go_on(db);
    } else {
        err_set(&err, ERR_UNREACHABLE, "PostgreSQL does not answer within %d ms",
                DB_CONNECT_TIMEOUT_MS);
        db->first_host++; /* libpq would begin with the one that hangs again */
        db_lost(db, &err);
    }
    db_turn_end(db);
}

/* ---- turns ---- */

void db_turn_begin(struct db *db)
{
    db->turn++;
}

static void deliver(struct db *db, struct db_unit *unit)
{
    const struct db_failure *f = unit->failure;
    db_done_fn *fn = unit->fn;

    if (!unit->internal && !unit->replayed)
        db->backlog--;
    if (fn != NULL)
        fn(unit->arg, f != NULL ? NULL : unit->reply, f != NULL ? &f->err : NULL,
           f != NULL ? f->sqlstate : "");
    if (db->alert != NULL)
        *db->alert = true;
    if (unit->hand_over && f == NULL) {
        db->handed = unit->reply;
        unit->reply = NULL;
    }
    db_keep_or_free(unit);
}

static void tell_notifications(struct db *db)
{
    PGnotify *n;

    while (!db->freed && db->conn != NULL && db->state >= DB_SETUP &&
           (n = PQnotifies(db->conn)) != NULL) {
        if (db->handlers.on_notify != NULL && str_equal(n->relname, db->channel))
            db->handlers.on_notify(db->handlers.arg, n->extra);
        PQfreemem(n);
    }
}

static bool tell_state(struct db *db)
{
    bool told = db->tell_down || db->tell_up;

    if (told && db->alert != NULL)
        *db->alert = true;
    if (db->tell_down) {
        db->tell_down = false;
        if (db->handlers.on_down != NULL)
            db->handlers.on_down(db->handlers.arg, &db->last_err);
    } else if (db->tell_up) {
        db->tell_up = false;
        if (db->handlers.on_up != NULL)
            db->handlers.on_up(db->handlers.arg);
    }
    return told;
}

static void run_callbacks(struct db *db)
{
    struct list_node *node;

    while (!db->freed) {
        if (tell_state(db))
            continue;
        node = list_pop(&db->done);
        if (node == NULL)
            break;
        deliver(db, list_entry(node, struct db_unit, node));
    }
    tell_notifications(db);
}

static void free_units(struct list *units)
{
    struct list_node *node;

    while ((node = list_pop(units)) != NULL)
        db_keep_or_free(list_entry(node, struct db_unit, node));
}

static void free_now(struct db *db)
{
    if (db->hosts != NULL || db->conn != NULL)
        db_connect_close(db);
    free_units(&db->waiting);
    free_units(&db->wire);
    free_units(&db->done);
    db_keep_free(db);
    event_timer_free(db->timer);
    event_timer_free(db->kick);
    db_hosts_free(db->hosts);
    db_sql_free(db->sql);
    free(db->values);
    free(db->conninfo);
    free(db->application_name);
    free(db->channel);
    free(db);
}

void db_turn_end(struct db *db)
{
    /* What the callbacks have submitted goes out as one; its failure has to be told, too. */
    do {
        if (db->broken && db->conn != NULL)
            db_pipe_hung_up(db);
        run_callbacks(db);
        if (!db->freed && db->state == DB_UP)
            db_pipe_send(db);
    } while (!db->freed && db->broken);
    if (--db->turn == 0 && db->freed)
        free_now(db);
}

static void on_kick(void *arg)
{
    struct db *db = arg;

    db_turn_begin(db);
    if (db->state == DB_UP && !db->broken)
        db_pipe_send(db);
    db_turn_end(db);
}

/* ---- what others call ---- */

static bool copy_config(struct db *db, const struct db_config *config)
{
    db->conninfo = str_dup(config->conninfo != NULL ? config->conninfo : "");
    db->application_name =
        str_dup(config->application_name != NULL ? config->application_name : "connect-rebuild");
    db->channel = str_dup(config->channel);
    db->sql = db_sql_new(config->schema != NULL ? config->schema : "rebuild");
    db->statement_timeout_ms = config->statement_timeout_ms;
    db->after = config->after;
    return db->conninfo != NULL && db->application_name != NULL && db->sql != NULL &&
           (db->channel != NULL || config->channel == NULL);
}

/* The first attempt, or the news that none makes sense, waits for the loop: no callback runs in
 * here. */
static void start_later(struct db *db)
{
    if (db->hosts != NULL) {
        event_timer_start(db->timer, 0, 0);
        return;
    }
    db->failed_for_good = true;
    db->tell_down = true;
    event_timer_start(db->kick, 0, 0);
}

struct db *db_new(struct event_loop *loop, const struct db_config *config,
                  const struct db_handlers *handlers)
{
    struct db *db = calloc(1, sizeof(*db));

    if (db == NULL)
        return NULL;
    db->loop = loop;
    if (handlers != NULL)
        db->handlers = *handlers;
    list_init(&db->waiting);
    list_init(&db->wire);
    list_init(&db->done);
    list_init(&db->kept);
    db->timer = event_timer_new(loop, on_timer, db);
    db->kick = event_timer_new(loop, on_kick, db);
    if (db->timer == NULL || db->kick == NULL || !copy_config(db, config)) {
        free_now(db);
        return NULL;
    }
    db->hosts = db_hosts_new(loop, db->conninfo, &db->last_err);
    if (db->hosts == NULL && db->last_err.kind != ERR_CONFIG) {
        free_now(db);
        return NULL;
    }
    start_later(db);
    return db;
}

void db_free(struct db *db)
{
    if (db == NULL)
        return;
    if (db->turn > 0)
        db->freed = true;
    else
        free_now(db);
}

bool db_is_up(const struct db *db)
{
    return db->state == DB_UP;
}

bool db_listening(const struct db *db)
{
    return db->state == DB_UP && db->listening;
}

size_t db_backlog(const struct db *db)
{
    return db->backlog;
}

bool db_failed_for_good(const struct db *db, struct err *ret)
{
    if (db->failed_for_good && ret != NULL)
        *ret = db->last_err;
    return db->failed_for_good;
}

int db_submit(struct db *db, struct db_unit *unit, db_done_fn *fn, void *arg)
{
    if (unit == NULL || !db_unit_prepare(unit, db->sql)) {
        db_unit_free(unit);
        return -1;
    }
    unit->fn = fn;
    unit->arg = arg;
    list_push(&db->waiting, &unit->node);
    db->backlog++;
    if (db->turn > 0 || db->state != DB_UP)
        return 0;
    /* At once when the server has nothing to do; else what is submitted in this turn goes together.
     */
    if (db->wire.n == 0 && !db->broken)
        db_pipe_send(db);
    if ((db->waiting.n > 0 || db->broken) && !event_timer_active(db->kick))
        event_timer_start(db->kick, 0, 0);
    return 0;
}

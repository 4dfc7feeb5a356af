#include "common/ledger/db_state.h"

#define RUN_DEFAULT_MS 30000 /* as long as a statement may take by default */

struct wait {
    bool over;
    bool failed;
    struct err err;
};

static void on_done(void *arg, const struct db_reply *reply, const struct err *err,
                    const char *sqlstate)
{
    struct wait *w = arg;

    (void)reply; /* it is handed over */
    (void)sqlstate;
    w->over = true;
    w->failed = err != NULL;
    if (err != NULL)
        w->err = *err;
}

/* over NULL: waits for the connection. */
static bool ready(const struct db *db, const bool *over)
{
    return over != NULL ? *over : db_is_up(db);
}

static int too_late(const struct db *db, int64_t deadline_ms, struct err *err)
{
    if (event_now_ms(db->loop) < deadline_ms)
        return err_set(err, ERR_INTERNAL, "interrupted while waiting for PostgreSQL");
    if (db_is_up(db) || db->last_err.kind == ERR_NONE)
        return err_set(err, ERR_UNREACHABLE, "PostgreSQL has not answered in time");
    return err_set(err, ERR_UNREACHABLE, "%s", db->last_err.msg);
}

static int wait_for(struct db *db, const bool *over, int64_t deadline_ms, struct err *err)
{
    bool changed;
    int rc = 0;

    db->alert = &changed;
    while (rc == 0 && !ready(db, over)) {
        changed = false;
        if (db_failed_for_good(db, err))
            rc = -1;
        else if (!event_loop_run_until(db->loop, &changed, deadline_ms) && !ready(db, over))
            rc = too_late(db, deadline_ms, err);
    }
    db->alert = NULL;
    return rc;
}

int db_run(struct db *db, struct db_unit *unit, int64_t timeout_ms, struct db_reply **ret,
           struct err *err)
{
    int64_t deadline_ms = event_now_ms(db->loop) + (timeout_ms > 0 ? timeout_ms : RUN_DEFAULT_MS);
    struct wait w = { .over = false };

    if (unit == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a statement");
    unit->hand_over = true;
    if (db_submit(db, unit, on_done, &w) != 0)
        return err_set(err, ERR_INTERNAL, "no memory for a statement");
    if (wait_for(db, &w.over, deadline_ms, err) != 0) {
        unit->fn = NULL; /* it is still on its way, and nobody waits for it any more */
        unit->hand_over = false;
        return -1;
    }
    if (w.failed) {
        if (err != NULL)
            *err = w.err;
        return -1;
    }
    if (ret != NULL)
        *ret = db->handed;
    else
        db_reply_free(db->handed);
    db->handed = NULL;
    return 0;
}

int db_wait_up(struct db *db, int64_t timeout_ms, struct err *err)
{
    return wait_for(db, NULL, event_now_ms(db->loop) + timeout_ms, err);
}

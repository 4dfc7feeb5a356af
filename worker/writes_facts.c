/* Facts that are written without a turn of their own: task ids, judged jobs, marks, outcomes that
 * were read back. */
#include "worker/writes.h"

#include "common/base/checkpoint.h"
#include "common/base/log.h"
#include "common/ledger/array.h"
#include "common/ledger/columns.h"
#include "common/ledger/db.h"
#include "worker/readback.h"
#include "worker/recover.h"
#include "worker/sql.h"
#include "worker/worker.h"
#include "worker/writes_private.h"
static void on_other(void *arg, const struct db_reply *reply, const struct err *err,
                     const char *sqlstate)
{
    struct worker *w = arg;

    (void)reply;
    w->writes->others--;
    if (err == NULL)
        return;
    log_warn("facts.failed", LOG_FIELDS(LOG_S("sqlstate", sqlstate)), "%s", err->msg);
    recover_later(w); /* a mark may be among them: what the done map says is marked again */
}

static void on_marked(void *arg, const struct db_reply *reply, const struct err *err,
                      const char *sqlstate)
{
    struct worker *w = arg;

    on_other(arg, reply, err, sqlstate);
    for (size_t row = 0; err == NULL && row < db_rows(reply, 0); row++) {
        struct uuid id;

        if (uuid_parse(db_text(reply, 0, row, 0), &id))
            readback_add(w, &id);
    }
}

/* Sends a unit of facts; kept over a reconnect. Takes the unit. */
static void send_fact(struct worker *w, struct db_unit *unit, bool good, db_done_fn *done)
{
    if (unit == NULL || !good) {
        db_unit_free(unit);
        worker_exit(w, 1);
        return;
    }
    db_unit_keep(unit);
    if (db_submit(w->facts, unit, done, w) != 0) {
        worker_exit(w, 1);
        return;
    }
    w->writes->others++;
}

void writes_task(struct worker *w, const struct work *work)
{
    struct db_unit *unit = db_unit_new();
    struct columns c;
    bool good;

    columns_open(&c, 3);
    columns_uuid(&c, 0, &work->attempt.id);
    columns_text(&c, 1, work->attempt.task_id);
    columns_text(&c, 2, work->attempt.cookies);
    good = columns_close(&c);
    if (unit != NULL)
        db_add(unit, SQL_TASK, c.params_n, c.params);
    columns_done(&c);
    checkpoint("ledger.task");
    send_fact(w, unit, good, on_other);
}

void writes_judged(struct worker *w, const struct work *work)
{
    struct db_unit *unit = db_unit_new();
    struct buf keys;
    char id[UUID_TEXT_BYTES];
    const char *params[2] = { uuid_format(&work->attempt.id, id), NULL };

    buf_init(&keys, WORK_JUDGED_MAX * API_ID_BYTES * 2);
    array_open(&keys);
    for (size_t i = 0; i < work->attempt.judged_n; i++)
        array_add(&keys, work->attempt.judged[i]);
    array_close(&keys);
    params[1] = buf_str(&keys);
    if (unit != NULL)
        db_add(unit, SQL_JUDGED, 2, params);
    buf_done(&keys);
    checkpoint("ledger.judged");
    send_fact(w, unit, true, on_other);
}

void writes_mark(struct worker *w, const struct uuid *request_ids, size_t n)
{
    struct db_unit *unit;
    struct columns c;
    bool good;

    if (n == 0)
        return;
    unit = db_unit_new();
    columns_open(&c, 1);
    for (size_t i = 0; i < n; i++)
        columns_uuid(&c, 0, &request_ids[i]);
    good = columns_close(&c);
    if (unit != NULL)
        db_add(unit, SQL_MARK, 1, c.params);
    checkpoint("ledger.mark");
    send_fact(w, unit, good, on_marked);
    /* in a transaction of its own: of two workers that mark the last items at the same time, the
     * later one sees both marks */
    unit = db_unit_new();
    if (unit != NULL)
        db_add(unit, SQL_COMPLETE, 1, c.params);
    checkpoint("ledger.complete");
    send_fact(w, unit, good, on_other);
    columns_done(&c);
}

static void add_found(struct columns *c, const struct writes_found *f)
{
    columns_uuid(c, 0, &f->request_id);
    columns_text(c, 1, item_state_name(f->outcome));
    columns_text(c, 2, f->finished_at);
    columns_text(c, 3, f->error_class[0] == '\0' ? NULL : f->error_class);
    columns_text(c, 4, f->error_message[0] == '\0' ? NULL : f->error_message);
    columns_bool(c, 5, f->error_retryable);
    columns_text(c, 6, f->access_verdict);
}

/* Takes the columns of one statement about lost outcomes; the request ids are the first one. */
static void send_lost(struct worker *w, struct columns *c, const char *sql)
{
    bool good = columns_close(c);
    struct db_unit *unit = db_unit_new();

    if (unit != NULL) {
        db_add(unit, SQL_CLOSE_LOST, 1, c->params);
        db_add(unit, sql, c->params_n, c->params);
    }
    checkpoint("ledger.lost");
    send_fact(w, unit, good, on_other);
    unit = db_unit_new();
    if (unit != NULL)
        db_add(unit, SQL_COMPLETE, 1, c->params);
    checkpoint("ledger.complete_lost");
    send_fact(w, unit, good, on_other);
    columns_done(c);
}

void writes_take_back(struct worker *w, const struct writes_found *found, size_t n)
{
    struct columns c;

    if (n == 0)
        return;
    columns_open(&c, 7);
    for (size_t i = 0; i < n; i++)
        add_found(&c, &found[i]);
    send_lost(w, &c, SQL_TAKE_BACK);
}

void writes_mark_lost(struct worker *w, const struct uuid *request_ids, size_t n)
{
    struct columns c;

    if (n == 0)
        return;
    columns_open(&c, 1);
    for (size_t i = 0; i < n; i++)
        columns_uuid(&c, 0, &request_ids[i]);
    send_lost(w, &c, SQL_MARK_LOST);
}

#include "worker/restore.h"

#include "common/base/checkpoint.h"
#include "common/base/log.h"
#include "common/event/event.h"
#include "common/ledger/columns.h"
#include "common/ledger/db.h"
#include "worker/claim_unit.h"
#include "worker/sql.h"
#include "worker/worker.h"

#define RESTORE_MAX 256 /* attempts in one statement */

static void add_attempt(struct worker *w, struct columns *c, const struct work *work)
{
    const struct attempt *a = &work->attempt;

    columns_uuid(c, 0, &a->id);
    columns_int(c, 1, (int64_t)a->token);
    columns_uuid(c, 2, &work->req->id);
    columns_int(c, 3, a->n);
    columns_text(c, 4, a->target->name);
    columns_text(c, 5, a->target->url);
    columns_text(c, 6, work->bundle_id);
    if (a->content_date_ms > 0)
        columns_int(c, 7, a->content_date_ms);
    else
        columns_text(c, 7, NULL);
    columns_text(c, 8, a->task_id[0] == '\0' ? NULL : a->task_id);
    columns_text(c, 9, a->cookies);
    columns_int(c, 10, work->req->part->lane);
    columns_int(c, 11, work->req->part->partition);
    columns_int(c, 12, work->req->offset);
    columns_int(c, 13, event_now_ms(w->loop) - a->started_ms);
}

bool restore_add(struct worker *w, struct db_unit *unit, const struct uuid *request_ids, size_t n)
{
    struct columns c;
    bool good;

    columns_open(&c, 14);
    for (size_t i = 0; i < n; i++)
        add_attempt(w, &c, works_find(&w->works, &request_ids[i]));
    good = columns_close(&c);
    columns_value(&c, w->id);
    columns_value(&c, w->version);
    db_add(unit, SQL_RESTORE, c.params_n, c.params);
    columns_done(&c);
    return good;
}

static void on_restored(void *arg, const struct db_reply *reply, const struct err *err,
                        const char *sqlstate)
{
    (void)arg;
    if (err != NULL)
        log_warn("ledger.not_restored", LOG_FIELDS(LOG_S("sqlstate", sqlstate)), "%s", err->msg);
    else if (db_rows(reply, CLAIM_UNIT_LOCKS) > 0)
        log_error("ledger.lost_attempts",
                  LOG_FIELDS(LOG_I("attempts", db_rows(reply, CLAIM_UNIT_LOCKS))),
                  "the ledger had lost attempts whose builds run here; was there a failover to a "
                  "standby that is not synchronous?");
}

static void submit(struct worker *w, const struct uuid *ids, size_t n)
{
    struct db_unit *unit = n == 0 ? NULL : db_unit_new();

    if (n == 0)
        return;
    if (unit == NULL || !claim_unit_lock(unit, ids, n) || !restore_add(w, unit, ids, n)) {
        db_unit_free(unit);
        worker_exit(w, 1);
        return;
    }
    checkpoint("ledger.restore");
    if (db_submit(w->db, unit, on_restored, w) != 0)
        worker_exit(w, 1);
}

void restore_builds(struct worker *w)
{
    static const enum work_state open[] = { WORK_POSTING, WORK_POLLING, WORK_LOOKING, WORK_ENDING };
    struct uuid ids[RESTORE_MAX];
    size_t n = 0;

    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        struct list *list = &w->works.lists[open[i]];

        for (struct list_node *node = list_first(list); node != NULL;
             node = list_next(list, node)) {
            struct work *work = list_entry(node, struct work, node);

            work->attempt.doubt = true;
            ids[n++] = work->req->id;
            if (n < RESTORE_MAX)
                continue;
            submit(w, ids, n);
            n = 0;
        }
    }
    submit(w, ids, n);
}

#include "worker/writes.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/event/event.h"
#include "common/ledger/array.h"
#include "common/ledger/columns.h"
#include "common/ledger/db.h"
#include "worker/ask.h"
#include "worker/checks.h"
#include "worker/results.h"
#include "worker/sql.h"
#include "worker/worker.h"
#include "worker/writes_private.h"

#define RETRY_MS 500 /* after a unit that failed in the ledger */

static void turn(void *arg);

int writes_init(struct worker *w)
{
    w->writes = calloc(1, sizeof(*w->writes));
    if (w->writes == NULL)
        return -1;
    w->writes->max = SETTLE_MAX;
    w->writes->timer = event_timer_new(w->loop, turn, w);
    return w->writes->timer == NULL ? -1 : 0;
}

void writes_done(struct worker *w)
{
    if (w->writes != NULL)
        event_timer_free(w->writes->timer);
    free(w->writes);
    w->writes = NULL;
}

static void kick(struct worker *w)
{
    if (w->writes->kicked || w->writes->in_flight)
        return;
    w->writes->kicked = true;
    event_timer_start(w->writes->timer, 0, 0);
}

static void enter(struct worker *w, struct work *work, enum settle_kind kind)
{
    work_stop(work);
    work->settle = (int)kind;
    work->settle_sent = false;
    work->outcome_written = false;
    work_enter(&w->works, work, WORK_SETTLING);
    kick(w);
}

void writes_settle(struct worker *w, struct work *work)
{
    enter(w, work, SETTLE_OUTCOME);
}

void writes_republish(struct worker *w, struct work *work)
{
    enter(w, work, SETTLE_REPUBLISH);
}

void writes_park(struct worker *w, struct work *work)
{
    enter(w, work, SETTLE_PARK);
}

static void gather(struct worker *w)
{
    const struct list *settling = &w->works.lists[WORK_SETTLING];
    struct writes *q = w->writes;
    size_t total = 0;

    memset(q->n, 0, sizeof(q->n));
    for (struct list_node *n = list_first(settling); n != NULL && total < q->max;
         n = list_next(settling, n)) {
        struct work *work = list_entry(n, struct work, node);

        if (work->settle_sent || work->outcome_written)
            continue;
        work->settle_sent = true;
        q->ids[work->settle][q->n[work->settle]++] = work->req->id;
        total++;
    }
}

static void add_outcome(struct columns *c, const struct work *work)
{
    const struct attempt *a = &work->attempt;
    const char *cls = error_row(work->outcome_class)->name;
    bool has_attempt = !uuid_is_nil(&a->id);

    columns_uuid(c, 0, &work->req->id);
    columns_text(c, 1, item_state_name(work->outcome));
    columns_text(c, 2, cls[0] == '\0' ? NULL : cls);
    columns_text(c, 3, work->outcome_message[0] == '\0' ? NULL : work->outcome_message);
    columns_int(c, 4, work->req->part->lane);
    columns_int(c, 5, work->req->part->partition);
    columns_int(c, 6, work->req->offset);
    columns_uuid(c, 7, has_attempt ? &a->id : NULL);
    columns_int(c, 8, (int64_t)a->token);
    columns_text(c, 9, access_verdict_name(work->access));
    columns_text(c, 10, work->access_checks == NULL ? "[]" : work->access_checks);
}

static void add_place(struct columns *c, const struct work *work)
{
    columns_uuid(c, 0, &work->req->id);
    columns_int(c, 1, work->req->part->lane);
    columns_int(c, 2, work->req->part->partition);
    columns_int(c, 3, work->req->offset);
}

static bool add_kind(struct worker *w, struct db_unit *unit, struct db_unit *kept,
                     enum settle_kind kind)
{
    static const char *const sql[SETTLE_KINDS] = {
        [SETTLE_OUTCOME] = SQL_SETTLE, [SETTLE_REPUBLISH] = SQL_PLACE, [SETTLE_PARK] = SQL_PARK
    };
    struct columns c;
    bool good;

    columns_open(&c, kind == SETTLE_OUTCOME ? 11 : 4);
    for (size_t i = 0; i < w->writes->n[kind]; i++) {
        const struct work *work = works_find(&w->works, &w->writes->ids[kind][i]);

        if (kind == SETTLE_OUTCOME)
            add_outcome(&c, work);
        else
            add_place(&c, work);
    }
    good = columns_close(&c);
    if (kind == SETTLE_OUTCOME) {
        columns_value(&c, w->id);
        columns_value(&c, w->version);
    }
    db_add(unit, sql[kind], c.params_n, c.params);
    if (w->writes->n[kind] > 0)
        db_add(kept, sql[kind], c.params_n, c.params);
    columns_done(&c);
    return good;
}

/* The kinds that the unit under way has. */
static void pass_checkpoints(const struct writes *q)
{
    if (q->n[SETTLE_OUTCOME] > 0)
        checkpoint("ledger.outcome");
    if (q->n[SETTLE_REPUBLISH] > 0)
        checkpoint("ledger.republish");
    if (q->n[SETTLE_PARK] > 0)
        checkpoint("ledger.park");
}

static bool add_results(struct worker *w, struct db_unit *unit)
{
    struct buf ids;
    const char *params[1];
    bool good;

    buf_init(&ids, SETTLE_KINDS * SETTLE_MAX * 64);
    array_open(&ids);
    for (int kind = 0; kind < SETTLE_PARK; kind++)
        for (size_t i = 0; i < w->writes->n[kind]; i++) {
            char id[UUID_TEXT_BYTES];

            array_add(&ids, uuid_format(&w->writes->ids[kind][i], id));
        }
    array_close(&ids);
    params[0] = buf_str(&ids);
    db_add(unit, SQL_GUARD_FAILURES, 1, params);
    db_add(unit, SQL_RESULTS, 1, params);
    good = !ids.failed;
    buf_done(&ids);
    return good;
}

static struct work *settling(struct worker *w, const struct uuid *id)
{
    struct work *work = works_find(&w->works, id);

    return work != NULL && work->state == WORK_SETTLING && work->settle_sent ? work : NULL;
}

static bool in_reply(const struct db_reply *reply, size_t statement, const struct uuid *id)
{
    struct uuid row_id;

    for (size_t row = 0; row < db_rows(reply, statement); row++)
        if (uuid_parse(db_text(reply, statement, row, 0), &row_id) && uuid_equal(&row_id, id))
            return true;
    return false;
}

static void take_kind(struct worker *w, const struct db_reply *reply, enum settle_kind kind)
{
    for (size_t i = 0; i < w->writes->n[kind]; i++) {
        struct work *work = settling(w, &w->writes->ids[kind][i]);

        if (work == NULL)
            continue;
        work->settle_sent = false;
        if (!in_reply(reply, (size_t)kind, &work->req->id))
            ask_again(w, work); /* another place, another token or an outcome: the answer tells */
        else if (kind == SETTLE_PARK)
            ask_forget(w, work, 1);
        else
            work->outcome_written = true; /* its result row follows */
    }
}

/* Written, but it has no result row: somebody changed the item since. */
static void ask_about_the_rest(struct worker *w)
{
    for (int kind = 0; kind < SETTLE_PARK; kind++)
        for (size_t i = 0; i < w->writes->n[kind]; i++) {
            struct work *work = works_find(&w->works, &w->writes->ids[kind][i]);

            if (work != NULL && work->state == WORK_SETTLING && work->outcome_written)
                ask_again(w, work);
        }
}

static void give_back(struct worker *w, const struct err *err)
{
    struct writes *q = w->writes;
    size_t total = 0;

    for (int kind = 0; kind < SETTLE_KINDS; kind++) {
        total += q->n[kind];
        for (size_t i = 0; i < q->n[kind]; i++) {
            struct work *work = settling(w, &q->ids[kind][i]);

            if (work == NULL)
                continue;
            work->settle_sent = false;
            if (err->kind != ERR_INPUT || q->max > 1)
                continue;
            work->outcome_message[0] =
                '\0'; /* the row that is refused is stored without its texts */
            free(work->access_checks);
            work->access_checks = NULL;
        }
    }
    if (err->kind == ERR_INPUT && q->max > 1)
        q->max = (total + 1) / 2;
    event_timer_start(q->timer, RETRY_MS, 0);
}

static void on_reply(void *arg, const struct db_reply *reply, const struct err *err,
                     const char *sqlstate)
{
    struct worker *w = arg;

    w->writes->in_flight = false;
    if (err != NULL) {
        log_warn("outcomes.failed", LOG_FIELDS(LOG_S("sqlstate", sqlstate)), "%s", err->msg);
        give_back(w, err);
        return;
    }
    for (int kind = 0; kind < SETTLE_KINDS; kind++)
        take_kind(w, reply, (enum settle_kind)kind);
    results_take_rows(w, reply, SETTLE_KINDS + 1);
    ask_about_the_rest(w);
    w->writes->max = SETTLE_MAX;
    kick(w);
}

/* What is kept of it for a failover is only what it writes. */
static struct db_unit *make_unit(struct worker *w)
{
    struct db_unit *unit = db_unit_new(), *kept = db_unit_new();
    bool good = unit != NULL && kept != NULL;

    if (!good) {
        db_unit_free(unit);
        db_unit_free(kept);
        return NULL;
    }
    db_unit_transaction(unit);
    for (int kind = 0; kind < SETTLE_KINDS; kind++)
        good = add_kind(w, unit, kept, (enum settle_kind)kind) && good;
    good = add_results(w, unit) && good;
    db_unit_keep_as(unit, kept);
    if (good)
        return unit;
    db_unit_free(unit);
    return NULL;
}

static void turn(void *arg)
{
    struct worker *w = arg;
    struct db_unit *unit;

    w->writes->kicked = false;
    if (w->writes->in_flight)
        return;
    gather(w);
    if (w->writes->n[SETTLE_OUTCOME] + w->writes->n[SETTLE_REPUBLISH] + w->writes->n[SETTLE_PARK] ==
        0)
        return;
    unit = make_unit(w);
    pass_checkpoints(w->writes);
    w->writes->in_flight = unit != NULL && db_submit(w->facts, unit, on_reply, w) == 0;
    if (!w->writes->in_flight)
        worker_exit(w, 1);
}

void writes_attempt_ended(struct worker *w, struct work *work)
{
    if (work->outcome == ITEM_RUNNING) {
        work_enter(&w->works, work, WORK_CHECKING);
        checks_start(w, work);
    } else if (work->outcome == ITEM_WAITING) {
        int64_t delay = work->end_delay_ms;

        work_forget_attempt(work);
        if (delay > 0 && delay <= PARK_AFTER_MS)
            ask_wait(w, work, WAIT_DUE, "", delay);
        else
            ask_again(w, work); /* one that is due much later is parked by the answer */
    } else {
        work->outcome_written = true;
        work->settle_sent = true;
        work_enter(&w->works, work, WORK_SETTLING); /* its result row is in the same reply */
    }
}

bool writes_idle(const struct worker *w)
{
    return !w->writes->in_flight && w->writes->others == 0 && w->works.lists[WORK_SETTLING].n == 0;
}

#include "common/outbox/turn.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "common/outbox/sql.h"

#define NUMBER_BYTES 24 /* an int64_t as text */

/* Statements of the units that are read. */
enum { BEGIN_STATE, BEGIN_OUT, BEGIN_UNPARK, BEGIN_UNSENT };
enum { END_ADVANCE, END_CLOSE, END_REPORT };

static const char *number(char out[NUMBER_BYTES], int64_t value)
{
    snprintf(out, NUMBER_BYTES, "%" PRId64, value);
    return out;
}

static bool closed(const char *state)
{
    return strcmp(state, "completed") == 0 || strcmp(state, "cancelled") == 0;
}

/* ---- end ---- */

void turn_finish(struct outbox *o, const struct err *err)
{
    struct err copy = err != NULL ? *err : (struct err){ .kind = ERR_NONE };
    struct outbox_report report = o->report;

    event_timer_stop(o->renew);
    event_timer_stop(o->step);
    progress_done(&o->progress);
    outbox_about_done(&o->about);
    o->ending = o->paging = o->busy = false;
    o->done(o->arg, err == NULL ? &report : NULL, err == NULL ? NULL : &copy);
}

void turn_fail(struct outbox *o, const struct err *err)
{
    if (o->err.kind == ERR_NONE)
        o->err = *err;
    o->stopped = true;
}

static void on_end(struct outbox *o, const struct db_reply *reply, const struct err *err)
{
    struct outbox_report *r = &o->report;

    if (o->err.kind != ERR_NONE || err != NULL) {
        turn_finish(o, o->err.kind != ERR_NONE ? &o->err : err);
        return;
    }
    str_copy(r->state, sizeof(r->state), db_text(reply, END_REPORT, 0, REPORT_STATE));
    r->published = (int64_t)o->progress.delivered;
    r->cursor_rank = db_int(reply, END_REPORT, 0, REPORT_CURSOR);
    r->selected = db_int(reply, END_REPORT, 0, REPORT_SELECTED);
    r->more = r->more || o->stopped || o->allowed > 0;
    r->at_end = r->cursor_rank >= r->selected - 1 && !db_bool(reply, END_REPORT, 0, REPORT_UNSENT);
    if (!db_null(reply, END_REPORT, 0, REPORT_WAIT_MS)) {
        r->wait_ms = db_int(reply, END_REPORT, 0, REPORT_WAIT_MS);
        if (r->wait_ms < 0)
            r->wait_ms = 0;
    }
    r->completed = closed(r->state);
    turn_finish(o, NULL);
}

static int submit_end(struct outbox *o);

static void fail_end(struct outbox *o)
{
    struct err err;

    err_set(&err, ERR_INTERNAL, "no memory to end a turn of the outbox");
    turn_finish(o, o->err.kind != ERR_NONE ? &o->err : &err);
}

static void on_sent(struct outbox *o, const struct db_reply *reply, const struct err *err)
{
    (void)reply;
    if (err != NULL)
        turn_fail(o, err); /* the marks stay, and copies will be sent */
    if (submit_end(o) != 0)
        fail_end(o);
}

static int submit_sent(struct outbox *o)
{
    struct db_unit *unit = db_unit_new();
    struct buf ids;
    int rc = -1;

    buf_init(&ids, OUTBOX_TURN_ITEMS * 64);
    progress_put_sent(&o->progress, &ids);
    if (unit == NULL || ids.failed) {
        db_unit_free(unit);
        goto out;
    }
    db_add(unit, OUTBOX_SQL_SENT, 3, (const char *const[]){ o->id, o->holder, buf_str(&ids) });
    checkpoint("outbox.sent");
    rc = outbox_submit(o, unit, on_sent);
out:
    buf_done(&ids);
    return rc;
}

static int add_advance(struct outbox *o, struct db_unit *unit)
{
    char cursor[NUMBER_BYTES];
    struct buf last;
    bool good;

    buf_init(&last, OUTBOX_PARTITIONS_MAX * NUMBER_BYTES);
    progress_put_last(&o->progress, &last);
    good = !last.failed;
    number(cursor, progress_cursor(&o->progress));
    if (good)
        db_add(unit, OUTBOX_SQL_ADVANCE, 3, (const char *const[]){ o->id, cursor, buf_str(&last) });
    buf_done(&last);
    return good ? 0 : -1;
}

static void on_advanced(struct outbox *o, const struct db_reply *reply, const struct err *err)
{
    (void)reply;
    if (err != NULL)
        turn_finish(o, o->err.kind != ERR_NONE ? &o->err : err);
    else if (submit_sent(o) != 0)
        fail_end(o);
}

static int submit_advance(struct outbox *o)
{
    struct db_unit *unit = db_unit_new();

    if (unit == NULL || add_advance(o, unit) != 0) {
        db_unit_free(unit);
        return -1;
    }
    checkpoint("outbox.advance");
    return outbox_submit(o, unit, on_advanced);
}

static int submit_end(struct outbox *o)
{
    struct db_unit *unit = db_unit_new();

    if (unit == NULL || add_advance(o, unit) != 0) {
        db_unit_free(unit);
        return -1;
    }
    db_add(unit, OUTBOX_SQL_CLOSE, 1, (const char *const[]){ o->id });
    db_add(unit, OUTBOX_SQL_REPORT, 1, (const char *const[]){ o->id });
    checkpoint("outbox.cursor");
    return outbox_submit(o, unit, on_end);
}

/* Writes down what was delivered, also after an error. The last offsets come before the marks go:
 * an item without a mark whose record is beyond the last offset would look lost. */
static void end(struct outbox *o)
{
    o->ending = true;
    if ((o->progress.marks > 0 ? submit_advance(o) : submit_end(o)) != 0)
        fail_end(o);
}

/* ---- pages from the cursor on ---- */

static void on_page(struct outbox *o, const struct db_reply *reply, const struct err *err);

static int64_t page_items(const struct outbox *o)
{
    int64_t n = o->allowed < o->budget ? o->allowed : o->budget;

    return n < OUTBOX_PAGE_ITEMS ? n : OUTBOX_PAGE_ITEMS;
}

static void submit_page(struct outbox *o)
{
    struct db_unit *unit = db_unit_new();
    char rank[NUMBER_BYTES], n[NUMBER_BYTES];
    struct err err;

    if (unit != NULL) {
        number(rank, o->next_rank);
        number(n, page_items(o));
        db_add(unit, OUTBOX_SQL_NEXT, 3, (const char *const[]){ o->id, rank, n });
        checkpoint("outbox.page");
        o->paging = outbox_submit(o, unit, on_page) == 0;
    }
    if (!o->paging) {
        err_set(&err, ERR_INTERNAL, "no memory for a page of the outbox");
        turn_fail(o, &err);
    }
}

static void on_page(struct outbox *o, const struct db_reply *reply, const struct err *err)
{
    size_t rows = db_rows(reply, 0);

    o->paging = false;
    if (err != NULL)
        turn_fail(o, err);
    if (rows == 0)
        o->allowed = 0; /* no item there: the selection is smaller than the campaign says */
    if (rows > 0 && !o->stopped) {
        o->next_rank = db_int(reply, 0, rows - 1, ITEM_RANK);
        o->allowed -= (int64_t)rows;
        o->budget -= (int64_t)rows;
        /* PostgreSQL reads the next page while this one is rendered. */
        if (page_items(o) > 0)
            submit_page(o);
        send_rows(o, reply, 0, false);
    }
    turn_go_on(o);
}

void turn_go_on(struct outbox *o)
{
    if (o->paging || o->ending)
        return;
    if (!o->stopped && page_items(o) > 0)
        submit_page(o);
    if (!o->paging && o->progress.pending == 0)
        end(o);
}

/* ---- begin ---- */

static int read_campaign(struct outbox *o, const struct db_reply *reply, struct err *err)
{
    const size_t st = BEGIN_STATE;
    const char *source = db_text(reply, st, 0, STATE_SOURCE);

    o->lane = db_int(reply, st, 0, STATE_LANE);
    o->about.name = str_dup(db_text(reply, st, 0, STATE_NAME));
    o->about.reason = str_dup(db_text(reply, st, 0, STATE_REASON));
    o->about.actor = str_dup(db_text(reply, st, 0, STATE_ACTOR));
    o->about.source = str_dup(source);
    if (source == NULL)
        return err_set(err, ERR_CONFIG,
                       "the ledger does not say which installation it is of: "
                       "run `rebuild-producer topics apply`");
    if (o->about.source == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a campaign");
    return 0;
}

static int64_t read_valve(const struct db_reply *reply, int64_t cursor)
{
    const size_t st = BEGIN_STATE;
    const struct outbox_valve valve = {
        .state = db_text(reply, st, 0, STATE_STATE),
        .due = db_bool(reply, st, 0, STATE_DUE),
        .limit = db_int(reply, st, 0, STATE_LIMIT),
        .open = db_int(reply, st, 0, STATE_OPEN),
        .left = db_int(reply, st, 0, STATE_SELECTED) - 1 - cursor,
        .over = db_bool(reply, st, 0, STATE_OVER),
    };

    return outbox_valve_allows(&valve);
}

/* Not ours, closed, or not there: nothing is published. */
static void finish_without_lease(struct outbox *o, const struct db_reply *reply)
{
    struct outbox_report *r = &o->report;
    struct err err;

    if (db_rows(reply, BEGIN_STATE) == 0) {
        err_set(&err, ERR_CONFIG, "there is no campaign %s", o->id);
        turn_finish(o, &err);
        return;
    }
    r->cursor_rank = db_int(reply, BEGIN_STATE, 0, STATE_CURSOR);
    r->selected = db_int(reply, BEGIN_STATE, 0, STATE_SELECTED);
    str_copy(r->state, sizeof(r->state), db_text(reply, BEGIN_STATE, 0, STATE_STATE));
    r->completed = closed(r->state);
    r->at_end = r->completed;
    turn_finish(o, NULL);
}

static void on_begun(struct outbox *o, const struct db_reply *reply, const struct err *err)
{
    int64_t cursor = db_int(reply, BEGIN_STATE, 0, STATE_CURSOR);
    struct err why;

    if (err != NULL) {
        turn_finish(o, err);
        return;
    }
    if (db_rows(reply, BEGIN_STATE) == 0 || !db_bool(reply, BEGIN_STATE, 0, STATE_LEASE)) {
        finish_without_lease(o, reply);
        return;
    }
    o->report.lease = true;
    progress_open(&o->progress, cursor);
    o->next_rank = cursor;
    o->allowed = read_valve(reply, cursor);
    o->budget = OUTBOX_TURN_ITEMS;
    o->report.more = db_changed(reply, BEGIN_UNPARK) == OUTBOX_PAGE_ITEMS ||
                     db_rows(reply, BEGIN_UNSENT) == OUTBOX_PAGE_ITEMS;
    if (read_campaign(o, reply, &why) != 0)
        turn_fail(o, &why);
    send_rows(o, reply, BEGIN_UNSENT, true);
    turn_go_on(o);
}

static void on_leased(struct outbox *o, const struct db_reply *reply, const struct err *err)
{
    (void)o;
    (void)reply;
    (void)err; /* whether the lease is ours is read by the next unit */
}

static int submit_lease(struct outbox *o)
{
    struct db_unit *unit = db_unit_new();
    char lease[NUMBER_BYTES];

    if (unit == NULL)
        return -1;
    number(lease, LEASE_MS);
    db_add(unit, OUTBOX_SQL_LEASE, 3, (const char *const[]){ o->id, o->holder, lease });
    checkpoint("outbox.lease");
    return outbox_submit(o, unit, on_leased);
}

int turn_begin(struct outbox *o, struct err *err)
{
    struct db_unit *unit = submit_lease(o) == 0 ? db_unit_new() : NULL;
    char n[NUMBER_BYTES];

    o->stopped = o->ending = o->paging = false;
    if (unit != NULL) {
        number(n, OUTBOX_PAGE_ITEMS);
        db_add(unit, OUTBOX_SQL_STATE, 2, (const char *const[]){ o->id, o->holder });
        db_add(unit, OUTBOX_SQL_OUT, 1, (const char *const[]){ o->id });
        db_add(unit, OUTBOX_SQL_UNPARK, 3, (const char *const[]){ o->id, o->holder, n });
        db_add(unit, OUTBOX_SQL_UNSENT, 3, (const char *const[]){ o->id, o->holder, n });
        checkpoint("outbox.unpark");
        if (outbox_submit(o, unit, on_begun) == 0)
            return 0;
    }
    return err_set(err, ERR_INTERNAL, "no memory for a turn of the outbox");
}

/* ---- the lease ---- */

static void on_renewed(struct outbox *o, const struct db_reply *reply, const struct err *err)
{
    (void)reply;
    (void)err; /* a lease that lapses costs copies at worst */
    o->renewing = false;
}

void turn_renew(struct outbox *o)
{
    struct db_unit *unit;
    char lease[NUMBER_BYTES];

    if (o->renewing || !db_is_up(o->db))
        return;
    unit = db_unit_new();
    if (unit == NULL)
        return;
    number(lease, LEASE_MS);
    db_add(unit, OUTBOX_SQL_RENEW, 3, (const char *const[]){ o->id, o->holder, lease });
    checkpoint("outbox.renew");
    o->renewing = outbox_submit(o, unit, on_renewed) == 0;
}

#include "worker/claims.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "worker/answer.h"
#include "worker/ask.h"
#include "worker/builds.h"
#include "worker/claim_unit.h"
#include "worker/presence.h"
#include "worker/reading.h"
#include "worker/results.h"
#include "worker/sql.h"
#include "worker/worker.h"
#include "worker/writes.h"

#define GAVE_VIEW_MS     50  /* a slot was left to another worker: look again whether it took it */
#define RETRY_MS         200 /* after a turn that failed in the ledger */
#define REFUSED_IN_A_ROW 8
#define REFUSED_WAIT_MS  1000
#define PACE_SHARE \
    8 /* ask ahead for an eighth of a second of starts: a question and a content read */
#define PACE_WINDOW_MS 1000

struct claims {
    struct event_timer *timer;
    bool kicked;
    bool in_flight;
    struct claim_unit unit;
    size_t ends_max;   /* halved while the ledger refuses a batch, to find the row */
    int64_t window_ms; /* start of the second that is being counted */
    size_t starts, pace;
};

static void turn(void *arg);

int claims_init(struct worker *w)
{
    w->claims = calloc(1, sizeof(*w->claims));
    if (w->claims == NULL)
        return -1;
    w->claims->ends_max = CLAIM_UNIT_ENDS;
    w->claims->timer = event_timer_new(w->loop, turn, w);
    return w->claims->timer == NULL ? -1 : 0;
}

void claims_done(struct worker *w)
{
    if (w->claims != NULL)
        event_timer_free(w->claims->timer);
    free(w->claims);
    w->claims = NULL;
}

void claims_kick(struct worker *w)
{
    if (w->claims->kicked)
        return;
    w->claims->kicked = true;
    event_timer_start(w->claims->timer, 0, 0);
}

void claims_end(struct worker *w, struct work *work)
{
    work->end_sent = false;
    claims_kick(w);
}

size_t claims_pace(const struct worker *w)
{
    return w->claims->pace / PACE_SHARE;
}

size_t claims_pending(const struct worker *w)
{
    return w->works.lists[WORK_ENDING].n;
}

void claims_slot_given(struct worker *w, const char *replica)
{
    struct target *t = targets_find(&w->targets, replica);

    if (t != NULL && t->open > 0)
        t->open--; /* what the notification says is newer than our view; the guard checks it */
    claims_kick(w);
}

static void count_starts(struct claims *c, size_t n, int64_t now)
{
    if (now - c->window_ms >= PACE_WINDOW_MS) {
        c->pace = now - c->window_ms < 2 * PACE_WINDOW_MS ? c->starts : 0;
        c->starts = 0;
        c->window_ms = now;
    }
    c->starts += n;
}

static struct work *find(struct worker *w, const struct uuid *id, enum work_state state)
{
    struct work *work = works_find(&w->works, id);

    return work != NULL && work->state == state ? work : NULL;
}

/* Row of the reply's statement that holds this uuid in its first column, or -1. */
static ptrdiff_t row_of(const struct db_reply *reply, size_t statement, const struct uuid *id)
{
    struct uuid row_id;

    for (size_t row = 0; row < db_rows(reply, statement); row++)
        if (uuid_parse(db_text(reply, statement, row, 0), &row_id) && uuid_equal(&row_id, id))
            return (ptrdiff_t)row;
    return -1;
}

/* Slots that were left to others are theirs for a moment: these claims must not be quicker. */
static void leave_slots(struct worker *w, int64_t n)
{
    const struct claim_unit *u = &w->claims->unit;
    int64_t now = event_now_ms(w->loop);

    for (size_t i = 0; i < (size_t)n && i < u->ends_n; i++) {
        const struct work *work =
            i < u->claims_n ? find(w, &u->claims[u->claims_n - 1 - i], WORK_CLAIMING) : NULL;

        target_leave_slot(work != NULL ? work->attempt.target : u->give, now, now + GAVE_VIEW_MS);
    }
    ask_view_in(w, GAVE_VIEW_MS);
}

static void take_ends(struct worker *w, const struct db_reply *reply)
{
    struct claim_unit *u = &w->claims->unit;

    for (size_t i = 0; i < u->ends_n; i++) {
        struct work *work = find(w, &u->ends[i], WORK_ENDING);
        ptrdiff_t row;

        if (work == NULL)
            continue;
        row = row_of(reply, u->end_at, &work->attempt.id);
        if (row < 0 && !work->attempt.doubt) {
            work->attempt.doubt = true; /* lost in a failover? Once more, with the attempt */
            work->end_sent = false;
            continue;
        }
        if (row < 0 || !db_bool(reply, u->end_at, (size_t)row, 1)) {
            /* another token, or another place: somebody else owns the build now */
            work_forget_attempt(work);
            ask_again(w, work);
            continue;
        }
        writes_attempt_ended(w, work);
    }
    if (u->results_at != CLAIM_UNIT_NO_STATEMENT)
        results_take_rows(w, reply, u->results_at);
    if (u->give_at != CLAIM_UNIT_NO_STATEMENT && db_int(reply, u->give_at, 0, 1) > 0)
        leave_slots(w, db_int(reply, u->give_at, 0, 1));
    w->claims->ends_max = CLAIM_UNIT_ENDS;
}

/* The guard knows more than the proposal did: the question is asked again. More than a few times in
 * a row it would say the same at once. */
static void refused(struct worker *w, struct work *work)
{
    work_forget_attempt(work);
    if (++work->refused < REFUSED_IN_A_ROW)
        ask_again(w, work);
    else
        ask_wait(w, work, WAIT_DUE, "", REFUSED_WAIT_MS);
}

/* A claim sent again may have been granted as it was sent first. */
static void granted_on(struct worker *w, struct work *work, const struct db_reply *reply,
                       size_t row)
{
    size_t at = w->claims->unit.granted_at;
    struct target *t = targets_find(&w->targets, db_text(reply, at, row, 2));

    work->refused = 0;
    work->attempt.n = (int)db_int(reply, at, row, 1);
    if (t != NULL)
        work->attempt.target = t;
}

static void take_claims(struct worker *w, const struct db_reply *reply)
{
    struct claim_unit *u = &w->claims->unit;
    size_t granted = 0;

    for (size_t i = 0; i < u->claims_n; i++) {
        struct work *work = find(w, &u->claims[i], WORK_CLAIMING);
        ptrdiff_t row;

        if (work == NULL)
            continue;
        row = row_of(reply, u->granted_at, &work->attempt.id);
        if (row < 0) {
            refused(w, work);
            continue;
        }
        granted++;
        granted_on(w, work, reply, (size_t)row);
        work_enter(&w->works, work, WORK_POSTING);
        builds_post(w, work);
    }
    count_starts(w->claims, granted, event_now_ms(w->loop));
}

static void give_back(struct worker *w, const struct err *err)
{
    struct claim_unit *u = &w->claims->unit;

    for (size_t i = 0; i < u->ends_n; i++) {
        struct work *work = find(w, &u->ends[i], WORK_ENDING);

        if (work == NULL)
            continue;
        work->end_sent = false;
        if (err->kind == ERR_INPUT && u->ends_n == 1)
            claim_unit_strip(work);
    }
    if (err->kind == ERR_INPUT && w->claims->ends_max > 1)
        w->claims->ends_max = (u->ends_n + 1) / 2;
    for (size_t i = 0; i < u->claims_n; i++) {
        struct work *work = find(w, &u->claims[i], WORK_CLAIMING);

        if (work != NULL)
            ask_again(w,
                      work); /* with its attempt id and token, in case it was granted after all */
    }
}

static void on_reply(void *arg, const struct db_reply *reply, const struct err *err,
                     const char *sqlstate)
{
    struct worker *w = arg;

    w->claims->in_flight = false;
    checkpoint("ledger.turn_answer");
    if (err != NULL) {
        log_warn("claims.failed", LOG_FIELDS(LOG_S("sqlstate", sqlstate)), "%s", err->msg);
        give_back(w, err);
        event_timer_start(w->claims->timer, RETRY_MS, 0);
        return;
    }
    answer_replicas(w, reply, w->claims->unit.replicas_at);
    take_ends(w, reply);
    if (w->claims->unit.claims_n > 0)
        take_claims(w, reply);
    presence_want(w);
    ask_kick(w);
    claims_kick(w);
}

/* Ready ones whose content read grew stale are read again when there is a slot to take. */
static void read_stale(struct worker *w)
{
    const struct list *ready = &w->works.lists[WORK_READY];
    struct list_node *n = list_first(ready);
    int free = targets_free(&w->targets, event_now_ms(w->loop));

    while (n != NULL && free > 0) {
        struct work *work = list_entry(n, struct work, node);

        n = list_next(ready, n);
        free--;
        if (!reading_fresh(w, work))
            reading_start(w, work);
    }
}

static void turn(void *arg)
{
    struct worker *w = arg;
    struct claims *c = w->claims;

    c->kicked = false;
    if (c->in_flight || !db_is_up(w->db))
        return;
    if (worker_may_start(w))
        read_stale(w);
    claim_unit_gather(w, &c->unit, c->ends_max);
    if (c->unit.ends_n == 0 && c->unit.claims_n == 0)
        return;
    c->in_flight = true;
    if (claim_unit_submit(w, &c->unit, on_reply) != 0) {
        c->in_flight = false;
        worker_exit(w, 1);
    }
}

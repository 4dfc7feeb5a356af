#include "worker/adopt.h"

#include <stdlib.h>

#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/ledger/columns.h"
#include "common/ledger/db.h"
#include "worker/ask.h"
#include "worker/builds.h"
#include "worker/checks.h"
#include "worker/meters.h"
#include "worker/sql.h"
#include "worker/worker.h"

/* One unit of take-overs: which works, and the tokens that were read. */
struct adopt {
    struct worker *w;
    struct uuid ids[CLAIM_BATCH];
    uint64_t was[CLAIM_BATCH];
    bool built[CLAIM_BATCH];
    size_t n;
};

void adopt_done(struct worker *w)
{
    free(w->adopting);
    w->adopting = NULL;
}

static void add(struct worker *w, struct work *work, bool built)
{
    struct adopt *a = w->adopting;

    if (a == NULL) {
        a = w->adopting = calloc(1, sizeof(*a));
        if (a == NULL) {
            worker_exit(w, 1);
            return;
        }
        a->w = w;
    }
    a->ids[a->n] = work->req->id;
    a->was[a->n] = work->attempt.token;
    a->built[a->n] = built;
    a->n++;
    work->attempt.token = random_u64() >> 1; /* fits a signed 64-bit column */
    work->taking = true;
}

void adopt_add(struct worker *w, struct work *work, enum answer answer)
{
    if (answer == ANSWER_RESUME)
        builds_resume(w, work);
    else
        add(w, work, answer == ANSWER_VALIDATE);
}

static bool in_reply(const struct db_reply *reply, size_t statement, const struct uuid *id)
{
    struct uuid row_id;

    for (size_t row = 0; row < db_rows(reply, statement); row++)
        if (uuid_parse(db_text(reply, statement, row, 0), &row_id) && uuid_equal(&row_id, id))
            return true;
    return false;
}

static void go_on(struct worker *w, struct work *work, bool built)
{
    char id[UUID_TEXT_BYTES];

    if (built) {
        work_enter(&w->works, work, WORK_CHECKING);
        checks_start(w, work);
        return;
    }
    work->attempt.adopted = true;
    meters_adopted(w);
    log_info("build.adopted",
             LOG_FIELDS(LOG_S("request_id", uuid_format(&work->req->id, id)),
                        LOG_S("content_guid", work->guid), LOG_I("attempt", work->attempt.n),
                        LOG_S("replica", work->attempt.target->name),
                        LOG_S("task_id", work->attempt.task_id)),
             "an open build is followed from here");
    builds_follow(w, work);
}

static void on_adopted(void *arg, const struct db_reply *reply, const struct err *err,
                       const char *sqlstate)
{
    struct adopt *a = arg;
    struct worker *w = a->w;

    (void)sqlstate;
    for (size_t i = 0; i < a->n; i++) {
        struct work *work = works_find(&w->works, &a->ids[i]);

        if (work == NULL || work->state != WORK_ASKING || !work->taking)
            continue;
        work->taking = false;
        if (err == NULL && part_holds(work->req) && in_reply(reply, 0, &work->attempt.id) &&
            in_reply(reply, 1, &a->ids[i]))
            go_on(w, work, a->built[i]);
        else
            ask_again(w, work);
    }
    free(a);
}

static void fill(const struct adopt *a, struct columns *tokens, struct columns *places)
{
    columns_open(tokens, 3);
    columns_open(places, 4);
    for (size_t i = 0; i < a->n; i++) {
        const struct work *work = works_find(&a->w->works, &a->ids[i]);

        columns_uuid(tokens, 0, &work->attempt.id);
        columns_int(tokens, 1, (int64_t)a->was[i]);
        columns_int(tokens, 2, (int64_t)work->attempt.token);
        columns_uuid(places, 0, &a->ids[i]);
        columns_int(places, 1, work->req->part->lane);
        columns_int(places, 2, work->req->part->partition);
        columns_int(places, 3, work->req->offset);
    }
}

void adopt_flush(struct worker *w)
{
    struct adopt *a = w->adopting;
    struct db_unit *unit;
    struct columns tokens, places;
    bool good;

    if (a == NULL)
        return;
    w->adopting = NULL;
    unit = db_unit_new();
    fill(a, &tokens, &places);
    good = columns_close(&tokens) && columns_close(&places) && unit != NULL;
    if (good) {
        columns_value(&tokens, w->id);
        columns_value(&tokens, w->version);
        db_unit_transaction(unit);
        db_add(unit, SQL_ADOPT, tokens.params_n, tokens.params);
        db_add(unit, SQL_PLACE, places.params_n, places.params);
        checkpoint("ledger.adopt");
        good = db_submit(w->db, unit, on_adopted, a) == 0;
    }
    columns_done(&tokens);
    columns_done(&places);
    if (!good) {
        free(a);
        worker_exit(w, 1);
    }
}

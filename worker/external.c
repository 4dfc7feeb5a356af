#include "worker/external.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/checkpoint.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "common/record/request.h"
#include "worker/ask.h"
#include "worker/sql.h"
#include "worker/worker.h"

#define HOLD_MS 60000 /* a request of ours that the ledger does not know is asked about again */
/* Campaign of a request that names none. */
static const char NO_CAMPAIGN[] = "00000000-0000-5000-8000-000000000000";

struct external {
    struct request request;
    bool inserting;
    UT_hash_handle hh;
};

int external_note(struct worker *w, struct request *request)
{
    struct external *e;

    if (request->source != NULL && strcmp(request->source, w->source) == 0)
        return 0;
    HASH_FIND(hh, w->externals, &request->request_id, sizeof(request->request_id), e);
    if (e != NULL)
        return 0;
    e = calloc(1, sizeof(*e));
    if (e == NULL)
        return -1;
    e->request = *request;
    *request = (struct request){ 0 };
    HASH_ADD(hh, w->externals, request.request_id, sizeof(e->request.request_id), e);
    return 0;
}

static void drop(struct worker *w, struct external *e)
{
    HASH_DEL(w->externals, e);
    request_done(&e->request);
    free(e);
}

void external_done(struct worker *w)
{
    struct external *first = w->externals, *e, *next;

    HASH_CLEAR(hh, w->externals); /* the table, not the elements: their list stays */
    for (e = first; e != NULL; e = next) {
        next = e->hh.next;
        request_done(&e->request);
        free(e);
    }
}

void external_known(struct worker *w, const struct uuid *request_id)
{
    struct external *e;

    if (w->externals == NULL)
        return;
    HASH_FIND(hh, w->externals, request_id, sizeof(*request_id), e);
    if (e != NULL && !e->inserting)
        drop(w, e);
}

struct insertion {
    struct worker *w;
    struct uuid id;
};

static void on_inserted(void *arg, const struct db_reply *reply, const struct err *err,
                        const char *sqlstate)
{
    struct insertion in = *(struct insertion *)arg;
    struct work *work = works_find(&in.w->works, &in.id);
    struct external *e;

    (void)reply;
    free(arg);
    HASH_FIND(hh, in.w->externals, &in.id, sizeof(in.id), e);
    if (e != NULL)
        e->inserting = false;
    if (err != NULL)
        log_warn("external.not_inserted", LOG_FIELDS(LOG_S("sqlstate", sqlstate)), "%s", err->msg);
    if (work == NULL || work->state != WORK_ASKING)
        return;
    work->taking = false;
    if (err == NULL)
        ask_again(in.w, work);
    else
        ask_wait(in.w, work, WAIT_DUE, "", err->retriable ? 1000 : HOLD_MS);
}

static void add_item(struct db_unit *unit, const struct request *r, const char *campaign)
{
    const struct content *c = &r->content;
    char id[UUID_TEXT_BYTES];
    struct buf paths;
    const char *params[16] = { uuid_format(&r->request_id, id),
                               campaign,
                               r->high_lane ? "1" : "0",
                               c->guid,
                               c->bundle_id,
                               c->app_mode,
                               c->title,
                               c->name,
                               c->owner_guid,
                               c->owner_username,
                               c->access_type,
                               c->r_version,
                               c->py_version,
                               c->quarto_version,
                               c->image_name,
                               NULL };

    buf_init(&paths, 64 * 1024);
    array_open(&paths);
    for (size_t i = 0; i < c->access_paths_n; i++)
        array_add(&paths, c->access_paths[i]);
    array_close(&paths);
    params[15] = buf_str(&paths);
    db_add(unit, SQL_EXTERNAL_ITEM, 16, params);
    buf_done(&paths);
}

static void insert(struct worker *w, struct external *e)
{
    const struct request *r = &e->request;
    struct insertion *in = malloc(sizeof(*in));
    struct db_unit *unit = db_unit_new();
    char campaign[UUID_TEXT_BYTES];
    const char *id =
        uuid_is_nil(&r->campaign_id) ? NO_CAMPAIGN : uuid_format(&r->campaign_id, campaign);
    const char *params[4] = { id, r->campaign_name, r->reason, r->actor };

    if (in == NULL || unit == NULL) {
        free(in);
        db_unit_free(unit);
        worker_exit(w, 1);
        return;
    }
    *in = (struct insertion){ w, r->request_id };
    e->inserting = true;
    db_unit_transaction(unit);
    db_add(unit, SQL_EXTERNAL_CAMPAIGN, 4, params);
    add_item(unit, r, id);
    checkpoint("ledger.external");
    if (db_submit(w->db, unit, on_inserted, in) != 0)
        worker_exit(w, 1);
}

void external_ask(struct worker *w, struct work *work)
{
    struct external *e;
    char id[UUID_TEXT_BYTES];

    HASH_FIND(hh, w->externals, &work->req->id, sizeof(work->req->id), e);
    if (e != NULL) {
        work->taking = true; /* not asked about until it is inserted */
        insert(w, e);
        return;
    }
    log_error("request.unknown",
              LOG_FIELDS(LOG_S("request_id", uuid_format(&work->req->id, id)),
                         LOG_S("topic", work->req->part->topic),
                         LOG_I("partition", work->req->part->partition),
                         LOG_I("offset", work->req->offset)),
              "the ledger does not know this request of ours; it is held, not built");
    ask_wait(w, work, WAIT_DUE, "", HOLD_MS);
}

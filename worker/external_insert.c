#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "common/record/request.h"
#include "worker/ask.h"
#include "worker/external_private.h"
#include "worker/sql.h"
#include "worker/worker.h"

#define HOLD_MS          60000 /* a refusal that is not the record's fault: a right that lacks */
#define AGAIN_MS         1000
#define UNIQUE_VIOLATION "23505" /* of something else than the request id: another try differs */

/* Campaign of a request that names none. */
static const char NO_CAMPAIGN[] = "00000000-0000-5000-8000-000000000000";

struct insertion {
    struct worker *w;
    struct uuid id;
};

static void not_inserted(struct worker *w, struct work *work, const struct err *err,
                         const char *sqlstate)
{
    bool again = err->retriable || strcmp(sqlstate, UNIQUE_VIOLATION) == 0;

    if (err->kind == ERR_INPUT && !again)
        external_refuse(w, work, "insert", err->msg);
    else
        ask_wait(w, work, WAIT_DUE, "", again ? AGAIN_MS : HOLD_MS);
}

static void on_inserted(void *arg, const struct db_reply *reply, const struct err *err,
                        const char *sqlstate)
{
    struct insertion in = *(struct insertion *)arg;
    struct work *work = works_find(&in.w->works, &in.id);
    struct external *e = external_find(in.w, &in.id);

    (void)reply;
    free(arg);
    if (err != NULL)
        log_warn("external.not_inserted", LOG_FIELDS(LOG_S("sqlstate", sqlstate)), "%s", err->msg);
    if (e == NULL || work == NULL || work->state != WORK_ASKING || work->req->part != e->part ||
        work->req->offset != e->offset)
        return; /* revoked meanwhile */
    e->inserting = false;
    e->inserted = err == NULL;
    work->taking = false;
    if (err == NULL)
        ask_again(in.w, work);
    else
        not_inserted(in.w, work, err, sqlstate);
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

/* The campaign's row is locked before the item takes its rank: two workers at once wait for each
 * other. */
static void add_campaign(struct db_unit *unit, const char *const params[4])
{
    db_add(unit, SQL_EXTERNAL_CAMPAIGN, 4, params);
    db_add(unit, SQL_EXTERNAL_LOCK, 1, params);
}

/* It was decoded before: the same bytes give the same request. */
static int add_request(struct db_unit *unit, const struct external *e)
{
    const struct kafka_record *record = &e->kept->record;
    struct request r = { .rank = 0 };
    char campaign[UUID_TEXT_BYTES];
    const char *params[4] = { NO_CAMPAIGN };
    struct err err;

    if (request_decode(record->value, record->value_len, &r, NULL, &err) != 0)
        return -1;
    if (!uuid_is_nil(&r.campaign_id))
        params[0] = uuid_format(&r.campaign_id, campaign);
    params[1] = r.campaign_name;
    params[2] = r.reason;
    params[3] = r.actor;
    add_campaign(unit, params);
    add_item(unit, &r, params[0]);
    request_done(&r);
    return 0;
}

static int add_rejected(struct worker *w, struct db_unit *unit, const struct external *e,
                        const struct req *req)
{
    const struct kafka_record *record = &e->kept->record;
    static const char *const campaign[4] = { NO_CAMPAIGN };
    char id[UUID_TEXT_BYTES], guid[UUID_TEXT_BYTES], lane[8], partition[16], offset[24];
    struct request_ids ids;
    const char *params[9] = { id,        NO_CAMPAIGN, guid,  e->why,    lane,
                              partition, offset,      w->id, w->version };

    if (!request_read_ids(record->value, record->value_len, &ids))
        return -1;
    uuid_format(&ids.request_id, id);
    uuid_format(&ids.content_guid, guid);
    snprintf(lane, sizeof(lane), "%d", req->part->lane);
    snprintf(partition, sizeof(partition), "%d", req->part->partition);
    snprintf(offset, sizeof(offset), "%lld", (long long)req->offset);
    add_campaign(unit, campaign);
    db_add(unit, SQL_EXTERNAL_REJECTED, 9, params);
    return 0;
}

void external_insert(struct worker *w, struct external *e, const struct work *work)
{
    struct insertion *in = malloc(sizeof(*in));
    struct db_unit *unit = db_unit_new();

    if (in == NULL || unit == NULL ||
        (e->why == NULL ? add_request(unit, e) : add_rejected(w, unit, e, work->req)) != 0) {
        free(in);
        db_unit_free(unit);
        worker_exit(w, 1); /* no memory */
        return;
    }
    *in = (struct insertion){ w, e->id };
    e->inserting = true;
    db_unit_transaction(unit);
    db_unit_keep(unit);
    checkpoint("ledger.external");
    if (db_submit(w->db, unit, on_inserted, in) != 0)
        worker_exit(w, 1);
}

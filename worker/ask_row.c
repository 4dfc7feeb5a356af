#include "worker/ask.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/event/event.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "worker/front.h"
#include "worker/sql.h"
#include "worker/worker.h"

static bool place_is_mine(const struct req *req, const struct db_reply *r, size_t row)
{
    return db_int(r, 0, row, ASK_PLACE_LANE) == req->part->lane &&
           db_int(r, 0, row, ASK_PLACE_PARTITION) == req->part->partition &&
           db_int(r, 0, row, ASK_PLACE_OFFSET) == req->offset;
}

static bool attempt_is_mine(const struct work *work, const struct db_reply *r, size_t row)
{
    struct uuid id;
    const char *text = db_text(r, 0, row, ASK_ATTEMPT);

    return text != NULL && uuid_parse(text, &id) && uuid_equal(&id, &work->attempt.id) &&
           (uint64_t)db_int(r, 0, row, ASK_TOKEN) == work->attempt.token;
}

static void read_facts(struct work *work, const struct db_reply *r, size_t row)
{
    struct item_facts *f = &work->facts;
    bool has_attempt = !db_null(r, 0, row, ASK_ATTEMPT);

    *f = (struct item_facts){ 0 };
    if (!item_state_parse(db_text(r, 0, row, ASK_STATE), &f->state))
        f->state = ITEM_REJECTED;
    if (!campaign_state_parse(db_text(r, 0, row, ASK_CAMPAIGN_STATE), &f->campaign))
        f->campaign = CAMPAIGN_PAUSED;
    f->published = db_bool(r, 0, row, ASK_PUBLISHED);
    f->placed = !db_null(r, 0, row, ASK_PLACE_OFFSET);
    f->place_mine = f->placed && place_is_mine(work->req, r, row);
    f->attempt_open = has_attempt && db_bool(r, 0, row, ASK_OPEN);
    f->attempt_mine = f->attempt_open && attempt_is_mine(work, r, row);
    f->built = has_attempt && !f->attempt_open && f->state == ITEM_RUNNING &&
               !db_null(r, 0, row, ASK_CODE) && db_int(r, 0, row, ASK_CODE) == 0;
    f->deadline_passed = db_bool(r, 0, row, ASK_DEADLINE_PASSED);
    f->due_in_ms = db_int(r, 0, row, ASK_DUE_IN_MS);
}

static void read_policy(struct work *work, const struct db_reply *r, size_t row)
{
    struct policy *p = &work->policy;
    const char *validate = db_text(r, 0, row, ASK_VALIDATE);

    p->max_attempts = (int)db_int(r, 0, row, ASK_MAX_ATTEMPTS);
    p->backoff_min_ms = db_int(r, 0, row, ASK_BACKOFF_MIN);
    p->backoff_max_ms = db_int(r, 0, row, ASK_BACKOFF_MAX);
    p->warm_up = (int)db_int(r, 0, row, ASK_WARM_UP);
    p->limit = (int)db_int(r, 0, row, ASK_CAMPAIGN_LIMIT);
    p->open = (int)db_int(r, 0, row, ASK_CAMPAIGN_OPEN);
    p->start_interval_ms = db_num(r, 0, row, ASK_START_INTERVAL);
    p->start_wait_ms = db_int(r, 0, row, ASK_START_WAIT_MS);
    if (validate == NULL || !access_mode_parse(validate, &p->validate))
        p->validate = ACCESS_AUTO;
}

static void read_lists(struct work *work, const struct db_reply *r, size_t row)
{
    char **items = NULL;
    ptrdiff_t n = array_parse(db_text(r, 0, row, ASK_GROUPS), WORK_GROUPS_MAX, &items);

    work_forget_facts(work);
    for (ptrdiff_t i = 0; i < n; i++)
        if (items[i] != NULL)
            work->groups[work->groups_n++] = items[i];
    free(items);
    n = array_parse(db_text(r, 0, row, ASK_PATHS), ACCESS_PATHS_MAX, &work->paths);
    work->paths_n = n < 0 ? 0 : (size_t)n;
}

void ask_row_read(struct worker *w, struct work *work, const struct db_reply *reply, size_t row)
{
    read_facts(work, reply, row);
    read_policy(work, reply, row);
    read_lists(work, reply, row);
    str_copy(work->guid, sizeof(work->guid), db_text(reply, 0, row, ASK_GUID));
    if (work->content == NULL) {
        str_copy(work->bundle_id, sizeof(work->bundle_id), db_text(reply, 0, row, ASK_BUNDLE));
        str_copy(work->app_mode, sizeof(work->app_mode), db_text(reply, 0, row, ASK_APP_MODE));
        str_copy(work->access_type, sizeof(work->access_type),
                 db_text(reply, 0, row, ASK_ACCESS_TYPE));
    }
    work->attempts = (int)db_int(reply, 0, row, ASK_ATTEMPTS);
    work->content_conflict = db_bool(reply, 0, row, ASK_CONFLICT);
    work->last_class = db_null(reply, 0, row, ASK_CLASS)
                           ? EC_NONE
                           : error_class_find(db_text(reply, 0, row, ASK_CLASS));
    str_copy(work->last_replica, sizeof(work->last_replica), db_text(reply, 0, row, ASK_REPLICA));
    work->asked_ms = event_now_ms(w->loop);
}

static void read_judged(struct attempt *a, const struct db_reply *r, size_t row)
{
    char **items = NULL;
    ptrdiff_t n = array_parse(db_text(r, 0, row, ASK_JUDGED), WORK_JUDGED_MAX, &items);

    for (ptrdiff_t i = 0; i < n; i++)
        if (items[i] != NULL)
            a->judged[a->judged_n++] = items[i];
    free(items);
}

int ask_row_attempt(struct worker *w, struct work *work, const struct db_reply *reply, size_t row)
{
    struct attempt *a = &work->attempt;
    const char *cookies = db_text(reply, 0, row, ASK_COOKIES);

    work_forget_attempt(work);
    if (!uuid_parse(db_text(reply, 0, row, ASK_ATTEMPT), &a->id))
        return -1;
    a->token = (uint64_t)db_int(reply, 0, row, ASK_TOKEN);
    a->n = (int)db_int(reply, 0, row, ASK_N);
    a->target = targets_need(&w->targets, db_text(reply, 0, row, ASK_REPLICA),
                             db_text(reply, 0, row, ASK_REPLICA_URL));
    if (a->target == NULL)
        return -1;
    front_knows(w, a->target);
    str_copy(a->task_id, sizeof(a->task_id), db_text(reply, 0, row, ASK_TASK));
    str_copy(work->bundle_id, sizeof(work->bundle_id), db_text(reply, 0, row, ASK_ATTEMPT_BUNDLE));
    a->cookies = str_dup(cookies);
    a->content_date_ms = db_int(reply, 0, row, ASK_CONTENT_DATE_MS);
    a->started_ms = event_now_ms(w->loop) - db_int(reply, 0, row, ASK_AGE_MS);
    a->let = true; /* whoever made it may have POSTed: this process never POSTs for it */
    read_judged(a, reply, row);
    return 0;
}

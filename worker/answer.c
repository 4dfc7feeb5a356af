#include "worker/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "worker/admit.h"
#include "worker/adopt.h"
#include "worker/ask.h"
#include "worker/external.h"
#include "worker/meters.h"
#include "worker/reading.h"
#include "worker/sql.h"
#include "worker/worker.h"
#include "worker/writes.h"

#define KEY_BYTES       512     /* a campaign id and a runtime group's key */
#define NO_LIMIT        1000000 /* open slots of the stand-in replica: slots are the claim's matter */
#define GROUPS_IN_REPLY (CLAIM_BATCH * WORK_GROUPS_MAX)

/* One reply's candidates, in the form admit() wants. */
struct batch {
    struct work *works[CLAIM_BATCH];
    struct admit_item items[CLAIM_BATCH];
    struct admit_decision decisions[CLAIM_BATCH];
    size_t n;
    struct admit_campaign campaigns[CLAIM_BATCH];
    struct uuid campaign_ids[CLAIM_BATCH];
    size_t campaigns_n;
    struct admit_group groups[GROUPS_IN_REPLY];
    char group_keys[GROUPS_IN_REPLY][KEY_BYTES];
    size_t groups_n;
};

static void group_key(char out[KEY_BYTES], const char *campaign, const char *key)
{
    snprintf(out, KEY_BYTES, "%s/%s", campaign, key);
}

void answer_replicas(struct worker *w, const struct db_reply *reply, size_t statement)
{
    int64_t now = event_now_ms(w->loop);

    for (size_t i = 0; i < w->targets.n; i++)
        w->targets.items[i].active = false; /* one whose row is gone or renamed gets no claim */
    for (size_t row = 0; row < db_rows(reply, statement); row++) {
        struct target *t = targets_find(&w->targets, db_text(reply, statement, row, 0));

        if (t == NULL)
            continue; /* another worker's list is longer than ours: we have no address for it */
        t->max_inflight = (int)db_int(reply, statement, row, 2);
        t->limit = (int)db_int(reply, statement, row, 3);
        t->start_limited = db_bool(reply, statement, row, 4);
        t->start_at_ms = now + db_int(reply, statement, row, 5);
        t->active = t->configured && db_bool(reply, statement, row, 6);
        target_counted(t, (int)db_int(reply, statement, row, 7));
        meters_replica(w, t);
    }
}

static void read_groups(struct worker *w, const struct db_reply *reply, struct batch *b)
{
    for (size_t row = 0; row < db_rows(reply, 1) && b->groups_n < GROUPS_IN_REPLY; row++) {
        char *key = b->group_keys[b->groups_n];

        group_key(key, db_text(reply, 1, row, 0), db_text(reply, 1, row, 1));
        b->groups[b->groups_n] = (struct admit_group){ .warm = db_bool(reply, 1, row, 2),
                                                       .open = (int)db_int(reply, 1, row, 3) };
        if (b->groups[b->groups_n].warm)
            waiting_release(w->waiting, WAIT_GROUP, key);
        b->groups_n++;
    }
}

static int batch_campaign(struct batch *b, const struct work *work)
{
    for (size_t i = 0; i < b->campaigns_n; i++)
        if (uuid_equal(&b->campaign_ids[i], &work->req->campaign_id))
            return (int)i;
    b->campaign_ids[b->campaigns_n] = work->req->campaign_id;
    b->campaigns[b->campaigns_n] =
        (struct admit_campaign){ .limit = work->policy.limit,
                                 .open = work->policy.open,
                                 .start_limited = work->policy.start_interval_ms > 0,
                                 .start_wait_ms = work->policy.start_wait_ms };
    return (int)b->campaigns_n++;
}

static int batch_group(struct batch *b, const struct work *work, const char *group)
{
    char campaign[UUID_TEXT_BYTES], key[KEY_BYTES];

    group_key(key, uuid_format(&work->req->campaign_id, campaign), group);
    for (size_t i = 0; i < b->groups_n; i++) {
        if (strcmp(b->group_keys[i], key) != 0)
            continue;
        b->groups[i].limit = work->policy.warm_up;
        b->groups[i].warm = b->groups[i].warm || work->policy.warm_up == 0;
        return (int)i;
    }
    return -1; /* no row: a group that the item's campaign does not keep is warm */
}

static int64_t content_key(const char *guid)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a: equal guids of one batch meet; a false meeting
                                              waits once */

    for (; *guid != '\0'; guid++)
        hash = (hash ^ (unsigned char)*guid) * 1099511628211u;
    return (int64_t)(hash >> 1);
}

static void add_candidate(struct batch *b, struct work *work)
{
    struct admit_item *item = &b->items[b->n];
    size_t n = 0;

    *item = (struct admit_item){ .lane = work->req->lane,
                                 .rank = work->req->rank,
                                 .campaign = batch_campaign(b, work),
                                 .content_key = content_key(work->guid),
                                 .content_open = work->content_conflict,
                                 .avoid_replica = -1 };
    for (size_t i = 0; i < work->groups_n; i++) {
        int group = batch_group(b, work, work->groups[i]);

        if (group >= 0)
            item->groups[n++] = group;
    }
    for (; n < ADMIT_GROUPS_MAX; n++)
        item->groups[n] = -1;
    b->works[b->n++] = work;
}

static void decide(struct worker *w, struct batch *b, size_t i)
{
    const struct admit_decision *d = &b->decisions[i];
    struct work *work = b->works[i];
    char campaign[UUID_TEXT_BYTES];

    switch (d->what) {
    case ADMIT_WAIT_GROUP: ask_wait(w, work, WAIT_GROUP, b->group_keys[d->group], 0); break;
    case ADMIT_WAIT_CONTENT: ask_wait(w, work, WAIT_CONTENT, work->guid, 0); break;
    case ADMIT_WAIT_CAMPAIGN:
        uuid_format(&work->req->campaign_id, campaign);
        ask_wait(w, work, WAIT_CAMPAIGN, campaign, 0);
        break;
    case ADMIT_WAIT_START: ask_wait(w, work, WAIT_START, "", d->wait_ms); break;
    case ADMIT_RUN:
    case ADMIT_WAIT_SLOT: reading_start(w, work); break;
    }
}

/* Slots are left to the claim: the one stand-in replica always has room. Returns how many went on.
 */
static size_t admit_candidates(struct worker *w, struct batch *b)
{
    static const struct admit_replica any = { .limit = NO_LIMIT, .usable = true };
    struct admit_input in = { .replicas = &any,
                              .replicas_n = 1,
                              .campaigns = b->campaigns,
                              .campaigns_n = b->campaigns_n,
                              .groups = b->groups,
                              .groups_n = b->groups_n,
                              .items = b->items,
                              .items_n = b->n };
    size_t moved = 0;

    if (b->n == 0)
        return 0;
    if (admit(&in, b->decisions) != 0) {
        worker_exit(w, 1);
        return 0;
    }
    for (size_t i = 0; i < b->n; i++) {
        moved += b->decisions[i].what == ADMIT_RUN || b->decisions[i].what == ADMIT_WAIT_SLOT;
        decide(w, b, i);
    }
    return moved;
}

static void end_without_build(struct worker *w, struct work *work, enum item_state state)
{
    work_forget_attempt(work); /* of a claim that was not granted: the ledger does not know it */
    work->outcome = state;
    work->outcome_class = state == ITEM_EXPIRED ? EC_REQUEST_EXPIRED : EC_CANCELLED;
    str_copy(work->outcome_message, sizeof(work->outcome_message),
             state == ITEM_EXPIRED ? "the campaign's deadline passed before it could run"
                                   : "the campaign was cancelled before it could run");
    writes_settle(w, work);
}

/* Everything but the candidates. */
static void act(struct worker *w, struct work *work, enum answer answer)
{
    switch (answer) {
    case ANSWER_DROP:
        meters_deduplicated(w, "copy");
        ask_forget(w, work, 1);
        break;
    case ANSWER_REPUBLISH: writes_republish(w, work); break;
    case ANSWER_RESUME:
    case ANSWER_ADOPT:
    case ANSWER_VALIDATE: adopt_add(w, work, answer); break;
    case ANSWER_CANCEL: end_without_build(w, work, ITEM_CANCELLED); break;
    case ANSWER_EXPIRE: end_without_build(w, work, ITEM_EXPIRED); break;
    case ANSWER_PARK: writes_park(w, work); break;
    case ANSWER_DUE: ask_wait(w, work, WAIT_DUE, "", work->facts.due_in_ms); break;
    case ANSWER_CANDIDATE:
    case ANSWERS: break;
    }
}

static struct work *row_work(struct worker *w, const struct db_reply *reply, size_t row)
{
    struct uuid id;
    struct work *work;

    if (!uuid_parse(db_text(reply, 0, row, ASK_REQUEST), &id))
        return NULL;
    work = works_find(&w->works, &id);
    return work != NULL && work->state == WORK_ASKING && work->in_ask ? work : NULL;
}

size_t answer_reply(struct worker *w, const struct db_reply *reply)
{
    struct batch *b = calloc(1, sizeof(*b));
    size_t moved = 0;

    if (b == NULL) {
        worker_exit(w, 1);
        return 0;
    }
    read_groups(w, reply, b);
    answer_replicas(w, reply, 2);
    for (size_t row = 0; row < db_rows(reply, 0); row++) {
        struct work *work = row_work(w, reply, row);
        enum answer answer;

        if (work == NULL)
            continue;
        work->in_ask = false;
        ask_row_read(w, work, reply, row);
        if (external_known(w, work)) {
            moved++;
            continue;
        }
        answer = flow_answer(&work->facts);
        if (answer == ANSWER_CANDIDATE) {
            add_candidate(b, work);
            continue;
        }
        moved++;
        if (answer == ANSWER_RESUME)
            work->attempt.n = (int)db_int(reply, 0, row, ASK_N);
        if ((answer == ANSWER_ADOPT || answer == ANSWER_VALIDATE) &&
            ask_row_attempt(w, work, reply, row) != 0) {
            ask_wait(w, work, WAIT_DUE, "", PARK_AFTER_MS);
            continue;
        }
        act(w, work, answer);
    }
    adopt_flush(w);
    moved += admit_candidates(w, b);
    free(b);
    return moved;
}

void answer_unknown(struct worker *w, struct work *work)
{
    external_ask(w, work);
}

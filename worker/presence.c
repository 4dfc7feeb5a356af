#include "worker/presence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/event/event.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "common/ledger/notify.h"
#include "worker/ask.h"
#include "worker/claims.h"
#include "worker/feeder.h"
#include "worker/sql.h"
#include "worker/worker.h"

#define WANT_MS       5000 /* a want of a worker that died holds nobody up for longer */
#define CAMPAIGNS_MAX 1024 /* campaigns looked up at once; the rest follows in the next round */
#define SWEEP_MAX                                                                   \
    4096 /* requests of a closed campaign asked about per tick: 6 MB while they are \
          */

struct presence {
    bool checking;    /* campaign states are being read ... */
    bool check_again; /* ... as they were before somebody steered */
    int want_lane;
    int64_t want_rank, want_at_ms;
    struct uuid campaigns[CAMPAIGNS_MAX];
    size_t campaigns_n;
};

int presence_init(struct worker *w)
{
    w->presence = calloc(1, sizeof(*w->presence));
    return w->presence == NULL ? -1 : 0;
}

void presence_done(struct worker *w)
{
    free(w->presence);
    w->presence = NULL;
}

static void on_written(void *arg, const struct db_reply *reply, const struct err *err,
                       const char *sqlstate)
{
    (void)arg;
    (void)reply;
    if (err != NULL)
        log_warn("presence.failed", LOG_FIELDS(LOG_S("sqlstate", sqlstate)), "%s", err->msg);
}

static void write_row(struct worker *w, const char *sql, size_t n, const char *const *params)
{
    struct db_unit *unit = db_unit_new();

    if (unit == NULL || !db_is_up(w->facts)) {
        db_unit_free(unit);
        return; /* said again on the next tick */
    }
    db_add(unit, sql, n, params);
    if (db_submit(w->facts, unit, on_written, w) != 0)
        worker_exit(w, 1);
}

static const char *state_name(const struct worker *w)
{
    switch (w->mode) {
    case RUN_STARTING: return "starting";
    case RUN_NORMAL: return "running";
    case RUN_HANDOFF:
    case RUN_DRAIN:
    case RUN_STOP: break;
    }
    return "draining";
}

static void write_presence(struct worker *w)
{
    char in_flight[24], waiting[24], partitions[24];
    const char *params[7] = { w->id,
                              w->version,
                              state_name(w),
                              in_flight,
                              waiting,
                              partitions,
                              db_listening(w->db) ? w->channel : NULL };

    snprintf(in_flight, sizeof(in_flight), "%zu", works_builds(&w->works));
    snprintf(waiting, sizeof(waiting), "%zu", waiting_total(w->waiting));
    snprintf(partitions, sizeof(partitions), "%zu", parts_owned(&w->parts));
    checkpoint("ledger.presence");
    write_row(w, SQL_PRESENCE, 7, params);
}

void presence_gone(struct worker *w)
{
    const char *params[1] = { w->id };

    checkpoint("ledger.gone");
    write_row(w, SQL_GONE, 1, params);
}

/* The most urgent request that is ready, or waits in the slot list. */
static const struct req *best_waiting(struct worker *w)
{
    const struct req *best = waiting_best_slot(w->waiting);
    const struct list *ready = &w->works.lists[WORK_READY];

    for (struct list_node *n = list_first(ready); n != NULL; n = list_next(ready, n)) {
        const struct req *req = list_entry(n, struct work, node)->req;

        if (best == NULL || req->lane > best->lane ||
            (req->lane == best->lane && req->rank < best->rank))
            best = req;
    }
    return best;
}

void presence_want(struct worker *w)
{
    struct presence *p = w->presence;
    const struct req *best;
    int64_t now = event_now_ms(w->loop);
    char lane[8], rank[24], ms[24];
    const char *params[4] = { w->id, lane, rank, ms };

    if (!worker_may_start(w) || !db_listening(w->db) || w->works.lists[WORK_READY].n == 0 ||
        targets_free(&w->targets, now) > 0)
        return;
    best = best_waiting(w);
    if (best->lane == p->want_lane && best->rank == p->want_rank &&
        now - p->want_at_ms < WANT_MS / 3)
        return;
    p->want_lane = best->lane;
    p->want_rank = best->rank;
    p->want_at_ms = now;
    snprintf(lane, sizeof(lane), "%d", best->lane);
    snprintf(rank, sizeof(rank), "%lld", (long long)best->rank);
    snprintf(ms, sizeof(ms), "%d", WANT_MS);
    checkpoint("ledger.want");
    write_row(w, SQL_WANT, 4, params);
}

/* ---- campaigns that closed, or whose deadline passed ---- */

static bool of_campaign(const struct req *req, void *arg)
{
    return uuid_equal(&req->campaign_id, arg);
}

static void note_campaign(struct presence *p, const struct uuid *id)
{
    for (size_t i = p->campaigns_n; i > 0; i--)
        if (uuid_equal(&p->campaigns[i - 1], id))
            return;
    if (p->campaigns_n < CAMPAIGNS_MAX)
        p->campaigns[p->campaigns_n++] = *id;
}

static void ask_about(struct worker *w, struct uuid *campaign)
{
    struct req *out[SWEEP_MAX];
    size_t n = waiting_filter(w->waiting, of_campaign, campaign, out, SWEEP_MAX);
    struct list *ready = &w->works.lists[WORK_READY];
    struct list_node *node = list_first(ready);

    for (size_t i = 0; i < n; i++)
        ask_request(w, out[i]);
    while (node != NULL) {
        struct work *work = list_entry(node, struct work, node);

        node = list_next(ready, node);
        if (uuid_equal(&work->req->campaign_id, campaign))
            ask_again(w, work);
    }
}

static void check_campaigns(struct worker *w);

static void on_states(void *arg, const struct db_reply *reply, const struct err *err,
                      const char *sqlstate)
{
    struct worker *w = arg;

    (void)sqlstate;
    w->presence->checking = false;
    if (w->presence->check_again)
        check_campaigns(w);
    for (size_t row = 0; err == NULL && row < db_rows(reply, 0); row++) {
        struct uuid id;

        if (db_bool(reply, 0, row, 1) && uuid_parse(db_text(reply, 0, row, 0), &id))
            ask_about(w, &id);
    }
}

static void check_campaigns(struct worker *w)
{
    struct presence *p = w->presence;
    const struct list *ready = &w->works.lists[WORK_READY];
    struct db_unit *unit;
    struct buf ids;
    const char *params[1];

    if (p->checking || !db_is_up(w->db))
        return;
    p->check_again = false;
    p->campaigns_n = waiting_campaigns(w->waiting, p->campaigns, CAMPAIGNS_MAX);
    for (struct list_node *n = list_first(ready); n != NULL; n = list_next(ready, n))
        note_campaign(p, &list_entry(n, struct work, node)->req->campaign_id);
    if (p->campaigns_n == 0)
        return;
    unit = db_unit_new();
    buf_init(&ids, CAMPAIGNS_MAX * 64);
    array_open(&ids);
    for (size_t i = 0; i < p->campaigns_n; i++) {
        char text[UUID_TEXT_BYTES];

        array_add(&ids, uuid_format(&p->campaigns[i], text));
    }
    array_close(&ids);
    params[0] = buf_str(&ids);
    if (unit != NULL)
        db_add(unit, SQL_CAMPAIGN_STATES, 1, params);
    buf_done(&ids);
    checkpoint("ledger.campaign_states");
    p->checking = unit != NULL && db_submit(w->db, unit, on_states, w) == 0;
    if (!p->checking)
        worker_exit(w, 1);
}

/* What waits for a time may have a nearer one now, what waits for a slot may have one, and the
 * feeder may have something to do. */
static void steered(struct worker *w)
{
    if (w->mode != RUN_NORMAL)
        return;
    w->presence->check_again = true;
    check_campaigns(w);
    waiting_release(w->waiting, WAIT_START, "");
    ask_view_in(w, 0);
    feeder_kick(w);
}

void presence_notified(struct worker *w, const char *payload)
{
    static const char slot[] = "slot ";

    w->presence->want_at_ms = 0; /* the want was used up: say it again if it still stands */
    if (strncmp(payload, slot, sizeof(slot) - 1) == 0)
        claims_slot_given(w, payload + sizeof(slot) - 1);
    else if (strcmp(payload, NOTIFY_STEER) == 0)
        steered(w);
    ask_kick(w);
}

void presence_tick(struct worker *w)
{
    write_presence(w);
    if (w->mode == RUN_NORMAL)
        check_campaigns(w);
}

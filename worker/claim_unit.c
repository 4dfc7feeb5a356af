#include "worker/claim_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/checkpoint.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/event/event.h"
#include "common/ledger/array.h"
#include "common/ledger/columns.h"
#include "worker/admit.h"
#include "worker/reading.h"
#include "worker/restore.h"
#include "worker/sql.h"
#include "worker/worker.h"

#define PROPOSE_FROM 256 /* ready works looked at in one turn */

static void gather_ends(struct worker *w, struct claim_unit *u, size_t max)
{
    const struct list *ending = &w->works.lists[WORK_ENDING];

    u->ends_n = 0;
    for (struct list_node *n = list_first(ending); n != NULL && u->ends_n < max;
         n = list_next(ending, n)) {
        struct work *work = list_entry(n, struct work, node);

        if (work->end_sent)
            continue;
        work->end_sent = true;
        u->ends[u->ends_n++] = work->req->id;
        if (work->attempt.target->open > 0)
            work->attempt.target->open--; /* free in this very transaction */
    }
}

static void view(struct worker *w, struct admit_replica *out)
{
    int64_t now = event_now_ms(w->loop);

    for (size_t i = 0; i < w->targets.n; i++) {
        const struct target *t = &w->targets.items[i];

        out[i] = (struct admit_replica){ .limit = t->limit,
                                         .open = target_taken(t, now),
                                         .usable = target_usable(t),
                                         .start_limited = t->start_limited,
                                         .start_wait_ms =
                                             t->start_at_ms > now ? t->start_at_ms - now : 0 };
    }
}

static int avoid(struct worker *w, const struct work *work)
{
    const struct target *t;

    if (work->last_replica[0] == '\0' || error_row(work->last_class)->scope != SCOPE_REPLICA)
        return -1;
    t = targets_find(&w->targets, work->last_replica);
    return t == NULL ? -1 : (int)(t - w->targets.items);
}

static int by_urgency(const void *a, const void *b)
{
    const struct req *x = (*(struct work *const *)a)->req, *y = (*(struct work *const *)b)->req;

    if (x->lane != y->lane)
        return x->lane > y->lane ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static size_t ready_works(struct worker *w, struct work **out)
{
    const struct list *ready = &w->works.lists[WORK_READY];
    size_t n = 0;

    for (struct list_node *node = list_first(ready); node != NULL && n < PROPOSE_FROM;
         node = list_next(ready, node)) {
        struct work *work = list_entry(node, struct work, node);

        if (reading_fresh(w, work) && part_holds(work->req))
            out[n++] = work;
    }
    qsort(out, n, sizeof(*out), by_urgency);
    return n;
}

static void propose(struct worker *w, struct work *work, struct target *target)
{
    struct attempt *a = &work->attempt;
    int64_t date = 0;

    if (uuid_is_nil(&a->id)) { /* else the claim that may have been granted is sent again */
        a->id = uuid_v7(clock_wall_ms());
        a->token = random_u64() >> 1; /* fits a signed 64-bit column */
    }
    a->target = target;
    a->claimed_ms = clock_boot_ms();
    a->started_ms = event_now_ms(w->loop);
    a->content_date_ms = clock_parse_http_date(work->content->date, &date) ? date : 0;
    work_enter(&w->works, work, WORK_CLAIMING);
}

/* How many more this worker may drive; what ends in this very unit makes room. */
static size_t room(const struct worker *w, const struct claim_unit *u)
{
    size_t busy = works_builds(&w->works) - u->ends_n, most = (size_t)w->config->max_inflight;
    size_t n = most > busy ? most - busy : 0;

    return n < CLAIM_BATCH ? n : CLAIM_BATCH;
}

static void gather_claims(struct worker *w, struct claim_unit *u)
{
    size_t most = room(w, u);
    struct work *works[PROPOSE_FROM];
    struct admit_item items[PROPOSE_FROM];
    struct admit_decision decisions[PROPOSE_FROM];
    struct admit_replica replicas[REPLICAS_MAX];
    static const struct admit_campaign any = {
        .limit = -1
    }; /* campaigns and groups: the guard's matter */
    struct admit_input in = { .replicas = replicas,
                              .replicas_n = w->targets.n,
                              .campaigns = &any,
                              .campaigns_n = 1,
                              .items = items };

    u->claims_n = 0;
    if (!worker_may_start(w))
        return;
    in.items_n = ready_works(w, works);
    view(w, replicas);
    for (size_t i = 0; i < in.items_n; i++)
        items[i] = (struct admit_item){ .lane = works[i]->req->lane,
                                        .rank = works[i]->req->rank,
                                        .groups = { -1, -1, -1, -1 },
                                        .content_key = (int64_t)i,
                                        .avoid_replica = avoid(w, works[i]) };
    if (in.items_n == 0 || admit(&in, decisions) != 0)
        return;
    for (size_t i = 0; i < in.items_n && u->claims_n < most; i++) {
        if (decisions[i].what != ADMIT_RUN)
            continue;
        propose(w, works[i], &w->targets.items[decisions[i].replica]);
        u->claims[u->claims_n++] = works[i]->req->id;
    }
}

void claim_unit_gather(struct worker *w, struct claim_unit *u, size_t ends_max)
{
    u->end_at = u->give_at = u->granted_at = u->results_at = u->replicas_at =
        CLAIM_UNIT_NO_STATEMENT;
    gather_ends(w, u, ends_max);
    gather_claims(w, u);
}

void claim_unit_strip(struct work *work)
{
    tail_done(&work->attempt.tail);
    work->attempt.tail.cut = true;
    work->attempt.message[0] = '\0';
}

static void add_tail(struct columns *c, size_t col, const struct tail *tail)
{
    const char *lines[LOG_TAIL_LINES];
    size_t n = tail_lines(tail, lines);
    struct buf text;

    buf_init(&text, LOG_TAIL_LINES * (LOG_LINE_MAX_BYTES + 1));
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char_add(&text, '\n');
        buf_str_add(&text, lines[i]);
    }
    columns_text(c, col, n == 0 ? NULL : buf_str(&text));
    buf_done(&text);
}

static void add_end(struct columns *c, const struct work *work)
{
    const struct attempt *a = &work->attempt;
    const char *cls = error_row(a->cls)->name;

    columns_uuid(c, 0, &a->id);
    columns_int(c, 1, (int64_t)a->token);
    if (a->has_code)
        columns_int(c, 2, a->code);
    else
        columns_text(c, 2, NULL);
    columns_text(c, 3, cls[0] == '\0' ? NULL : cls);
    columns_text(c, 4, a->message[0] == '\0' ? NULL : a->message);
    add_tail(c, 5, &a->tail);
    columns_bool(c, 6, a->tail.cut);
    columns_bool(c, 7, work->end_charged);
    columns_bool(c, 8, work->end_charged && a->has_code);
    columns_text(c, 9, item_state_name(work->outcome));
    columns_int(c, 10, work->end_delay_ms);
    columns_bool(c, 11, work->outcome == ITEM_WAITING);
    columns_int(c, 12, work->req->part->lane);
    columns_int(c, 13, work->req->part->partition);
    columns_int(c, 14, work->req->offset);
}

/* A slot given away costs the last proposal, so the slot is where that one was to run. */
static struct target *given(struct worker *w, const struct claim_unit *u)
{
    const struct uuid *id = u->claims_n > 0 ? &u->claims[u->claims_n - 1] : &u->ends[0];

    return works_find(&w->works, id)->attempt.target;
}

/* Best request of this worker that could use a freed slot: what SQL_GIVE compares wants with. */
static void best_of_mine(struct worker *w, const struct claim_unit *u, int *lane, int64_t *rank)
{
    const struct req *best = waiting_best_slot(w->waiting);
    const struct work *first = u->claims_n > 0 ? works_find(&w->works, &u->claims[0]) : NULL;

    *lane = -1;
    *rank = 0;
    if (first != NULL)
        best = first->req;
    if (best == NULL || !worker_may_start(w))
        return;
    *lane = best->lane;
    *rank = best->rank;
}

bool claim_unit_lock(struct db_unit *unit, const struct uuid *ids, size_t n)
{
    struct columns items;
    bool good;

    columns_open(&items, 1);
    for (size_t i = 0; i < n; i++)
        columns_uuid(&items, 0, &ids[i]);
    good = columns_close(&items);
    db_add(unit, SQL_LOCK_GROUPS, 1, items.params);
    db_add(unit, SQL_LOCK_CAMPAIGNS, 1, items.params);
    db_add(unit, SQL_LOCK_ITEMS, 1, items.params);
    columns_done(&items);
    return good;
}

static bool any_in_doubt(struct worker *w, const struct claim_unit *u)
{
    for (size_t i = 0; i < u->ends_n; i++)
        if (works_find(&w->works, &u->ends[i])->attempt.doubt)
            return true;
    return false;
}

/* Sent again after a failover that lost the commit, the ends bring their attempts with them: the
 * claims may be lost, too, and the works are gone by then. */
static bool keep_ends(struct worker *w, const struct claim_unit *u, struct db_unit *unit,
                      const struct columns *ends)
{
    struct db_unit *kept = db_unit_new();
    bool good;

    if (kept == NULL)
        return false;
    good = claim_unit_lock(kept, u->ends, u->ends_n) && restore_add(w, kept, u->ends, u->ends_n);
    db_add(kept, SQL_END, ends->params_n, ends->params);
    db_unit_keep_as(unit, kept);
    return good;
}

static bool add_ends(struct worker *w, struct claim_unit *u, struct db_unit *unit)
{
    struct columns c;
    struct buf ids;
    char lane_text[16], rank_text[24], n_text[24], payload[80];
    const char *give[5] = { w->id, lane_text, rank_text, n_text, payload };
    const char *results[1];
    int lane;
    int64_t rank;
    bool good, final = false;

    columns_open(&c, 15);
    buf_init(&ids, CLAIM_UNIT_ENDS * 64);
    array_open(&ids);
    for (size_t i = 0; i < u->ends_n; i++) {
        const struct work *work = works_find(&w->works, &u->ends[i]);
        char id[UUID_TEXT_BYTES];

        add_end(&c, work);
        if (!item_state_ended(work->outcome))
            continue;
        final = true;
        array_add(&ids, uuid_format(&work->req->id, id));
    }
    array_close(&ids);
    good = columns_close(&c);
    columns_value(&c, w->id);
    columns_value(&c, w->version);
    if (any_in_doubt(w, u))
        good = restore_add(w, unit, u->ends, u->ends_n) && good;
    u->end_at = db_add(unit, SQL_END, c.params_n, c.params);
    good = keep_ends(w, u, unit, &c) && good;
    results[0] = buf_str(&ids);
    if (final) {
        db_add(unit, SQL_GUARD_FAILURES, 1, results);
        u->results_at = db_add(unit, SQL_RESULTS, 1, results);
    }
    best_of_mine(w, u, &lane, &rank);
    snprintf(lane_text, sizeof(lane_text), "%d", lane);
    snprintf(rank_text, sizeof(rank_text), "%lld", (long long)rank);
    snprintf(n_text, sizeof(n_text), "%zu", u->ends_n);
    u->give = given(w, u);
    snprintf(payload, sizeof(payload), "slot %s", u->give->name);
    u->give_at = db_add(unit, SQL_GIVE, 5, give);
    columns_done(&c);
    buf_done(&ids);
    return good;
}

static void add_claim(struct columns *c, const struct work *work)
{
    const struct attempt *a = &work->attempt;

    columns_uuid(c, 0, &a->id);
    columns_int(c, 1, (int64_t)a->token);
    columns_uuid(c, 2, &work->req->id);
    columns_text(c, 3, a->target->name);
    columns_int(c, 4, work->attempts);
    columns_int(c, 5, work->req->part->lane);
    columns_int(c, 6, work->req->part->partition);
    columns_int(c, 7, work->req->offset);
    columns_text(c, 8, work->bundle_id);
    if (a->content_date_ms > 0)
        columns_int(c, 9, a->content_date_ms);
    else
        columns_text(c, 9, NULL);
}

/* All that the unit changes, locked in the one order of every turn and before it changes anything:
 * an end counts in its runtime groups, and a claimer that holds a replica may wait for them. */
static bool add_locks(struct worker *w, struct claim_unit *u, struct db_unit *unit)
{
    struct columns replicas;
    struct uuid ids[CLAIM_BATCH + CLAIM_UNIT_ENDS];
    bool good;

    memcpy(ids, u->claims, u->claims_n * sizeof(ids[0]));
    memcpy(ids + u->claims_n, u->ends, u->ends_n * sizeof(ids[0]));
    columns_open(&replicas, 1);
    for (size_t i = 0; i < u->claims_n; i++)
        columns_text(&replicas, 0, works_find(&w->works, &u->claims[i])->attempt.target->name);
    good = columns_close(&replicas);
    if (u->claims_n > 0)
        db_add(unit, SQL_LOCK_REPLICAS, 1, replicas.params);
    columns_done(&replicas);
    return claim_unit_lock(unit, ids, u->claims_n + u->ends_n) && good;
}

static bool add_claims(struct worker *w, struct claim_unit *u, struct db_unit *unit)
{
    struct columns c;
    bool good;

    columns_open(&c, 10);
    for (size_t i = 0; i < u->claims_n; i++)
        add_claim(&c, works_find(&w->works, &u->claims[i]));
    good = columns_close(&c);
    columns_value(&c, w->id);
    columns_value(&c, w->version);
    db_add(unit, SQL_CLAIM, c.params_n, c.params);
    u->granted_at = db_add(unit, SQL_GRANTED, 2, c.params);
    columns_done(&c);
    return good;
}

static void pass_checkpoints(const struct claim_unit *u)
{
    if (u->ends_n > 0)
        checkpoint("ledger.end_attempt");
    if (u->results_at != CLAIM_UNIT_NO_STATEMENT)
        checkpoint("ledger.end_item");
    if (u->claims_n > 0)
        checkpoint("ledger.claim");
}

int claim_unit_submit(struct worker *w, struct claim_unit *u, db_done_fn *done)
{
    struct db_unit *unit = db_unit_new();
    bool good = unit != NULL;

    if (!good)
        return -1;
    db_unit_transaction(unit);
    good = add_locks(w, u, unit);
    if (u->ends_n > 0)
        good = add_ends(w, u, unit) && good;
    if (u->claims_n > 0)
        good = add_claims(w, u, unit) && good;
    u->replicas_at = db_add(unit, SQL_REPLICAS, 0, NULL);
    if (!good) {
        db_unit_free(unit);
        return -1;
    }
    pass_checkpoints(u);
    return db_submit(w->db, unit, done, w);
}

#include "worker/ask.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/event/event.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "worker/answer.h"
#include "worker/claims.h"
#include "worker/presence.h"
#include "worker/results.h"
#include "worker/sql.h"
#include "worker/worker.h"

#define READY_MAX       512  /* asked and read ahead: more would only grow stale */
#define READY_AHEAD     4    /* beyond the free slots, when builds end slowly */
#define FAST_LANE_HEADS 8    /* asked about although enough normal ones are ready */
#define ASK_TICK_MS     1000 /* keyed lists are asked about at least this often */

struct ask {
    struct event_timer *timer;
    bool in_flight;
    bool kicked;
    struct uuid ids[CLAIM_BATCH]; /* of the question under way */
    size_t n;
    int64_t view_due_ms; /* when the replicas' limits and counts are asked for again */
};

static void turn(void *arg);
static int64_t next_turn_in(const struct worker *w, int64_t now);

int ask_init(struct worker *w)
{
    w->ask = calloc(1, sizeof(*w->ask));
    if (w->ask == NULL)
        return -1;
    w->ask->timer = event_timer_new(w->loop, turn, w);
    return w->ask->timer == NULL ? -1 : 0;
}

void ask_done(struct worker *w)
{
    if (w->ask != NULL)
        event_timer_free(w->ask->timer);
    free(w->ask);
    w->ask = NULL;
}

void ask_kick(struct worker *w)
{
    if (w->ask->kicked)
        return;
    w->ask->kicked = true;
    event_timer_start(w->ask->timer, 0, 0);
}

void ask_view_in(struct worker *w, int64_t delay_ms)
{
    int64_t due = event_now_ms(w->loop) + delay_ms;

    if (due >= w->ask->view_due_ms)
        return;
    w->ask->view_due_ms = due;
    if (!w->ask->kicked)
        event_timer_start(w->ask->timer, delay_ms, 0);
}

void ask_forget(struct worker *w, struct work *work, int done)
{
    struct req *req;

    work_stop(work);
    req = works_remove(&w->works, work);
    if (done && part_holds(req))
        results_offset_done(w, req->part, req->offset);
    free(req);
}

void ask_wait(struct worker *w, struct work *work, int reason, const char *key, int64_t delay_ms)
{
    struct req *req;

    if (!part_holds(work->req)) {
        ask_forget(w, work, 0);
        return;
    }
    work_stop(work);
    req = works_remove(&w->works, work);
    if (waiting_put(w->waiting, req, (enum wait_reason)reason, key,
                    event_now_ms(w->loop) + delay_ms) != 0)
        worker_exit(w, 1); /* no memory: its record is read again by the next owner */
}

void ask_request(struct worker *w, struct req *req)
{
    if (works_add(&w->works, req) != NULL) {
        ask_kick(w);
        return;
    }
    if (waiting_put(w->waiting, req, WAIT_DUE, "", event_now_ms(w->loop) + ASK_TICK_MS) != 0)
        worker_exit(w, 1);
}

void ask_again(struct worker *w, struct work *work)
{
    if (!part_holds(work->req)) {
        ask_forget(w, work, 0);
        return;
    }
    work_stop(work);
    work_enter(&w->works, work, WORK_ASKING);
    work->in_ask = false;
    work->taking = false;
    ask_kick(w);
}

static size_t of_fast_lane(const struct list *works)
{
    size_t n = 0;

    for (struct list_node *node = list_first(works); node != NULL; node = list_next(works, node))
        n += list_entry(node, struct work, node)->req->lane;
    return n;
}

/* Heads of the fast lane that are asked about although enough of the normal lane are ready; no more
 * than would be wanted if there were no other lane. */
static size_t fast_lane_heads(struct worker *w, size_t want)
{
    const struct req *best = waiting_best_slot(w->waiting);
    const struct list *lists = w->works.lists;
    size_t held;

    if (best == NULL || best->lane == 0)
        return 0;
    held = of_fast_lane(&lists[WORK_READY]) + of_fast_lane(&lists[WORK_READING]) +
           of_fast_lane(&lists[WORK_CLAIMING]);
    if (held >= want)
        return 0;
    return want - held < FAST_LANE_HEADS ? want - held : FAST_LANE_HEADS;
}

/* How many more requests of the slot list are worth asking about. */
static size_t slot_heads(struct worker *w)
{
    size_t held = w->works.lists[WORK_READY].n + w->works.lists[WORK_READING].n +
                  w->works.lists[WORK_CLAIMING].n;
    size_t want =
        (size_t)targets_free(&w->targets, event_now_ms(w->loop)) + READY_AHEAD + claims_pace(w);

    if (!worker_may_start(w))
        return 0;
    if (want > READY_MAX)
        want = READY_MAX;
    if (held < want)
        return want - held;
    return fast_lane_heads(w, want);
}

static void add_to_question(struct worker *w, struct work *work)
{
    work->in_ask = true;
    w->ask->ids[w->ask->n++] = work->req->id;
}

static void gather(struct worker *w)
{
    struct req *heads[CLAIM_BATCH];
    const struct list *asking = &w->works.lists[WORK_ASKING];
    size_t heads_n;

    w->ask->n = 0;
    for (struct list_node *n = list_first(asking); n != NULL && w->ask->n < CLAIM_BATCH;
         n = list_next(asking, n))
        if (!list_entry(n, struct work, node)->taking)
            add_to_question(w, list_entry(n, struct work, node));
    if (w->mode != RUN_NORMAL)
        return;
    heads_n = waiting_heads(w->waiting, event_now_ms(w->loop), slot_heads(w), heads,
                            CLAIM_BATCH - w->ask->n);
    for (size_t i = 0; i < heads_n; i++) {
        struct work *work = works_add(&w->works, heads[i]);

        if (work != NULL)
            add_to_question(w, work);
        else if (waiting_put(w->waiting, heads[i], WAIT_DUE, "",
                             event_now_ms(w->loop) + ASK_TICK_MS) != 0)
            worker_exit(w, 1);
    }
}

/* Works of the question that are still here and still asked about. */
static struct work *asked(struct worker *w, const struct uuid *id)
{
    struct work *work = works_find(&w->works, id);

    return work != NULL && work->state == WORK_ASKING && work->in_ask ? work : NULL;
}

static void on_reply(void *arg, const struct db_reply *reply, const struct err *err,
                     const char *sqlstate)
{
    struct worker *w = arg;
    struct uuid ids[CLAIM_BATCH];
    size_t n = w->ask->n, moved = 0;

    (void)sqlstate;
    memcpy(ids, w->ask->ids, n * sizeof(ids[0]));
    w->ask->in_flight = false;
    if (err == NULL)
        moved = answer_reply(w, reply);
    for (size_t i = 0; i < n; i++) {
        struct work *work = asked(w, &ids[i]);

        if (work == NULL)
            continue;
        work->in_ask = false;
        if (err == NULL)
            answer_unknown(w, work); /* the ledger has no such item */
    }
    claims_kick(w);
    presence_want(w);
    if (err == NULL && (moved > 0 || w->works.lists[WORK_ASKING].n > 0))
        ask_kick(w); /* not after keyed heads alone: they would be asked about without end */
    if (!w->ask->kicked)
        event_timer_start(w->ask->timer,
                          err != NULL ? ASK_TICK_MS : next_turn_in(w, event_now_ms(w->loop)), 0);
}

static int submit(struct worker *w)
{
    struct db_unit *unit = db_unit_new();
    struct buf ids;
    const char *params[1];

    if (unit == NULL)
        return -1;
    buf_init(&ids, CLAIM_BATCH * 64);
    array_open(&ids);
    for (size_t i = 0; i < w->ask->n; i++) {
        char text[UUID_TEXT_BYTES];

        array_add(&ids, uuid_format(&w->ask->ids[i], text));
    }
    array_close(&ids);
    params[0] = buf_str(&ids);
    db_add(unit, SQL_ASK_ITEMS, 1, params);
    db_add(unit, SQL_ASK_GROUPS, 1, params);
    db_add(unit, SQL_REPLICAS, 0, NULL);
    buf_done(&ids);
    checkpoint("ledger.ask");
    return db_submit(w->db, unit, on_reply, w);
}

/* Ready requests wait for slots that other workers free: the view must not grow old. */
static bool view_is_old(const struct worker *w, int64_t now)
{
    return w->works.lists[WORK_READY].n > 0 && now >= w->ask->view_due_ms;
}

static int64_t next_turn_in(const struct worker *w, int64_t now)
{
    int64_t due = waiting_next_due(w->waiting);

    if (w->ask->in_flight || !db_is_up(w->db) || w->mode != RUN_NORMAL)
        return ASK_TICK_MS; /* what is due cannot be asked about now; the reply kicks */
    if (w->works.lists[WORK_READY].n > 0 && w->ask->view_due_ms < due)
        due = w->ask->view_due_ms;
    if (due > now + ASK_TICK_MS)
        due = now + ASK_TICK_MS;
    return due > now ? due - now : 1;
}

static void turn(void *arg)
{
    struct worker *w = arg;
    int64_t now = event_now_ms(w->loop);

    w->ask->kicked = false;
    if (!w->ask->in_flight && db_is_up(w->db)) {
        gather(w);
        if (w->ask->n > 0 || view_is_old(w, now)) {
            w->ask->view_due_ms = now + ASK_TICK_MS;
            w->ask->in_flight = submit(w) == 0;
            if (!w->ask->in_flight)
                worker_exit(w, 1);
        }
    }
    claims_kick(w);
    event_timer_start(w->ask->timer, next_turn_in(w, now), 0);
}

#include "worker/leave.h"

#include <stdlib.h>

#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/broker/consumer.h"
#include "common/event/event.h"
#include "worker/ask.h"
#include "worker/claims.h"
#include "worker/feeder.h"
#include "worker/meters.h"
#include "worker/presence.h"
#include "worker/results.h"
#include "worker/worker.h"
#include "worker/writes.h"

/* CLOSE_WAIT_MS: for the group to be left; then the broker's session time-out does it. */
#define STEP_MS       10 /* looks this often whether the ledger knows everything */
#define CLOSE_WAIT_MS 500

static bool building(const struct worker *w)
{
    return works_builds(&w->works) > 0 || w->works.lists[WORK_CHECKING].n > 0 ||
           w->works.lists[WORK_CLAIMING].n > 0;
}

/* POSTs that the guard has not seen yet: it refuses them from now on. */
static size_t undecided_posts(const struct worker *w)
{
    const struct list *posting = &w->works.lists[WORK_POSTING];
    size_t n = 0;

    for (struct list_node *node = list_first(posting); node != NULL;
         node = list_next(posting, node))
        n += !list_entry(node, struct work, node)->attempt.let;
    return n;
}

static bool ledger_knows(const struct worker *w)
{
    return w->works.lists[WORK_CLAIMING].n == 0 && undecided_posts(w) == 0 &&
           claims_pending(w) == 0 && writes_idle(w);
}

static void on_closed(void *arg)
{
    struct worker *w = arg;

    w->closed = true;
    worker_exit(w, w->leave_code);
}

static void close_consumer(struct worker *w)
{
    size_t left = works_builds(&w->works);

    for (size_t i = 0; i < left; i++)
        meters_handed_off(w);
    log_info("worker.handed_off", LOG_FIELDS(LOG_I("builds", left)),
             "leaving the group; running builds are in the ledger for others to adopt");
    presence_gone(w);
    w->leaving = LEAVE_CLOSING;
    w->leave_until_ms = event_now_ms(w->loop) + CLOSE_WAIT_MS;
    checkpoint("group.leave");
    consumer_close(w->consumer, on_closed, w);
}

/* Who drains was given time for it; who hands off is expected to be gone within a second. */
static int64_t step_wait_ms(const struct worker *w)
{
    return w->config->drain_mode == DRAIN_FINISH ? REVOKE_WAIT_MS : HANDOFF_WAIT_MS;
}

static void begin_handoff(struct worker *w)
{
    w->mode = RUN_HANDOFF;
    w->leaving = LEAVE_LEDGER;
    w->leave_until_ms = event_now_ms(w->loop) + step_wait_ms(w);
    claims_kick(w);
}

void leave_handoff(struct worker *w, int code)
{
    if (w->mode > RUN_NORMAL)
        return;
    w->leave_code = code;
    feeder_stop(w);
    begin_handoff(w);
    event_timer_start(w->exit_timer, STEP_MS, STEP_MS);
}

void leave_step(void *arg)
{
    struct worker *w = arg;
    bool late = event_now_ms(w->loop) >= w->leave_until_ms;

    switch (w->leaving) {
    case LEAVE_DRAIN:
        if (!building(w) || late)
            begin_handoff(w);
        break;
    case LEAVE_LEDGER:
        if (!ledger_knows(w) && !late)
            break;
        w->leaving = LEAVE_RESULTS;
        w->leave_until_ms = event_now_ms(w->loop) + 2 * step_wait_ms(w);
        results_flush(w, step_wait_ms(w), close_consumer);
        break;
    case LEAVE_RESULTS:
        if (late) /* a rebalance took the flush's place */
            close_consumer(w);
        break;
    case LEAVE_CLOSING:
        if (late)
            worker_exit(w, w->leave_code);
        break;
    case LEAVE_NOT: break;
    }
}

void leave_signal(void *arg, int signum)
{
    struct worker *w = arg;

    if (w->mode > RUN_NORMAL) {
        log_info("worker.stop", LOG_FIELDS(LOG_I("signal", signum)), "leaving now");
        worker_exit(w, w->leave_code);
        return;
    }
    log_info("worker.leaving",
             LOG_FIELDS(LOG_I("signal", signum), LOG_I("builds", works_builds(&w->works))),
             "no new builds start here");
    if (w->config->drain_mode == DRAIN_HANDOFF) {
        leave_handoff(w, 0);
        return;
    }
    feeder_stop(w);
    w->mode = RUN_DRAIN;
    w->leaving = LEAVE_DRAIN;
    w->leave_until_ms = event_now_ms(w->loop) + w->config->drain_timeout_ms;
    event_timer_start(w->exit_timer, STEP_MS, STEP_MS);
}

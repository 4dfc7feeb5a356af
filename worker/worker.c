#include "worker/worker.h"

#include "common/base/limits.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "worker/results.h"

void worker_exit(struct worker *w, int code)
{
    if (w->mode != RUN_STOP) {
        w->mode = RUN_STOP;
        w->exit_code = code;
    }
    event_loop_stop(w->loop);
}

bool worker_may_start(const struct worker *w)
{
    return w->mode == RUN_NORMAL && w->member && !w->key_refused &&
           targets_any_known(&w->targets) &&
           works_builds(&w->works) < (size_t)w->config->max_inflight &&
           w->works.lists[WORK_CHECKING].n < CHECKING_MAX && results_healthy(w) &&
           db_is_up(w->db) && db_is_up(w->facts) && db_backlog(w->facts) < DB_QUEUE_UNITS;
}

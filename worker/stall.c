/* The 120 s rule: while no broker answers the worker waits as long as it takes; when brokers answer
 * but the publisher has been in one call for that long, only a new process helps. */
#include "worker/stall.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/event/event.h"
#include "worker/batch.h"
#include "worker/worker.h"

#define BROKER_CHECK_MS 5000

struct broker_check {
    struct worker *w;
    const struct kafka_props *props;
    int answer;
};

bool stall_hangs(struct stall *s, int64_t call_since_ms, bool answered, int64_t now_ms)
{
    if (!answered || s->call_since_ms != call_since_ms)
        s->answering_since_ms = 0;
    s->call_since_ms = call_since_ms;
    if (!answered || call_since_ms == 0)
        return false;
    if (s->answering_since_ms == 0)
        s->answering_since_ms = now_ms;
    return now_ms - call_since_ms >= TXN_STALL_EXIT_MS &&
           now_ms - s->answering_since_ms >= BROKERS_BACK_MS;
}

static void check_work(void *arg)
{
    struct broker_check *c = arg;

    c->answer = txn_brokers_answer(c->props, BROKER_CHECK_MS);
}

static void check_done(void *arg)
{
    struct broker_check *c = arg;
    struct worker *w = c->w;
    int64_t since = publisher_call_since_ms(w->results->publisher);

    w->results->checking_brokers = false;
    if (stall_hangs(&w->results->stall, since, c->answer != 0, clock_boot_ms())) {
        log_error("results.stuck", NULL,
                  "brokers answer, but the producer of results has been in one call for %lld s",
                  (long long)(clock_boot_ms() - since) / 1000);
        worker_exit(w, 75);
    }
    free(c);
}

void results_watch(struct worker *w)
{
    struct results *r = w->results;
    int64_t since = publisher_call_since_ms(r->publisher);
    struct broker_check *c;

    if (since == 0 || clock_boot_ms() - since < TXN_STALL_EXIT_MS || r->checking_brokers)
        return;
    c = malloc(sizeof(*c));
    if (c == NULL)
        return;
    *c = (struct broker_check){ .w = w, .props = w->props };
    r->checking_brokers = event_work(w->loop, check_work, check_done, c) == 0;
    if (!r->checking_brokers)
        free(c);
}

#include "producer/wait.h"

#include <inttypes.h>

#include "common/event/event.h"
#include "producer/interrupt.h"
#include "producer/progress.h"

#define LOOK_MS    500 /* between two looks at the ledger */
#define LINE_BYTES 256

struct waiting {
    struct call *call;
    const char *campaign_id;
    struct campaign_status *status;
    struct progress progress;
    struct interrupt interrupt;
    int64_t deadline_ms;
    bool lost; /* the database does not answer, and that was said */
};

/* -1: looking again cannot help. A database that is away comes back: the campaign goes on
 * meanwhile. */
static int look(struct waiting *w, struct err *err)
{
    struct session *s = &w->call->session;
    char line[LINE_BYTES];

    if (status_read(s, w->campaign_id, w->status, err) != 0) {
        if (err->kind != ERR_UNREACHABLE && !err->retriable)
            return -1;
        if (!w->lost)
            session_say(s, "waiting: %s; looking again", err->msg);
        w->lost = true;
        return 0;
    }
    w->lost = false;
    status_line(w->status, line, sizeof(line));
    progress_show(&w->progress, w->status->ended, w->status->selected, line, event_now_ms(s->loop));
    return 0;
}

static void say_how_to_go_on(const struct waiting *w)
{
    session_say(
        &w->call->session,
        "the campaign goes on; `rebuild-producer status %s` shows it, and `rebuild-producer "
        "enqueue --campaign-id %s --wait` waits again",
        w->campaign_id, w->campaign_id);
}

static int judge(struct waiting *w, bool timely)
{
    const struct campaign_status *st = w->status;

    progress_end(&w->progress);
    if (status_ended(st))
        return status_failed(st) == 0 ? EXIT_DONE : EXIT_ITEMS_FAILED;
    session_say(&w->call->session, "%s: %" PRId64 " of %" PRId64 " items have ended",
                timely ? "interrupted" : "the time to wait is over", st->ended, st->selected);
    say_how_to_go_on(w);
    return timely ? EXIT_INTERRUPTED : EXIT_WAITED;
}

static int watch(struct waiting *w, struct err *err)
{
    struct event_loop *loop = w->call->session.loop;
    int64_t now_ms;

    for (;;) {
        if (look(w, err) != 0) {
            progress_end(&w->progress);
            return -1;
        }
        now_ms = event_now_ms(loop);
        if (status_ended(w->status) || w->interrupt.asked || now_ms >= w->deadline_ms)
            return judge(w, now_ms < w->deadline_ms);
        event_loop_run_until(loop, &w->interrupt.asked,
                             now_ms + LOOK_MS < w->deadline_ms ? now_ms + LOOK_MS : w->deadline_ms);
    }
}

int wait_campaign(struct call *c, const char *campaign_id, int64_t wait_ms,
                  struct campaign_status *ret, struct err *err)
{
    struct waiting w = { .call = c, .campaign_id = campaign_id, .status = ret };
    int code;

    *ret = (struct campaign_status){ .eta_s = -1 };
    if (interrupt_watch(&w.interrupt, c->session.loop, err) != 0)
        return -1;
    progress_init(&w.progress, &c->config);
    w.deadline_ms = event_now_ms(c->session.loop) + wait_ms;
    code = watch(&w, err);
    interrupt_done(&w.interrupt);
    return code;
}

/* Publishes the campaign's items turn by turn, under its lease, as far as its limits allow; what is
 * left then is the feeders' business. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/event/event.h"
#include "common/outbox/outbox.h"
#include "producer/enqueue.h"
#include "producer/interrupt.h"
#include "producer/progress.h"

#define CLIENT_ID      "rebuild-producer"
#define TURN_MAX_MS    150000 /* a message is given up after 120 s */
#define LAST_TURN_MS   3000   /* after ^C: a turn that is not stuck ends in this time */
#define TROUBLE_MAX_MS 60000  /* without a good turn: stop, say how to go on */
#define AGAIN_MS       250    /* after a turn that failed, or while another holds the lease */

struct turn {
    bool over;
    bool failed;
    struct outbox_report report;
    struct err err;
};

struct publishing {
    struct enqueue *e;
    struct outbox *outbox;
    struct event_loop *loop;
    struct turn turn;
    struct progress progress;
    struct interrupt interrupt;
    int64_t trouble_ms; /* since when no turn was good; 0: it is all right */
};

static void on_turn(void *arg, const struct outbox_report *report, const struct err *err)
{
    struct turn *t = arg;

    t->over = true;
    t->failed = err != NULL;
    if (err != NULL)
        t->err = *err;
    if (report != NULL)
        t->report = *report;
}

/* Until the turn is over; after ^C only as long as a turn takes that is not stuck. */
static bool await_turn(struct publishing *p)
{
    int64_t deadline_ms = event_now_ms(p->loop) + TURN_MAX_MS;

    while (!p->turn.over && event_now_ms(p->loop) < deadline_ms) {
        if (p->interrupt.asked && deadline_ms > event_now_ms(p->loop) + LAST_TURN_MS)
            deadline_ms = event_now_ms(p->loop) + LAST_TURN_MS;
        event_loop_run_until(p->loop, &p->turn.over, event_now_ms(p->loop) + AGAIN_MS);
    }
    return p->turn.over;
}

static int take_turn(struct publishing *p, struct err *err)
{
    p->turn = (struct turn){ .over = false };
    if (outbox_turn(p->outbox, &p->e->campaign_id, on_turn, &p->turn, err) != 0)
        return -1;
    if (!await_turn(p))
        return err_set(err, ERR_INTERNAL, "a turn of publishing has not ended in time");
    if (!p->turn.failed)
        return 0;
    *err = p->turn.err;
    return -1;
}

/* Where a turn is stuck, the lease lapses by itself. */
static void release(struct publishing *p)
{
    if (!p->turn.over)
        return;
    p->turn.over = false;
    if (outbox_release(p->outbox, &p->e->campaign_id, on_turn, &p->turn, NULL) == 0)
        event_loop_run_until(p->loop, &p->turn.over, event_now_ms(p->loop) + LAST_TURN_MS);
}

static void pause_ms(struct publishing *p, int64_t ms)
{
    event_loop_run_until(p->loop, &p->interrupt.asked, event_now_ms(p->loop) + ms);
}

/* A turn that failed may be made again, for a while. */
static int tolerate(struct publishing *p, const struct err *err)
{
    int64_t now_ms = event_now_ms(p->loop);

    if (!err->retriable && err->kind != ERR_UNREACHABLE)
        return -1;
    if (p->trouble_ms == 0) {
        p->trouble_ms = now_ms;
        session_say(&p->e->call->session, "publishing: %s; trying again", err->msg);
    }
    if (now_ms - p->trouble_ms > TROUBLE_MAX_MS)
        return -1;
    pause_ms(p, AGAIN_MS);
    return 0;
}

/* Another publisher has the lease: what it has done shows in the ledger. */
static int watch_other(struct publishing *p, bool *ret_over, struct err *err)
{
    if (enqueue_look_up(p->e, err) != 0)
        return -1;
    *ret_over = p->e->published >= p->e->selected;
    if (!*ret_over)
        pause_ms(p, AGAIN_MS);
    return 0;
}

static int step(struct publishing *p, bool *ret_over, struct err *err)
{
    struct enqueue *e = p->e;
    const struct outbox_report *report = &p->turn.report;

    if (take_turn(p, err) != 0)
        return tolerate(p, err);
    p->trouble_ms = 0;
    str_copy(e->state, sizeof(e->state), report->state);
    if (!report->lease && !report->completed)
        return watch_other(p, ret_over, err);
    e->published = report->cursor_rank + 1;
    progress_show(&p->progress, e->published, e->selected, "published", event_now_ms(p->loop));
    *ret_over = !report->more;
    return 0;
}

static int say_resume(const struct publishing *p, const char *why)
{
    const struct enqueue *e = p->e;

    session_say(&e->call->session,
                "%" PRId64 " of %" PRId64 " items are published: %s; a worker that runs publishes "
                "the rest, and so does: rebuild-producer enqueue --campaign-id %s",
                e->published, e->selected, why, e->campaign_text);
    return EXIT_PARTLY;
}

static int publish(struct publishing *p)
{
    struct err err = { .kind = ERR_NONE };
    bool over = false;
    int rc = 0;

    while (rc == 0 && !over && !p->interrupt.asked)
        rc = step(p, &over, &err);
    progress_end(&p->progress);
    release(p);
    if (rc != 0)
        return say_resume(p, err.msg);
    return over ? EXIT_DONE : say_resume(p, "interrupted");
}

int enqueue_publish(struct enqueue *e, struct err *err)
{
    struct session *s = &e->call->session;
    struct publishing p = { .e = e, .loop = s->loop };
    const struct outbox_config config = {
        .loop = s->loop,
        .db = s->db,
        .props = s->props,
        .client_id = CLIENT_ID,
        .holder = e->holder,
        .topic_normal = s->topics.requests,
        .topic_high = s->topics.requests_high,
    };
    int code;

    p.outbox = outbox_new(&config);
    if (p.outbox == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the outbox");
    if (interrupt_watch(&p.interrupt, s->loop, err) != 0) {
        outbox_free(p.outbox);
        return -1;
    }
    progress_init(&p.progress, s->config);
    code = publish(&p);
    interrupt_done(&p.interrupt);
    outbox_free(p.outbox);
    return code;
}

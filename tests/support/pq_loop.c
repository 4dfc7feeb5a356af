/* The event loop of the scripted tests: common/event/event.h over poll(2) and a clock of its own.
 * Time stands still while a file descriptor is ready, and else leaps to the next timer, so a test
 * of a time of ten seconds takes none, and two runs are the same. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/list.h"
#include "common/event/event.h"
#include "tests/support/pq_script.h"

#define FDS_MAX 8

struct event_loop {
    struct list fds, timers;
    int64_t now_ms;
    bool stopped;
};

struct event_fd {
    struct list_node node;
    struct event_loop *loop;
    int fd;
    unsigned interest;
    event_fd_fn *fn;
    void *arg;
};

struct event_timer {
    struct list_node node;
    struct event_loop *loop;
    event_fn *fn;
    void *arg;
    bool active;
    int64_t due_ms;
};

static struct event_loop *the_loop;

int64_t pq_now_ms(void)
{
    return the_loop->now_ms;
}

struct event_loop *event_loop_new(void)
{
    struct event_loop *loop = calloc(1, sizeof(*loop));

    assert_non_null(loop);
    list_init(&loop->fds);
    list_init(&loop->timers);
    loop->now_ms = 1000000;
    the_loop = loop;
    return loop;
}

void event_loop_free(struct event_loop *loop)
{
    assert_int_equal(loop->fds.n, 0);
    assert_int_equal(loop->timers.n, 0);
    free(loop);
    the_loop = NULL;
}

int64_t event_now_ms(struct event_loop *loop)
{
    return loop->now_ms;
}

void event_loop_stop(struct event_loop *loop)
{
    loop->stopped = true;
}

/* One callback, because it may stop any other watch. */
static bool run_fd(struct event_loop *loop)
{
    struct pollfd all[FDS_MAX];
    struct event_fd *watch[FDS_MAX];
    nfds_t n = 0;

    for (struct list_node *i = list_first(&loop->fds); i != NULL; i = list_next(&loop->fds, i)) {
        struct event_fd *w = list_entry(i, struct event_fd, node);

        assert_true(n < FDS_MAX);
        watch[n] = w;
        all[n++] =
            (struct pollfd){ .fd = w->fd,
                             .events = (short)(((w->interest & EVENT_READ) ? POLLIN : 0) |
                                               ((w->interest & EVENT_WRITE) ? POLLOUT : 0)) };
    }
    assert_true(poll(all, n, 0) >= 0);
    for (nfds_t i = 0; i < n; i++) {
        unsigned ready = ((all[i].revents & POLLIN) ? EVENT_READ : 0) |
                         ((all[i].revents & POLLOUT) ? EVENT_WRITE : 0);

        assert_int_equal(all[i].revents & POLLNVAL, 0); /* closed before it was stopped */
        if (ready != 0) {
            watch[i]->fn(watch[i]->arg, ready);
            return true;
        }
    }
    return false;
}

static bool run_timer(struct event_loop *loop, int64_t deadline_ms)
{
    struct event_timer *first = NULL;

    for (struct list_node *i = list_first(&loop->timers); i != NULL;
         i = list_next(&loop->timers, i)) {
        struct event_timer *t = list_entry(i, struct event_timer, node);

        if (t->active && (first == NULL || t->due_ms < first->due_ms))
            first = t;
    }
    if (first == NULL || first->due_ms > deadline_ms)
        return false;
    if (first->due_ms > loop->now_ms)
        loop->now_ms = first->due_ms;
    first->active = false;
    first->fn(first->arg);
    return true;
}

bool event_loop_run_until(struct event_loop *loop, const bool *flag, int64_t deadline_ms)
{
    while (!*flag && !loop->stopped)
        if (!run_fd(loop) && !run_timer(loop, deadline_ms)) {
            loop->now_ms = deadline_ms;
            break;
        }
    loop->stopped = false;
    return *flag;
}

void event_loop_run(struct event_loop *loop)
{
    event_loop_run_until(loop, &loop->stopped, INT64_MAX);
}

struct event_fd *event_fd_start(struct event_loop *loop, int fd, unsigned interest, event_fd_fn *fn,
                                void *arg)
{
    struct event_fd *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    *w = (struct event_fd){ .loop = loop, .fd = fd, .interest = interest, .fn = fn, .arg = arg };
    list_push(&loop->fds, &w->node);
    return w;
}

void event_fd_update(struct event_fd *w, unsigned interest)
{
    w->interest = interest;
}

void event_fd_stop(struct event_fd *w)
{
    if (w == NULL)
        return;
    list_remove(&w->loop->fds, &w->node);
    free(w);
}

struct event_timer *event_timer_new(struct event_loop *loop, event_fn *fn, void *arg)
{
    struct event_timer *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    *t = (struct event_timer){ .loop = loop, .fn = fn, .arg = arg };
    list_push(&loop->timers, &t->node);
    return t;
}

void event_timer_start(struct event_timer *t, int64_t delay_ms, int64_t repeat_ms)
{
    assert_int_equal(repeat_ms, 0); /* nobody here needs one */
    t->active = true;
    t->due_ms = t->loop->now_ms + (delay_ms > 0 ? delay_ms : 0);
}

void event_timer_stop(struct event_timer *t)
{
    t->active = false;
}

bool event_timer_active(const struct event_timer *t)
{
    return t->active;
}

void event_timer_free(struct event_timer *t)
{
    if (t == NULL)
        return;
    list_remove(&t->loop->timers, &t->node);
    free(t);
}

/* A helper thread would make the order of things a matter of luck. */
int event_work(struct event_loop *loop, event_fn *work, event_fn *done, void *arg)
{
    (void)loop;
    (void)work;
    (void)done;
    (void)arg;
    return -1;
}

void pq_play(struct event_loop *loop)
{
    if (!event_loop_run_until(loop, &pq_played, loop->now_ms + 24LL * 3600 * 1000))
        pq_script((const struct pq_step[]){ { NULL } }); /* fails, and names the line */
}

void pq_idle(struct event_loop *loop, int64_t ms)
{
    const bool never = false;

    event_loop_run_until(loop, &never, loop->now_ms + ms);
}

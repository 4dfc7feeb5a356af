#include "common/event/event.h"

#include <stdlib.h>
#include <uv.h>

#include "common/base/clock.h"

/* Every handle's data is what its close callback frees: libuv may look at a handle until then. */
struct event_loop {
    uv_loop_t uv;
    uv_async_t keep;     /* never signalled: a loop without any other handle waits, too */
    uv_timer_t deadline; /* of event_loop_run_until */
    bool stopped;
    bool in_timer; /* a timer's callback is running */
    bool until;    /* event_loop_run_until is running */
};

struct event_fd {
    uv_poll_t uv;
    unsigned interest;
    event_fd_fn *fn;
    void *arg;
};

struct event_timer {
    uv_timer_t uv;
    event_fn *fn;
    void *arg;
};

struct event_wake {
    uv_async_t uv;
    event_fn *fn;
    void *arg;
};

struct event_signal {
    uv_signal_t uv;
    event_signal_fn *fn;
    void *arg;
};

struct work {
    uv_work_t uv;
    event_fn *work, *done;
    void *arg;
};

static void free_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_keep(uv_async_t *handle)
{
    (void)handle;
}

struct event_loop *event_loop_new(void)
{
    struct event_loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL)
        return NULL;
    if (uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return NULL;
    }
    loop->uv.data = loop;
    uv_timer_init(&loop->uv, &loop->deadline);
    loop->deadline.data = NULL;
    if (uv_async_init(&loop->uv, &loop->keep, on_keep) != 0) {
        uv_close((uv_handle_t *)&loop->deadline, NULL);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        uv_loop_close(&loop->uv);
        free(loop);
        return NULL;
    }
    loop->keep.data = NULL;
    return loop;
}

void event_loop_run(struct event_loop *loop)
{
    while (!loop->stopped)
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    loop->stopped = false;
}

void event_loop_stop(struct event_loop *loop)
{
    loop->stopped = true;
    uv_stop(&loop->uv);
}

/* Nothing to do: that the timer was due has ended the turn. */
static void on_deadline(uv_timer_t *handle)
{
    (void)handle;
}

bool event_loop_run_until(struct event_loop *loop, const bool *flag, int64_t deadline_ms)
{
    int64_t left_ms;

    loop->until = true;
    while (!*flag && !loop->stopped && (left_ms = deadline_ms - clock_boot_ms()) > 0) {
        uv_update_time(&loop->uv);
        uv_timer_start(&loop->deadline, on_deadline, (uint64_t)left_ms, 0);
        uv_run(&loop->uv, UV_RUN_ONCE);
    }
    uv_timer_stop(&loop->deadline);
    loop->until = loop->stopped = false;
    return *flag;
}

static void close_left(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, free_closed);
}

/* What its owner forgot is closed here: a program that ends must not hang in a live timer. */
void event_loop_free(struct event_loop *loop)
{
    if (loop == NULL)
        return;
    uv_walk(&loop->uv, close_left, NULL);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
        uv_walk(&loop->uv, close_left, NULL);
    uv_loop_close(&loop->uv);
    free(loop);
}

int64_t event_now_ms(struct event_loop *loop)
{
    (void)loop;
    return clock_boot_ms();
}

/* ---- file descriptors ---- */

static int uv_interest(unsigned interest)
{
    return ((interest & EVENT_READ) != 0 ? UV_READABLE : 0) |
           ((interest & EVENT_WRITE) != 0 ? UV_WRITABLE : 0);
}

static void on_fd(uv_poll_t *handle, int status, int events);

static int fd_arm(struct event_fd *w)
{
    if (w->interest == 0)
        return uv_poll_stop(&w->uv);
    return uv_poll_start(&w->uv, uv_interest(w->interest), on_fd);
}

static void on_fd(uv_poll_t *handle, int status, int events)
{
    struct event_fd *w = handle->data;

    if (status == 0) {
        w->fn(w->arg, ((events & UV_READABLE) != 0 ? EVENT_READ : 0) |
                          ((events & UV_WRITABLE) != 0 ? EVENT_WRITE : 0));
        return;
    }
    /* libuv has stopped the handle. The interest is reported too, so that whoever only looks at it
     * meets the error in read or write; and like epoll it goes on until the owner deals with it. */
    w->fn(w->arg, EVENT_ERROR | w->interest);
    if (!uv_is_closing((uv_handle_t *)&w->uv) && w->interest != 0)
        fd_arm(w);
}

struct event_fd *event_fd_start(struct event_loop *loop, int fd, unsigned interest, event_fd_fn *fn,
                                void *arg)
{
    struct event_fd *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    if (uv_poll_init(&loop->uv, &w->uv, fd) != 0) {
        free(w);
        return NULL;
    }
    w->uv.data = w;
    w->interest = interest & (EVENT_READ | EVENT_WRITE);
    w->fn = fn;
    w->arg = arg;
    if (w->interest != 0 && fd_arm(w) != 0) {
        event_fd_stop(w);
        return NULL;
    }
    return w;
}

void event_fd_update(struct event_fd *w, unsigned interest)
{
    interest &= EVENT_READ | EVENT_WRITE;
    if (interest == w->interest)
        return; /* libuv would leave and re-enter epoll */
    w->interest = interest;
    fd_arm(w);
}

void event_fd_stop(struct event_fd *w)
{
    if (w == NULL)
        return;
    uv_poll_stop(&w->uv); /* leaves epoll now, so the number may be watched anew at once */
    uv_close((uv_handle_t *)&w->uv, free_closed);
}

/* ---- timers ---- */

struct event_timer *event_timer_new(struct event_loop *loop, event_fn *fn, void *arg)
{
    struct event_timer *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    uv_timer_init(&loop->uv, &t->uv);
    t->uv.data = t;
    t->fn = fn;
    t->arg = arg;
    return t;
}

static void on_timer(uv_timer_t *handle)
{
    struct event_timer *t = handle->data;
    struct event_loop *loop = handle->loop->data;

    loop->in_timer = true;
    t->fn(t->arg);
    loop->in_timer = false;
    /* Timers run before the wait of a turn, which must not begin if this set the flag. */
    if (loop->until)
        uv_stop(&loop->uv);
}

void event_timer_start(struct event_timer *t, int64_t delay_ms, int64_t repeat_ms)
{
    const struct event_loop *loop = t->uv.loop->data;
    uint64_t now_ms = uv_hrtime() / 1000000, turn_ms = uv_now(t->uv.loop);

    /* libuv runs due timers until none is left, so one that starts itself without delay would
     * never let it look at a file descriptor. */
    if (delay_ms < 1)
        delay_ms = loop->in_timer ? 1 : 0;
    /* libuv counts from the start of its turn. The turn's time is left alone: moving it on would
     * make other timers due in the same sweep, without end if the callbacks are slow. */
    if (now_ms > turn_ms)
        delay_ms += (int64_t)(now_ms - turn_ms);
    uv_timer_start(&t->uv, on_timer, (uint64_t)delay_ms, repeat_ms > 0 ? (uint64_t)repeat_ms : 0);
}

void event_timer_stop(struct event_timer *t)
{
    uv_timer_stop(&t->uv);
}

bool event_timer_active(const struct event_timer *t)
{
    return uv_is_active((const uv_handle_t *)&t->uv) != 0;
}

void event_timer_free(struct event_timer *t)
{
    if (t != NULL)
        uv_close((uv_handle_t *)&t->uv, free_closed);
}

/* ---- wake-ups ---- */

static void on_wake(uv_async_t *handle)
{
    struct event_wake *w = handle->data;

    w->fn(w->arg);
}

struct event_wake *event_wake_new(struct event_loop *loop, event_fn *fn, void *arg)
{
    struct event_wake *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    if (uv_async_init(&loop->uv, &w->uv, on_wake) != 0) {
        free(w);
        return NULL;
    }
    w->uv.data = w;
    w->fn = fn;
    w->arg = arg;
    return w;
}

void event_wake_signal(struct event_wake *w)
{
    uv_async_send(&w->uv);
}

void event_wake_free(struct event_wake *w)
{
    if (w != NULL)
        uv_close((uv_handle_t *)&w->uv, free_closed);
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *handle, int signum)
{
    struct event_signal *s = handle->data;

    s->fn(s->arg, signum);
}

struct event_signal *event_signal_start(struct event_loop *loop, int signum, event_signal_fn *fn,
                                        void *arg)
{
    struct event_signal *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    if (uv_signal_init(&loop->uv, &s->uv) != 0) {
        free(s);
        return NULL;
    }
    s->uv.data = s;
    s->fn = fn;
    s->arg = arg;
    if (uv_signal_start(&s->uv, on_signal, signum) != 0) {
        event_signal_stop(s);
        return NULL;
    }
    return s;
}

void event_signal_stop(struct event_signal *s)
{
    if (s != NULL)
        uv_close((uv_handle_t *)&s->uv, free_closed);
}

/* ---- helper threads ---- */

static void on_work(uv_work_t *req)
{
    struct work *w = req->data;

    w->work(w->arg);
}

/* Nobody cancels, so status says nothing. */
static void on_work_done(uv_work_t *req, int status)
{
    struct work *w = req->data;
    event_fn *done = w->done;
    void *arg = w->arg;

    (void)status;
    free(w);
    done(arg);
}

int event_work(struct event_loop *loop, event_fn *work, event_fn *done, void *arg)
{
    struct work *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return -1;
    w->uv.data = w;
    w->work = work;
    w->done = done;
    w->arg = arg;
    if (uv_queue_work(&loop->uv, &w->uv, on_work, on_work_done) != 0) {
        free(w);
        return -1;
    }
    return 0;
}

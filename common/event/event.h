/* The event loop: file descriptors, timers, wake-ups from other threads, signals, helper threads.
 * A thin cover of libuv, so that no other header needs it. Single threaded but for
 * event_wake_signal. Callbacks run from event_loop_run and event_loop_run_until only, neither of
 * which may be called from a callback; never from inside a start or stop call, and not after stop
 * or free, which a callback may call on itself. */
#ifndef COMMON_EVENT_EVENT_H
#define COMMON_EVENT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

struct event_loop;
struct event_fd;
struct event_timer;
struct event_wake;
struct event_signal;

#define EVENT_READ  1u
#define EVENT_WRITE 2u
#define EVENT_ERROR 4u /* reported only */

typedef void event_fd_fn(void *arg, unsigned ready);
typedef void event_fn(void *arg);

struct event_loop *event_loop_new(void);       /* NULL: no memory */
void event_loop_run(struct event_loop *loop);  /* until event_loop_stop */
void event_loop_stop(struct event_loop *loop); /* from a callback; run returns after this turn */
/* Runs until *flag is true, deadline_ms (event_now_ms clock) has passed, or event_loop_stop; true:
 * flag is set. For command-line verbs and tests that wait for one thing. */
bool event_loop_run_until(struct event_loop *loop, const bool *flag, int64_t deadline_ms);
/* After everything on it was freed. Waits for event_work that is under way, whose done then runs.
 */
void event_loop_free(struct event_loop *loop);
int64_t event_now_ms(struct event_loop *loop); /* clock_boot_ms, asked anew */

/* Watches fd, which stays the caller's and becomes non-blocking. stop frees at once; close the fd
 * only after stop. An error is reported together with the interest, again and again like any other
 * state. NULL: no memory, or an fd that cannot be watched (a plain file). */
struct event_fd *event_fd_start(struct event_loop *loop, int fd, unsigned interest, event_fd_fn *fn,
                                void *arg);
void event_fd_update(struct event_fd *w, unsigned interest); /* 0: watch nothing, keep the handle */
void event_fd_stop(struct event_fd *w);                      /* NULL is fine */

/* A timer is made once and started often; starting again replaces the earlier due time. */
struct event_timer *event_timer_new(struct event_loop *loop, event_fn *fn, void *arg);
void event_timer_start(struct event_timer *t, int64_t delay_ms,
                       int64_t repeat_ms); /* repeat 0: once */
void event_timer_stop(struct event_timer *t);
bool event_timer_active(const struct event_timer *t);
void event_timer_free(struct event_timer *t); /* NULL is fine */

/* fn runs once on the loop after one or more signals from any thread. */
struct event_wake *event_wake_new(struct event_loop *loop, event_fn *fn, void *arg);
void event_wake_signal(struct event_wake *w); /* thread safe */
void event_wake_free(struct event_wake *w);   /* NULL is fine */

typedef void event_signal_fn(void *arg, int signum);
struct event_signal *event_signal_start(struct event_loop *loop, int signum, event_signal_fn *fn,
                                        void *arg);
void event_signal_stop(struct event_signal *s); /* NULL is fine */

/* Runs work(arg) on a helper thread, then done(arg) on the loop, exactly once each; both get the
 * same arg, which only one side touches at a time. Bounded by libuv's pool (4 threads); for calls
 * that block for milliseconds to seconds (rd_kafka_committed, getaddrinfo). -1: not started. */
int event_work(struct event_loop *loop, event_fn *work, event_fn *done, void *arg);

#endif

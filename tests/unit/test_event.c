#include "common/event/event.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_MS 60000 /* never waited for: a test that gets here has failed */

struct fixture {
    struct event_loop *loop;
    int pipe[2];
    bool flag;
    int calls;
    unsigned ready;
    struct event_fd *fd;
    struct event_timer *timer;
    char order[16];
    size_t order_n;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->loop = event_loop_new();
    assert_non_null(f->loop);
    assert_int_equal(pipe(f->pipe), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    event_fd_stop(f->fd);
    event_timer_free(f->timer);
    event_loop_free(f->loop);
    close(f->pipe[0]);
    close(f->pipe[1]);
    free(f);
    return 0;
}

static bool run(struct fixture *f)
{
    return event_loop_run_until(f->loop, &f->flag, event_now_ms(f->loop) + LONG_MS);
}

static void set_flag(void *arg)
{
    ((struct fixture *)arg)->flag = true;
}

/* Turns of the loop in which nothing is expected to happen. */
static void run_a_turn(struct fixture *f)
{
    struct event_timer *t = event_timer_new(f->loop, set_flag, f);

    f->flag = false;
    event_timer_start(t, 0, 0);
    assert_true(run(f));
    event_timer_free(t);
    f->flag = false;
}

static void on_ready(void *arg, unsigned ready)
{
    struct fixture *f = arg;

    f->calls++;
    f->ready = ready;
    f->flag = true;
}

static void a_readable_fd_is_reported_until_it_is_read(void **state)
{
    struct fixture *f = *state;

    f->fd = event_fd_start(f->loop, f->pipe[0], EVENT_READ, on_ready, f);
    assert_non_null(f->fd);
    run_a_turn(f);
    assert_int_equal(f->calls, 0);
    assert_int_equal(write(f->pipe[1], "x", 1), 1);
    assert_true(run(f));
    assert_int_equal(f->ready, EVENT_READ);
    f->flag = false;
    assert_true(run(f));
    assert_int_equal(f->calls, 2);
}

static void interest_zero_watches_nothing_and_can_be_taken_up_again(void **state)
{
    struct fixture *f = *state;

    f->fd = event_fd_start(f->loop, f->pipe[1], 0, on_ready, f);
    assert_non_null(f->fd);
    run_a_turn(f);
    assert_int_equal(f->calls, 0);
    event_fd_update(f->fd, EVENT_WRITE);
    assert_true(run(f));
    assert_int_equal(f->ready, EVENT_WRITE);
    event_fd_update(f->fd, 0);
    run_a_turn(f);
    assert_int_equal(f->calls, 1);
}

static void a_fd_that_cannot_be_watched_is_refused(void **state)
{
    struct fixture *f = *state;

    assert_null(event_fd_start(f->loop, -1, EVENT_READ, on_ready, f));
}

static void a_reused_fd_number_can_be_watched_in_the_same_turn(void **state)
{
    struct fixture *f = *state;
    struct event_fd *old = event_fd_start(f->loop, f->pipe[0], EVENT_READ, on_ready, NULL);
    int number = f->pipe[0];

    assert_non_null(old);
    run_a_turn(f);
    event_fd_stop(old);
    close(f->pipe[0]);
    close(f->pipe[1]);
    assert_int_equal(pipe(f->pipe), 0);
    assert_int_equal(f->pipe[0], number);
    f->fd = event_fd_start(f->loop, f->pipe[0], EVENT_READ, on_ready, f);
    assert_non_null(f->fd);
    assert_int_equal(write(f->pipe[1], "x", 1), 1);
    assert_true(run(f));
    assert_int_equal(f->calls, 1);
}

struct pair {
    struct fixture *f;
    struct event_fd *other, *self;
};

static void stop_both(void *arg, unsigned ready)
{
    struct pair *p = arg;

    (void)ready;
    p->f->calls++;
    event_fd_stop(p->other);
    event_fd_stop(p->self);
}

static void no_callback_runs_after_stop_even_when_both_were_ready(void **state)
{
    struct fixture *f = *state;
    struct pair a = { .f = f }, b = { .f = f };
    int second[2];

    assert_int_equal(pipe(second), 0);
    assert_int_equal(write(second[1], "x", 1), 1);
    assert_int_equal(write(f->pipe[1], "x", 1), 1);
    a.self = b.other = event_fd_start(f->loop, f->pipe[0], EVENT_READ, stop_both, &a);
    b.self = a.other = event_fd_start(f->loop, second[0], EVENT_READ, stop_both, &b);
    assert_non_null(a.self);
    assert_non_null(b.self);
    run_a_turn(f);
    run_a_turn(f);
    assert_int_equal(f->calls, 1);
    close(second[0]);
    close(second[1]);
}

static void an_error_is_reported_with_the_interest_and_again_until_handled(void **state)
{
    struct fixture *f = *state;

    close(f->pipe[0]); /* the writing end of a pipe without reader: POLLERR */
    f->fd = event_fd_start(f->loop, f->pipe[1], EVENT_WRITE, on_ready, f);
    f->pipe[0] = dup(f->pipe[1]);
    assert_true(run(f));
    assert_int_equal(f->ready, EVENT_ERROR | EVENT_WRITE);
    f->flag = false;
    assert_true(run(f));
    assert_int_equal(f->calls, 2);
}

static void note(struct fixture *f, char c)
{
    assert_true(f->order_n < sizeof(f->order) - 1);
    f->order[f->order_n++] = c;
}

static void note_a(void *arg)
{
    note(arg, 'a');
}

static void note_b_and_end(void *arg)
{
    note(arg, 'b');
    set_flag(arg);
}

static void timers_fire_in_order_of_due_time_and_a_restart_replaces(void **state)
{
    struct fixture *f = *state;
    struct event_timer *a = event_timer_new(f->loop, note_a, f);
    struct event_timer *b = event_timer_new(f->loop, note_b_and_end, f);

    event_timer_start(a, 0, 0);
    event_timer_start(b, 0, 0);
    event_timer_start(a, LONG_MS, 0);
    assert_true(event_timer_active(a));
    event_timer_start(a, 1, 0);
    event_timer_start(b, 3, 0);
    assert_int_equal(f->order_n, 0); /* never from inside start */
    assert_true(run(f));
    assert_string_equal(f->order, "ab");
    assert_false(event_timer_active(a));
    event_timer_free(a);
    event_timer_free(b);
}

static void a_stopped_timer_does_not_fire(void **state)
{
    struct fixture *f = *state;
    struct event_timer *a = event_timer_new(f->loop, note_a, f);

    event_timer_start(a, 0, 0);
    event_timer_stop(a);
    assert_false(event_timer_active(a));
    run_a_turn(f);
    assert_int_equal(f->order_n, 0);
    event_timer_free(a);
}

static void third_call_ends(void *arg)
{
    struct fixture *f = arg;

    f->flag = ++f->calls == 3;
}

static void a_repeating_timer_repeats(void **state)
{
    struct fixture *f = *state;

    f->timer = event_timer_new(f->loop, third_call_ends, f);
    event_timer_start(f->timer, 0, 1);
    assert_true(run(f));
    assert_int_equal(f->calls, 3);
    assert_true(event_timer_active(f->timer));
}

static void restart_at_once(void *arg)
{
    struct fixture *f = arg;

    event_timer_start(f->timer, 0, 0);
}

static void a_timer_that_restarts_itself_at_once_does_not_starve_fds(void **state)
{
    struct fixture *f = *state;

    f->timer = event_timer_new(f->loop, restart_at_once, f);
    event_timer_start(f->timer, 0, 0);
    f->fd = event_fd_start(f->loop, f->pipe[1], EVENT_WRITE, on_ready, f);
    assert_true(run(f));
    assert_true(f->calls > 0);
}

static void free_itself(void *arg)
{
    struct fixture *f = arg;

    event_timer_free(f->timer);
    f->timer = NULL;
    f->flag = true;
}

static void a_timer_may_free_itself_in_its_callback(void **state)
{
    struct fixture *f = *state;

    f->timer = event_timer_new(f->loop, free_itself, f);
    event_timer_start(f->timer, 0, 1);
    assert_true(run(f));
    run_a_turn(f);
}

static void count_and_end(void *arg)
{
    struct fixture *f = arg;

    f->calls++;
    f->flag = true;
}

static void *signal_thrice(void *arg)
{
    event_wake_signal(arg);
    event_wake_signal(arg);
    event_wake_signal(arg);
    return NULL;
}

static void signals_of_another_thread_wake_the_loop_once(void **state)
{
    struct fixture *f = *state;
    struct event_wake *w = event_wake_new(f->loop, count_and_end, f);
    pthread_t thread;

    assert_non_null(w);
    assert_int_equal(pthread_create(&thread, NULL, signal_thrice, w), 0);
    pthread_join(thread, NULL);
    assert_true(run(f));
    run_a_turn(f);
    assert_int_equal(f->calls, 1);
    event_wake_free(w);
}

static void on_signum(void *arg, int signum)
{
    struct fixture *f = arg;

    f->calls = signum;
    f->flag = true;
}

static void a_signal_is_delivered_on_the_loop(void **state)
{
    struct fixture *f = *state;
    struct event_signal *s = event_signal_start(f->loop, SIGUSR1, on_signum, f);

    assert_non_null(s);
    raise(SIGUSR1);
    assert_int_equal(f->calls, 0);
    assert_true(run(f));
    assert_int_equal(f->calls, SIGUSR1);
    event_signal_stop(s);
}

struct job {
    struct fixture *f;
    pthread_t worked_on;
    bool done;
};

static void work(void *arg)
{
    ((struct job *)arg)->worked_on = pthread_self();
}

static void work_done(void *arg)
{
    struct job *job = arg;

    job->done = true;
    job->f->flag = true;
}

static void work_runs_on_another_thread_and_done_on_the_loop(void **state)
{
    struct job job = { .f = *state };

    assert_int_equal(event_work(job.f->loop, work, work_done, &job), 0);
    assert_true(run(job.f));
    assert_false(pthread_equal(job.worked_on, pthread_self()));
    assert_true(job.done);
}

static void free_waits_for_work_that_is_under_way(void **state)
{
    struct fixture *f = *state;
    struct job job = { .f = f };
    struct event_loop *loop = event_loop_new();

    assert_int_equal(event_work(loop, work, work_done, &job), 0);
    event_loop_free(loop);
    assert_true(job.done);
}

static void a_deadline_that_passes_ends_the_wait(void **state)
{
    struct fixture *f = *state;

    assert_false(event_loop_run_until(f->loop, &f->flag, event_now_ms(f->loop) + 1));
    assert_false(event_loop_run_until(f->loop, &f->flag, 0));
}

static void stop_loop(void *arg)
{
    struct fixture *f = arg;

    f->calls++;
    event_loop_stop(f->loop);
}

static void stop_ends_run_and_run_until_and_nothing_later(void **state)
{
    struct fixture *f = *state;

    f->timer = event_timer_new(f->loop, stop_loop, f);
    event_timer_start(f->timer, 0, 0);
    event_loop_run(f->loop);
    event_timer_start(f->timer, 0, 0);
    assert_false(run(f)); /* the flag was not set */
    event_timer_start(f->timer, 0, 0);
    event_loop_run(f->loop);
    assert_int_equal(f->calls, 3);
}

static void a_forgotten_timer_does_not_hang_the_end(void **state)
{
    struct event_loop *loop = event_loop_new();
    struct event_timer *t = event_timer_new(loop, note_a, *state);

    event_timer_start(t, 0, 1);
    event_loop_free(loop);
    assert_int_equal(((struct fixture *)*state)->order_n, 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_readable_fd_is_reported_until_it_is_read),
        T(interest_zero_watches_nothing_and_can_be_taken_up_again),
        T(a_fd_that_cannot_be_watched_is_refused),
        T(a_reused_fd_number_can_be_watched_in_the_same_turn),
        T(no_callback_runs_after_stop_even_when_both_were_ready),
        T(an_error_is_reported_with_the_interest_and_again_until_handled),
        T(timers_fire_in_order_of_due_time_and_a_restart_replaces),
        T(a_stopped_timer_does_not_fire),
        T(a_repeating_timer_repeats),
        T(a_timer_that_restarts_itself_at_once_does_not_starve_fds),
        T(a_timer_may_free_itself_in_its_callback),
        T(signals_of_another_thread_wake_the_loop_once),
        T(a_signal_is_delivered_on_the_loop),
        T(work_runs_on_another_thread_and_done_on_the_loop),
        T(free_waits_for_work_that_is_under_way),
        T(a_deadline_that_passes_ends_the_wait),
        T(stop_ends_run_and_run_until_and_nothing_later),
        T(a_forgotten_timer_does_not_hang_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

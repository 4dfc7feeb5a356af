#include "tests/simulator/serve.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/simulator/clock.h"
#include "tests/simulator/listen.h"
#include "tests/simulator/memory.h"
#include "tests/simulator/port.h"
#include "tests/simulator/world.h"

#define EVENTS_PER_TURN (MAX_REPLICAS + 4) /* every daemon, the timer and the signals at once */

/* Events name their subject: &timer_fd, &signal_fd, &gone_fd, or a port. */
static bool watch_fd(const struct server *server, int fd, void *subject)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = subject };

    return fd >= 0 && epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool open_loop(struct server *server)
{
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->gone_fd = epoll_create1(EPOLL_CLOEXEC);
    server->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    server->signal_fd = open_signals();
    return server->epoll_fd >= 0 && watch_fd(server, server->timer_fd, &server->timer_fd) &&
           watch_fd(server, server->gone_fd, &server->gone_fd) &&
           watch_fd(server, server->signal_fd, &server->signal_fd);
}

/* Takes the port and writes its address to at. */
static bool add_port(struct server *server, enum port_kind kind, const struct place *place,
                     struct address *at)
{
    struct port *port = &server->ports[server->ports_n++];
    const char *prefix = kind == PORT_ADMIN ? "" : server->world->options->prefix;

    port->kind = kind;
    port->replica = kind == PORT_REPLICA ? server->ports_n - 1 : 0;
    port->place = *place;
    port->server = server;
    port->guard_fd = listen_guard(place, &port->place.port);
    if (port->guard_fd < 0)
        return false;
    at->port = port->place.port;
    snprintf(at->url, sizeof at->url, "http://%s:%d%s", place->address, at->port, prefix);
    return port_up(port);
}

static bool add_ports(struct server *server, const struct options *options,
                      const struct place **ret_bad)
{
    struct world *world = server->world;

    for (size_t i = 0; i < options->replicas_n; i++) {
        *ret_bad = &options->replicas[i];
        if (!add_port(server, PORT_REPLICA, *ret_bad, &world->replicas[i].at))
            return false;
    }
    *ret_bad = &options->front;
    if (options->front.wanted && !add_port(server, PORT_FRONT, *ret_bad, &world->front))
        return false;
    *ret_bad = &options->admin;
    return !options->admin.wanted || add_port(server, PORT_ADMIN, *ret_bad, &world->admin);
}

struct server *server_new(struct world *world, const struct options *options, char *error,
                          size_t error_size)
{
    struct server *server = memory_zeroed(1, sizeof *server);
    const struct place *bad = NULL;

    server->world = world;
    builds_on_end(world->builds, park_on_build_end, server);
    if (!open_loop(server)) {
        snprintf(error, error_size, "cannot make the event loop: %s", strerror(errno));
        server_free(server);
        return NULL;
    }
    if (!add_ports(server, options, &bad)) {
        snprintf(error, error_size, "cannot listen on %s:%d: %s", bad->address, bad->port,
                 strerror(errno));
        server_free(server);
        return NULL;
    }
    return server;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    for (size_t i = 0; i < server->ports_n; i++) {
        port_down(&server->ports[i]);
        close_fd(server->ports[i].guard_fd);
    }
    heap_done(&server->wakes);
    close_fd(server->gone_fd);
    close_fd(server->timer_fd);
    close_fd(server->signal_fd);
    close_fd(server->epoll_fd);
    free(server);
}

/* Sets the timer to the next build end or wake-up. */
static void set_timer(struct server *server, int64_t now_us)
{
    const struct heap_node *top = heap_top(&server->wakes);
    int64_t next_us = builds_next_us(server->world->builds);

    if (top != NULL && top->key < (double)next_us)
        next_us = (int64_t)top->key;
    if (next_us == INT64_MAX || next_us == server->timer_us)
        return;
    int64_t left_us = next_us > now_us ? next_us - now_us : 1;
    struct itimerspec in = {
        .it_value = { .tv_sec = left_us / US_PER_SECOND,
                      .tv_nsec = left_us % US_PER_SECOND * 1000 },
    };
    timerfd_settime(server->timer_fd, 0, &in, NULL);
    server->timer_us = next_us;
}

/* Ends what is due; what that wakes makes its port ready. */
static void pass_time(struct server *server)
{
    int64_t now_us = clock_now_us();

    builds_advance(server->world->builds, now_us);
    park_wake_due(server, now_us);
    if (server->timer_us <= now_us)
        server->timer_us = 0;
    set_timer(server, now_us);
}

/* Runs the daemons that are ready. A handler may wake visits of any port meanwhile, so ready is
 * only cleared before its daemon runs. */
static void run_daemons(struct server *server)
{
    for (size_t i = 0; i < server->ports_n; i++) {
        struct port *port = &server->ports[i];
        MHD_UNSIGNED_LONG_LONG left_ms = 1;
        if (!port->ready || port->daemon == NULL)
            continue;
        port->ready = false;
        MHD_run(port->daemon);
        if (port->daemon != NULL && MHD_get_timeout(port->daemon, &left_ms) == MHD_YES &&
            left_ms == 0)
            port->ready = true;
    }
}

/* Run from outside, the library tells nobody of a resumed connection: we must not wait. */
static bool any_ready(const struct server *server)
{
    for (size_t i = 0; i < server->ports_n; i++)
        if (server->ports[i].ready && server->ports[i].daemon != NULL)
            return true;
    return false;
}

static void forget_timer(const struct server *server)
{
    uint64_t ignored;

    (void)!read(server->timer_fd, &ignored, sizeof ignored);
}

/* Notes what an event is about; true if it asks to stop. */
static bool note(struct server *server, const struct epoll_event *event)
{
    void *subject = event->data.ptr;

    if (subject == &server->signal_fd)
        return true;
    if (subject == &server->timer_fd)
        forget_timer(server);
    else if (subject == &server->gone_fd)
        park_wake_gone(server);
    else
        ((struct port *)subject)->ready = true;
    return false;
}

bool server_run(struct server *server)
{
    struct epoll_event events[EVENTS_PER_TURN];
    bool stop = false;

    while (!stop) {
        int n = epoll_wait(server->epoll_fd, events, EVENTS_PER_TURN, any_ready(server) ? 0 : -1);
        if (n < 0 && errno != EINTR)
            return false;
        for (int i = 0; i < n; i++)
            stop = note(server, &events[i]) || stop;
        run_daemons(server);
        pass_time(server);
    }
    return true;
}

#include <microhttpd.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <utlist.h>

#include "tests/simulator/audit.h"
#include "tests/simulator/builds.h"
#include "tests/simulator/memory.h"
#include "tests/simulator/port.h"
#include "tests/simulator/world.h"

#define GONE_PER_TURN 256 /* the rest follows in the next turn */

/* The library does not look at a suspended connection. A worker that dies with thousands of polls
 * would leave thousands of files open until their waits are over; so we look. */
static void watch(struct visit *visit)
{
    struct epoll_event event = { .events = EPOLLRDHUP, .data.ptr = visit };

    (void)epoll_ctl(visit->port->server->gone_fd, EPOLL_CTL_ADD, visit->fd, &event);
}

static void unwatch(const struct visit *visit)
{
    (void)epoll_ctl(visit->port->server->gone_fd, EPOLL_CTL_DEL, visit->fd, NULL);
}

void park_visit(struct visit *visit, int64_t wake_us, struct build *build)
{
    struct port *port = visit->port;

    MHD_suspend_connection(visit->connection);
    visit->parked = true;
    watch(visit);
    visit->build = build;
    heap_push(&port->server->wakes, &visit->wake, (double)wake_us);
    DL_APPEND(port->parked, visit);
    if (build == NULL)
        return;
    struct visit *pollers = build->pollers;
    DL_APPEND2(pollers, visit, build_prev, build_next);
    build->pollers = pollers;
}

void park_leave(struct visit *visit)
{
    if (!visit->parked)
        return;
    visit->parked = false;
    unwatch(visit);
    heap_remove(&visit->port->server->wakes, &visit->wake);
    DL_DELETE(visit->port->parked, visit);
    if (visit->build == NULL)
        return;
    struct visit *pollers = visit->build->pollers;
    DL_DELETE2(pollers, visit, build_prev, build_next);
    visit->build->pollers = pollers;
    visit->build = NULL;
}

void park_wake(struct visit *visit)
{
    park_leave(visit);
    visit->port->ready = true;
    MHD_resume_connection(visit->connection);
}

void park_wake_due(struct server *server, int64_t now_us)
{
    struct heap_node *top = heap_top(&server->wakes);

    while (top != NULL && top->key <= (double)now_us) {
        park_wake(container_of(top, struct visit, wake));
        top = heap_top(&server->wakes);
    }
}

void park_wake_gone(struct server *server)
{
    struct epoll_event events[GONE_PER_TURN];
    int n = epoll_wait(server->gone_fd, events, GONE_PER_TURN, 0);

    for (int i = 0; i < n; i++) {
        struct visit *visit = events[i].data.ptr;
        visit->gone = true;
        park_wake(visit);
    }
}

void park_wake_all(struct port *port)
{
    while (port->parked != NULL)
        park_wake(port->parked);
}

void park_lose_replica(struct server *server, size_t replica)
{
    for (size_t i = 0; i < server->ports_n; i++) {
        struct visit *visit = NULL;
        struct visit *next = NULL;
        if (server->ports[i].kind != PORT_FRONT)
            continue;
        DL_FOREACH_SAFE (server->ports[i].parked, visit, next) {
            if (visit->request.replica != replica)
                continue;
            visit->request.replica_lost = true;
            park_wake(visit);
        }
    }
}

void park_on_build_end(void *server, struct build *build)
{
    const struct server *edge = server;

    audit_ended(edge->world, build);
    while (build->pollers != NULL)
        park_wake(build->pollers);
}

#ifndef SIMULATOR_PORT_H
#define SIMULATOR_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/simulator/exchange.h"
#include "tests/simulator/heap.h"
#include "tests/simulator/options.h"

/* Inside of the edge, shared by serve.c (loop), port.c (requests) and park.c (waiting). */

struct MHD_Connection;
struct MHD_Daemon;
struct server;
struct world;

enum port_kind { PORT_REPLICA, PORT_FRONT, PORT_ADMIN };

/* A request on its way. Lives from its first header to the end of its answer. */
struct visit {
    struct request request;
    struct text body;
    bool too_large;
    bool arrived; /* has been to a handler */
    struct port *port;
    struct MHD_Connection *connection;
    int fd;                                /* of the connection */
    bool gone;                             /* the client hung up while the visit was parked */
    bool dripping;                         /* its answer has begun and does not end */
    bool parked;                           /* suspended, in the three lists below */
    struct heap_node wake;                 /* of server->wakes */
    struct visit *prev, *next;             /* of port->parked */
    struct build *build;                   /* whose end wakes it; NULL: only time does */
    struct visit *build_prev, *build_next; /* of build->pollers */
};

struct port {
    enum port_kind kind;
    size_t replica;            /* of PORT_REPLICA */
    struct place place;        /* with the port it really has */
    int guard_fd;              /* holds the port; -1: none */
    struct MHD_Daemon *daemon; /* NULL: down */
    bool ready;                /* its daemon has something to do: run it before waiting */
    struct visit *parked;
    struct server *server;
};

struct server {
    struct world *world;
    struct port ports[MAX_REPLICAS + 2];
    size_t ports_n;
    struct heap wakes; /* of parked visits, by time */
    int epoll_fd;      /* of daemons, timer, signals and gone_fd */
    int timer_fd;
    int signal_fd;
    int gone_fd;        /* epoll of parked connections, for those that hang up; in epoll_fd */
    int64_t timer_us;   /* what the timer is set to; 0: not set */
    uint64_t answers_n; /* numbers the correlation ids that we make */
};

/* port.c */
bool port_up(struct port *port);       /* starts its daemon; false: cannot listen, errno says why */
void port_down(struct port *port);     /* closes all its connections */
void port_sync(struct server *server); /* replicas as the world wishes them */

/* park.c */
void park_visit(struct visit *visit, int64_t wake_us, struct build *build);
void park_leave(struct visit *visit); /* out of all lists; does not resume it */
void park_wake(struct visit *visit);  /* lets its handler run again */
void park_wake_due(struct server *server, int64_t now_us);
void park_wake_all(struct port *port);
void park_wake_gone(struct server *server); /* those whose client hung up */
/* Visits of the front that wait for the replica. */
void park_lose_replica(struct server *server, size_t replica);
void park_on_build_end(void *server, struct build *build); /* a build_ended_fn */

#endif

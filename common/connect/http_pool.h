/* Private to the HTTP engine: as many multi handles as there are transfers for. libcurl looks for a
 * kept connection by going through all that there are to the host, used ones, too: with 10,000 long
 * polls at once that took a millisecond for each request. So no handle gets more than a few
 * hundred. */
#ifndef COMMON_CONNECT_HTTP_POOL_H
#define COMMON_CONNECT_HTTP_POOL_H

#include <stddef.h>

#include "common/connect/http_sockets.h"

#define POOL_SHARE     256   /* transfers of one multi handle: 25 us to find a connection */
#define POOL_IDLE_MS   60000 /* one that was not used for so long closes its connections */
#define POOL_PARTS_MAX 256

struct pool;

/* in_flight_max: transfers at once that stay quick; up to as many connections are kept besides
 * those in use. NULL: no memory. */
struct pool *pool_new(struct event_loop *loop, size_t in_flight_max, sockets_ended_fn *ended,
                      void *arg);
struct sockets *pool_pick(struct pool *p); /* for the next transfer; NULL: no memory */
void pool_turn(struct pool *p);            /* sockets_turn of all; p must outlive it */
void pool_free(struct pool *p);            /* after every transfer was removed; NULL is fine */

#endif

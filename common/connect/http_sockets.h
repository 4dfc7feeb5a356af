/* Private to the HTTP engine: one libcurl multi handle on the loop, its sockets and its timer.
 * Knows transfers only as handles that end. */
#ifndef COMMON_CONNECT_HTTP_SOCKETS_H
#define COMMON_CONNECT_HTTP_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

struct event_loop;
struct sockets;

/* A transfer ended: easy is a CURL *, result a CURLcode. easy is out of the multi handle already.
 * Run from the loop; may add and remove. */
typedef void sockets_ended_fn(void *arg, void *easy, int result);

struct sockets *sockets_new(struct event_loop *loop, size_t connections_max,
                            sockets_ended_fn *ended, void *arg); /* NULL: no memory */
bool sockets_add(struct sockets *m, void *easy);                 /* not while it is busy */
void sockets_remove(struct sockets *m, void *easy);              /* not while it is busy */
bool sockets_busy(const struct sockets *m); /* inside libcurl: add and remove must wait */
size_t sockets_n(const struct sockets *m);  /* transfers added and not removed, not ended */
/* Starts what was added. m is gone afterwards if ended() called sockets_free. */
void sockets_turn(struct sockets *m);
void sockets_free(struct sockets *m); /* after every easy handle was removed; NULL is fine */

#endif

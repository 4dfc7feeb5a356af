#ifndef SIMULATOR_LISTEN_H
#define SIMULATOR_LISTEN_H

#include <stddef.h>

struct place;

/* A port is held from start to end by a guard: a socket that is bound and does not listen. So a
 * replica that is down refuses connections, yet nobody else gets its port meanwhile. */

/* Binds a guard; *ret_port is the port it got. Returns the socket, or -1 with errno. */
int listen_guard(const struct place *place, int *ret_port);

/* A socket that listens beside the guard. Returns it, or -1 with errno. */
int listen_open(const char *address, int port);

#endif

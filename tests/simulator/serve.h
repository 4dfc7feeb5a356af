#ifndef SIMULATOR_SERVE_H
#define SIMULATOR_SERVE_H

#include <stdbool.h>
#include <stddef.h>

struct options;
struct world;

/* The edge: sockets, libmicrohttpd, timers and signals, in one thread. It brings requests to the
 * handlers, keeps those that are put off, and makes replicas as up or down as the world says. */

struct server;

/* Listens on all ports and writes their URLs into the world. NULL: error is one sentence.
 * options and world must outlive the server. */
struct server *server_new(struct world *world, const struct options *options, char *error,
                          size_t error_size);

bool server_run(struct server *server);  /* until SIGTERM or SIGINT; false: the loop failed */
void server_free(struct server *server); /* closes everything; NULL is fine */

#endif

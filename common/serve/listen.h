/* Private to serve: the listening socket for a text like "127.0.0.1:9464". */
#ifndef COMMON_SERVE_LISTEN_H
#define COMMON_SERVE_LISTEN_H

#include "common/base/err.h"

/* A non-blocking listening socket; -1 and err as server_start says. *ret_port: the real port. */
int listen_open(const char *text, int *ret_port, struct err *err);

#endif

/* The worker's admin address: probes, metrics, status, log level. */
#ifndef WORKER_ADMIN_H
#define WORKER_ADMIN_H

#include "common/base/err.h"

struct worker;

int admin_start(struct worker *w, struct err *err); /* logs admin.listening with the port */
void admin_stop(struct worker *w);
/* --healthcheck: asks the worker that runs at this address. 0: well, 1: not. */
int admin_healthcheck(const char *listen, const char *what);

#endif

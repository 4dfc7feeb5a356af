/* The life of a worker: start its parts in order, turn, leave (hand-off or drain), free. */
#ifndef WORKER_RUN_H
#define WORKER_RUN_H

#include "common/base/err.h"
#include "worker/options.h"

/* Runs until a signal or a fatal error. Returns the exit code of conventions.md section 2. */
int worker_run(const struct worker_config *config);

#endif

/* --metrics-file: what a run of `enqueue` came to, for node_exporter's textfile collector. */
#ifndef PRODUCER_METRICS_FILE_H
#define PRODUCER_METRICS_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct run_metrics {
    int64_t selected, published;
    bool success;
    int64_t now_ms;
};

/* Written beside and then renamed, so that nobody reads half of it. A run without success keeps the
 * time of the last one, as far as the file holds it. ERR_CONFIG: it cannot be written. */
int metrics_file_write(const char *path, const struct run_metrics *m, struct err *err);

#endif

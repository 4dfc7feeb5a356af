/* The admin routes of both programs (conventions.md section 8): /startupz /livez /readyz /metrics
 * /status, and PUT /loglevel. Routing only: what is true is in the struct, what must be made is
 * made by callbacks. Probe hits are not logged. */
#ifndef COMMON_SERVE_PROBES_H
#define COMMON_SERVE_PROBES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/serve/metrics.h"
#include "common/serve/server.h"

#define PROBES_STALL_MS         60000         /* a loop that has not turned for so long is dead */
#define PROBES_STATUS_MAX_BYTES (1024 * 1024) /* of /status */

struct probes { /* kept up to date by the program */
    bool started;
    bool ready;
    bool draining;
    const char *why_not_ready;  /* a sentence for /readyz; NULL: a general one */
    int64_t last_turn_ms;       /* when the loop last got round, on the clock of now_ms */
    struct metrics *metrics;    /* NULL: no /metrics */
    void (*refresh)(void *arg); /* before metrics are rendered: gauges; NULL: nothing to do */
    bool (*status)(void *arg, struct buf *json);        /* false: cannot now; NULL: no /status */
    void (*set_level)(void *arg, enum log_level level); /* NULL: the level cannot be changed */
    void *arg;                                          /* of the callbacks */
};

/* True: the path is one of ours, and answered. False: it is not, answer is untouched. */
bool probes_answer(const struct probes *p, int64_t now_ms, const struct server_request *request,
                   struct server_answer *answer);
/* 404 with a sentence, for a path that nobody knows. */
void probes_not_found(const struct server_request *request, struct server_answer *answer);
/* Does an Accept header ask for OpenMetrics rather than for plain text? */
bool probes_wants_openmetrics(const char *accept);

#endif

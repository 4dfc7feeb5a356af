/* How often equal (level, event) lines may pass: LOG_RATE_MAX in LOG_RATE_PERIOD_MS. Pure, so that
 * a test needs no clock; log.c holds the one table behind a lock. */
#ifndef COMMON_BASE_LOG_RATE_H
#define COMMON_BASE_LOG_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_RATE_EVENTS      128 /* event names of the code that warn or err; beyond: oldest goes */
#define LOG_RATE_EVENT_BYTES 64  /* longer names are told apart by their start */

struct log_rate_entry {
    char event[LOG_RATE_EVENT_BYTES]; /* "": free */
    int level;
    int passed;
    int64_t since_ms;
    int64_t suppressed;
};

struct log_rate {
    struct log_rate_entry entries[LOG_RATE_EVENTS];
};

/* May this line pass at now_ms? If so, *ret_suppressed says how many did not since the last one. */
bool log_rate_pass(struct log_rate *r, int level, const char *event, int64_t now_ms,
                   int64_t *ret_suppressed);

#endif

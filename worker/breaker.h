/* The circuit breaker of one replica, local to a worker: BREAKER_FAILURES connection failures in a
 * row open it for BREAKER_OPEN_MS, then one probe. Pure; time is an argument. */
#ifndef WORKER_BREAKER_H
#define WORKER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };

struct breaker {
    enum breaker_state state;
    int failures; /* in a row */
    int64_t open_until_ms;
    int64_t down_since_ms; /* first failure in the row; 0: none. For --lost-after-replica */
};

void breaker_init(struct breaker *b);
void breaker_failure(struct breaker *b, int64_t now_ms);
void breaker_success(struct breaker *b);
bool breaker_closed(const struct breaker *b);
/* OPEN and its time has passed: becomes PROBING and says true once; the caller probes. */
bool breaker_wants_probe(struct breaker *b, int64_t now_ms);
/* No answer of this replica for at least `ms`. */
bool breaker_gone_for(const struct breaker *b, int64_t now_ms, int64_t ms);

#endif

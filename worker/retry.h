/* Back-off between the attempts of an item: exponential with full jitter. Pure. */
#ifndef WORKER_RETRY_H
#define WORKER_RETRY_H

#include <stdint.h>

/* A delay within [min_ms, min(max_ms, min_ms * 2^(made-1))], made >= 1 attempts so far; random is
 * 64 random bits. At least min_ms, so that a replica has its rest. */
int64_t retry_delay_ms(int64_t min_ms, int64_t max_ms, int made, uint64_t random);
/* The same without a floor, for reconnects and repeated requests. */
int64_t backoff_delay_ms(int64_t min_ms, int64_t max_ms, int tries, uint64_t random);

#endif

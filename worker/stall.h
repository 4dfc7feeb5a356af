/* When a publisher that hangs may be given up. The time is an argument. */
#ifndef WORKER_STALL_H
#define WORKER_STALL_H

#include <stdbool.h>
#include <stdint.h>

struct stall { /* zero: nothing was seen yet */
    int64_t call_since_ms;
    int64_t
        answering_since_ms; /* brokers have answered every question from then on; 0: they do not */
};

/* What a question to the brokers has brought, while the publisher is in the call that began at
 * call_since_ms. True: the call hangs, although brokers have been there for long enough: a broker
 * that has just come back is met by the question before the call can meet it. */
bool stall_hangs(struct stall *s, int64_t call_since_ms, bool answered, int64_t now_ms);

#endif

/* ^C and SIGTERM while a verb waits: the first one asks it to stop in order, the second one ends
 * the process as if nobody had listened. */
#ifndef PRODUCER_INTERRUPT_H
#define PRODUCER_INTERRUPT_H

#include <stdbool.h>

#include "common/base/err.h"

struct event_loop;
struct event_signal;

struct interrupt {
    bool asked;
    struct event_signal *signals[2];
};

int interrupt_watch(struct interrupt *i, struct event_loop *loop, struct err *err);
void interrupt_done(struct interrupt *i);

#endif

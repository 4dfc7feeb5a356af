#include "producer/interrupt.h"

#include <signal.h>

#include "common/event/event.h"

static void on_signal(void *arg, int signum)
{
    struct interrupt *i = arg;

    if (!i->asked) {
        i->asked = true;
        return;
    }
    interrupt_done(i); /* the default comes back with the last watcher */
    signal(signum, SIG_DFL);
    raise(signum);
}

int interrupt_watch(struct interrupt *i, struct event_loop *loop, struct err *err)
{
    static const int signums[] = { SIGINT, SIGTERM };

    *i = (struct interrupt){ .asked = false };
    for (size_t k = 0; k < 2; k++) {
        i->signals[k] = event_signal_start(loop, signums[k], on_signal, i);
        if (i->signals[k] == NULL) {
            interrupt_done(i);
            return err_set(err, ERR_INTERNAL, "no memory to watch for signals");
        }
    }
    return 0;
}

void interrupt_done(struct interrupt *i)
{
    for (size_t k = 0; k < 2; k++) {
        event_signal_stop(i->signals[k]);
        i->signals[k] = NULL;
    }
}

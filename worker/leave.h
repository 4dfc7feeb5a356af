/* How a worker leaves. SIGTERM: hand-off (publish what is finished, leave the group; others adopt
 * the rest from the ledger) or, with --drain-mode finish, after the running builds have ended. A
 * second signal leaves now. */
#ifndef WORKER_LEAVE_H
#define WORKER_LEAVE_H

struct worker;

/* Hands off and exits with this code; nothing when it is leaving already. */
void leave_handoff(struct worker *w, int code);
void leave_signal(void *arg, int signum); /* event_signal_fn; arg: struct worker */
void leave_step(void *arg);               /* of the timer w->exit_timer */

#endif

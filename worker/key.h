/* A refused API key is confirmed before the worker stops (exit 6), so that a wrong key does not
 * burn the queue and a stray 401 does not stop the pool. */
#ifndef WORKER_KEY_H
#define WORKER_KEY_H

struct target;
struct worker;

void key_refused(struct worker *w,
                 struct target *t); /* asks GET /v1/user; one question at a time */

#endif

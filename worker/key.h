/* A refused API key is confirmed before the worker stops (exit 6), so that a wrong key does not
 * burn the queue and a stray 401 does not stop the pool. */
#ifndef WORKER_KEY_H
#define WORKER_KEY_H

struct target;
struct worker;

#define KEY_HEADER_BYTES 1024 /* a key has some 40 characters; a longer one is cut, and refused */

void key_header(const struct worker *w, char out[KEY_HEADER_BYTES]); /* "Authorization: ..." */
void key_refused(struct worker *w,
                 struct target *t); /* asks GET /v1/user; one question at a time */

#endif

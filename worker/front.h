/* The replicas behind one address: an ingress that keeps a client on a replica by cookies. Requests
 * without cookies are repeated until they show no new replica; each one found, told by the hostname
 * that it answers with, or by the value of its cookie, is a target with its own limit and cookies.
 * An address that sets no cookies, ignores them, or gives every client another value and no
 * hostname, hides its replicas: it is one target, and the limit is its own. No build starts before
 * this is decided, which takes some milliseconds. */
#ifndef WORKER_FRONT_H
#define WORKER_FRONT_H

#include <stdbool.h>

#include "common/base/err.h"

struct http_answer;
struct target;
struct worker;

/* The front as one target is called by this name until more is known. */
int front_init(struct worker *w, const char *name, const char *url, struct err *err);
void front_tick(struct worker *w); /* looks for replicas when it is time */
/* An answer of /server_settings to a request with the target's cookies. False: another replica
 * gave it; the target is gone, and replicas are looked for anew. */
bool front_still(struct worker *w, struct target *t, const char *hostname,
                 const struct http_answer *answer);
/* An open attempt's replica, which this process may not have found yet: if it is behind our front,
 * the attempt's own cookies lead there. */
void front_knows(struct worker *w, struct target *t);
void front_free(struct worker *w); /* before w->http is freed */

#endif

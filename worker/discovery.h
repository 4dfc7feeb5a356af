/* Replicas that are the addresses of one name (dns+http://connect.example.com:3939), as a headless
 * service has them. The name is looked up every RESOLVE_KEEP_MS: a new address takes builds as soon
 * as it is registered and probed; one that is gone gets no request any more, and its builds are
 * looked up among the jobs, on the others. An answer that fails, or is empty, changes nothing: a
 * name server's bad minute must not move every build. */
#ifndef WORKER_DISCOVERY_H
#define WORKER_DISCOVERY_H

#include "common/base/err.h"

struct worker;

/* url: of the name, as shared_url has it. ERR_CONFIG: its host is an address. */
int discovery_init(struct worker *w, const char *url, struct err *err);
void discovery_tick(struct worker *w); /* starts a look-up when it is time */
void discovery_free(struct worker *w); /* before w->http is freed */

#endif

/* One GET at a time, waited for: how a verb looks at a Connect server. */
#ifndef PRODUCER_PROBE_H
#define PRODUCER_PROBE_H

#include "common/connect/answer.h"
#include "producer/session.h"

#define PROBE_CONNECT_MS    5000
#define PROBE_TIMEOUT_MS    15000 /* a healthy server answers within milliseconds */
#define PROBE_ADDRESSES_MAX 256
#define PROBE_ADDRESS_BYTES 48

struct probe;

struct probe *probe_new(struct session *s, struct err *err);
void probe_free(struct probe *p); /* NULL is fine */
/* With the API key if `keyed`. address NULL: wherever the name leads. read() is called once, with
 * what came, whatever it is. -1: the request could not be made. */
struct probe_request {
    const char *url;
    const char *address;
    bool keyed;
};
int probe_get(struct probe *p, const struct probe_request *request,
              void (*read)(void *arg, const struct http_answer *answer), void *arg,
              struct err *err);
/* Every address of the name in url. *ret_n 0: it has none. */
int probe_resolve(struct probe *p, const char *url,
                  char ret[PROBE_ADDRESSES_MAX][PROBE_ADDRESS_BYTES], size_t *ret_n,
                  struct err *err);

#endif

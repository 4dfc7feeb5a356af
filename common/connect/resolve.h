/* Host names to addresses, without a thread for each request: libcurl would start one (kafka.md
 * 4.2). One look-up per name at a time, on a helper thread, kept for a while. Also for replicas
 * that are found by DNS. Single threaded, on the loop; knows no ports and opens no connection. */
#ifndef COMMON_CONNECT_RESOLVE_H
#define COMMON_CONNECT_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"

#define RESOLVE_HOST_BYTES    256          /* RFC 1035: 253 characters */
#define RESOLVE_ADDRESS_BYTES 48           /* INET6_ADDRSTRLEN is 46 */
#define RESOLVE_ADDRESSES_MAX REPLICAS_MAX /* a headless service: an address is a replica */
#define RESOLVE_HOSTS_MAX     512          /* names remembered; the longest unused goes first */
#define RESOLVE_KEEP_MS       30000        /* as long as replicas may be looked up again */
#define RESOLVE_AHEAD_MS      15000  /* a name in use is looked up anew before it is too old */
#define RESOLVE_STALE_MS      300000 /* old addresses bridge a failure of DNS this long */
#define RESOLVE_AGAIN_MS      1000   /* after a failure: so often at most */
#define RESOLVE_WAIT_MS       5000   /* then whoever waits is told; the look-up goes on */
#define RESOLVE_AT_ONCE       2      /* helper threads used: half of libuv's pool */

struct event_loop;
struct resolver;
struct resolver_query;

struct resolver_found {
    char address[RESOLVE_ADDRESSES_MAX]
                [RESOLVE_ADDRESS_BYTES]; /* numeric, no brackets, each once */
    size_t n;
};

struct resolver_answer {                          /* borrowed */
    const char (*address)[RESOLVE_ADDRESS_BYTES]; /* in the order of the system's resolver */
    size_t n;
    int64_t age_ms; /* since these addresses were an answer */
};

/* Runs exactly once, from the loop, and not at all after resolver_cancel or resolver_free. err is
 * NULL when this is a new enough answer (also: the name has no address, n is 0). With err, answer
 * is the last one if it is younger than RESOLVE_STALE_MS, else n is 0. */
typedef void resolver_fn(void *arg, const struct resolver_answer *answer, const struct err *err);

/* Asks the system, on a helper thread. 0, also when the name does not exist; -1: no answer. */
typedef int resolver_ask_fn(const char *host, struct resolver_found *ret, struct err *err);

resolver_ask_fn resolver_ask_system;     /* getaddrinfo */
bool resolver_is_name(const char *host); /* false: an address, or localhost, known to everyone */

struct resolver *resolver_new(struct event_loop *loop,
                              resolver_ask_fn *ask); /* NULL: getaddrinfo */
/* What is known of a name and younger than RESOLVE_KEEP_MS. False: resolver_lookup must be asked. A
 * name that is asked for again and again is looked up ahead, so this stays true for it. */
bool resolver_known(struct resolver *r, const char *name, struct resolver_answer *ret);
/* max_age_ms: how old an answer may be; 0 asks the system anew. NULL: no memory. */
struct resolver_query *resolver_lookup(struct resolver *r, const char *name, int64_t max_age_ms,
                                       resolver_fn *fn, void *arg);
void resolver_cancel(struct resolver_query *q); /* NULL is fine */
void resolver_free(struct resolver *r);         /* NULL is fine */

#endif

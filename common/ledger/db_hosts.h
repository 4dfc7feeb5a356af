/* The servers that a connection string names, looked up before libpq would do it: libpq's own
 * look-up blocks its caller. Also the order in which they are tried, so that one that accepts
 * connections and says nothing does not keep the others from being reached. */
#ifndef COMMON_LEDGER_DB_HOSTS_H
#define COMMON_LEDGER_DB_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

#define DB_HOSTS_MAX          16 /* servers in a connection string */
#define DB_HOST_ADDRESSES_MAX 8  /* of one server; more is no PostgreSQL's name */
#define DB_HOSTS_TEXT_BYTES   8192

struct event_loop;
struct db_hosts;

/* What goes to libpq besides the connection string; an empty text is left to it. */
struct db_hosts_text {
    char *host, *hostaddr, *port;
};

/* NULL with ERR_CONFIG: not a connection string. The sentence repeats nothing of it but the name of
 * an option: it holds a password. */
struct db_hosts *db_hosts_new(struct event_loop *loop, const char *conninfo, struct err *err);
void db_hosts_free(struct db_hosts *h); /* NULL is fine; ends a look-up */

/* fn runs once, from the loop, and not at all after db_hosts_stop or db_hosts_free. err: nothing
 * was found for any host. False: there is nothing to look up and fn will not run. */
typedef void db_hosts_fn(void *arg, const struct err *err);
bool db_hosts_lookup(struct db_hosts *h, db_hosts_fn *fn, void *arg);
void db_hosts_stop(struct db_hosts *h);

/* The servers of the last look-up beginning with number `first` (modulo their number). False: no
 * memory. Free with db_hosts_text_free. */
bool db_hosts_text(const struct db_hosts *h, size_t first, struct db_hosts_text *ret);
void db_hosts_text_free(struct db_hosts_text *text);

#endif

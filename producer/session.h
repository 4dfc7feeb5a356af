/* What a verb needs to reach: opened at the first need, closed at the end. Blocks; for command-line
 * verbs only. */
#ifndef PRODUCER_SESSION_H
#define PRODUCER_SESSION_H

#include <stdint.h>

#include "common/base/err.h"
#include "producer/options.h"

#define SESSION_DB_WAIT_MS    10000  /* a server that just starts; longer is "unreachable" */
#define SESSION_STATEMENT_MS  600000 /* a million items are inserted by one statement */
#define SESSION_KAFKA_WAIT_MS 15000  /* one answer of a broker */

struct admin;
struct db;
struct db_reply;
struct db_unit;
struct event_loop;
struct kafka_props;

struct session {
    const struct producer_config *config;
    struct event_loop *loop;
    struct db *db;
    struct kafka_props *props;
    struct admin *admin;
    struct topic_names topics; /* valid once props is set */
};

int session_loop(struct session *s, struct err *err);
/* Connects; whatever version the ledger has, or none. */
int session_database(struct session *s, struct err *err);
/* Connects, and the ledger is there in a version that this program knows. */
int session_ledger(struct session *s, struct err *err);
/* Properties and names; no network yet. */
int session_kafka(struct session *s, struct err *err);
/* A handle, and a broker that answers. */
int session_admin(struct session *s, struct err *err);
void session_done(struct session *s);

struct statement {
    const char *sql;
    size_t params_n;
    const char *const *params;
};
/* One statement. The caller frees *ret; ret may be NULL if no answer is wanted. */
int session_query(struct session *s, const struct statement *st, struct db_reply **ret,
                  struct err *err);
/* A unit, which is taken in any case. */
int session_run(struct session *s, struct db_unit *unit, struct db_reply **ret, struct err *err);

/* A sentence on stderr, unless --quiet; with --verbose only. */
void session_say(const struct session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void session_say_more(const struct session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif

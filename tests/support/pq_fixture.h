/* A connection on top of the script, and what its callbacks were told. For tests/unit/pq_*.c. */
#ifndef TESTS_SUPPORT_PQ_FIXTURE_H
#define TESTS_SUPPORT_PQ_FIXTURE_H

#include "common/base/err.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "tests/support/pq_script.h"

#define CONNINFO  "host=10.0.0.1,10.0.0.2 user=u"
#define HOSTS_1_2 "host=10.0.0.1,10.0.0.2"
#define HOSTS_2_1 "host=10.0.0.2,10.0.0.1"
#define PARAMETERS(hosts)                                                                 \
    "keepalives_idle=10 keepalives_interval=5 keepalives_count=3 tcp_user_timeout=15000 " \
    "fallback_application_name=test dbname=" CONNINFO " client_encoding=UTF8 " hosts
#define SESSION                                      \
    "select set_config('DateStyle', 'ISO', false), " \
    "set_config('statement_timeout', $1, false) | 3000"
#define STATEMENT_TIMEOUT_MS 3000

/* Lines that come again and again. */
#define START(hosts)                                             \
    {                                                            \
        .call = "PQconnectStartParams", .arg = PARAMETERS(hosts) \
    }
#define POLL(status)                             \
    {                                            \
        .call = "PQconnectPoll", .ret = (status) \
    }
#define NONBLOCKING                             \
    { .call = "PQsetnonblocking", .arg = "1" }, \
    {                                           \
        .call = "PQenterPipelineMode", .ret = 1 \
    }
#define SEND(text)                                           \
    {                                                        \
        .call = "PQsendQueryParams", .arg = (text), .ret = 1 \
    }
#define SYNC                               \
    {                                      \
        .call = "PQpipelineSync", .ret = 1 \
    }
#define CONSUME                            \
    {                                      \
        .call = "PQconsumeInput", .ret = 1 \
    }
#define GOT(status, ...)                                    \
    {                                                       \
        .call = "PQgetResult", .ret = (status), __VA_ARGS__ \
    }
#define GOT_NULL                              \
    {                                         \
        .call = "PQgetResult", .ret = PQ_NULL \
    }
#define GOT_SYNC                                          \
    {                                                     \
        .call = "PQgetResult", .ret = PGRES_PIPELINE_SYNC \
    }
#define GOT_ROW(text)        GOT(PGRES_TUPLES_OK, .cols = "c", .rows = { text }), GOT_NULL
#define GOT_OK               GOT(PGRES_COMMAND_OK, .changed = "1"), GOT_NULL
#define ANSWER(text)         GOT_ROW(text), GOT_SYNC
#define EXCHANGE(sent, text) SEND(sent), SYNC, CONSUME, ANSWER(text)
#define LOST                                                                     \
    { .call = "PQconsumeInput",                                                  \
      .ret = 0,                                                                  \
      .bad = true,                                                               \
      .message = "server closed the connection unexpectedly\n\tThis probably" }, \
    {                                                                            \
        .call = "PQfinish"                                                       \
    }
#define CONNECT(hosts)                                                              \
    START(hosts), POLL(PGRES_POLLING_READING), POLL(PGRES_POLLING_OK), NONBLOCKING, \
        EXCHANGE("select pg_backend_pid()", "4711"), EXCHANGE(SESSION, "ISO")
#define END          \
    {                \
        .call = NULL \
    }
#define FINISH { .call = "PQfinish" }, END

extern struct event_loop *pq_loop;
extern struct db *pq_db;
extern struct err pq_err;         /* the last that a callback was given */
extern const struct db *pq_after; /* of the connection that is made next; NULL: none */

int pq_set_up(void **state);
int pq_tear_down(void **state); /* a script that leaves a connection ends with FINISH */
#define T(fn) cmocka_unit_test_setup_teardown(fn, pq_set_up, pq_tear_down)

void pq_make(const char *conninfo, const char *channel);
void pq_connect(void); /* CONNINFO without a channel; it is up when this returns */
void pq_run(const struct pq_step *script); /* takes it up and plays it */
/* What the callbacks were told since the last call, in order: "up", "down", a payload, "x=1" (the
 * unit x had this first value), "x!23505" (it failed with this SQLSTATE). */
void pq_told(const char *what);

struct db_unit *pq_unit(const char *sql); /* of one statement without parameters */
void pq_submit_fn(struct db_unit *unit, const char *name, db_done_fn *fn);
void pq_submit_unit(struct db_unit *unit, const char *name);
void pq_submit(const char *sql); /* under the name of its text */
void pq_submit_kept(const char *sql);
db_done_fn pq_on_done; /* arg is where the name stands */

#endif

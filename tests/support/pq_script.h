/* Stands in for libpq, and for the event loop with a clock that the test owns: a list of the calls
 * that must come, in order, with their arguments and what they return. A wrong call, a wrong
 * argument or a line that is not played fails the test. Linked instead of libpq
 * (tests/unit/pq_*.c).
 *
 * The socket is readable exactly while the next line is PQconnectPoll, PQconsumeInput or closes the
 * connection from the server's side. Calls that only look (PQstatus, PQsocket, PQisBusy,
 * PQgetvalue,
 * ...) have no line; PQflush and PQnotifies have one only where they do something. Time passes only
 * when nothing else can happen, at once and up to the next timer. */
#ifndef TESTS_SUPPORT_PQ_SCRIPT_H
#define TESTS_SUPPORT_PQ_SCRIPT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#define PQ_NULL (-1) /* PQgetResult gives NULL */

struct pq_step {
    const char *call;    /* NULL ends the script */
    const char *arg;     /* what the call must be given; NULL: anything */
    int ret;             /* where a number is returned, or the status of PQgetResult */
    const char *cols;    /* of a result: "id|name" */
    const char *rows[8]; /* of a result: "41|~"; ~ is null */
    const char *changed;
    const char *sqlstate, *message, *detail;
    bool bad;        /* the connection is bad from here on */
    bool new_socket; /* libpq closes its socket and opens another one of the same number */
    bool fatal;      /* the message's severity */
};

void pq_begin(void); /* before each test, whatever became of the one before */
/* The script so far must be played; from here on these lines follow. Copies steps, borrows their
 * texts. */
void pq_script(const struct pq_step *steps);
/* Runs the loop until the script is played; fails when nothing can happen any more. */
struct event_loop;
void pq_play(struct event_loop *loop);
void pq_idle(struct event_loop *loop, int64_t ms); /* runs for ms of the test's clock */
int64_t pq_now_ms(void);
/* Everything is played, and every connection, result and notification was freed. */
void pq_end(void);
void pq_notice(const struct pq_step *notice); /* the server says this while no statement runs */
#define PQ_PID 4711
extern int pq_backend_pid; /* what PQbackendPID says; pq_begin sets it to PQ_PID */
extern bool pq_needs_password;
extern bool pq_played; /* the script has no line left */

/* Between the script's own files. */
struct pg_result *pq_result_new(const struct pq_step *step);
extern int pq_live; /* results, notifications and connections not freed */

#endif

#include "tests/support/pq_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/buf.h"

#define SCRIPTS_MAX 256

int pq_backend_pid = PQ_PID;
bool pq_needs_password;

struct pg_conn {
    int fd, peer;
    bool bad, byte; /* byte: one lies in the socket */
    const char *message;
    PQnoticeReceiver receiver;
    void *receiver_arg;
};

static const struct pq_step none = { NULL };
static const struct pq_step *next = &none;
static struct pq_step *scripts[SCRIPTS_MAX]; /* results point into them, so they live for a test */
static size_t scripts_n;
static struct pg_conn *live_conn;
int pq_live;
bool pq_played = true;

/* ---- the script ---- */

static void make_ready(void)
{
    struct pg_conn *c = live_conn;
    bool want = next->call != NULL && (strcmp(next->call, "PQconnectPoll") == 0 ||
                                       strcmp(next->call, "PQconsumeInput") == 0);

    pq_played = next->call == NULL;
    if (c == NULL || want == c->byte)
        return;
    c->byte = want;
    if (want)
        assert_int_equal(write(c->peer, "x", 1), 1);
    else
        assert_int_equal(read(c->fd, &(char){ 0 }, 1), 1);
}

static bool comes(const char *call)
{
    return next->call != NULL && strcmp(next->call, call) == 0;
}

/* arg NULL: the call has none that matters. */
static const struct pq_step *play(const char *call, const char *arg)
{
    const struct pq_step *step = next;

    if (!comes(call))
        fail_msg("%s(%s) came, and not %s(%s)", call, arg != NULL ? arg : "",
                 next->call != NULL ? next->call : "the end", next->arg != NULL ? next->arg : "");
    if (step->arg != NULL && (arg == NULL || strcmp(step->arg, arg) != 0))
        fail_msg("%s was given\n  %s\nand not\n  %s", call, arg != NULL ? arg : "", step->arg);
    next++;
    if (live_conn != NULL && step->message != NULL)
        live_conn->message = step->message;
    if (live_conn != NULL && step->bad)
        live_conn->bad = true;
    make_ready();
    return step;
}

static const struct pq_step *copy(const struct pq_step *steps)
{
    size_t n = 0;

    while (steps[n++].call != NULL)
        ;
    assert_true(scripts_n < SCRIPTS_MAX);
    scripts[scripts_n] = malloc(n * sizeof(*steps));
    assert_non_null(scripts[scripts_n]);
    memcpy(scripts[scripts_n], steps, n * sizeof(*steps));
    return scripts[scripts_n++];
}

void pq_script(const struct pq_step *steps)
{
    if (next->call != NULL)
        fail_msg("%s(%s) was not called", next->call, next->arg != NULL ? next->arg : "");
    next = copy(steps);
    make_ready();
}

void pq_begin(void)
{
    next = &none;
    pq_played = true;
    live_conn = NULL;
    pq_live = 0;
    while (scripts_n > 0)
        free(scripts[--scripts_n]);
    pq_backend_pid = PQ_PID;
    pq_needs_password = false;
}

void pq_end(void)
{
    pq_script(&none);
    assert_int_equal(pq_live, 0);
    pq_begin();
}

/* ---- connections ---- */

static void open_sockets(struct pg_conn *c)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    c->fd = pair[0];
    c->peer = pair[1];
    c->byte = false;
}

PGconn *PQconnectStartParams(const char *const *keywords, const char *const *values, int expand)
{
    struct pg_conn *c = calloc(1, sizeof(*c));
    struct buf text;

    assert_non_null(c);
    assert_int_equal(expand, 1);
    assert_null(live_conn);
    open_sockets(c);
    c->message = "";
    live_conn = c;
    pq_live++;
    buf_init(&text, 4096);
    for (size_t i = 0; keywords[i] != NULL; i++)
        if (values[i] != NULL && values[i][0] != '\0')
            buf_printf(&text, "%s%s=%s", text.len > 0 ? " " : "", keywords[i], values[i]);
    play("PQconnectStartParams", buf_str(&text));
    buf_done(&text);
    return c;
}

PostgresPollingStatusType PQconnectPoll(PGconn *c)
{
    const struct pq_step *step = play("PQconnectPoll", NULL);
    int number = c->fd;

    if (step->new_socket) {
        close(c->fd);
        close(c->peer);
        open_sockets(c);
        assert_int_equal(c->fd, number);
        make_ready();
    }
    return (PostgresPollingStatusType)step->ret;
}

void PQfinish(PGconn *c)
{
    if (c == NULL)
        return;
    live_conn = NULL;
    play("PQfinish", NULL);
    close(c->fd);
    close(c->peer);
    free(c);
    pq_live--;
}

ConnStatusType PQstatus(const PGconn *c)
{
    return c->bad ? CONNECTION_BAD : CONNECTION_OK;
}

int PQsocket(const PGconn *c)
{
    return c->fd;
}

int PQbackendPID(const PGconn *c)
{
    (void)c;
    return pq_backend_pid;
}

char *PQerrorMessage(const PGconn *c)
{
    static char copy[1024];
    size_t len = strlen(c->message);

    assert_true(len < sizeof(copy));
    memcpy(copy, c->message, len + 1);
    return copy;
}

int PQconnectionNeedsPassword(const PGconn *c)
{
    (void)c;
    return pq_needs_password;
}

int PQsslInUse(PGconn *c)
{
    (void)c;
    return 0;
}

int PQgssEncInUse(PGconn *c)
{
    (void)c;
    return 0;
}

PGVerbosity PQsetErrorVerbosity(PGconn *c, PGVerbosity verbosity)
{
    (void)c;
    return verbosity;
}

PQnoticeReceiver PQsetNoticeReceiver(PGconn *c, PQnoticeReceiver proc, void *arg)
{
    c->receiver = proc;
    c->receiver_arg = arg;
    return NULL;
}

void pq_notice(const struct pq_step *notice)
{
    struct pg_result *res = pq_result_new(notice);

    live_conn->receiver(live_conn->receiver_arg, res);
    PQclear(res);
}

int PQsetnonblocking(PGconn *c, int arg)
{
    (void)c;
    return play("PQsetnonblocking", arg ? "1" : "0")->ret;
}

int PQenterPipelineMode(PGconn *c)
{
    (void)c;
    return play("PQenterPipelineMode", NULL)->ret;
}

/* ---- statements ---- */

/* libpq's parameters, not ours */
#define QUERY_PARAMETERS                                                                  \
    PGconn *c, const char *command, int nParams, const Oid *paramTypes,                   \
        const char *const *paramValues, const int *paramLengths, const int *paramFormats, \
        int resultFormat

int PQsendQueryParams(QUERY_PARAMETERS)
{
    struct buf text;
    int ret;

    (void)c;
    assert_true(paramTypes == NULL && paramLengths == NULL && paramFormats == NULL &&
                resultFormat == 0);
    buf_init(&text, 65536);
    buf_str_add(&text, command);
    for (int i = 0; i < nParams; i++)
        buf_printf(&text, " | %s", paramValues[i] != NULL ? paramValues[i] : "~");
    ret = play("PQsendQueryParams", buf_str(&text))->ret;
    buf_done(&text);
    return ret;
}

int PQpipelineSync(PGconn *c)
{
    (void)c;
    return play("PQpipelineSync", NULL)->ret;
}

int PQflush(PGconn *c)
{
    (void)c;
    return comes("PQflush") ? play("PQflush", NULL)->ret : 0;
}

int PQconsumeInput(PGconn *c)
{
    (void)c;
    return comes("PQconsumeInput") ? play("PQconsumeInput", NULL)->ret : 1;
}

int PQisBusy(PGconn *c)
{
    (void)c;
    return !comes("PQgetResult");
}

PGresult *PQgetResult(PGconn *c)
{
    const struct pq_step *step = play("PQgetResult", NULL);

    (void)c;
    return step->ret != PQ_NULL ? pq_result_new(step) : NULL;
}

PGnotify *PQnotifies(PGconn *c)
{
    const struct pq_step *step;
    PGnotify *n;

    (void)c;
    if (!comes("PQnotifies"))
        return NULL;
    step = play("PQnotifies", NULL);
    n = calloc(1, sizeof(*n));
    assert_non_null(n);
    n->relname = strdup(step->cols);
    n->extra = strdup(step->rows[0]);
    pq_live++;
    return n;
}

/* Of a notification only; libpq has all its texts in one piece, the script knows them by the call.
 */
void PQfreemem(void *ptr)
{
    PGnotify *n = ptr;

    if (n == NULL)
        return;
    free(n->relname);
    free(n->extra);
    free(n);
    pq_live--;
}

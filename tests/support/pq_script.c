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

struct pg_result {
    const struct pq_step *step;
};

static const struct pq_step none = { NULL };
static const struct pq_step *next = &none;
static struct pq_step *scripts[SCRIPTS_MAX]; /* results point into them, so they live for a test */
static size_t scripts_n;
static struct pg_conn *live_conn;
static int live; /* results, notifications and connections not freed */
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
    live = 0;
    while (scripts_n > 0)
        free(scripts[--scripts_n]);
    pq_backend_pid = PQ_PID;
    pq_needs_password = false;
}

void pq_end(void)
{
    pq_script(&none);
    assert_int_equal(live, 0);
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
    live++;
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
    live--;
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

PQnoticeReceiver PQsetNoticeReceiver(PGconn *c, PQnoticeReceiver receiver, void *arg)
{
    c->receiver = receiver;
    c->receiver_arg = arg;
    return NULL;
}

void pq_notice(const struct pq_step *notice)
{
    const struct pg_result res = { .step = notice };

    live_conn->receiver(live_conn->receiver_arg, &res);
}

int PQsetnonblocking(PGconn *c, int on)
{
    (void)c;
    return play("PQsetnonblocking", on ? "1" : "0")->ret;
}

int PQenterPipelineMode(PGconn *c)
{
    (void)c;
    return play("PQenterPipelineMode", NULL)->ret;
}

/* ---- statements ---- */

int PQsendQueryParams(PGconn *c, const char *command, int n, const Oid *types,
                      const char *const *values, const int *lengths, const int *formats, int format)
{
    struct buf text;
    int ret;

    (void)c;
    assert_true(types == NULL && lengths == NULL && formats == NULL && format == 0);
    buf_init(&text, 65536);
    buf_str_add(&text, command);
    for (int i = 0; i < n; i++)
        buf_printf(&text, " | %s", values[i] != NULL ? values[i] : "~");
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
    struct pg_result *res;

    (void)c;
    if (step->ret == PQ_NULL)
        return NULL;
    res = malloc(sizeof(*res));
    assert_non_null(res);
    res->step = step;
    live++;
    return res;
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
    live++;
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
    live--;
}

/* ---- results ---- */

void PQclear(PGresult *res)
{
    if (res == NULL)
        return;
    free(res);
    live--;
}

ExecStatusType PQresultStatus(const PGresult *res)
{
    return (ExecStatusType)res->step->ret;
}

char *PQresStatus(ExecStatusType status)
{
    static char copy_in[] = "PGRES_COPY_IN", other[] = "another status";

    return status == PGRES_COPY_IN ? copy_in : other;
}

char *PQresultErrorMessage(const PGresult *res)
{
    static char nothing[] = "no message";

    (void)res;
    return nothing;
}

static char *text_of(const char *text)
{
    static char copies[4][1024];
    static unsigned turn;
    char *copy = copies[turn++ % 4];

    if (text == NULL)
        return NULL;
    assert_true(strlen(text) < sizeof(copies[0]));
    return memcpy(copy, text, strlen(text) + 1);
}

char *PQresultErrorField(const PGresult *res, int code)
{
    const struct pq_step *s = res->step;

    switch (code) {
    case PG_DIAG_SQLSTATE: return text_of(s->sqlstate);
    case PG_DIAG_MESSAGE_PRIMARY: return text_of(s->message);
    case PG_DIAG_MESSAGE_DETAIL: return text_of(s->detail);
    case PG_DIAG_SEVERITY_NONLOCALIZED: return text_of(s->fatal ? "FATAL" : "ERROR");
    default: return NULL;
    }
}

static int count(const char *text)
{
    int n = text != NULL;

    for (; text != NULL && *text != '\0'; text++)
        n += *text == '|';
    return n;
}

static char *nth(const char *text, int i)
{
    char copy[1024];

    while (i-- > 0)
        text = strchr(text, '|') + 1;
    assert_true(strcspn(text, "|") < sizeof(copy));
    memcpy(copy, text, strcspn(text, "|"));
    copy[strcspn(text, "|")] = '\0';
    return text_of(copy);
}

int PQntuples(const PGresult *res)
{
    int n = 0;

    while (n < 8 && res->step->rows[n] != NULL)
        n++;
    return n;
}

int PQnfields(const PGresult *res)
{
    return count(res->step->cols != NULL ? res->step->cols : res->step->rows[0]);
}

char *PQfname(const PGresult *res, int col)
{
    return nth(res->step->cols, col);
}

char *PQgetvalue(const PGresult *res, int row, int col)
{
    return nth(res->step->rows[row], col);
}

int PQgetisnull(const PGresult *res, int row, int col)
{
    return strcmp(PQgetvalue(res, row, col), "~") == 0;
}

char *PQcmdTuples(PGresult *res)
{
    return text_of(res->step->changed != NULL ? res->step->changed : "");
}

/* ---- the connection string: keyword=value without quotes is enough here ---- */

PQconninfoOption *PQconninfoParse(const char *conninfo, char **errmsg)
{
    PQconninfoOption *all = calloc(32, sizeof(*all));
    char *copy = strdup(conninfo), *rest = copy, *word;

    assert_non_null(all);
    *errmsg = NULL;
    for (size_t n = 0; (word = strsep(&rest, " ")) != NULL;) {
        char *equals = strchr(word, '=');

        if (*word == '\0')
            continue;
        if (equals == NULL) {
            free(copy);
            PQconninfoFree(all);
            return NULL;
        }
        all[n].keyword = strndup(word, (size_t)(equals - word));
        all[n++].val = strdup(equals + 1);
    }
    free(copy);
    return all;
}

void PQconninfoFree(PQconninfoOption *all)
{
    for (PQconninfoOption *o = all; o->keyword != NULL; o++) {
        free(o->val);
        free((void *)(uintptr_t)o->keyword);
    }
    free(all);
}

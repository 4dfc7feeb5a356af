#include "common/ledger/db_error.h"

#include <ctype.h>
#include <libpq-fe.h>
#include <stddef.h>
#include <string.h>

#include "common/base/str.h"

/* The first row whose state is a prefix of the SQLSTATE counts. */
static const struct {
    const char *state;
    enum err_kind kind;
    bool retriable;
} kinds[] = {
    { "08P01", ERR_INTERNAL, false }, /* a wrong number of parameters, for one: our own fault */
    { "08", ERR_UNREACHABLE, true },
    { "57P0", ERR_UNREACHABLE, true },
    { "25006", ERR_UNREACHABLE, true }, /* a standby: the primary is elsewhere */
    { "25P03", ERR_UNREACHABLE, true }, /* idle in a transaction for too long: the server hung up */
    { "28", ERR_DENIED, false },
    { "42501", ERR_DENIED, false },
    { "3D000", ERR_CONFIG, false },
    { "42P01", ERR_CONFIG, false },
    { "3F000", ERR_CONFIG, false },
    { "42703", ERR_CONFIG, false },
    { "22", ERR_INPUT, false },
    { "23", ERR_INPUT, false },
    { "40001", ERR_INTERNAL, true },
    { "40P01", ERR_INTERNAL, true },
    { "55P03", ERR_INTERNAL, true },
    { "53", ERR_INTERNAL, true },    /* out of connections, disk, memory */
    { "57014", ERR_INTERNAL, true }, /* statement_timeout */
    { "", ERR_INTERNAL, false },
};

static void classify(const char *sqlstate, struct err *ret)
{
    size_t i = 0;

    while (strncmp(sqlstate, kinds[i].state, strlen(kinds[i].state)) != 0)
        i++;
    ret->kind = kinds[i].kind;
    ret->retriable = kinds[i].retriable;
}

void db_error_clean(char *dst, unsigned long dst_bytes, const char *text)
{
    char line[ERR_MSG_BYTES];
    size_t len = 0;

    dst[0] = '\0';
    while (*text != '\0' && len + 1 < dst_bytes) {
        size_t n = strcspn(text, "\n"), blank = strspn(text, " \t");
        const char *start = text + blank;

        text += n + (text[n] == '\n');
        if (n == blank || strncmp(start, "LOCATION:", 9) == 0)
            continue;
        if (len > 0)
            dst[len++] = ' ';
        str_clean_utf8(line, sizeof(line) - 1, start, n - blank, NULL);
        str_copy(dst + len, dst_bytes - len, line);
        len += strlen(dst + len);
    }
}

void db_error_of_result(const struct pg_result *res, struct db_failure *ret)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
    char text[ERR_MSG_BYTES], more[ERR_MSG_BYTES];

    db_error_clean(text, sizeof(text), primary != NULL ? primary : PQresultErrorMessage(res));
    db_error_clean(more, sizeof(more), detail != NULL ? detail : "");
    err_set(&ret->err, ERR_INTERNAL, "%s%s%s%s", text, more[0] != '\0' ? " (" : "", more,
            more[0] != '\0' ? ")" : "");
    str_copy(ret->sqlstate, sizeof(ret->sqlstate), state);
    classify(ret->sqlstate, &ret->err);
}

/* The last "FATAL:  28P01: " of libpq's text: of several hosts the last one counts. */
static void find_sqlstate(const char *text, char ret[DB_SQLSTATE_BYTES])
{
    ret[0] = '\0';
    for (const char *p = strstr(text, ":  "); p != NULL; p = strstr(p + 1, ":  ")) {
        size_t n = 0;

        while (n < 5 && (isdigit((unsigned char)p[3 + n]) || isupper((unsigned char)p[3 + n])))
            n++;
        if (n == 5 && p[8] == ':')
            str_copy(ret, DB_SQLSTATE_BYTES, (char[]){ p[3], p[4], p[5], p[6], p[7], '\0' });
    }
}

void db_error_of_connect(const struct pg_conn *conn, struct db_failure *ret, bool *ret_for_good)
{
    const char *message = PQerrorMessage(conn);
    char text[ERR_MSG_BYTES];

    db_error_clean(text, sizeof(text), message);
    err_set(&ret->err, ERR_UNREACHABLE, "%s",
            text[0] != '\0' ? text : "the connection to PostgreSQL failed");
    find_sqlstate(message, ret->sqlstate);
    if (PQconnectionNeedsPassword(conn)) /* the server wants one and we have none */
        str_copy(ret->sqlstate, sizeof(ret->sqlstate), "28P01");
    if (ret->sqlstate[0] != '\0')
        classify(ret->sqlstate, &ret->err);
    else if (strncmp(text, "invalid ", 8) == 0) /* "invalid sslmode value", "invalid port number" */
        ret->err.kind = ERR_CONFIG;
    *ret_for_good = ret->err.kind == ERR_DENIED || ret->err.kind == ERR_CONFIG;
    /* A server that is full, starts up or shuts down is not reachable now, whatever its state is
     * called; and a pooler says 08P01 to everything. */
    if (!*ret_for_good)
        ret->err.kind = ERR_UNREACHABLE;
    ret->err.retriable = !*ret_for_good;
}

void db_error_of_loss(const struct pg_conn *conn, struct err *ret)
{
    char text[ERR_MSG_BYTES], line[ERR_MSG_BYTES];

    /* Of the first line only: what follows are guesses of libpq. */
    str_copy(line, sizeof(line), PQerrorMessage(conn));
    line[strcspn(line, "\n")] = '\0';
    db_error_clean(text, sizeof(text), line);
    err_set(ret, ERR_UNREACHABLE, "the connection to PostgreSQL was lost: %s",
            text[0] != '\0' ? text : "no reason given");
}

bool db_error_read_only(const struct db_failure *f)
{
    return strcmp(f->sqlstate, "25006") == 0;
}

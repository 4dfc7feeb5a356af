/* The part of the script that only looks: results, and libpq's parser of connection strings. */
#include "tests/support/pq_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OPTIONS_MAX 32 /* of a connection string */

struct pg_result {
    const struct pq_step *step;
};

struct pg_result *pq_result_new(const struct pq_step *step)
{
    struct pg_result *res = malloc(sizeof(*res));

    assert_non_null(res);
    res->step = step;
    pq_live++;
    return res;
}

void PQclear(PGresult *res)
{
    if (res == NULL)
        return;
    free(res);
    pq_live--;
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

char *PQfname(const PGresult *res, int field_num)
{
    return nth(res->step->cols, field_num);
}

char *PQgetvalue(const PGresult *res, int tup_num, int field_num)
{
    return nth(res->step->rows[tup_num], field_num);
}

int PQgetisnull(const PGresult *res, int tup_num, int field_num)
{
    return strcmp(PQgetvalue(res, tup_num, field_num), "~") == 0;
}

char *PQcmdTuples(PGresult *res)
{
    return text_of(res->step->changed != NULL ? res->step->changed : "");
}

/* ---- the connection string: keyword=value without quotes is enough here ---- */

/* False: a word without '='. */
static bool parse_words(char *rest, PQconninfoOption *all)
{
    char *word;

    while ((word = strsep(&rest, " ")) != NULL) {
        char *equals = strchr(word, '=');

        if (*word == '\0')
            continue;
        if (equals == NULL)
            return false;
        all->keyword = strndup(word, (size_t)(equals - word));
        all++->val = strdup(equals + 1);
    }
    return true;
}

PQconninfoOption *PQconninfoParse(const char *conninfo, char **errmsg)
{
    static PQconninfoOption all[OPTIONS_MAX];
    char *words = strdup(conninfo);
    bool ok;

    assert_non_null(words);
    *errmsg = NULL;
    ok = parse_words(words, all);
    free(words);
    if (!ok)
        PQconninfoFree(all);
    return ok ? all : NULL;
}

void PQconninfoFree(PQconninfoOption *connOptions)
{
    for (PQconninfoOption *o = connOptions; o->keyword != NULL; o++) {
        free(o->val);
        free(o->keyword);
        *o = (PQconninfoOption){ .keyword = NULL };
    }
}

/* common/ledger/db*.c as a test plays it: units are kept until the test answers them. Replaces
 * those files at link level: exactly one file of a program includes it. */
#ifndef TESTS_SUPPORT_FAKE_LEDGER_H
#define TESTS_SUPPORT_FAKE_LEDGER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/list.h"
#include "common/base/str.h"
#include "common/ledger/db.h"

#define FAKE_STATEMENTS 16
#define FAKE_PARAMS     24
#define FAKE_ROWS       8
#define FAKE_COLS       48

struct db {
    bool up, listening;
};

struct fake_statement {
    const char *sql;
    char *params[FAKE_PARAMS];
    size_t params_n;
};

struct db_unit {
    struct list_node node;
    struct db *db;
    struct fake_statement statements[FAKE_STATEMENTS];
    size_t n;
    bool keep;
    struct db_unit *kept_as;
    db_done_fn *fn;
    void *arg;
};

/* Rows of one statement: "41|~|x", where ~ is null. */
struct fake_rows {
    const char *sql; /* NULL ends the list */
    const char *rows[FAKE_ROWS];
};

struct fake_table {
    char *text[FAKE_ROWS];
    const char *cells[FAKE_ROWS][FAKE_COLS];
    size_t n;
};

struct db_reply {
    struct fake_table tables[FAKE_STATEMENTS];
};

static struct list fake_units; /* sent and not answered */

struct db *db_new(struct event_loop *loop, const struct db_config *config,
                  const struct db_handlers *handlers)
{
    struct db *db = calloc(1, sizeof(*db));

    (void)loop;
    (void)config;
    (void)handlers;
    assert_non_null(db);
    db->up = true;
    return db;
}

void db_unit_free(struct db_unit *unit)
{
    while (unit != NULL) {
        struct db_unit *kept = unit->kept_as;

        for (size_t i = 0; i < unit->n; i++)
            for (size_t k = 0; k < unit->statements[i].params_n; k++)
                free(unit->statements[i].params[k]);
        free(unit);
        unit = kept;
    }
}

void db_free(struct db *db)
{
    struct list_node *node = list_first(&fake_units);

    while (db != NULL && node != NULL) {
        struct db_unit *unit = list_entry(node, struct db_unit, node);

        node = list_next(&fake_units, node);
        if (unit->db != db)
            continue;
        list_remove(&fake_units, &unit->node);
        db_unit_free(unit);
    }
    free(db);
}

bool db_is_up(const struct db *db)
{
    return db->up;
}

bool db_listening(const struct db *db)
{
    return db->up && db->listening;
}

size_t db_backlog(const struct db *db)
{
    (void)db;
    return fake_units.n;
}

struct db_unit *db_unit_new(void)
{
    return calloc(1, sizeof(struct db_unit));
}

size_t db_add(struct db_unit *unit, const char *sql, size_t params_n, const char *const *params)
{
    struct fake_statement *s = &unit->statements[unit->n];

    assert_true(unit->n < FAKE_STATEMENTS && params_n <= FAKE_PARAMS);
    s->sql = sql;
    s->params_n = params_n;
    for (size_t i = 0; i < params_n; i++)
        s->params[i] = str_dup(params[i]);
    return unit->n++;
}

void db_unit_transaction(struct db_unit *unit)
{
    (void)unit;
}

void db_unit_keep(struct db_unit *unit)
{
    unit->keep = true;
}

void db_unit_keep_as(struct db_unit *unit, struct db_unit *kept)
{
    unit->kept_as = kept;
}

int db_submit(struct db *db, struct db_unit *unit, db_done_fn *fn, void *arg)
{
    unit->db = db;
    unit->fn = fn;
    unit->arg = arg;
    list_push(&fake_units, &unit->node);
    return 0;
}

int db_run(struct db *db, struct db_unit *unit, int64_t timeout_ms, struct db_reply **ret,
           struct err *err)
{
    (void)db;
    (void)timeout_ms;
    (void)ret;
    db_unit_free(unit);
    return err_set(err, ERR_INTERNAL, "no test wants this");
}

int db_wait_up(struct db *db, int64_t timeout_ms, struct err *err)
{
    (void)db;
    (void)timeout_ms;
    (void)err;
    return 0;
}

void db_reply_free(struct db_reply *reply)
{
    for (size_t i = 0; i < FAKE_STATEMENTS; i++)
        for (size_t row = 0; row < reply->tables[i].n; row++)
            free(reply->tables[i].text[row]);
    free(reply);
}

size_t db_rows(const struct db_reply *reply, size_t statement)
{
    return reply->tables[statement].n;
}

/* Each row of the answer stands for one that was changed. */
size_t db_changed(const struct db_reply *reply, size_t statement)
{
    return db_rows(reply, statement);
}

const char *db_text(const struct db_reply *reply, size_t statement, size_t row, size_t col)
{
    assert_true(statement < FAKE_STATEMENTS && row < reply->tables[statement].n && col < FAKE_COLS);
    return reply->tables[statement].cells[row][col];
}

bool db_null(const struct db_reply *reply, size_t statement, size_t row, size_t col)
{
    return db_text(reply, statement, row, col) == NULL;
}

int64_t db_int(const struct db_reply *reply, size_t statement, size_t row, size_t col)
{
    const char *text = db_text(reply, statement, row, col);

    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

double db_num(const struct db_reply *reply, size_t statement, size_t row, size_t col)
{
    const char *text = db_text(reply, statement, row, col);

    return text == NULL ? 0 : strtod(text, NULL);
}

bool db_bool(const struct db_reply *reply, size_t statement, size_t row, size_t col)
{
    const char *text = db_text(reply, statement, row, col);

    return text != NULL && text[0] == 't';
}

static inline void fake_row(struct fake_table *t, const char *text)
{
    char *at = t->text[t->n] = str_dup(text);

    for (size_t col = 0; at != NULL; col++) {
        char *end = strchr(at, '|');

        assert_true(col < FAKE_COLS);
        if (end != NULL)
            *end++ = '\0';
        t->cells[t->n][col] = strcmp(at, "~") == 0 ? NULL : at;
        at = end;
    }
    t->n++;
}

/* Where this statement stands in the unit, or -1. */
static inline ptrdiff_t fake_at(const struct db_unit *unit, const char *sql)
{
    for (size_t i = 0; i < unit->n; i++)
        if (unit->statements[i].sql == sql)
            return (ptrdiff_t)i;
    return -1;
}

static inline const char *fake_param(const struct db_unit *unit, const char *sql, size_t param)
{
    ptrdiff_t at = fake_at(unit, sql);

    assert_true(at >= 0 && param < unit->statements[at].params_n);
    return unit->statements[at].params[param];
}

/* The oldest unanswered unit that has this statement; NULL: none. */
static inline struct db_unit *fake_find(const char *sql)
{
    for (struct list_node *n = list_first(&fake_units); n != NULL; n = list_next(&fake_units, n))
        if (fake_at(list_entry(n, struct db_unit, node), sql) >= 0)
            return list_entry(n, struct db_unit, node);
    return NULL;
}

static inline void fake_answer(struct db_unit *unit, const struct fake_rows *rows)
{
    struct db_reply *reply = calloc(1, sizeof(*reply));

    assert_non_null(reply);
    for (; rows != NULL && rows->sql != NULL; rows++) {
        ptrdiff_t at = fake_at(unit, rows->sql);

        assert_true(at >= 0);
        for (size_t i = 0; i < FAKE_ROWS && rows->rows[i] != NULL; i++)
            fake_row(&reply->tables[at], rows->rows[i]);
    }
    list_remove(&fake_units, &unit->node);
    unit->fn(unit->arg, reply, NULL, "");
    db_reply_free(reply);
    db_unit_free(unit);
}

static inline void fake_fail(struct db_unit *unit, enum err_kind kind, const char *sqlstate)
{
    struct err err;

    err_set(&err, kind, "the test says so");
    list_remove(&fake_units, &unit->node);
    unit->fn(unit->arg, NULL, &err, sqlstate);
    db_unit_free(unit);
}

#endif

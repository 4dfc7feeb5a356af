#include "common/ledger/db_unit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "common/ledger/db_sql.h"

struct db_unit *db_unit_new(void)
{
    struct db_unit *unit = calloc(1, sizeof(*unit));

    if (unit != NULL)
        buf_init(&unit->bytes, DB_UNIT_MAX_BYTES);
    return unit;
}

/* Of a failure there is always something to tell, memory or not. Never written. */
static struct db_failure no_memory = { .err = { .kind = ERR_INTERNAL,
                                                .msg = "no memory for what PostgreSQL answered" } };

static void forget_failure(struct db_unit *unit)
{
    if (unit->failure != &no_memory)
        free(unit->failure);
    unit->failure = NULL;
}

static void free_one(struct db_unit *unit)
{
    db_reply_free(unit->reply);
    forget_failure(unit);
    for (size_t i = 0; i < unit->n; i++)
        free(unit->statements[i].owned);
    free(unit->statements);
    free(unit->offsets);
    buf_done(&unit->bytes);
    free(unit);
}

void db_unit_free(struct db_unit *unit)
{
    while (unit != NULL) {
        struct db_unit *kept = unit->kept_as;

        free_one(unit);
        unit = kept;
    }
}

/* Room for one more of item_bytes behind n; NULL: no memory, and items is as it was. */
static void *grown(void *items, size_t n, size_t *cap, size_t item_bytes)
{
    size_t more = *cap == 0 ? 4 : *cap * 2;
    void *moved;

    if (n < *cap)
        return items;
    moved = realloc(items, more * item_bytes);
    if (moved != NULL)
        *cap = more;
    return moved;
}

static void add_param(struct db_unit *unit, const char *param)
{
    ptrdiff_t *offsets =
        grown(unit->offsets, unit->params_n, &unit->params_cap, sizeof(*unit->offsets));

    if (offsets == NULL) {
        unit->out_of_memory = true;
        return;
    }
    unit->offsets = offsets;
    unit->offsets[unit->params_n++] = param != NULL ? (ptrdiff_t)unit->bytes.len : -1;
    if (param != NULL && !buf_add(&unit->bytes, param, strlen(param) + 1))
        unit->out_of_memory = true;
}

static size_t add(struct db_unit *unit, const struct db_statement *st, const char *const *params)
{
    struct db_statement *all =
        grown(unit->statements, unit->n, &unit->cap, sizeof(*unit->statements));

    if (all == NULL || st->sql == NULL || unit->n == DB_UNIT_MAX_STATEMENTS ||
        st->params_n > DB_MAX_PARAMS) {
        if (all != NULL)
            unit->statements = all;
        unit->out_of_memory = true;
        free(st->owned);
        return 0;
    }
    unit->statements = all;
    all[unit->n] = *st;
    all[unit->n].first = unit->params_n;
    for (size_t i = 0; i < st->params_n; i++)
        add_param(unit, params[i]);
    return unit->n++;
}

size_t db_add(struct db_unit *unit, const char *sql, size_t params_n, const char *const *params)
{
    return add(unit, &(struct db_statement){ .sql = sql, .params_n = params_n }, params);
}

size_t db_add_copy(struct db_unit *unit, const char *sql, size_t params_n,
                   const char *const *params)
{
    char *owned = str_dup(sql);

    return add(unit, &(struct db_statement){ .sql = owned, .owned = owned, .params_n = params_n },
               params);
}

void db_add_script(struct db_unit *unit, const char *script)
{
    const char *start;
    size_t len;

    while ((len = db_sql_next(&script, &start)) > 0) {
        char *owned = strndup(start, len);

        add(unit, &(struct db_statement){ .sql = owned, .owned = owned }, NULL);
    }
}

void db_unit_transaction(struct db_unit *unit)
{
    unit->transaction = true;
}

void db_unit_keep(struct db_unit *unit)
{
    unit->keep = true;
}

void db_unit_keep_as(struct db_unit *unit, struct db_unit *kept)
{
    kept->keep = true;
    kept->delivered = true; /* nobody waits for it */
    unit->kept_as = kept;
}

static bool prepare_one(struct db_unit *unit, struct db_sql *sql)
{
    if (unit->out_of_memory)
        return false;
    for (size_t i = 0; i < unit->n; i++) {
        struct db_statement *st = &unit->statements[i];
        char *copy;

        if (st->owned == NULL) {
            st->sql = db_sql_static(sql, st->sql);
            if (st->sql == NULL)
                return false;
            continue;
        }
        copy = db_sql_expand(sql, st->owned);
        if (copy == NULL)
            return false;
        free(st->owned);
        st->sql = st->owned = copy;
    }
    if (unit->delivered)
        return true;
    unit->reply = calloc(1, sizeof(*unit->reply) + unit->n * sizeof(unit->reply->results[0]));
    if (unit->reply == NULL)
        return false;
    unit->reply->n = unit->n;
    return true;
}

bool db_unit_prepare(struct db_unit *unit, struct db_sql *sql)
{
    return prepare_one(unit, sql) && (unit->kept_as == NULL || prepare_one(unit->kept_as, sql));
}

void db_unit_rewind(struct db_unit *unit)
{
    if (unit->reply != NULL)
        db_reply_clear(unit->reply);
    forget_failure(unit);
    unit->got = 0;
}

size_t db_unit_bytes(const struct db_unit *unit)
{
    size_t bytes = sizeof(*unit) + unit->cap * sizeof(*unit->statements) +
                   unit->params_cap * sizeof(*unit->offsets) + unit->bytes.cap;

    for (size_t i = 0; i < unit->n; i++)
        bytes += unit->statements[i].owned != NULL ? strlen(unit->statements[i].owned) : 0;
    return bytes;
}

void db_unit_values(const struct db_unit *unit, size_t statement, const char **values)
{
    const struct db_statement *st = &unit->statements[statement];

    for (size_t i = 0; i < st->params_n; i++) {
        ptrdiff_t offset = unit->offsets[st->first + i];

        values[i] = offset < 0 ? NULL : unit->bytes.data + offset;
    }
}

size_t db_unit_most_params(const struct db_unit *unit)
{
    size_t most = 0;

    for (size_t i = 0; i < unit->n; i++)
        if (unit->statements[i].params_n > most)
            most = unit->statements[i].params_n;
    return most;
}

void db_unit_fail(struct db_unit *unit, const struct db_failure *failure)
{
    if (unit->failure != NULL)
        return;
    unit->failure = malloc(sizeof(*unit->failure));
    if (unit->failure != NULL)
        *unit->failure = *failure;
    else
        unit->failure = &no_memory;
}

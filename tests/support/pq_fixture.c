#include "tests/support/pq_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NAMES_MAX 512

struct event_loop *pq_loop;
struct db *pq_db;
static char told[512];               /* what the callbacks were told, in order */
static const char *names[NAMES_MAX]; /* of the units submitted, for their callbacks */
static size_t names_n;
struct err pq_err;
const struct db *pq_after;

static void tell(const char *what)
{
    size_t len = strlen(told);

    assert_true((size_t)snprintf(told + len, sizeof(told) - len, "%s%s", len > 0 ? " " : "", what) <
                sizeof(told) - len);
}

void pq_told(const char *what)
{
    assert_string_equal(told, what);
    told[0] = '\0';
}

static void on_up(void *arg)
{
    (void)arg;
    tell("up");
}

static void on_down(void *arg, const struct err *err)
{
    (void)arg;
    pq_err = *err;
    tell("down");
}

static void on_notify(void *arg, const char *payload)
{
    (void)arg;
    tell(payload);
}

void pq_on_done(void *arg, const struct db_reply *reply, const struct err *err,
                const char *sqlstate)
{
    char text[64];

    assert_true((reply == NULL) == (err != NULL));
    if (err != NULL)
        pq_err = *err;
    snprintf(text, sizeof(text), err != NULL ? "%s!%s" : "%s=%s", *(const char *const *)arg,
             err != NULL             ? sqlstate
             : db_rows(reply, 0) > 0 ? db_text(reply, 0, 0, 0)
                                     : "");
    tell(text);
}

void pq_make(const char *conninfo, const char *channel)
{
    const struct db_config config = { .conninfo = conninfo,
                                      .application_name = "test",
                                      .schema = "rebuild",
                                      .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
                                      .channel = channel,
                                      .after = pq_after };
    const struct db_handlers handlers = { on_up, on_down, on_notify, NULL };

    pq_db = db_new(pq_loop, &config, &handlers);
    assert_non_null(pq_db);
}

int pq_set_up(void **state)
{
    (void)state;
    pq_begin();
    pq_loop = event_loop_new();
    pq_db = NULL;
    pq_after = NULL;
    told[0] = '\0';
    names_n = 0;
    memset(&pq_err, 0, sizeof(pq_err));
    return 0;
}

int pq_tear_down(void **state)
{
    (void)state;
    db_free(pq_db);
    event_loop_free(pq_loop);
    pq_end();
    return 0;
}

void pq_connect(void)
{
    static const struct pq_step script[] = { CONNECT(HOSTS_1_2), END };

    pq_make(CONNINFO, NULL);
    pq_script(script);
    pq_play(pq_loop);
    pq_told("up");
}

struct db_unit *pq_unit(const char *sql)
{
    struct db_unit *unit = db_unit_new();

    assert_non_null(unit);
    assert_int_equal(db_add(unit, sql, 0, NULL), 0);
    return unit;
}

void pq_submit_fn(struct db_unit *unit, const char *name, db_done_fn *fn)
{
    assert_true(names_n < NAMES_MAX);
    names[names_n] = name;
    assert_int_equal(db_submit(pq_db, unit, fn, &names[names_n++]), 0);
}

void pq_submit_unit(struct db_unit *unit, const char *name)
{
    pq_submit_fn(unit, name, pq_on_done);
}

void pq_submit(const char *sql)
{
    pq_submit_unit(pq_unit(sql), sql);
}

void pq_submit_kept(const char *sql)
{
    struct db_unit *unit = pq_unit(sql);

    db_unit_keep(unit);
    pq_submit_unit(unit, sql);
}

void pq_run(const struct pq_step *script)
{
    pq_script(script);
    pq_play(pq_loop);
}

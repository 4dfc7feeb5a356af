/* Units on a good connection: order, bounds, errors, replies, notifications. Against a script of
 * libpq's calls: see tests/support/pq_script.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "tests/support/pq_fixture.h"

/* ---- units ---- */

static void units_of_one_turn_go_out_in_order_and_are_answered_in_order(void **state)
{
    const struct pq_step sent[] = {
        SEND("select * from \"rebuild\".\"t\" where a=$1 and b=$2 | x | ~"), SEND("select 2"), SYNC,
        END
    };
    const struct pq_step rest[] = { SEND("b"),   SYNC,         SEND("c"),    SYNC,
                                    CONSUME,     GOT_ROW("1"), GOT_ROW("2"), GOT_SYNC,
                                    ANSWER("3"), ANSWER("4"),  END };
    struct db_unit *unit = db_unit_new();

    (void)state;
    pq_connect();
    assert_int_equal(
        db_add(unit, "select * from @t where a=$1 and b=$2", 2, (const char *const[]){ "x", NULL }),
        0);
    assert_int_equal(db_add_copy(unit, "select 2", 0, NULL), 1);
    pq_script(sent);
    pq_submit_unit(unit, "a"); /* the server is idle: at once */
    pq_script(rest);
    pq_submit("b"); /* the server is busy: with the end of this turn */
    pq_submit("c");
    assert_int_equal(db_backlog(pq_db), 3);
    pq_told("");
    pq_play(pq_loop);
    pq_told("a=1 b=3 c=4");
    assert_int_equal(db_backlog(pq_db), 0);
    pq_script((const struct pq_step[]){ FINISH });
}

static void only_so_many_units_are_on_the_wire_at_once(void **state)
{
    struct pq_step script[2 * DB_PIPELINE_UNITS + 8];
    size_t n = 0;

    (void)state;
    pq_connect();
    for (int i = 0; i < DB_PIPELINE_UNITS; i++) {
        script[n++] = (struct pq_step)SEND("u");
        script[n++] = (struct pq_step)SYNC;
    }
    script[n] = (struct pq_step)END;
    pq_script(script);
    for (int i = 0; i < DB_PIPELINE_UNITS + 2; i++)
        pq_submit("u");
    pq_play(pq_loop);
    pq_idle(pq_loop, 1);
    assert_int_equal(db_backlog(pq_db), DB_PIPELINE_UNITS + 2);
    pq_run((const struct pq_step[]){ CONSUME, ANSWER("1"), SEND("u"), SYNC, END });
    pq_told("u=1");
    pq_script((const struct pq_step[]){ FINISH });
}

static void a_failed_statement_ends_its_unit_only_and_says_why(void **state)
{
    const struct pq_step script[] = {
        SEND("select set_config('lock_timeout', '1s', true), "
             "set_config('idle_in_transaction_session_timeout', '2s', true)"),
        SEND("one"),
        SEND("two"),
        SEND("three"),
        SYNC,
        SEND("next"),
        SYNC,
        CONSUME,
        GOT_ROW("1s"),
        GOT_OK,
        GOT(PGRES_FATAL_ERROR, .sqlstate = "23505", .message = "duplicate key",
            .detail = "Key (id)=(1) already exists."),
        GOT_NULL,
        GOT(PGRES_PIPELINE_ABORTED),
        GOT_NULL,
        GOT_SYNC,
        ANSWER("9"),
        END
    };
    struct db_unit *unit = pq_unit("one");

    (void)state;
    pq_connect();
    db_add(unit, "two", 0, NULL);
    db_add(unit, "three", 0, NULL);
    db_unit_transaction(unit);
    db_unit_keep(unit); /* an answer is an answer: it is not sent again */
    pq_script(script);
    pq_submit_unit(unit, "u");
    pq_submit("next");
    pq_play(pq_loop);
    pq_told("u!23505 next=9");
    assert_int_equal(pq_err.kind, ERR_INPUT);
    assert_string_equal(pq_err.msg, "duplicate key (Key (id)=(1) already exists.)");
    pq_run((const struct pq_step[]){ LOST, CONNECT(HOSTS_1_2), END });
    pq_script((const struct pq_step[]){ FINISH });
}

static void the_kind_of_an_error_follows_from_its_sqlstate(void **state)
{
    static const struct {
        const char *sqlstate;
        enum err_kind kind;
        bool retriable;
    } rows[] = {
        { "42501", ERR_DENIED, false },     { "28000", ERR_DENIED, false },
        { "42P01", ERR_CONFIG, false },     { "3F000", ERR_CONFIG, false },
        { "42703", ERR_CONFIG, false },     { "22P02", ERR_INPUT, false },
        { "23503", ERR_INPUT, false },      { "40001", ERR_INTERNAL, true },
        { "40P01", ERR_INTERNAL, true },    { "55P03", ERR_INTERNAL, true },
        { "57014", ERR_INTERNAL, true },    { "53200", ERR_INTERNAL, true },
        { "42601", ERR_INTERNAL, false },   { "08P01", ERR_INTERNAL, false },
        { "08006", ERR_UNREACHABLE, true }, { "57P01", ERR_UNREACHABLE, true },
        { "XX000", ERR_INTERNAL, false },
    };
    char wanted[16];

    (void)state;
    pq_connect();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct pq_step script[] = {
            SEND("x"), SYNC,
            CONSUME,   GOT(PGRES_FATAL_ERROR, .sqlstate = rows[i].sqlstate, .message = "m"),
            GOT_NULL,  GOT_SYNC,
            END
        };

        pq_script(script);
        pq_submit("x");
        pq_play(pq_loop);
        snprintf(wanted, sizeof(wanted), "x!%s", rows[i].sqlstate);
        pq_told(wanted);
        assert_int_equal(pq_err.kind, rows[i].kind);
        assert_int_equal(pq_err.retriable, rows[i].retriable);
    }
    pq_script((const struct pq_step[]){ FINISH });
}

static void what_does_not_fit_into_the_socket_goes_when_it_can(void **state)
{
    const struct pq_step script[] = { SEND("x"),
                                      SYNC,
                                      { .call = "PQflush", .ret = 1 },
                                      { .call = "PQflush", .ret = 1 },
                                      { .call = "PQflush" },
                                      END };

    (void)state;
    pq_connect();
    pq_script(script);
    pq_submit("x");
    pq_play(pq_loop);
    pq_run((const struct pq_step[]){ CONSUME, ANSWER("1"), END });
    pq_told("x=1");
    pq_script((const struct pq_step[]){ FINISH });
}

static void notifications_of_our_channel_are_told_and_others_are_not(void **state)
{
    const struct pq_step script[] = {
        CONNECT(HOSTS_1_2),
        SEND("listen \"c\""),
        SYNC,
        CONSUME,
        GOT_OK,
        GOT_SYNC,
        { .call = "PQnotifies", .cols = "c", .rows = { "first" } },
        CONSUME,
        { .call = "PQnotifies", .cols = "other", .rows = { "foreign" } },
        { .call = "PQnotifies", .cols = "c", .rows = { "second" } },
        END
    };

    (void)state;
    pq_make(CONNINFO, "c");
    pq_run(script);
    pq_idle(pq_loop, 1);
    pq_told("up first second");
    pq_script((const struct pq_step[]){ FINISH });
}

/* ---- the end ---- */

static void free_and_tell(void *arg, const struct db_reply *reply, const struct err *err,
                          const char *sqlstate)
{
    pq_on_done(arg, reply, err, sqlstate);
    db_free(pq_db);
    pq_db = NULL;
}

static void after_free_in_a_callback_no_other_one_runs(void **state)
{
    const struct pq_step script[] = {
        SEND("a"), SYNC,    SEND("b"),   SYNC,        SEND("c"),
        SYNC,      CONSUME, ANSWER("1"), ANSWER("2"), { .call = "PQfinish" },
        END
    };

    (void)state;
    pq_connect();
    pq_script(script);
    pq_submit_fn(pq_unit("a"), "a", free_and_tell);
    pq_submit_kept("b");
    pq_submit("c");
    pq_play(pq_loop);
    pq_told("a=1");
}

static void run_gives_the_reply_to_its_caller(void **state)
{
    const struct pq_step script[] = { SEND("x"),
                                      SEND("y"),
                                      SYNC,
                                      CONSUME,
                                      GOT(PGRES_TUPLES_OK, .cols = "id|t|n|f",
                                          .rows = { "41|t|1.5|~", "9223372036854775808|f|x|" }),
                                      GOT_NULL,
                                      GOT(PGRES_COMMAND_OK, .changed = "7"),
                                      GOT_NULL,
                                      GOT_SYNC,
                                      END };
    struct db_unit *unit = pq_unit("x");
    struct db_reply *reply = NULL;
    struct err err;

    (void)state;
    pq_connect();
    db_add(unit, "y", 0, NULL);
    pq_script(script);
    assert_int_equal(db_run(pq_db, unit, 1000, &reply, &err), 0);
    assert_int_equal(db_rows(reply, 0), 2);
    assert_int_equal(db_cols(reply, 0), 4);
    assert_string_equal(db_col_name(reply, 0, 3), "f");
    assert_null(db_col_name(reply, 0, 4));
    assert_int_equal(db_int(reply, 0, 0, 0), 41);
    assert_int_equal(db_int(reply, 0, 1, 0), 0); /* out of range */
    assert_true(db_bool(reply, 0, 0, 1));
    assert_false(db_bool(reply, 0, 1, 1));
    assert_true(db_num(reply, 0, 0, 2) > 1.4 && db_num(reply, 0, 0, 2) < 1.6);
    assert_true(db_num(reply, 0, 1, 2) == 0);
    assert_null(db_text(reply, 0, 0, 3));
    assert_true(db_null(reply, 0, 0, 3));
    assert_string_equal(db_text(reply, 0, 1, 3), "");
    assert_null(db_text(reply, 0, 2, 0));
    assert_null(db_text(reply, 0, 0, 4));
    assert_int_equal(db_rows(reply, 1), 0);
    assert_int_equal(db_changed(reply, 1), 7);
    assert_int_equal(db_changed(reply, 0), 0);
    assert_int_equal(db_rows(reply, 2), 0);
    db_reply_free(reply);
    pq_script((const struct pq_step[]){ FINISH });
}

static void run_that_is_too_late_leaves_its_answer_to_nobody(void **state)
{
    struct db_reply *reply = NULL;
    struct err err;

    (void)state;
    pq_connect();
    pq_script((const struct pq_step[]){ SEND("x"), SYNC, END });
    assert_int_equal(db_run(pq_db, pq_unit("x"), 1000, &reply, &err), -1);
    assert_int_equal(err.kind, ERR_UNREACHABLE);
    pq_run((const struct pq_step[]){ CONSUME, ANSWER("1"), END });
    assert_null(reply);
    assert_int_equal(db_backlog(pq_db), 0);
    pq_script((const struct pq_step[]){ FINISH });
}

static void wait_up_waits_for_what_may_come_and_not_for_what_cannot(void **state)
{
    const struct pq_step refused[] = {
        START(HOSTS_1_2),
        { .call = "PQconnectPoll", .ret = PGRES_POLLING_FAILED, .message = "Connection refused" },
        { .call = "PQfinish" },
        CONNECT(HOSTS_1_2),
        END
    };
    const struct pq_step denied[] = {
        LOST,
        START(HOSTS_1_2),
        { .call = "PQconnectPoll", .ret = PGRES_POLLING_FAILED, .message = "FATAL:  28P01: no" },
        { .call = "PQfinish" },
        END
    };
    struct err err;

    (void)state;
    pq_make(CONNINFO, NULL);
    pq_script(refused);
    assert_int_equal(db_wait_up(pq_db, 10000, &err), 0);
    pq_run(denied);
    assert_int_equal(db_wait_up(pq_db, 10000, &err), -1);
    assert_int_equal(err.kind, ERR_DENIED);
}

static void a_unit_out_of_bounds_is_refused_and_freed(void **state)
{
    struct db_unit *unit = db_unit_new();
    char *big = malloc(17 * 1024 * 1024);

    (void)state;
    assert_non_null(big);
    memset(big, 'x', 17 * 1024 * 1024 - 1);
    big[17 * 1024 * 1024 - 1] = '\0';
    pq_make(CONNINFO, NULL);
    db_add(unit, "select $1", 1, (const char *const[]){ big });
    assert_int_equal(db_submit(pq_db, unit, pq_on_done, NULL), -1);
    assert_int_equal(db_backlog(pq_db), 0);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(units_of_one_turn_go_out_in_order_and_are_answered_in_order),
        T(only_so_many_units_are_on_the_wire_at_once),
        T(a_failed_statement_ends_its_unit_only_and_says_why),
        T(the_kind_of_an_error_follows_from_its_sqlstate),
        T(what_does_not_fit_into_the_socket_goes_when_it_can),
        T(notifications_of_our_channel_are_told_and_others_are_not),
        T(after_free_in_a_callback_no_other_one_runs),
        T(run_gives_the_reply_to_its_caller),
        T(run_that_is_too_late_leaves_its_answer_to_nobody),
        T(wait_up_waits_for_what_may_come_and_not_for_what_cannot),
        T(a_unit_out_of_bounds_is_refused_and_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

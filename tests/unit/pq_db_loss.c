/* What becomes of units when the connection is lost. Against a script of libpq's calls: see
 * tests/support/pq_script.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/ledger/db_state.h"
#include "tests/support/pq_fixture.h"

static void a_lost_connection_sends_what_must_be_kept_again_in_its_order(void **state)
{
    const struct pq_step committed[] = { SEND("k1"), SYNC,    CONSUME,     ANSWER("1"), SEND("k2"),
                                         SYNC,       CONSUME, ANSWER("2"), END };
    const struct pq_step lost[] = { SEND("k3"), SYNC, SEND("r"),  SYNC,
                                    SEND("k4"), SYNC, LOST,       CONNECT(HOSTS_1_2),
                                    SEND("k1"), SYNC, SEND("k2"), SYNC,
                                    SEND("k3"), SYNC, SEND("k4"), SYNC,
                                    SEND("w"),  SYNC, END };
    const struct pq_step answers[] = { CONSUME,     ANSWER("1"), ANSWER("2"), ANSWER("3"),
                                       ANSWER("4"), ANSWER("5"), END };

    (void)state;
    pq_connect();
    pq_script(committed);
    pq_submit_kept("k1");
    pq_idle(pq_loop, 1);
    pq_submit_kept("k2");
    pq_play(pq_loop);
    pq_told("k1=1 k2=2");
    pq_script(lost);
    pq_submit_kept("k3");
    pq_submit("r");
    pq_submit_kept("k4");
    while (db_is_up(pq_db))
        pq_idle(pq_loop, 0);
    pq_told("down r!");
    assert_int_equal(pq_err.kind, ERR_UNREACHABLE);
    pq_submit("w"); /* waits for the connection */
    assert_int_equal(db_backlog(pq_db), 3);
    pq_play(pq_loop);
    pq_told("up");
    pq_run(answers);
    pq_told("k3=3 k4=4 w=5"); /* k1 and k2 have told theirs before */
    assert_int_equal(db_backlog(pq_db), 0);
    pq_script((const struct pq_step[]){ FINISH });
}

static void another_unit_can_be_kept_in_the_place_of_one(void **state)
{
    const struct pq_step script[] = { SEND("u"), SYNC,    CONSUME,     ANSWER("1"), SEND("k"),
                                      SYNC,      CONSUME, ANSWER("2"), END };
    const struct pq_step lost[] = { SEND("v"),     SYNC,        LOST,        CONNECT(HOSTS_1_2),
                                    SEND("again"), SYNC,        SEND("k"),   SYNC,
                                    CONSUME,       ANSWER("x"), ANSWER("y"), END };
    struct db_unit *u = pq_unit("u"), *v = pq_unit("v");

    (void)state;
    pq_connect();
    pq_script(script);
    db_unit_keep_as(u, pq_unit("again"));
    pq_submit_unit(u, "u");
    pq_idle(pq_loop, 1);
    pq_submit_kept("k");
    pq_play(pq_loop);
    pq_told("u=1 k=2");
    pq_script(lost);
    db_unit_keep_as(v, pq_unit("never")); /* not answered: it is not known to be committed */
    pq_submit_unit(v, "v");
    pq_play(pq_loop);
    pq_told("down v! up");
    assert_int_equal(db_backlog(pq_db), 0);
    pq_run((const struct pq_step[]){ LOST, CONNECT(HOSTS_1_2), SEND("again"), SYNC, SEND("k"), SYNC,
                                     END }); /* kept for the next loss, too */
    pq_told("down up");
    pq_script((const struct pq_step[]){ FINISH });
}

static void a_connection_that_follows_another_comes_up_after_what_that_one_kept(void **state)
{
    const struct pq_step connect[] = { CONNECT(HOSTS_1_2), END };
    struct db *first = calloc(1, sizeof(*first));

    (void)state;
    assert_non_null(first);
    pq_after = first;
    pq_make(CONNINFO, NULL);
    pq_script(connect);
    pq_play(pq_loop);
    pq_idle(pq_loop, 10 * DB_CONNECT_TIMEOUT_MS);
    pq_told("");
    first->state = DB_UP;
    first->replays = 1;
    pq_idle(pq_loop, 1000);
    pq_told("");
    first->replays = 0;
    pq_idle(pq_loop, 1000);
    pq_told("up");
    first->state = DB_DOWN; /* it goes on */
    assert_true(db_is_up(pq_db));
    free(first);
    pq_script((const struct pq_step[]){ FINISH });
}

static void a_partial_answer_of_a_kept_unit_is_forgotten_when_it_is_sent_again(void **state)
{
    const struct pq_step script[] = { SEND("k"),
                                      SEND("l"),
                                      SYNC,
                                      CONSUME,
                                      GOT_ROW("old"),
                                      GOT(PGRES_FATAL_ERROR, .sqlstate = "57P01",
                                          .message = "terminating", .fatal = true),
                                      LOST,
                                      CONNECT(HOSTS_1_2),
                                      SEND("k"),
                                      SEND("l"),
                                      SYNC,
                                      CONSUME,
                                      GOT_ROW("new"),
                                      GOT_OK,
                                      GOT_SYNC,
                                      END };
    struct db_unit *unit = pq_unit("k");

    (void)state;
    pq_connect();
    db_add(unit, "l", 0, NULL);
    db_unit_keep(unit);
    pq_script(script);
    pq_submit_unit(unit, "k");
    pq_play(pq_loop);
    pq_told("down up k=new");
    assert_string_equal(pq_err.msg, "the connection to PostgreSQL was lost: terminating");
    pq_script((const struct pq_step[]){ FINISH });
}

static void kept_writes_are_forgotten_once_a_later_answer_proves_the_server_alive(void **state)
{
    const struct pq_step one[] = { SEND("k1"), SYNC, CONSUME, ANSWER("1"), END };
    const struct pq_step two[] = { SEND("k2"), SYNC, CONSUME, ANSWER("2"), END };
    const struct pq_step lost[] = { LOST,    CONNECT(HOSTS_1_2), SEND("k2"), SYNC,
                                    CONSUME, ANSWER("2"),        END };

    (void)state;
    pq_connect();
    pq_script(one);
    pq_submit_kept("k1");
    pq_play(pq_loop);
    pq_idle(pq_loop, DB_KEEP_MS);
    pq_script(two);
    pq_submit_kept("k2");
    pq_play(pq_loop);
    pq_idle(pq_loop, 10 * DB_KEEP_MS); /* silence: nobody knows what became of k2 */
    pq_run(lost);
    pq_told("k1=1 k2=2 down up");
    pq_script((const struct pq_step[]){ FINISH });
}

static void a_server_that_owes_an_answer_too_long_counts_as_lost(void **state)
{
    const int64_t limit_ms = STATEMENT_TIMEOUT_MS + DB_WATCHDOG_MARGIN_MS;

    (void)state;
    pq_connect();
    pq_idle(pq_loop, 10 * limit_ms); /* owes nothing */
    pq_script((const struct pq_step[]){ SEND("a"), SYNC, SEND("b"), SYNC, END });
    pq_submit("a");
    pq_submit("b");
    pq_idle(pq_loop, limit_ms - 1);
    pq_run((const struct pq_step[]){ CONSUME, ANSWER("1"), END }); /* progress */
    pq_idle(pq_loop, limit_ms - 1);
    pq_told("a=1");
    pq_run((const struct pq_step[]){ { .call = "PQfinish" }, CONNECT(HOSTS_2_1), END });
    pq_told("down b! up");
    assert_string_equal(pq_err.msg, "PostgreSQL has not answered for 8000 ms");
    pq_script((const struct pq_step[]){ FINISH });
}

static void a_standby_is_left_for_the_next_server(void **state)
{
    const struct pq_step script[] = { SEND("k"),
                                      SYNC,
                                      CONSUME,
                                      GOT(PGRES_FATAL_ERROR, .sqlstate = "25006",
                                          .message =
                                              "cannot execute INSERT in a read-only transaction"),
                                      GOT_NULL,
                                      GOT_SYNC,
                                      { .call = "PQfinish" },
                                      CONNECT(HOSTS_2_1),
                                      SEND("k"),
                                      SYNC,
                                      CONSUME,
                                      ANSWER("1"),
                                      END };

    (void)state;
    pq_connect();
    pq_script(script);
    pq_submit_kept("k");
    pq_play(pq_loop);
    pq_told("down up k=1");
    pq_script((const struct pq_step[]){ FINISH });
}

static void answers_out_of_step_end_the_connection(void **state)
{
    static const struct pq_step rows[][6] = {
        { GOT_SYNC },                             /* before the result */
        { GOT_NULL, GOT_NULL },                   /* no result */
        { GOT(PGRES_COPY_IN) },                   /* of no statement that we send */
        { GOT_ROW("1"), GOT_ROW("2"), GOT_SYNC }, /* one too many */
    };

    (void)state;
    pq_connect();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pq_step script[40] = { SEND("x"), SYNC, CONSUME };
        const struct pq_step again[] = { { .call = "PQfinish" }, CONNECT(HOSTS_1_2), END };
        size_t n = 3;

        for (size_t j = 0; j < 6 && rows[i][j].call != NULL; j++)
            script[n++] = rows[i][j];
        memcpy(script + n, again, sizeof(again));
        pq_script(script);
        pq_submit("x");
        pq_play(pq_loop);
        pq_told("down x! up");
        assert_int_equal(pq_err.kind, ERR_UNREACHABLE);
    }
    pq_script((const struct pq_step[]){ FINISH });
}

static void a_word_of_the_server_while_nothing_runs_is_the_reason(void **state)
{
    const struct pq_step notice = { .sqlstate = "57P01",
                                    .message = "by administrator",
                                    .fatal = true };
    const struct pq_step harmless = { .sqlstate = "00000", .message = "by the way" };

    (void)state;
    pq_connect();
    pq_notice(&notice);
    pq_notice(&harmless);
    pq_run((const struct pq_step[]){ LOST, END });
    pq_told("down");
    assert_string_equal(pq_err.msg, "the connection to PostgreSQL was lost: by administrator");
}

static void libpq_failing_inside_submit_is_told_from_the_loop(void **state)
{
    const struct pq_step script[] = { { .call = "PQsendQueryParams", .message = "no memory" },
                                      END };

    (void)state;
    pq_connect();
    pq_script(script);
    pq_submit("x");
    pq_told("");
    pq_run((const struct pq_step[]){ { .call = "PQfinish" }, END });
    pq_told("down x!");
    assert_string_equal(pq_err.msg, "the connection to PostgreSQL was lost: no memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_lost_connection_sends_what_must_be_kept_again_in_its_order),
        T(another_unit_can_be_kept_in_the_place_of_one),
        T(a_connection_that_follows_another_comes_up_after_what_that_one_kept),
        T(a_partial_answer_of_a_kept_unit_is_forgotten_when_it_is_sent_again),
        T(kept_writes_are_forgotten_once_a_later_answer_proves_the_server_alive),
        T(a_server_that_owes_an_answer_too_long_counts_as_lost),
        T(a_standby_is_left_for_the_next_server),
        T(answers_out_of_step_end_the_connection),
        T(a_word_of_the_server_while_nothing_runs_is_the_reason),
        T(libpq_failing_inside_submit_is_told_from_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

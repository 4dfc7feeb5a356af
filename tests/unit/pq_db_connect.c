/* How the connection is made: time-outs, back-off, refusals, session, LISTEN. Against a script of
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

static void connects_follows_a_new_socket_of_the_same_number_and_listens(void **state)
{
    const struct pq_step script[] = {
        START(HOSTS_1_2),
        { .call = "PQconnectPoll", .ret = PGRES_POLLING_READING, .new_socket = true },
        POLL(PGRES_POLLING_WRITING),
        POLL(PGRES_POLLING_OK),
        NONBLOCKING,
        EXCHANGE("select pg_backend_pid()", "4711"),
        EXCHANGE(SESSION, "ISO"),
        SEND("listen \"a.b\"\"c\""),
        SYNC,
        CONSUME,
        GOT_OK,
        GOT_SYNC,
        END
    };

    (void)state;
    pq_make(CONNINFO, "a.b\"c");
    assert_false(db_is_up(pq_db));
    pq_run(script);
    pq_told("up");
    assert_true(db_is_up(pq_db));
    assert_true(db_listening(pq_db));
    pq_script((const struct pq_step[]){ FINISH });
}

static void a_server_that_hangs_is_given_up_and_the_next_one_is_asked_first(void **state)
{
    const struct pq_step hangs[] = { START(HOSTS_1_2), POLL(PGRES_POLLING_READING), END };
    const struct pq_step gives_up[] = { { .call = "PQfinish" }, CONNECT(HOSTS_2_1), END };
    int64_t start_ms;

    (void)state;
    pq_make(CONNINFO, NULL);
    pq_run(hangs);
    start_ms = pq_now_ms();
    pq_idle(pq_loop, DB_CONNECT_TIMEOUT_MS - 1);
    pq_told("");
    pq_run(gives_up);
    pq_told("down up");
    assert_int_equal(pq_err.kind, ERR_UNREACHABLE);
    assert_in_range(pq_now_ms() - start_ms, DB_CONNECT_TIMEOUT_MS,
                    DB_CONNECT_TIMEOUT_MS + DB_BACKOFF_MIN_MS);
    pq_script((const struct pq_step[]){ FINISH });
}

static void attempts_back_off_up_to_the_maximum(void **state)
{
    const struct pq_step refused[] = {
        START(HOSTS_1_2),
        { .call = "PQconnectPoll", .ret = PGRES_POLLING_FAILED, .message = "Connection refused" },
        { .call = "PQfinish" },
        END
    };
    int64_t before_ms, most_ms = DB_BACKOFF_MIN_MS, sum_ms = 0;

    (void)state;
    pq_make(CONNINFO, NULL);
    pq_run(refused);
    pq_told("down");
    for (int i = 0; i < 40; i++) {
        before_ms = pq_now_ms();
        pq_run(refused);
        assert_in_range(pq_now_ms() - before_ms, 0, most_ms);
        most_ms = most_ms * 2 < DB_BACKOFF_MAX_MS ? most_ms * 2 : DB_BACKOFF_MAX_MS;
        sum_ms += pq_now_ms() - before_ms;
        pq_told("down");
    }
    assert_true(sum_ms > DB_BACKOFF_MAX_MS); /* 34 draws up to the maximum */
    assert_int_equal(pq_err.kind, ERR_UNREACHABLE);
}

static void what_a_failed_attempt_means(void **state)
{
    static const struct {
        const char *message;
        enum err_kind kind;
        bool for_good, needs_password;
        const char *said;
    } rows[] = {
        { "connection to server at \"h\", port 1 failed: FATAL:  28P01: password authentication "
          "failed for user \"u\"\nLOCATION:  auth_failed, auth.c:338\n",
          ERR_DENIED, true, false,
          "connection to server at \"h\", port 1 failed: FATAL:  28P01: password authentication "
          "failed for user \"u\"" },
        { "FATAL:  28000: no pg_hba.conf entry", ERR_DENIED, true, false, NULL },
        { "fe_sendauth: no password supplied\n", ERR_DENIED, true, true, NULL },
        { "FATAL:  42501: permission denied for database \"d\"", ERR_DENIED, true, false, NULL },
        { "FATAL:  3D000: database \"d\" does not exist", ERR_CONFIG, true, false, NULL },
        { "invalid sslmode value: \"x\"", ERR_CONFIG, true, false, NULL },
        { "FATAL:  57P03: the database system is starting up", ERR_UNREACHABLE, false, false,
          NULL },
        { "FATAL:  53300: sorry, too many clients already", ERR_UNREACHABLE, false, false, NULL },
        { "FATAL:  08P01: server login failed", ERR_UNREACHABLE, false, false, NULL },
        { "Connection refused\n\tIs the server running?", ERR_UNREACHABLE, false, false,
          "Connection refused Is the server running?" },
        { "FATAL:  28P01: no\nFATAL:  57P03: starting", ERR_UNREACHABLE, false, false, NULL },
        { "", ERR_UNREACHABLE, false, false, "the connection to PostgreSQL failed" },
    };

    (void)state;
    pq_make(CONNINFO, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct pq_step script[] = {
            START(HOSTS_1_2),
            { .call = "PQconnectPoll", .ret = PGRES_POLLING_FAILED, .message = rows[i].message },
            { .call = "PQfinish" },
            END
        };
        struct err err;

        pq_needs_password = rows[i].needs_password;
        pq_run(script);
        pq_told("down");
        assert_int_equal(pq_err.kind, rows[i].kind);
        assert_int_equal(pq_err.retriable, !rows[i].for_good);
        assert_int_equal(db_failed_for_good(pq_db, &err), rows[i].for_good);
        if (rows[i].said != NULL)
            assert_string_equal(pq_err.msg, rows[i].said);
    }
}

static void a_later_failure_of_another_kind_is_worth_trying_again(void **state)
{
    const struct pq_step denied[] = {
        START(HOSTS_1_2),
        { .call = "PQconnectPoll", .ret = PGRES_POLLING_FAILED, .message = "FATAL:  28P01: no" },
        { .call = "PQfinish" },
        END
    };
    const struct pq_step hangs[] = {
        START(HOSTS_1_2), POLL(PGRES_POLLING_READING), { .call = "PQfinish" }, END
    };

    (void)state;
    pq_make(CONNINFO, NULL);
    pq_run(denied);
    assert_true(db_failed_for_good(pq_db, NULL));
    pq_run(hangs);
    assert_false(db_failed_for_good(pq_db, NULL));
    pq_told("down down");
}

static void a_connection_string_that_cannot_be_read_is_told_and_never_tried(void **state)
{
    struct err err;

    (void)state;
    pq_make("hunter2", NULL);
    assert_true(db_failed_for_good(pq_db, &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_null(strstr(err.msg, "hunter2"));
    pq_told(""); /* no callback from inside db_new */
    pq_idle(pq_loop, 60000);
    pq_told("down");
    assert_int_equal(db_wait_up(pq_db, 60000, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
}

static void a_refused_listen_leaves_the_connection_up(void **state)
{
    const struct pq_step script[] = { CONNECT(HOSTS_1_2),
                                      SEND("listen \"c\""),
                                      SYNC,
                                      CONSUME,
                                      GOT(PGRES_FATAL_ERROR, .sqlstate = "25006",
                                          .message = "cannot execute LISTEN in recovery"),
                                      GOT_NULL,
                                      GOT_SYNC,
                                      END };

    (void)state;
    pq_make(CONNINFO, "c");
    pq_run(script);
    pq_told("up");
    assert_false(db_listening(pq_db));
    pq_script((const struct pq_step[]){ FINISH });
}

static void behind_a_pooler_each_unit_brings_its_timeout_and_nobody_listens(void **state)
{
    const struct pq_step up[] = { START(HOSTS_1_2),
                                  POLL(PGRES_POLLING_READING),
                                  POLL(PGRES_POLLING_OK),
                                  NONBLOCKING,
                                  EXCHANGE("select pg_backend_pid()", "99"),
                                  END };
    const struct pq_step work[] = { SEND("select set_config('DateStyle', 'ISO', true), "
                                         "set_config('statement_timeout', $1, true) | 3000"),
                                    SEND("select 1"),
                                    SYNC,
                                    CONSUME,
                                    GOT_ROW("ISO"),
                                    GOT_ROW("1"),
                                    GOT_SYNC,
                                    END };
    struct db_unit *unit;

    (void)state;
    pq_make(CONNINFO, "c");
    pq_run(up);
    pq_told("up");
    assert_false(db_listening(pq_db));
    pq_script(work);
    pq_submit("select 1");
    pq_play(pq_loop);
    pq_told("select 1=1");
    pq_script((const struct pq_step[]){
        SEND("select set_config('lock_timeout', '1s', true), "
             "set_config('idle_in_transaction_session_timeout', '2s', true), "
             "set_config('DateStyle', 'ISO', true), "
             "set_config('statement_timeout', $1, true) | 3000"),
        SEND("select 2"), SYNC, FINISH });
    unit = pq_unit("select 2");
    db_unit_transaction(unit);
    pq_submit_unit(unit, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(connects_follows_a_new_socket_of_the_same_number_and_listens),
        T(a_server_that_hangs_is_given_up_and_the_next_one_is_asked_first),
        T(attempts_back_off_up_to_the_maximum),
        T(what_a_failed_attempt_means),
        T(a_later_failure_of_another_kind_is_worth_trying_again),
        T(a_connection_string_that_cannot_be_read_is_told_and_never_tried),
        T(a_refused_listen_leaves_the_connection_up),
        T(behind_a_pooler_each_unit_brings_its_timeout_and_nobody_listens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

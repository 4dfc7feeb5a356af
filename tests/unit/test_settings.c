/* The rows of both programs: names, defaults, and what contradicts itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "producer/options.h"
#include "worker/options.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Settings are not written to, but their type lets it. */
static char *unconst(const char *text)
{
    union {
        const char *from;
        char *to;
    } u = { text };

    return u.to;
}

extern char **environ;

/* Nothing of the machine that runs the tests gets in. */
static int clear_environment(void **state)
{
    static char *none[] = { NULL };

    (void)state;
    environ = none;
    return setenv("REBUILD_CONFIG", "/dev/null", 1);
}

struct enqueue {
    struct producer_config c;
    struct select_config s;
    struct campaign_config p;
    struct enqueue_config e;
    struct options o;
    struct err err;
};

static void enqueue_tables(struct enqueue *q)
{
    memset(q, 0, sizeof(*q));
    producer_options_init(&q->o, &q->c);
    select_options_add(&q->o, &q->s);
    campaign_options_add(&q->o, &q->p);
    enqueue_options_add(&q->o, &q->e);
}

#define NOW INT64_C(1768212451402) /* 2026-01-12T10:07:31.402Z */

/* As a verb does it: load, then check. */
static int enqueue_load(struct enqueue *q, int argc, const char *const *argv)
{
    enqueue_tables(q);
    if (producer_options_load(&q->o, &q->c, argc, (char *const *)(const void *)argv, &q->err) != 0)
        return -1;
    if (select_options_check(&q->s, &q->err) == 0 &&
        campaign_options_finish(&q->p, NOW, &q->err) == 0)
        return 0;
    options_done(&q->o);
    return -1;
}

static void rows_have_unique_names_and_letters_and_say_what_they_are(void **state)
{
    const struct option_row *seen[256];
    size_t n = 0;
    struct enqueue q;

    (void)state;
    enqueue_tables(&q);
    for (size_t t = 0; t < q.o.tables_n; t++) {
        for (size_t i = 0; i < q.o.tables[t].n; i++) {
            const struct option_row *row = &q.o.tables[t].rows[i];

            assert_non_null(row->help);
            assert_true(row->type == OPT_FLAG || row->type == OPT_SECRET || row->choices != NULL ||
                        row->metavar != NULL);
            assert_int_equal(row->type == OPT_CHOICE, row->choices != NULL);
            for (size_t k = 0; k < n; k++) {
                assert_string_not_equal(row->name, seen[k]->name);
                assert_true(row->letter == 0 || row->letter != seen[k]->letter);
            }
            seen[n++] = row;
        }
    }
}

static bool among(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static void each_program_knows_the_other_ones_settings(void **state)
{
    struct enqueue q;
    size_t n = 0;

    (void)state;
    enqueue_tables(&q);
    for (size_t t = 0; t < q.o.tables_n; t++) {
        if (q.o.tables[t].command_line_only || q.o.tables[t].rows == shared_rows)
            continue;
        for (size_t i = 0; i < q.o.tables[t].n; i++, n++)
            assert_true(among(q.o.tables[t].rows[i].name, worker_known_elsewhere));
    }
    assert_null(worker_known_elsewhere[n]);
    for (n = 0; n < worker_rows_n; n++)
        assert_true(among(worker_rows[n].name, producer_known_elsewhere));
    assert_null(producer_known_elsewhere[n]);
}

static void the_worker_starts_with_the_defaults_of_the_manual(void **state)
{
    struct worker_config c;
    struct options o;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(worker_options_load(&o, &c, 0, NULL, &err), 0);
    assert_string_equal(c.admin_listen, ":9464");
    assert_int_equal(c.max_inflight, 1000);
    assert_int_equal(c.kafka_session_timeout_ms, 20000);
    assert_int_equal(c.build_timeout_ms, 7200000);
    assert_int_equal(c.access_timeout_ms, 90000);
    assert_int_equal(c.replica_max_validations, 0);
    assert_int_equal(c.lost_after_ms, 60000);
    assert_int_equal(c.lost_after_replica_ms, 300000);
    assert_int_equal(c.task_wait_ms, 30000);
    assert_int_equal(c.drain_mode, DRAIN_HANDOFF);
    assert_int_equal(c.drain_timeout_ms, 45000);
    assert_int_equal(c.healthcheck, HEALTHCHECK_NONE);
    assert_string_equal(c.shared.schema, "rebuild");
    assert_string_equal(c.shared.kafka_group_id, "rebuild-workers");
    assert_string_equal(c.shared.topic_prefix, "rebuild.");
    assert_int_equal(c.shared.replica_max_inflight, 3);
    assert_int_equal(c.shared.connect_request_timeout_ms, 300000);
    assert_int_equal(c.shared.log_level, LOG_INFO);
    assert_int_equal(c.shared.log_format, LOG_FORMAT_AUTO);
    assert_null(c.shared.database_url);
    assert_true(strlen(c.worker_id) > 9);
    options_done(&o);
}

static void the_worker_is_set_by_environment_alone(void **state)
{
    static const char *const pairs[][2] = {
        { "REBUILD_DATABASE_URL", "host=db user='x'" },
        { "REBUILD_KAFKA_BOOTSTRAP_SERVERS", "k1:9092,k2:9092" },
        { "REBUILD_KAFKA_GROUP_ID", "g" },
        { "REBUILD_KAFKA_SESSION_TIMEOUT", "6s" },
        { "REBUILD_TOPIC_PREFIX", "t." },
        { "REBUILD_SCHEMA", "s" },
        { "REBUILD_CONTENT_TABLE", "not the worker's" },
        { "CONNECT_SERVER", "https://Connect.example.com:443/" },
        { "CONNECT_API_KEY", "key" },
        { "CONNECT_INSECURE", "1" },
        { "CONNECT_REQUEST_TIMEOUT", "120" },
        { "CONNECT_TASK_TIMEOUT", "3600" },
        { "REBUILD_REPLICAS", "a=http://c1:3939" },
        { "REBUILD_REPLICA_MAX_INFLIGHT", "4" },
        { "REBUILD_REPLICA_START_RATE", "30/m" },
        { "REBUILD_MAX_INFLIGHT", "12" },
        { "REBUILD_WORKER_ID", "w-1" },
        { "REBUILD_ADMIN_LISTEN", "127.0.0.1:0" },
        { "REBUILD_DRAIN_MODE", "finish" },
        { "REBUILD_LOG_LEVEL", "debug" },
        { "REBUILD_LOG_FORMAT", "json" },
    };
    struct worker_config c;
    struct options o;
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++)
        setenv(pairs[i][0], pairs[i][1], 1);
    assert_int_equal(worker_options_load(&o, &c, 0, NULL, &err), 0);
    assert_string_equal(c.shared.database_url, "host=db user='x'");
    assert_string_equal(c.shared.kafka_bootstrap_servers, "k1:9092,k2:9092");
    assert_string_equal(c.shared.kafka_group_id, "g");
    assert_int_equal(c.kafka_session_timeout_ms, 6000);
    assert_string_equal(c.shared.connect_server, "https://connect.example.com");
    assert_string_equal(c.shared.connect_api_key, "key");
    assert_true(c.shared.connect_insecure);
    assert_int_equal(c.shared.connect_request_timeout_ms, 120000);
    assert_int_equal(c.build_timeout_ms, 3600000);
    assert_int_equal(c.shared.replica_max_inflight, 4);
    assert_true(c.shared.replica_start_rate > 0.49 && c.shared.replica_start_rate < 0.51);
    assert_int_equal(c.max_inflight, 12);
    assert_string_equal(c.worker_id, "w-1");
    assert_string_equal(c.admin_listen, "127.0.0.1:0");
    assert_int_equal(c.drain_mode, DRAIN_FINISH);
    assert_int_equal(c.shared.log_level, LOG_DEBUG);
    assert_int_equal(c.shared.log_format, LOG_FORMAT_JSON);
    options_done(&o);
}

static void the_worker_refuses_what_it_does_not_know(void **state)
{
    static const char *const cases[][2] = {
        { "--max-inflihgt=3", "did you mean --max-inflight?" },
        { "enqueue", "unexpected argument \"enqueue\"" },
        { "--worker-id=a b", "is not a worker id" },
        { "--admin-listen=9464", "is not an address to listen on" },
        { "--admin-listen=:65536", "is not an address to listen on" },
        { "--schema=1x", "is not a schema name" },
        { "--schema=a;b", "is not a schema name" },
        { "--topic-prefix=a b", "is not the start of a topic name" },
        { "--connect-server=connect.example.com", "is not an http or https URL" },
        { "--connect-api-key=x", "use CONNECT_API_KEY, CONNECT_API_KEY_FILE or the configuration" },
        { "--database-url=x", "could expose secrets in the process list" },
        { "-Xsasl.password=x", "could expose secrets in the process list" },
        { "-Xlinger.ms", "is not a librdkafka property (name=value)" },
        { "--task-wait=2m", "from 1s to 1m" },
        { "--healthcheck=alive", "did you mean live?" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct worker_config c;
        struct options o;
        struct err err = { 0 };
        char *const argv[] = { unconst(cases[i][0]) };

        assert_int_equal(worker_options_load(&o, &c, 1, argv, &err), -1);
        assert_int_equal(err.kind, ERR_CONFIG);
        if (strstr(err.msg, cases[i][1]) == NULL)
            print_error("said: %s\n", err.msg);
        assert_non_null(strstr(err.msg, cases[i][1]));
    }
}

static void enqueue_takes_all_tables(void **state)
{
    static const char *const argv[] = {
        "-g",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8,42",
        "--content-type=shiny,rmd-static",
        "--r-version",
        ">=4.1",
        "--access-type=acl",
        "--last-deployed-after=30d",
        "--limit=10",
        "--name=N",
        "--reason",
        "R",
        "--lane=high",
        "--reprocess=missing",
        "--since=2026-01-01",
        "--deadline=2100-01-01T00:00:00Z",
        "--backoff=1s:5s",
        "--max-failures=5%",
        "--window=22:00-06:00@Europe/Berlin",
        "--on-complete=https://hook.example.com/x?a=b",
        "--validate=strict",
        "--dry-run",
        "--wait",
        "--fail-empty",
        "-yo",
        "json",
    };
    struct enqueue q;

    (void)state;
    assert_int_equal(enqueue_load(&q, (int)COUNT(argv), argv), 0);
    assert_string_equal(q.o.tables[q.o.tables_n - 1].title, "General");
    assert_string_equal(q.o.tables[0].title, "Selection");
    assert_int_equal(q.s.guid.n, 2);
    assert_string_equal(q.s.guid.items[1], "42");
    assert_int_equal(q.s.content_type.n, 2);
    assert_int_equal(q.s.access_type, SELECT_ACCESS_ACL);
    assert_int_equal(q.s.order_by, ORDER_AUTO);
    assert_true(q.s.last_deployed_after_ms > NOW - INT64_C(2592000000));
    assert_int_equal(q.p.lane, LANE_HIGH);
    assert_int_equal(q.p.reprocess, REPROCESS_MISSING);
    assert_int_equal(q.p.max_attempts, 3);
    assert_int_equal(q.p.warm_up, 1);
    assert_int_equal(q.p.max_inflight, 0);
    assert_int_equal(q.p.backoff.to_ms, 5000);
    assert_int_equal(q.p.validate, VALIDATE_STRICT);
    assert_true(q.p.actor[0] != '\0');
    assert_true(q.e.dry_run && q.e.fail_empty);
    assert_int_equal(q.e.wait_ms, ENQUEUE_WAIT_MAX_MS);
    assert_true(q.c.yes);
    assert_int_equal(q.c.output, OUTPUT_JSON);
    assert_int_equal(q.c.confirm_above, 100);
    assert_string_equal(q.c.content_table, "content");
    options_done(&q.o);
}

static void enqueue_refuses_what_contradicts_itself(void **state)
{
    static const struct {
        const char *argv[2];
        const char *expect;
    } cases[] = {
        { { "--published", "--unpublished" }, "exclude each other" },
        { { "--last-deployed-before=2020-01-01", "--last-deployed-after=2021-01-01" },
          "nothing fits" },
        { { "--guids-from=-", "--important=-" }, "cannot both read standard input" },
        { { "--guid=42", "-q" }, "the bundle 42 follows no guid" },
        { { "--guid=x", "-q" }, "\"x\" is not a content guid or a bundle id" },
        { { "--exclude-guid=42", "-q" }, "\"42\" is not a content guid" },
        { { "-q", "-v" }, "contradict each other" },
        { { "--since=1h", "-q" }, "--since needs --reprocess" },
        { { "--since=2100-01-01", "--reprocess=failed" }, "is still to come" },
        { { "--deadline=2020-01-01T00:00:00Z", "-q" }, "2020-01-01T00:00:00.000Z is over" },
        { { "--deadline=2100-01-01", "--not-before=2100-01-02" }, "not before --deadline" },
        { { "--max-attempts=21", "-q" }, "from 1 to 20" },
        { { "--warm-up=1001", "-q" }, "from 0 to 1000" },
        { { "--name=", "-q" }, "is not a text of 1 to 1024 bytes" },
        { { "--campaign-id=1", "-q" }, "is not a UUID" },
        { { "--on-complete=ftp://x", "-q" }, "is not an http or https URL" },
        { { "--limit=0", "-q" }, "from 1 to" },
        { { "--resaon=x", "-q" }, "did you mean --reason?" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct enqueue q;

        assert_int_equal(enqueue_load(&q, 2, cases[i].argv), -1);
        assert_int_equal(q.err.kind, ERR_CONFIG);
        if (strstr(q.err.msg, cases[i].expect) == NULL)
            print_error("said: %s\n", q.err.msg);
        assert_non_null(strstr(q.err.msg, cases[i].expect));
    }
}

static void a_verb_without_a_table_does_not_know_its_options(void **state)
{
    struct producer_config c;
    struct options o;
    struct err err = { 0 };
    char option[] = "--deadline=2h";
    char *const argv[] = { option };

    (void)state;
    producer_options_init(&o, &c);
    assert_int_equal(producer_options_load(&o, &c, 1, argv, &err), -1);
    assert_string_equal(err.msg, "unknown option --deadline");
}

static void failures_and_windows_are_parsed_in_one_place(void **state)
{
    static const char *const bad_failures[] = { "",    "0", "0%",   "101%", "-5",
                                                "5%%", "%", "five", "1.5" };
    static const char *const bad_windows[] = { "",
                                               "22:00",
                                               "22:00-22:00",
                                               "24:00-06:00",
                                               "22:00-24:01",
                                               "22:60-06:00",
                                               "2:00-06:00",
                                               "22:00-06:00@",
                                               "22:00-06:00x",
                                               "22:00-06:00@a b" };
    int64_t items = 0;
    double percent = 0;
    int from = 0, to = 0;
    const char *zone = NULL;

    (void)state;
    assert_true(campaign_max_failures("20", &items, &percent) && items == 20 && percent < 0.01);
    assert_true(campaign_max_failures("2.5%", &items, &percent) && items == 0);
    assert_true(percent > 2.49 && percent < 2.51);
    for (size_t i = 0; i < COUNT(bad_failures); i++)
        assert_false(campaign_max_failures(bad_failures[i], &items, &percent));
    assert_true(campaign_window("22:30-06:05@Europe/Berlin", &from, &to, &zone));
    assert_int_equal(from, 22 * 60 + 30);
    assert_int_equal(to, 6 * 60 + 5);
    assert_string_equal(zone, "Europe/Berlin");
    assert_true(campaign_window("00:00-24:00", &from, &to, &zone) && to == 1440 && *zone == '\0');
    for (size_t i = 0; i < COUNT(bad_windows); i++)
        assert_false(campaign_window(bad_windows[i], &from, &to, &zone));
}

#define TEST(f) cmocka_unit_test_setup(f, clear_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_have_unique_names_and_letters_and_say_what_they_are),
        TEST(each_program_knows_the_other_ones_settings),
        TEST(the_worker_starts_with_the_defaults_of_the_manual),
        TEST(the_worker_is_set_by_environment_alone),
        TEST(the_worker_refuses_what_it_does_not_know),
        TEST(enqueue_takes_all_tables),
        TEST(enqueue_refuses_what_contradicts_itself),
        TEST(a_verb_without_a_table_does_not_know_its_options),
        TEST(failures_and_windows_are_parsed_in_one_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

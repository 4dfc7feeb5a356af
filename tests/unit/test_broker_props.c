#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/broker/admin.h"
#include "common/broker/props.h"
#include "common/broker/txn.h"

static struct kafka_props *props;
static struct err err;

static int setup(void **state)
{
    (void)state;
    props = kafka_props_new();
    err = (struct err){ .kind = ERR_NONE };
    return props != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    kafka_props_free(props);
    return 0;
}

/* Loads text as a properties file; the message names "FILE" in place of the path. */
static int load(const char *text, size_t len)
{
    char path[] = "/tmp/test_broker_props.XXXXXX", *at;
    int fd = mkstemp(path), rc;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    close(fd);
    rc = kafka_props_load(props, path, &err);
    unlink(path);
    at = strstr(err.msg, path);
    if (at != NULL) {
        memmove(at + 4, at + strlen(path), strlen(at + strlen(path)) + 1);
        memcpy(at, "FILE", 4);
    }
    return rc;
}

static void a_file_has_comments_blanks_and_values_with_hashes_and_equals(void **state)
{
    static const char text[] = "# comment\n\n  bootstrap.servers = a:9092,b:9092 \r\n"
                               "sasl.password=se#cret=x\n\t#sasl.username=no\nssl.ca.location=";

    (void)state;
    assert_int_equal(load(text, strlen(text)), 0);
    assert_string_equal(kafka_props_get(props, "bootstrap.servers"), "a:9092,b:9092");
    assert_string_equal(kafka_props_get(props, "sasl.password"), "se#cret=x");
    assert_string_equal(kafka_props_get(props, "ssl.ca.location"), "");
    assert_null(kafka_props_get(props, "sasl.username"));
}

static void a_bad_file_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *msg;
    } rows[] = {
        { "a=1\nb\n",
          "Kafka properties file FILE: line 2: a Kafka property is written name=value" },
        { "\n\n = x",
          "Kafka properties file FILE: line 3: a Kafka property needs a name before the "
          "equals sign" },
        { "linger.ms=1\n#\nacks=1\n",
          "Kafka properties file FILE: line 3: the Kafka property acks cannot be set: every message "
          "must be on all in-sync replicas" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(load(rows[i].text, strlen(rows[i].text)), -1);
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_string_equal(err.msg, rows[i].msg);
    }
}

static void what_is_not_a_text_file_is_refused(void **state)
{
    static const char binary[] = "a=1\n\0b=2\n";
    char *big = malloc(PROPS_FILE_MAX_BYTES + 1);

    (void)state;
    assert_int_equal(load(binary, sizeof(binary)), -1);
    assert_string_equal(err.msg, "Kafka properties file FILE: is not a text file");
    assert_non_null(big);
    memset(big, '#', PROPS_FILE_MAX_BYTES + 1);
    assert_int_equal(load(big, PROPS_FILE_MAX_BYTES + 1), -1);
    assert_string_equal(err.msg, "Kafka properties file FILE: is longer than 1048576 bytes");
    free(big);
    assert_int_equal(kafka_props_load(props, "/nonexistent/kafka", &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_string_equal(err.msg,
                        "Kafka properties file /nonexistent/kafka: cannot be read: No such "
                        "file or directory");
}

static void the_later_one_of_a_property_wins(void **state)
{
    (void)state;
    assert_int_equal(kafka_props_set(props, "linger.ms", "1"), 0);
    assert_int_equal(kafka_props_set(props, "retries", "2"), 0);
    assert_int_equal(kafka_props_set_pair(props, "linger.ms = 7", &err), 0);
    assert_string_equal(kafka_props_get(props, "linger.ms"), "7");
    assert_string_equal(kafka_props_get(props, "retries"), "2");
}

static void what_correctness_hangs_on_cannot_be_set(void **state)
{
    static const char *const pairs[] = {
        "enable.auto.commit=true",
        "auto.commit.enable=true",
        "enable.auto.offset.store=true",
        "auto.offset.reset=latest",
        "isolation.level=read_uncommitted",
        "partition.assignment.strategy=cooperative-sticky",
        "group.protocol=consumer",
        "group.id=other",
        "session.timeout.ms=1000",
        "enable.idempotence=false",
        "transactional.id=x",
        "transaction.timeout.ms=1",
        "acks=1",
        "request.required.acks=0",
        "partitioner=random",
        "enable.partition.eof=true",
        "log.queue=false",
    };
    char name[64];

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        size_t len = strcspn(pairs[i], "=");

        assert_int_equal(kafka_props_set_pair(props, pairs[i], &err), -1);
        assert_int_equal(err.kind, ERR_CONFIG);
        snprintf(name, sizeof(name), "%.*s", (int)len, pairs[i]);
        assert_non_null(strstr(err.msg, name));
        assert_null(kafka_props_get(props, name));
    }
}

static void secrets_are_refused_on_the_command_line_and_not_shown(void **state)
{
    (void)state;
    assert_int_equal(kafka_props_set_pair(props, "sasl.password=hunter2", &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "sasl.password"));
    assert_null(strstr(err.msg, "hunter2"));
    assert_int_equal(kafka_props_set_pair(props, "ssl.key.password = x", &err), -1);
    assert_int_equal(kafka_props_set_pair(props, "sasl.password hunter2", &err), -1);
    assert_null(strstr(err.msg, "hunter2"));
    assert_int_equal(kafka_props_set_pair(props, "sasl.username=me", &err), 0);
}

/* ---- what only a client finds ---- */

static void expect_no_client(const char *in_message)
{
    struct admin *a = admin_new(props, "test", 200, &err);

    assert_null(a);
    assert_int_equal(err.kind, ERR_CONFIG);
    if (strstr(err.msg, in_message) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", in_message, err.msg);
}

static void a_client_needs_a_broker(void **state)
{
    (void)state;
    expect_no_client("no Kafka broker is named");
}

static void an_unknown_property_is_named(void **state)
{
    (void)state;
    kafka_props_set(props, "bootstrap.servers", "127.0.0.1:1");
    kafka_props_set(props, "lingr.ms", "5");
    expect_no_client("lingr.ms");
}

static void a_bad_value_is_named(void **state)
{
    (void)state;
    kafka_props_set(props, "bootstrap.servers", "127.0.0.1:1");
    kafka_props_set(props, "linger.ms", "soon");
    expect_no_client("linger.ms");
}

static void messages_must_be_allowed_as_large_as_ours(void **state)
{
    (void)state;
    kafka_props_set(props, "bootstrap.servers", "127.0.0.1:1");
    kafka_props_set(props, "message.max.bytes", "1000");
    expect_no_client("message.max.bytes must be at least 262144");
}

static void a_forbidden_property_is_refused_however_it_came(void **state)
{
    (void)state;
    kafka_props_set(props, "bootstrap.servers", "127.0.0.1:1");
    kafka_props_set(props, "acks", "1");
    expect_no_client("acks");
}

static void the_transactional_producer_keeps_its_own_timeouts(void **state)
{
    const struct txn_config config = {
        .props = props, .transactional_id = "t", .transaction_timeout_ms = 5000, .client_id = "c"
    };
    struct txn *t;

    (void)state;
    kafka_props_set(props, "bootstrap.servers", "127.0.0.1:1");
    kafka_props_set(props, "socket.timeout.ms", "60000");
    kafka_props_set(props, "message.timeout.ms", "300000");
    t = txn_new(&config, &err);
    if (t == NULL)
        fail_msg("%s", err.msg);
    txn_free(t);
}

static void no_broker_answers_where_none_is(void **state)
{
    struct admin *a;
    char id[64];
    int brokers;

    (void)state;
    kafka_props_set(props, "bootstrap.servers", "127.0.0.1:1"); /* nobody may listen there */
    assert_int_equal(txn_brokers_answer(props, 200), 0);
    a = admin_new(props, "test", 200, &err);
    assert_non_null(a);
    assert_int_equal(admin_cluster(a, id, &brokers, &err), -1);
    assert_int_equal(err.kind, ERR_UNREACHABLE);
    assert_true(err.retriable);
    admin_free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_has_comments_blanks_and_values_with_hashes_and_equals),
        TEST(a_bad_file_is_refused_with_its_line),
        TEST(what_is_not_a_text_file_is_refused),
        TEST(the_later_one_of_a_property_wins),
        TEST(what_correctness_hangs_on_cannot_be_set),
        TEST(secrets_are_refused_on_the_command_line_and_not_shown),
        TEST(a_client_needs_a_broker),
        TEST(an_unknown_property_is_named),
        TEST(a_bad_value_is_named),
        TEST(messages_must_be_allowed_as_large_as_ours),
        TEST(a_forbidden_property_is_refused_however_it_came),
        TEST(the_transactional_producer_keeps_its_own_timeouts),
        TEST(no_broker_answers_where_none_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

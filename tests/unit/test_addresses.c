/* Addresses and names that settings are turned into: urls, replicas, topics, Kafka's properties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/broker/props.h"
#include "common/config/shared.h"

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

static void a_url_has_one_form(void **state)
{
    static const char *const cases[][2] = {
        { "http://C1", "http://c1" },
        { "HTTPS://C1:443/", "https://c1" },
        { "http://c1:80//", "http://c1" },
        { "https://c1:80/Prefix/", "https://c1:80/Prefix" },
        { "http://[2001:DB8::1]:3939/x", "http://[2001:db8::1]:3939/x" },
        { "http://[::1]", "http://[::1]" },
        { "http://c1:03939", "http://c1:3939" },
        { "ftp://c1", NULL },
        { "c1:3939", NULL },
        { "http://", NULL },
        { "http:///x", NULL },
        { "http://:80", NULL },
        { "http://c1:0", NULL },
        { "http://c1:65536", NULL },
        { "http://c1:", NULL },
        { "http://c1:x", NULL },
        { "http://user:pw@c1", NULL },
        { "http://c1/?q", NULL },
        { "http://c1#f", NULL },
        { "http://c1/a b", NULL },
        { "http://c1/\r\nX: y", NULL },
        { "http://c1/\xc3\xbc", NULL },
        { "http://c1\\x", NULL },
        { "http://[::1", NULL },
        { "http://[::1]x", NULL },
        { "", NULL },
    };
    char out[REPLICA_URL_BYTES], tiny[8];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *want = shared_url(cases[i][0], out, sizeof(out));

        assert_int_equal(want == NULL, cases[i][1] != NULL);
        if (want == NULL)
            assert_string_equal(out, cases[i][1]);
    }
    assert_non_null(shared_url("http://c1", tiny, sizeof(tiny)));
}

static void replicas_are_a_list_a_name_or_the_server(void **state)
{
    static const struct {
        const char *replicas, *server;
        const char *first; /* name url */
        size_t n;
        bool dns;
    } cases[] = {
        { "a=http://c1:3939/, b=http://c2:3939", NULL, "a http://c1:3939", 2, false },
        { "http://c1:3939,http://c2", NULL, "c1:3939 http://c1:3939", 2, false },
        { "http://c1/x=y,", "http://public", "c1 http://c1/x=y", 1, false },
        { "dns+http://pods:3939/prefix", NULL, "pods:3939 http://pods:3939/prefix", 1, true },
        { NULL, "https://public/", "public https://public", 1, false },
        { " , ", "https://public", "public https://public", 1, false },
    };
    struct replica_address *list;
    char first[REPLICA_NAME_BYTES + REPLICA_URL_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct shared_config c = { .replicas = unconst(cases[i].replicas),
                                   .connect_server = unconst(cases[i].server) };
        bool dns = !cases[i].dns;
        size_t n = 0;

        assert_int_equal(shared_replicas(&c, &list, &n, &dns, NULL), 0);
        assert_int_equal(n, cases[i].n);
        assert_int_equal(dns, cases[i].dns);
        snprintf(first, sizeof(first), "%s %s", list[0].name, list[0].url);
        assert_string_equal(first, cases[i].first);
        free(list);
    }
}

static void a_bad_replica_is_named(void **state)
{
    static const char *const cases[][2] = {
        { NULL, "set REBUILD_REPLICAS or CONNECT_SERVER" },
        { "a=http://c1,a=http://c2", "the name a is given twice" },
        { "a=http://c1,b=HTTP://C1:80/", "a and b have the same address http://c1" },
        { "a=c1:3939", "\"c1:3939\" is not an http or https URL" },
        { "=http://c1", "does not start with a name" },
        { "a b=http://c1", "does not start with a name" },
        { "http://c1/a,http://c1/b", "the name c1 is given twice" },
        { "dns+http://c1,http://c2", "dns+ stands alone" },
        { "http://c2,dns+http://c1", "dns+ stands alone" },
        { "a=dns+http://c1", "cannot have a name" },
        { "dns+c1:3939", "is not an http or https URL" },
        { "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "needs a short name (name=url)" },
    };
    struct replica_address *list = NULL;
    size_t n = 0;
    bool dns;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct shared_config c = { .replicas = unconst(cases[i][0]) };
        struct err err = { 0 };

        assert_int_equal(shared_replicas(&c, &list, &n, &dns, &err), -1);
        assert_int_equal(err.kind, ERR_CONFIG);
        if (strstr(err.msg, cases[i][1]) == NULL)
            print_error("said: %s\n", err.msg);
        assert_non_null(strstr(err.msg, cases[i][1]));
        assert_null(list);
    }
}

static void topics_have_the_prefix(void **state)
{
    char prefix[] = "rebuild.", bad[] = "a/b";
    struct shared_config c = { .topic_prefix = prefix };
    struct topic_names names;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(shared_topics(&c, &names, &err), 0);
    assert_string_equal(names.requests, "rebuild.requests.v1");
    assert_string_equal(names.requests_high, "rebuild.requests.high.v1");
    assert_string_equal(names.results, "rebuild.results.v1");
    assert_string_equal(names.dlq, "rebuild.dlq.v1");
    c.topic_prefix = bad;
    assert_int_equal(shared_topics(&c, &names, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
}

static void properties_of_the_command_line_go_before_file_and_options(void **state)
{
    static const char text[] = "linger.ms=5\nsasl.username=from-file\n";
    char servers[] = "k1:9092", user[] = "from-option", item[] = "linger.ms=7";
    char *items[] = { item };
    char path[] = "/tmp/test_settings.XXXXXX";
    struct shared_config c = { .kafka_bootstrap_servers = servers,
                               .kafka_sasl_username = user,
                               .kafka_config = path,
                               .kafka_properties = { items, 1 } };
    struct err err = { 0 };
    struct kafka_props *p;
    int fd = mkstemp(path);

    (void)state;
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    p = shared_kafka_props(&c, &err);
    assert_non_null(p);
    assert_string_equal(kafka_props_get(p, "bootstrap.servers"), "k1:9092");
    assert_string_equal(kafka_props_get(p, "sasl.username"), "from-file");
    assert_string_equal(kafka_props_get(p, "linger.ms"), "7");
    kafka_props_free(p);
    c.kafka_bootstrap_servers = NULL;
    assert_null(shared_kafka_props(&c, &err));
    assert_non_null(strstr(err.msg, "set REBUILD_KAFKA_BOOTSTRAP_SERVERS"));
    unlink(path);
    assert_null(shared_kafka_props(&c, &err));
    assert_non_null(strstr(err.msg, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_has_one_form),
        cmocka_unit_test(replicas_are_a_list_a_name_or_the_server),
        cmocka_unit_test(a_bad_replica_is_named),
        cmocka_unit_test(topics_have_the_prefix),
        cmocka_unit_test(properties_of_the_command_line_go_before_file_and_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

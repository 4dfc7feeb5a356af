/* The idempotent producer and the reader against librdkafka's mock cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/broker/admin.h"
#include "common/broker/producer.h"
#include "common/broker/reader.h"
#include "common/broker/txn.h"
#include "tests/support/member.h"

#define TOPIC                           "requests"
#define CODE_TOPIC_AUTHORIZATION_FAILED 29
#define TICKETS_MAX                     64

static struct mock_cluster *cluster;
static struct event_loop *loop;
static struct kafka_props *props;
static struct err err;

static struct {
    int reports, failures;
    struct err last;
    int64_t offset[TICKETS_MAX];
    int32_t partition[TICKETS_MAX];
} got;

static void on_delivery(void *arg, uint64_t ticket, int32_t partition, int64_t offset,
                        const struct err *failure)
{
    assert_ptr_equal(arg, &got);
    got.reports++;
    if (failure != NULL) {
        got.failures++;
        got.last = *failure;
    } else if (ticket < TICKETS_MAX) {
        got.offset[ticket] = offset;
        got.partition[ticket] = partition;
    }
}

static int setup(void **state)
{
    (void)state;
    memset(&got, 0, sizeof(got));
    memset(got.offset, -1, sizeof(got.offset));
    cluster = mock_cluster_new(1);
    loop = event_loop_new();
    props = mock_cluster_props(cluster);
    mock_cluster_topic(cluster, TOPIC, 7);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kafka_props_free(props);
    event_loop_free(loop);
    mock_cluster_free(cluster);
    return 0;
}

static struct producer *open_producer(void)
{
    struct producer *p =
        producer_new(loop, &(struct producer_config){ props, "test", on_delivery, &got }, &err);

    if (p == NULL)
        fail_msg("%s", err.msg);
    return p;
}

static enum producer_result send(struct producer *p, const char *key, const char *value,
                                 uint64_t ticket)
{
    const struct kafka_header header = { .name = "ce_id", .value = "1", .len = 1 };
    const struct txn_message m = { .topic = TOPIC,
                                   .partition = -1,
                                   .key = key,
                                   .key_len = strlen(key),
                                   .value = value,
                                   .value_len = strlen(value),
                                   .headers = &header,
                                   .headers_n = 1,
                                   .timestamp_ms = 1700000000123 };

    return producer_send(p, &m, ticket, &err);
}

/* Kafka's own test vectors of murmur2 (UtilsTest.java); partition = (hash & 0x7fffffff) % 7. */
static void keys_go_where_javas_clients_send_them(void **state)
{
    static const struct {
        const char *key;
        int32_t hash;
    } rows[] = { { "21", -973932308 },
                 { "foobar", -790332482 },
                 { "a-little-bit-long-string", -985981536 },
                 { "a-little-bit-longer-string", -1486304829 } };
    const size_t n = sizeof(rows) / sizeof(*rows);
    struct producer *p = open_producer();

    (void)state;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(send(p, rows[i].key, "v", i), PRODUCER_OK);
    assert_int_equal(producer_in_flight(p), n);
    WAIT_FOR(loop, got.reports == (int)n);
    assert_int_equal(got.failures, 0);
    assert_int_equal(producer_in_flight(p), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got.partition[i], (rows[i].hash & 0x7fffffff) % 7);
        assert_true(got.offset[i] >= 0);
    }
    producer_free(p);
}

static void a_failed_delivery_is_reported_with_its_reason(void **state)
{
    struct producer *p = open_producer();

    (void)state;
    mock_cluster_fail(cluster, MOCK_PRODUCE, CODE_TOPIC_AUTHORIZATION_FAILED, 1);
    assert_int_equal(send(p, "k", "v", 3), PRODUCER_OK);
    WAIT_FOR(loop, got.reports == 1);
    assert_int_equal(got.failures, 1);
    assert_int_equal(got.last.kind, ERR_DENIED);
    assert_non_null(strstr(got.last.msg, TOPIC));
    producer_free(p);
}

static void a_full_queue_takes_nothing_and_goes_on_after_a_delivery(void **state)
{
    struct producer *p;
    enum producer_result result;
    size_t sent = 0;

    (void)state;
    kafka_props_set(props, "queue.buffering.max.messages", "10");
    p = open_producer();
    while ((result = send(p, "k", "v", 0)) == PRODUCER_OK)
        sent++;
    assert_int_equal(result, PRODUCER_FULL);
    assert_int_equal(sent, 10);
    assert_int_equal(producer_in_flight(p), sent);
    WAIT_FOR(loop, got.reports > 0);
    assert_int_equal(send(p, "k", "v", 0), PRODUCER_OK);
    WAIT_FOR(loop, got.reports == 11);
    assert_int_equal(got.failures, 0);
    producer_free(p);
}

static void a_message_that_is_too_large_is_an_error_of_its_own(void **state)
{
    const size_t bytes = 4 * 1024 * 1024;
    char *value = malloc(bytes + 1);
    struct producer *p = open_producer();

    (void)state;
    assert_non_null(value);
    memset(value, 'x', bytes);
    value[bytes] = '\0';
    assert_int_equal(send(p, "k", value, 0), PRODUCER_ERROR);
    assert_int_equal(err.kind, ERR_INPUT);
    assert_int_equal(producer_fatal(p, &err), 0);
    assert_int_equal(producer_in_flight(p), 0);
    producer_free(p);
    free(value);
}

static void freeing_reports_nothing_more(void **state)
{
    struct producer *p = open_producer();

    (void)state;
    mock_cluster_down(cluster, 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(send(p, "k", "v", 0), PRODUCER_OK);
    producer_free(p);
    assert_int_equal(got.reports, 0);
}

/* ---- reader ---- */

static void a_reader_reads_all_records_and_is_at_the_end(void **state)
{
    struct reader *r;
    struct kafka_record record;
    struct producer *p = open_producer();
    int n = 0;

    (void)state;
    assert_int_equal(send(p, "foobar", "with a header", 0), PRODUCER_OK);
    WAIT_FOR(loop, got.reports == 1);
    producer_free(p);
    for (int i = 3; i < 7; i++)
        mock_cluster_produce(cluster, TOPIC, i, 100);
    r = reader_open(props, TOPIC, READER_BEGINNING, MEMBER_DEADLINE_MS, &err);
    if (r == NULL)
        fail_msg("%s", err.msg);
    while (!reader_at_end(r)) {
        int rc = reader_next(r, MEMBER_DEADLINE_MS, &record, &err);

        assert_int_not_equal(rc, -1);
        n += rc;
        if (rc != 1 || record.key_len == 0)
            continue;
        assert_int_equal(record.timestamp_ms, 1700000000123);
        assert_int_equal(record.headers_n, 1);
        assert_int_equal(record.headers_cut, 0);
        assert_string_equal(record.headers[0].name, "ce_id");
        assert_memory_equal(record.value, "with a header", record.value_len);
    }
    assert_int_equal(n, 401);
    reader_close(r);
}

static void a_reader_from_the_end_sees_only_what_comes(void **state)
{
    struct reader *r;
    struct kafka_record record;

    (void)state;
    mock_cluster_produce(cluster, TOPIC, 0, 5);
    r = reader_open(props, TOPIC, READER_END, MEMBER_DEADLINE_MS, &err);
    assert_non_null(r);
    assert_true(reader_at_end(r));
    mock_cluster_produce(cluster, TOPIC, 0, 1);
    assert_int_equal(reader_next(r, MEMBER_DEADLINE_MS, &record, &err), 1);
    assert_int_equal(record.offset, 5);
    reader_close(r);
}

static void a_bounded_reader_returns_its_spans_and_nothing_else(void **state)
{
    struct reader *r = NULL;
    struct kafka_record record;
    int64_t next = 2;

    (void)state;
    mock_cluster_produce(cluster, TOPIC, 0, 10);
    mock_cluster_produce(cluster, TOPIC, 1, 10);
    r = reader_new(props, TOPIC, MEMBER_DEADLINE_MS, &err);
    assert_non_null(r);
    assert_true(reader_partitions(r) >= 2);
    assert_int_equal(reader_spans(r)[0].high, 10);
    for (size_t i = 0; i < reader_partitions(r); i++)
        reader_spans(r)[i].from = reader_spans(r)[i].to = reader_spans(r)[i].high;
    reader_spans(r)[0].from = 2;
    reader_spans(r)[0].to = 5;
    assert_int_equal(reader_start(r, true, &err), 0);
    while (!reader_at_end(r)) {
        int rc = reader_next(r, MEMBER_DEADLINE_MS, &record, &err);

        assert_int_not_equal(rc, -1);
        if (rc == 1) {
            assert_int_equal(record.partition, 0);
            assert_int_equal(record.offset, next++);
        }
    }
    assert_int_equal(next, 5);
    assert_int_equal(reader_next(r, 200, &record, &err), 0);
    assert_int_equal(reader_spans(r)[0].from, 5);
    reader_close(r);
}

/* As a broker's client in another language places it: murmur2 of Kafka. */
static void keys_have_the_partition_that_every_client_gives_them(void **state)
{
    (void)state;
    assert_int_equal(reader_partition_of("foobar", 6, 1000), (-790332482 & 0x7fffffff) % 1000);
    assert_int_equal(reader_partition_of("21", 2, 1000), (-973932308 & 0x7fffffff) % 1000);
}

static void an_empty_topic_is_at_its_end_at_once(void **state)
{
    struct reader *r = reader_open(props, TOPIC, READER_BEGINNING, MEMBER_DEADLINE_MS, &err);
    struct kafka_record record;

    (void)state;
    assert_non_null(r);
    assert_true(reader_at_end(r));
    assert_int_equal(reader_next(r, 0, &record, &err), 0);
    reader_close(r);
}

static void a_reader_without_brokers_says_so(void **state)
{
    (void)state;
    mock_cluster_down(cluster, 1);
    assert_null(reader_open(props, TOPIC, READER_BEGINNING, 300, &err));
    assert_int_equal(err.kind, ERR_UNREACHABLE);
}

/* ---- admin, as far as the mock serves it ---- */

static void the_cluster_and_its_topics_are_found(void **state)
{
    struct admin *a = admin_new(props, "test", MEMBER_DEADLINE_MS, &err);
    char id[64] = "";
    int brokers = 0, partitions = 0, replication = 0;
    int64_t low = -1, high = -1;

    (void)state;
    assert_non_null(a);
    mock_cluster_produce(cluster, TOPIC, 2, 9);
    assert_int_equal(admin_cluster(a, id, &brokers, &err), 0);
    assert_int_equal(brokers, 1);
    assert_true(id[0] != '\0');
    assert_int_equal(admin_topic_partitions(a, TOPIC, &partitions, &replication, &err), 0);
    assert_int_equal(partitions, 7);
    assert_int_equal(replication, 1);
    assert_int_equal(admin_watermarks(a, &(struct admin_partition){ TOPIC, 2 }, &low, &high, &err),
                     0);
    assert_int_equal(low, 0);
    assert_int_equal(high, 9);
    assert_int_equal(admin_watermarks(a, &(struct admin_partition){ TOPIC, 99 }, &low, &high, &err),
                     -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    admin_free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_go_where_javas_clients_send_them),
        TEST(a_failed_delivery_is_reported_with_its_reason),
        TEST(a_full_queue_takes_nothing_and_goes_on_after_a_delivery),
        TEST(a_message_that_is_too_large_is_an_error_of_its_own),
        TEST(freeing_reports_nothing_more),
        TEST(a_reader_reads_all_records_and_is_at_the_end),
        TEST(a_reader_from_the_end_sees_only_what_comes),
        TEST(a_bounded_reader_returns_its_spans_and_nothing_else),
        TEST(keys_have_the_partition_that_every_client_gives_them),
        TEST(an_empty_topic_is_at_its_end_at_once),
        TEST(a_reader_without_brokers_says_so),
        TEST(the_cluster_and_its_topics_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* From pending results to transactions: what goes with which offsets, and what happens to results
 * whose commit is not known. */
#include "tests/support/fake_worker.h"

#include "worker/batch.h"
#include "worker/outgoing.h"

static struct worker *w;

static int set_up(void **state)
{
    (void)state;
    w = fake_worker_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_worker_free(w);
    return 0;
}

/* A result that is pending, as results.c queues it. */
static struct outgoing *pend(struct part *part, char digit, int64_t offset)
{
    struct outgoing *out = calloc(1, sizeof(*out));

    assert_non_null(out);
    out->part = part;
    out->epoch = part->epoch;
    out->offset = offset;
    out->request_id = fake_id(digit);
    out->message.key_len = (size_t)digit; /* tells one from another */
    list_push(&w->results->pending, &out->node);
    return out;
}

static void read_records(struct part *part, int64_t from, int64_t to)
{
    for (int64_t o = from; o < to; o++)
        assert_int_equal(tracker_record(part->tracker, o), TRACKER_NEW);
}

/* What is under way: the results' digits, then the committed offsets. */
static void sent(const char *want)
{
    char text[128] = "";
    size_t len = 0;

    assert_true(fake_kafka.busy);
    for (size_t i = 0; i < fake_kafka.batch.messages_n; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%c",
                                (int)fake_kafka.batch.messages[i].key_len);
    for (size_t i = 0; i < fake_kafka.batch.offsets_n; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, " %lld%s",
                                (long long)fake_kafka.batch.offsets[i].offset,
                                fake_kafka.batch.offsets[i].metadata[0] == '\0' ? "" : "+map");
    assert_string_equal(text, want);
}

static void committed(int64_t offset, const char *metadata, bool failed)
{
    const struct kafka_offset o = {
        .topic = "requests", .offset = offset, .metadata = metadata, .failed = failed
    };
    consumer_committed_fn *fn = fake_kafka.committed;

    assert_non_null(fn);
    fake_kafka.committed = NULL;
    fn(fake_kafka.committed_arg, &o, 1, 1, NULL);
}

static void a_result_goes_with_the_offset_it_finishes(void **state)
{
    struct part *part = fake_own(w, 0, 10, NULL);

    (void)state;
    read_records(part, 10, 13);
    pend(part, 'b', 11);
    batch_send(w);
    sent("b 10+map");
    pend(part, 'a', 10); /* waits for the batch under way */
    batch_send(w);
    sent("b 10+map");
    fake_published(PUBLISH_COMMITTED);
    assert_non_null(fake_find(SQL_MARK));
    batch_send(w);
    sent("a 12");
    fake_published(PUBLISH_COMMITTED);
    assert_int_equal(results_waiting(w), 0);
}

static void results_of_a_batch_that_did_not_commit_go_again(void **state)
{
    struct part *part = fake_own(w, 0, 10, NULL);

    (void)state;
    read_records(part, 10, 12);
    pend(part, 'a', 10); /* the base moves over it before the commit is known to have failed */
    batch_send(w);
    sent("a 11");
    fake_published(PUBLISH_UNKNOWN);
    committed(10, NULL, false);
    assert_null(fake_find(SQL_MARK));
    assert_int_equal(results_waiting(w), 1);
    pend(part, 'b', 11);
    batch_send(w);
    sent("ab 12");
    fake_published(PUBLISH_COMMITTED);
    assert_int_equal(results_waiting(w), 0);
}

static void what_the_committed_map_says_is_out_is_not_sent_again(void **state)
{
    struct part *part = fake_own(w, 0, 10, NULL);

    (void)state;
    read_records(part, 10, 13);
    pend(part, 'a', 10);
    pend(part, 'c', 12);
    batch_send(w);
    sent("ac 11+map");
    fake_published(PUBLISH_UNKNOWN);
    committed(11, NULL, false);
    assert_non_null(fake_find(SQL_MARK));
    batch_send(w);
    sent("c 11+map");
}

static void an_error_of_a_partition_is_not_a_verdict(void **state)
{
    struct part *part = fake_own(w, 0, 10, NULL);

    (void)state;
    read_records(part, 10, 11);
    pend(part, 'a', 10);
    batch_send(w);
    fake_published(PUBLISH_UNKNOWN);
    committed(KAFKA_OFFSET_NONE, NULL, true);
    batch_send(w);
    assert_false(fake_kafka.busy);
    FAKE_WAIT(w, fake_kafka.committed != NULL); /* asked again */
    committed(11, NULL, false);
    assert_int_equal(results_waiting(w), 0);
}

static void a_request_met_twice_is_published_once(void **state)
{
    struct part *part = fake_own(w, 0, 10, NULL);

    (void)state;
    read_records(part, 10, 12);
    pend(part, 'b', 11);
    batch_send(w);
    fake_published(PUBLISH_COMMITTED);
    pend(part, 'b', 11); /* done, above the base */
    batch_send(w);
    assert_false(fake_kafka.busy);
    pend(part, 'a', 10);
    batch_send(w);
    fake_published(PUBLISH_COMMITTED);
    pend(part, 'a', 10); /* done, below the base */
    batch_send(w);
    assert_false(fake_kafka.busy);
    assert_int_equal(results_waiting(w), 0);
}

static void a_result_from_beyond_the_window_waits(void **state)
{
    struct part *part = fake_own(w, 0, 0, NULL);

    (void)state;
    pend(part, 'f', WINDOW_OFFSETS);
    batch_send(w);
    assert_false(fake_kafka.busy);
    assert_int_equal(results_waiting(w), 1);
    read_records(part, 0, 1);
    pend(part, 'a', 0);
    batch_send(w);
    sent("a 1");
    fake_published(PUBLISH_COMMITTED);
    batch_send(w);
    sent("f 1+map");
}

static void results_of_a_partition_that_went_are_dropped(void **state)
{
    struct part *part = fake_own(w, 0, 10, NULL);

    (void)state;
    read_records(part, 10, 11);
    pend(part, 'a', 10);
    part_revoke(part);
    batch_send(w);
    assert_false(fake_kafka.busy);
    assert_int_equal(results_waiting(w), 0);
}

static struct outgoing *pend_letter(struct part *part, int64_t offset, size_t bytes)
{
    static char text[DLQ_VALUE_MAX_BYTES];
    const struct kafka_record record = {
        .topic = "requests", .offset = offset, .value = text, .value_len = bytes
    };

    results_dead_letter(w, part, &record,
                        &(struct dead_letter_why){ "request.invalid", "decode", "?" });
    return list_entry(w->results->pending.head.prev, struct outgoing, node);
}

static size_t sent_bytes(void)
{
    size_t bytes = 0;

    for (size_t i = 0; i < fake_kafka.batch.messages_n; i++)
        bytes += fake_kafka.batch.messages[i].value_len;
    return bytes;
}

static void what_a_broker_refuses_for_its_size_is_cut_and_not_left_out(void **state)
{
    struct part *part = fake_own(w, 0, 10, NULL);
    size_t rounds = 0, out = 0;

    (void)state;
    read_records(part, 10, 13);
    for (int64_t o = 10; o < 13; o++)
        pend_letter(part, o, 100 * 1000);
    batch_send(w);
    assert_int_equal(fake_kafka.batch.messages_n, 3);
    fake_kafka.too_large = true;
    for (; sent_bytes() > 40 * 1000; rounds++) { /* this broker's limit */
        assert_true(rounds < 10);
        fake_published(PUBLISH_UNKNOWN);
        committed(10, NULL, false);
        assert_int_equal(results_waiting(w), 3);
        batch_send(w);
    }
    fake_kafka.too_large = false;
    for (; fake_kafka.busy; batch_send(w)) {
        assert_true(sent_bytes() > 1000 && sent_bytes() <= 40 * 1000);
        out += fake_kafka.batch.messages_n;
        fake_published(PUBLISH_COMMITTED);
    }
    assert_int_equal(out, 3);
    assert_int_equal(results_waiting(w), 0);
    assert_int_equal(w->results->bytes, 0);
}

/* Counted as if so many were there. */
static void pending_letters_pause_the_intake_until_half_of_them_are_out(void **state)
{
    struct part *part = fake_own(w, 0, 10, NULL);

    (void)state;
    read_records(part, 10, 12);
    pend_letter(part, 10, 10);
    w->results->bytes += PUBLISH_QUEUE_BYTES;
    assert_true(results_full(w, 0));
    assert_false(results_full(w, 1)); /* the fast lane does not wait for the slow one */
    assert_false(results_healthy(w));
    fake_kafka.handlers.on_record(
        w,
        &(struct kafka_record){ .topic = "requests", .offset = 12, .value = "?", .value_len = 1 });
    assert_true(part->paused);
    w->results->bytes -= PUBLISH_QUEUE_BYTES / 4;
    intake_flow(w);
    assert_true(part->paused);
    w->results->bytes -= PUBLISH_QUEUE_BYTES / 2;
    intake_flow(w);
    assert_false(part->paused);
    w->results->bytes -= PUBLISH_QUEUE_BYTES / 4;
    assert_string_equal(fake_kafka.paused, "p0r0");
}

static void many_letters_are_as_many_as_may_wait(void **state)
{
    struct part *part = fake_own(w, 0, 0, NULL);
    int64_t n = 0;

    (void)state;
    w->member = false;
    results_revoked(w); /* nothing goes out */
    while (!part->paused) {
        assert_true(n <= PUBLISH_QUEUE_RESULTS);
        fake_kafka.handlers.on_record(
            w, &(struct kafka_record){
                   .topic = "requests", .offset = n++, .value = "?", .value_len = 1 });
    }
    assert_int_equal(n, PUBLISH_QUEUE_RESULTS);
}

static void group_metadata_that_was_not_there_at_the_assignment_is_asked_for_again(void **state)
{
    struct part *part = fake_own(w, 0, 10, NULL);

    (void)state;
    read_records(part, 10, 11);
    pend(part, 'a', 10);
    group_ref_drop(w->results->group);
    w->results->group = NULL;
    batch_send(w);
    sent("a 11");
    fake_published(PUBLISH_COMMITTED);
}

static int flushed;

static void on_flushed(struct worker *worker)
{
    assert_ptr_equal(worker, w);
    flushed++;
}

static void a_flush_waits_for_the_batch_under_way_and_sends_the_rest(void **state)
{
    struct part *part = fake_own(w, 0, 10, NULL);

    (void)state;
    flushed = 0;
    read_records(part, 10, 12);
    results_flush(w, 60000, on_flushed);
    assert_int_equal(flushed, 1); /* nothing to wait for */
    pend(part, 'a', 10);
    batch_send(w);
    pend(part, 'b', 11);
    results_flush(w, 60000, on_flushed);
    fake_published(PUBLISH_COMMITTED);
    assert_int_equal(flushed, 1);
    sent("b 12");
    fake_published(PUBLISH_COMMITTED);
    assert_int_equal(flushed, 2);
    pend(part, 'a', 10);
}

static void nobody_waits_for_a_flush_after_a_revoke(void **state)
{
    struct part *part = fake_own(w, 0, 10, NULL);

    (void)state;
    flushed = 0;
    read_records(part, 10, 11);
    pend(part, 'a', 10);
    results_flush(w, 60000, on_flushed);
    part_revoke(part);
    results_revoked(w);
    fake_published(PUBLISH_COMMITTED);
    assert_int_equal(flushed, 0);
    batch_send(w); /* without group metadata nothing is sent */
    assert_false(fake_kafka.busy);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_result_goes_with_the_offset_it_finishes),
        T(results_of_a_batch_that_did_not_commit_go_again),
        T(what_the_committed_map_says_is_out_is_not_sent_again),
        T(an_error_of_a_partition_is_not_a_verdict),
        T(a_request_met_twice_is_published_once),
        T(a_result_from_beyond_the_window_waits),
        T(results_of_a_partition_that_went_are_dropped),
        T(what_a_broker_refuses_for_its_size_is_cut_and_not_left_out),
        T(pending_letters_pause_the_intake_until_half_of_them_are_out),
        T(many_letters_are_as_many_as_may_wait),
        T(group_metadata_that_was_not_there_at_the_assignment_is_asked_for_again),
        T(a_flush_waits_for_the_batch_under_way_and_sends_the_rest),
        T(nobody_waits_for_a_flush_after_a_revoke),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

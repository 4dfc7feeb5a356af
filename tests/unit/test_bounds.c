/* Bounds of the worker that are full once, and waits that come to their end
 * (common/base/limits.h); those of results and requests that wait are in test_backlog.c. */
#include "tests/support/fake_worker.h"

#include "common/base/limits.h"
#include "worker/batch.h"
#include "worker/builds.h"
#include "worker/outgoing.h"
#include "worker/replicas.h"

static struct worker *w;
static struct part *part;

static int set_up(void **state)
{
    (void)state;
    w = fake_worker_new();
    part = fake_own(w, 0, 0, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_worker_free(w);
    return 0;
}

/* A result is under way, and nobody says what became of it. */
static void publish_without_an_answer(void)
{
    struct outgoing *out = calloc(1, sizeof(*out));

    assert_non_null(out);
    assert_int_equal(tracker_record(part->tracker, 0), TRACKER_NEW);
    out->part = part;
    out->epoch = part->epoch;
    out->since_ms = clock_boot_ms();
    list_push(&w->results->pending, &out->node);
    batch_send(w);
    assert_true(fake_kafka.busy);
}

/* ---- admission ---- */

static void with_writes_at_their_bound_no_build_starts(void **state)
{
    size_t real = fake_units.n;

    (void)state;
    fake_units.n = DB_QUEUE_UNITS - 1;
    assert_true(worker_may_start(w));
    fake_units.n = DB_QUEUE_UNITS;
    assert_false(worker_may_start(w));
    fake_units.n = real;
}

static void without_a_transaction_for_long_no_build_starts(void **state)
{
    (void)state;
    w->results->success_ms = clock_boot_ms() - TXN_STALL_ADMISSION_MS;
    assert_true(worker_may_start(w)); /* nothing waits for one */
    publish_without_an_answer();
    w->results->success_ms = clock_boot_ms() - TXN_STALL_ADMISSION_MS + FAKE_WAIT_MS;
    assert_true(worker_may_start(w));
    w->results->success_ms = clock_boot_ms() - TXN_STALL_ADMISSION_MS;
    assert_false(worker_may_start(w));
    fake_published(PUBLISH_COMMITTED);
    assert_true(worker_may_start(w));
}

static void a_limit_is_halved_once_in_a_while(void **state)
{
    struct target *t = targets_find(&w->targets, "a");

    (void)state;
    replicas_slow_down(w, t, "busy");
    replicas_slow_down(w, t, "busy");
    assert_int_equal(fake_units.n, 1);
    t->slowed_at_ms -= AIMD_ONCE_MS;
    replicas_slow_down(w, t, "busy");
    assert_int_equal(fake_units.n, 2);
}

/* Whoever may NOTIFY may say anything, and often. */
static void a_flood_of_notifications_is_one_question(void **state)
{
    static const char *const said[] = { "slot a", "slot ", "slot no such replica", "", "\xff\xfe" };
    struct target *t = targets_find(&w->targets, "a");

    (void)state;
    t->open = 2;
    waiting_put(w->waiting, fake_req(part, '1', 0), WAIT_SLOT, "", 0);
    for (int i = 0; i < 5000; i++)
        presence_notified(w, said[i % 5]);
    fake_wait_unit(w, SQL_ASK_ITEMS);
    assert_int_equal(fake_units.n, 1);
    assert_int_equal(t->open, 0);
}

/* ---- the process ---- */

static void watch(int brokers_answer)
{
    fake_kafka.brokers_answer = brokers_answer;
    results_watch(w);
    FAKE_WAIT(w, !w->results->checking_brokers);
}

static void a_call_to_kafka_that_does_not_end_ends_the_process_if_brokers_answer(void **state)
{
    (void)state;
    fake_kafka.call_since_ms = clock_boot_ms() - TXN_STALL_EXIT_MS;
    watch(0);
    assert_int_equal(w->exit_code, 0);
    watch(1); /* they are back, the call may end now */
    assert_int_equal(w->exit_code, 0);
    w->results->stall.answering_since_ms -= BROKERS_BACK_MS;
    watch(1);
    assert_int_equal(w->exit_code, 75);
}

/* ---- the last batch ---- */

static int flushed;

static void on_flushed(struct worker *worker)
{
    (void)worker;
    flushed++;
}

static void a_hand_off_waits_for_its_last_batch_but_not_for_ever(void **state)
{
    int64_t start = event_now_ms(w->loop);

    (void)state;
    flushed = 0;
    publish_without_an_answer();
    results_flush(w, HANDOFF_WAIT_MS, on_flushed);
    assert_int_equal(flushed, 0);
    FAKE_WAIT(w, flushed == 1);
    assert_true(event_now_ms(w->loop) - start >= HANDOFF_WAIT_MS);
    fake_published(PUBLISH_COMMITTED);
    assert_int_equal(flushed, 1);
}

static void a_revoke_waits_for_its_last_batch_but_not_for_ever(void **state)
{
    int64_t start = event_now_ms(w->loop);

    (void)state;
    publish_without_an_answer();
    fake_kafka.handlers.on_revoke(w, NULL, 0, false);
    assert_true(w->member);
    FAKE_WAIT(w, !w->member);
    assert_true(event_now_ms(w->loop) - start >= REVOKE_WAIT_MS);
    fake_published(PUBLISH_COMMITTED);
}

/* ---- requests to Connect ---- */

static int answers, not_let;

static void on_answer(struct worker *worker, struct work *work, const struct http_answer *a)
{
    (void)worker;
    (void)work;
    answers++;
    not_let += a->failure == HTTP_NOT_LET;
}

static struct work *posting(int64_t claimed_ago_ms)
{
    struct work *work = works_add(&w->works, fake_req(part, '1', 0));

    assert_non_null(work);
    work->attempt.id = fake_id('2');
    work->attempt.target = targets_find(&w->targets, "a");
    work->attempt.claimed_ms = clock_boot_ms() - claimed_ago_ms;
    answers = not_let = 0;
    return work;
}

static struct http_call *under_way(const char *url)
{
    struct http_call *call = fake_call(url);

    if (call == NULL)
        abort();
    return call;
}

static struct http_call *send(struct work *work, struct build_request r)
{
    r.method = "POST";
    r.url = "http://a:3939/x";
    r.target = work->attempt.target;
    r.route = "build";
    r.on_answer = on_answer;
    builds_request(w, work, &r);
    return under_way("/x");
}

static void a_post_is_let_once_and_on_a_young_claim_only(void **state)
{
    const struct build_request guarded = { .guarded = true };
    struct work *work = posting(CLAIM_TO_POST_MAX_MS + 1);

    (void)state;
    fake_http(send(work, guarded), HTTP_OK, 202, "{}");
    assert_int_equal(not_let, 1);
    work->attempt.claimed_ms = clock_boot_ms();
    fake_http(send(work, guarded), HTTP_OK, 202, "{}");
    assert_int_equal(answers - not_let, 1);
    fake_http(send(work, guarded), HTTP_OK, 202, "{}");
    assert_int_equal(not_let, 2);
}

static void a_request_has_a_bound_for_each_wait_and_each_answer(void **state)
{
    struct work *work = posting(0);
    struct http_call *call = send(work, (struct build_request){ .timeout_ms = 7 });

    (void)state;
    assert_int_equal(call->timeout_ms, 7);
    assert_int_equal(call->connect_timeout_ms, CONNECT_TIMEOUT_MS);
    assert_int_equal(call->max_body_bytes, API_REPLY_MAX_BYTES);
    fake_http(call, HTTP_OK, 200, "{}");
    call = send(work, (struct build_request){ .page = true });
    assert_int_equal(call->max_body_bytes, PAGE_REPLY_KEEP_BYTES);
    fake_http(call, HTTP_OK, 200, "");
}

static void a_long_poll_has_time_beyond_what_connect_was_asked_to_wait(void **state)
{
    struct work *work = posting(0);

    (void)state;
    str_copy(work->attempt.task_id, sizeof(work->attempt.task_id), "T");
    builds_follow(w, work);
    FAKE_WAIT(w, fake_call("/tasks/T") != NULL);
    assert_int_equal(under_way("/tasks/T")->timeout_ms,
                     fake_config.task_wait_ms + TASK_WAIT_MARGIN_MS);
}

static void cookies_at_their_bound_are_sent_whole(void **state)
{
    char want[COOKIE_HEADER_BYTES] = "Cookie: ";
    struct work *work = posting(0);
    struct http_call *call;

    (void)state;
    memset(want + strlen(want), 'c', COOKIES_MAX_BYTES - 1);
    work->attempt.cookies = str_dup(want + strlen("Cookie: "));
    call = send(work, (struct build_request){ .with_cookies = true });
    assert_non_null(strstr(call->headers, want));
    fake_http(call, HTTP_OK, 200, "{}");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(with_writes_at_their_bound_no_build_starts),
        T(without_a_transaction_for_long_no_build_starts),
        T(a_limit_is_halved_once_in_a_while),
        T(a_flood_of_notifications_is_one_question),
        T(a_call_to_kafka_that_does_not_end_ends_the_process_if_brokers_answer),
        T(a_hand_off_waits_for_its_last_batch_but_not_for_ever),
        T(a_revoke_waits_for_its_last_batch_but_not_for_ever),
        T(a_post_is_let_once_and_on_a_young_claim_only),
        T(a_request_has_a_bound_for_each_wait_and_each_answer),
        T(a_long_poll_has_time_beyond_what_connect_was_asked_to_wait),
        T(cookies_at_their_bound_are_sent_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

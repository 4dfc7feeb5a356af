/* Requests of others, and records that are no request but say whose they are. */
#include "tests/support/fake_worker.h"

#include "common/record/request.h"
#include "worker/batch.h"
#include "worker/external.h"
#include "worker/outgoing.h"

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
    external_done(w);
    fake_worker_free(w);
    return 0;
}

static void record(int64_t offset, const char *value)
{
    const struct kafka_header header = { "h", "x", 1 };
    const struct kafka_record r = { .topic = "requests",
                                    .offset = offset,
                                    .timestamp_ms = 1,
                                    .key = "k",
                                    .key_len = 1,
                                    .value = value,
                                    .value_len = strlen(value),
                                    .headers = &header,
                                    .headers_n = 1 };

    fake_kafka.handlers.on_record(w, &r);
}

/* A request of another producer; rank "x" makes it none. */
static void foreign(int64_t offset, char digit, const char *rank)
{
    char json[1024];

    snprintf(json, sizeof(json),
             "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/cron\",\"type\":\"%s\","
             "\"data\":{\"request_id\":\"" FAKE_ID "%c\",\"rank\":%s,"
             "\"content\":{\"guid\":\"" FAKE_GUID "\"}}}",
             "org.connect-rebuild.request.v1", digit, rank);
    record(offset, json);
}

/* The question is answered with this state, place and mark of request '1', or with nothing. */
static void asked(const char *state, const char *place, bool published)
{
    char row[512];
    const struct fake_rows rows[] = { { SQL_ASK_ITEMS,
                                        { state == NULL || place == NULL ? NULL : row } },
                                      { SQL_REPLICAS, { "a|http://a:3939|2|2|f|0|t|0" } },
                                      { NULL, { NULL } } };

    snprintf(row, sizeof(row),
             FAKE_ID "1|" FAKE_GUID
                     "|%s|11|shiny|all|{}|{}|0|%s|%s|0|open|f|3|1000|2000|0|-1|0|0|0|"
                     "auto|f|~|~|~|~|~|~|~|~|~|~|11|~|{}|5|t",
             state == NULL ? "" : state, place == NULL ? "" : place, published ? "t" : "f");
    fake_answer(fake_wait_unit(w, SQL_ASK_ITEMS), rows);
}

static const struct outgoing *letter(void)
{
    struct list_node *node = list_first(&w->results->pending);

    assert_non_null(node);
    assert_int_equal(w->results->pending.n, 1);
    return list_entry(node, struct outgoing, node);
}

static void says(const struct outgoing *out, const char *name, const char *part_of_it)
{
    for (size_t i = 0; i < out->message.headers_n; i++)
        if (strcmp(out->message.headers[i].name, name) == 0) {
            if (memmem(out->message.headers[i].value, out->message.headers[i].len, part_of_it,
                       strlen(part_of_it)) == NULL)
                fail_msg("%s is not about %s", name, part_of_it);
            return;
        }
    fail_msg("no header %s", name);
}

/* ---- requests of others ---- */

static void a_request_of_another_producer_is_inserted_once_the_ledger_does_not_know_it(void **state)
{
    struct db_unit *unit;

    (void)state;
    foreign(0, '1', "0");
    assert_true(w->externals.bytes > 0);
    asked(NULL, NULL, false);
    unit = fake_wait_unit(w, SQL_EXTERNAL_ITEM);
    assert_true(unit->keep);
    assert_int_equal(fake_at(unit, SQL_EXTERNAL_CAMPAIGN), 0);
    assert_int_equal(fake_at(unit, SQL_EXTERNAL_LOCK), 1); /* then the rank is taken */
    assert_string_equal(fake_param(unit, SQL_EXTERNAL_ITEM, 3), FAKE_GUID);
    fake_answer(unit, NULL);
    asked("waiting", "~|~|~", false);
    assert_int_equal(fake_work(w, '1')->state, WORK_READING);
    assert_int_equal(w->externals.bytes, 0);
}

static void a_row_that_is_refused_for_good_is_a_dead_letter_with_the_reason(void **state)
{
    const struct outgoing *out;

    (void)state;
    foreign(0, '1', "0");
    asked(NULL, NULL, false);
    fake_fail(fake_wait_unit(w, SQL_EXTERNAL_ITEM), ERR_INPUT, "22021");
    assert_null(fake_work(w, '1'));
    out = letter();
    assert_true(out->dead_letter);
    assert_int_equal(out->offset, 0);
    says(out, "rebuild.errors.stage", "insert");
    says(out, "rebuild.errors.message", "the test says so");
    says(out, "h", "x");
    assert_memory_equal(out->message.key, "k", 1);
    assert_int_equal(w->externals.bytes, 0);
    assert_int_equal(waiting_total(w->waiting), 0);
}

static void what_is_not_the_records_fault_is_tried_again(void **state)
{
    static const struct {
        enum err_kind kind;
        const char *sqlstate;
    } rows[] = { { ERR_UNREACHABLE, "" }, { ERR_DENIED, "42501" }, { ERR_INPUT, "23505" } };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        foreign((int64_t)i, (char)('1' + (int)i), "0");
        asked(NULL, NULL, false);
        fake_fail(fake_wait_unit(w, SQL_EXTERNAL_ITEM), rows[i].kind, rows[i].sqlstate);
        assert_int_equal(waiting_n(w->waiting, WAIT_DUE), i + 1);
    }
    assert_int_equal(results_waiting(w), 0);
    assert_true(w->externals.bytes > 0);
}

static void a_campaign_that_takes_no_requests_of_others_is_a_reason(void **state)
{
    (void)state;
    foreign(0, '1', "0");
    asked(NULL, NULL, false);
    fake_answer(fake_wait_unit(w, SQL_EXTERNAL_ITEM), NULL); /* nothing was inserted */
    asked(NULL, NULL, false);
    says(letter(), "rebuild.errors.message", "campaign");
}

/* ---- records that are none ---- */

static void a_broken_record_has_a_rejected_result_that_goes_with_its_dead_letter(void **state)
{
    struct db_unit *unit;
    char row[1024];

    (void)state;
    foreign(0, '1', "\"x\"");
    assert_int_equal(results_waiting(w), 0);
    asked(NULL, NULL, false);
    unit = fake_wait_unit(w, SQL_EXTERNAL_REJECTED);
    assert_string_equal(fake_param(unit, SQL_EXTERNAL_REJECTED, 0), FAKE_ID "1");
    assert_non_null(strstr(fake_param(unit, SQL_EXTERNAL_REJECTED, 3), "rank"));
    fake_answer(unit, NULL);
    asked("rejected", "0|0|0", false);
    snprintf(row, sizeof(row),
             FAKE_ID
             "1|" FAKE_CAMPAIGN "|external|~|external|" FAKE_GUID
             "|~|~|~|~|~|~|~|~|~|~|~|rejected|0|3|f|~|~|~|2026-11-24T19:00:00.000Z|~|"
             "2026-11-24T19:00:00.000Z|0|0|~|~|f|not_checked|[]|request.invalid|rank|f|0|0|0|"
             "w1|0|{}");
    fake_answer(fake_wait_unit(w, SQL_PLACE),
                (const struct fake_rows[]){
                    { SQL_PLACE, { FAKE_ID "1" } }, { SQL_RESULTS, { row } }, { NULL, { NULL } } });
    assert_int_equal(w->externals.bytes, 0);
    assert_int_equal(results_waiting(w), 1);
    batch_send(w);
    assert_int_equal(fake_kafka.batch.messages_n, 2); /* one transaction, one offset */
    assert_string_equal(fake_kafka.batch.messages[0].topic, "results");
    assert_string_equal(fake_kafka.batch.messages[1].topic, "dlq");
    assert_int_equal(fake_kafka.batch.offsets_n, 1);
    fake_published(PUBLISH_COMMITTED);
    assert_int_equal(results_waiting(w), 0);
    assert_int_equal(w->results->bytes, 0);
}

static void a_broken_record_with_the_id_of_a_known_request_is_a_dead_letter_alone(void **state)
{
    static const struct {
        const char *state, *place;
        bool published;
    } rows[] = { { "waiting", "~|~|~", false },
                 { "running", "0|1|7", false },
                 { "succeeded", "0|1|7", true },
                 { "rejected", "0|1|7", false },
                 { "rejected", "0|0|0", true } };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (i > 0) {
            tear_down(NULL);
            set_up(NULL);
        }
        foreign(0, '1', "\"x\"");
        asked(rows[i].state, rows[i].place, rows[i].published);
        if (fake_find(SQL_EXTERNAL_REJECTED) != NULL || fake_find(SQL_SETTLE) != NULL)
            fail_msg("row %zu: something was written", i);
        assert_null(fake_work(w, '1'));
        assert_true(letter()->dead_letter);
        assert_int_equal(w->externals.bytes, 0);
    }
}

static void one_with_the_id_of_a_request_at_work_here_is_one_at_once(void **state)
{
    (void)state;
    works_add(&w->works, fake_req(part, '1', 0));
    foreign(1, '1', "\"x\"");
    assert_true(letter()->dead_letter);
    assert_int_equal(waiting_total(w->waiting), 0);
}

static void what_does_not_say_whose_it_is_is_one_at_once(void **state)
{
    (void)state;
    record(0, "{\"data\":{\"request_id\":\"" FAKE_ID "1\"}}"); /* no content */
    record(1, "{\"data\":{\"content\":{\"guid\":\"" FAKE_GUID "\"}}}");
    record(2, "[]");
    assert_int_equal(results_waiting(w), 3);
    assert_int_equal(w->externals.bytes, 0);
}

/* ---- bounds ---- */

static void records_of_others_that_wait_pause_the_intake_until_half_is_free(void **state)
{
    (void)state;
    w->externals.bytes = EXTERNAL_MAX_BYTES - 1;
    foreign(0, '1', "0");
    assert_true(part->paused);
    w->externals.bytes = EXTERNAL_MAX_BYTES - 1;
    intake_flow(w);
    assert_true(part->paused);
    w->externals.bytes = EXTERNAL_MAX_BYTES / 2;
    intake_flow(w);
    assert_false(part->paused);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_request_of_another_producer_is_inserted_once_the_ledger_does_not_know_it),
        T(a_row_that_is_refused_for_good_is_a_dead_letter_with_the_reason),
        T(what_is_not_the_records_fault_is_tried_again),
        T(a_campaign_that_takes_no_requests_of_others_is_a_reason),
        T(a_broken_record_has_a_rejected_result_that_goes_with_its_dead_letter),
        T(a_broken_record_with_the_id_of_a_known_request_is_a_dead_letter_alone),
        T(one_with_the_id_of_a_request_at_work_here_is_one_at_once),
        T(what_does_not_say_whose_it_is_is_one_at_once),
        T(records_of_others_that_wait_pause_the_intake_until_half_is_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

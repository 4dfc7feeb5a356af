/* The question, the content read, the turn: what each answer of the ledger leads to, and what
 * happens when an answer is lost. */
#include "tests/support/fake_item.h"

static void each_answer_leads_to_its_move(void **state)
{
    static const struct {
        const char *what;
        struct item item;
        const char *to; /* state of the work; NULL: it is gone */
        const char *sql;
        bool done; /* the offset */
    } rows[] = {
        { "the result is out: dropped", { .published = true }, NULL, NULL, true },
        { "another place counts: dropped", { .place = "0|1|7" }, NULL, NULL, true },
        { "ended: published again",
          { .state = "skipped", .place = "0|0|0" },
          "settling",
          SQL_PLACE,
          false },
        { "an open attempt of somebody: adopted",
          { .state = "running", .place = "0|0|0", .attempt = OPEN("~"), .task = "T" },
          "asking",
          SQL_ADOPT,
          false },
        { "built and not validated: taken over",
          { .state = "running", .place = "0|0|0", .attempt = OVER("0") },
          "asking",
          SQL_ADOPT,
          false },
        { "cancelled: ended", { .campaign = "cancelling" }, "settling", SQL_SETTLE, false },
        { "past the deadline: ended", { .deadline_passed = true }, "settling", SQL_SETTLE, false },
        { "paused: parked", { .campaign = "paused" }, "settling", SQL_PARK, false },
        { "due much later: parked", { .due_in_ms = "3600000" }, "settling", SQL_PARK, false },
        { "due soon: waits", { .due_in_ms = "50000" }, NULL, NULL, false },
        { "nothing of it all: its content is read",
          { .state = "waiting" },
          "reading",
          NULL,
          false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct work *work;

        if (i > 0) {
            tear_down(NULL);
            set_up(NULL);
        }
        work = asked(&rows[i].item);
        if ((work == NULL) != (rows[i].to == NULL) ||
            (work != NULL && strcmp(work_state_name(work->state), rows[i].to) != 0))
            fail_msg("%s: %s", rows[i].what, work == NULL ? "gone" : work_state_name(work->state));
        if (tracker_is_done(part->tracker, 0) != rows[i].done)
            fail_msg("%s: the offset", rows[i].what);
        if (rows[i].sql != NULL)
            fake_fail(fake_wait_unit(w, rows[i].sql), ERR_UNREACHABLE, "");
    }
    assert_non_null(fake_call("/__api__/v1/content/" FAKE_GUID));
}

static void a_failed_question_is_asked_again_not_at_once(void **state)
{
    (void)state;
    ask_request(w, fake_req(part, '1', 0));
    fake_fail(fake_wait_unit(w, SQL_ASK_ITEMS), ERR_DENIED, "42501");
    for (int i = 0; i < 20; i++) {
        bool never = false;

        event_loop_run_until(w->loop, &never, event_now_ms(w->loop) + 1);
    }
    assert_null(fake_find(SQL_ASK_ITEMS));
    fake_wait_unit(w, SQL_ASK_ITEMS); /* a second later */
    ask_answered('1', &(struct item){ .published = true });
    assert_null(fake_work(w, '1'));
}

static void adoption_is_by_compare_and_set(void **state)
{
    struct work *work = asked(
        &(struct item){ .state = "running", .place = "0|0|0", .attempt = OPEN("~"), .task = "T7" });
    struct db_unit *unit = fake_wait_unit(w, SQL_ADOPT);

    (void)state;
    assert_string_equal(fake_param(unit, SQL_ADOPT, 1), "{77}");
    fake_answer(unit, (const struct fake_rows[]){ { NULL, { NULL } } }); /* the token had changed */
    assert_int_equal(work->state, WORK_ASKING);
    ask_answered(
        '1',
        &(struct item){ .state = "running", .place = "0|0|0", .attempt = OPEN("~"), .task = "T7" });
    fake_answer(fake_wait_unit(w, SQL_ADOPT),
                (const struct fake_rows[]){ { SQL_ADOPT, { ATTEMPT } },
                                            { SQL_PLACE, { FAKE_ID "1" } },
                                            { NULL, { NULL } } });
    assert_int_equal(work->state, WORK_POLLING);
    assert_non_null(fake_call("/v1/tasks/T7"));
    assert_null(fake_call("/build"));
}

/* ---- the turn ---- */

static void a_granted_claim_is_posted_with_the_active_bundle(void **state)
{
    struct db_unit *unit = claimed();
    struct work *work = fake_work(w, '1');
    struct http_call *post;

    (void)state;
    assert_int_equal(work->state, WORK_CLAIMING);
    assert_string_equal(fake_param(unit, SQL_CLAIM, 8), "{\"12\"}");
    grant(unit);
    assert_int_equal(work->state, WORK_POSTING);
    post = fake_call("/build");
    assert_non_null(post);
    assert_string_equal(post->method, "POST");
    assert_non_null(strstr(post->body, "12"));
    assert_non_null(strstr(post->headers, "X-Correlation-ID: "));
    fake_http(post, HTTP_OK, 202, "{\"task_id\":\"T1\"}");
    assert_int_equal(work->state, WORK_POLLING);
    assert_non_null(fake_find(SQL_TASK));
}

static void locks_come_before_everything_and_in_one_order(void **state)
{
    struct db_unit *unit = claimed();

    (void)state;
    assert_int_equal(fake_at(unit, SQL_LOCK_REPLICAS), 0);
    assert_int_equal(fake_at(unit, SQL_LOCK_GROUPS), 1);
    assert_int_equal(fake_at(unit, SQL_LOCK_CAMPAIGNS), 2);
    assert_int_equal(fake_at(unit, SQL_LOCK_ITEMS), 3);
    assert_true(fake_at(unit, SQL_CLAIM) > 3);
}

static void a_claim_not_granted_is_asked_again(void **state)
{
    struct db_unit *unit = claimed();
    struct work *work = fake_work(w, '1');

    (void)state;
    fake_answer(
        unit, (const struct fake_rows[]){ { SQL_REPLICAS, { replica_row } }, { NULL, { NULL } } });
    assert_int_equal(work->state, WORK_ASKING);
    assert_true(uuid_is_nil(&work->attempt.id));
    assert_null(fake_call("/build"));
    fake_wait_unit(w, SQL_ASK_ITEMS);
}

static void a_claim_that_is_never_granted_does_not_spin(void **state)
{
    struct db_unit *unit = claimed();
    int n = 1;

    (void)state;
    for (;; n++) {
        fake_answer(unit, (const struct fake_rows[]){ { SQL_REPLICAS, { replica_row } },
                                                      { NULL, { NULL } } });
        if (fake_work(w, '1') == NULL)
            break;
        ask_answered('1', &(struct item){ .state = "waiting" });
        unit = fake_wait_unit(w, SQL_CLAIM);
    }
    assert_true(n > 1 && n < 20);
    assert_int_equal(waiting_n(w->waiting, WAIT_DUE), 1);
}

static void a_claim_whose_answer_was_lost_is_sent_with_the_same_ids(void **state)
{
    struct db_unit *unit = claimed();
    char id[64], token[64];

    (void)state;
    str_copy(id, sizeof(id), fake_param(unit, SQL_CLAIM, 0));
    str_copy(token, sizeof(token), fake_param(unit, SQL_CLAIM, 1));
    fake_fail(unit, ERR_UNREACHABLE, "");
    ask_answered('1', &(struct item){ .state = "waiting" });
    unit = fake_wait_unit(w, SQL_CLAIM);
    assert_string_equal(fake_param(unit, SQL_CLAIM, 0), id);
    assert_string_equal(fake_param(unit, SQL_CLAIM, 1), token);
}

static void a_claim_that_was_granted_after_all_is_posted(void **state)
{
    struct db_unit *unit = claimed();
    struct work *work = fake_work(w, '1');
    char attempt[128], rest[64];

    (void)state;
    snprintf(rest, sizeof(rest), "%lld|2|t|~|~|a|http://a:3939", (long long)work->attempt.token);
    str_copy(attempt, sizeof(attempt), attempt_row(rest));
    fake_fail(unit, ERR_UNREACHABLE, "");
    ask_answered('1', &(struct item){ .state = "running", .place = "0|0|0", .attempt = attempt });
    assert_int_equal(work->state, WORK_POSTING);
    assert_int_equal(work->attempt.n, 2);
    assert_non_null(fake_call("/build"));
}

static void a_claim_granted_on_another_replica_goes_there(void **state)
{
    struct target *b = targets_need(&w->targets, "b", "http://b:3939");
    struct db_unit *unit;

    (void)state;
    b->configured = b->known = true; /* not active in the ledger's view: never proposed */
    unit = claimed();
    fake_answer(unit, (const struct fake_rows[]){ { SQL_GRANTED, { attempt_row("1|b") } },
                                                  { NULL, { NULL } } });
    assert_ptr_equal(fake_work(w, '1')->attempt.target, b);
    assert_non_null(fake_call("http://b:3939/__api__/v1/content/" FAKE_GUID "/build"));
}

static void a_lost_claim_of_a_cancelled_campaign_ends(void **state)
{
    struct db_unit *unit = claimed();

    (void)state;
    fake_fail(unit, ERR_UNREACHABLE, "55P03");
    ask_answered('1', &(struct item){ .campaign = "cancelling" });
    unit = fake_wait_unit(w, SQL_SETTLE);
    assert_string_equal(fake_param(unit, SQL_SETTLE, 7), "{NULL}"); /* no attempt to be checked */
    assert_string_equal(fake_param(unit, SQL_SETTLE, 1), "{\"cancelled\"}");
}

static void an_end_that_was_taken_goes_on_to_the_validation(void **state)
{
    struct db_unit *unit = ended();
    struct work *work = fake_work(w, '1');

    (void)state;
    fake_answer(unit, (const struct fake_rows[]){ { SQL_END, { attempt_row("t") } },
                                                  { SQL_GIVE, { "0|0" } },
                                                  { SQL_REPLICAS, { replica_row } },
                                                  { NULL, { NULL } } });
    assert_int_equal(work->state, WORK_CHECKING);
    assert_int_equal(work->attempt.target->builds, 0);
    assert_non_null(fake_call("/content/" FAKE_GUID "/"));
}

static void an_end_whose_answer_was_lost_is_sent_again(void **state)
{
    struct db_unit *unit = ended();
    char id[64], token[64];

    (void)state;
    str_copy(id, sizeof(id), fake_param(unit, SQL_END, 0));
    str_copy(token, sizeof(token), fake_param(unit, SQL_END, 1));
    fake_fail(unit, ERR_UNREACHABLE, "");
    unit = fake_wait_unit(w, SQL_END);
    assert_string_equal(fake_param(unit, SQL_END, 0), id);
    assert_string_equal(fake_param(unit, SQL_END, 1), token);
}

static void a_post_is_not_let_through_once_the_partition_went(void **state)
{
    struct work *work;

    (void)state;
    grant(claimed());
    work = fake_work(w, '1');
    part_revoke(part);
    fake_http(fake_call("/build"), HTTP_OK, 202, "{\"task_id\":\"T1\"}");
    assert_int_equal(work->state, WORK_ENDING);
    assert_false(work->end_charged);
    assert_string_equal(fake_param(fake_wait_unit(w, SQL_END), SQL_END, 7), "{\"f\"}");
}

static void a_replica_whose_row_is_gone_gets_no_claim(void **state)
{
    (void)state;
    asked(&(struct item){ .state = "waiting" });
    assert_true(target_usable(&w->targets.items[0]));
    ask_request(w, fake_req(part, '2', 1));
    fake_answer(fake_wait_unit(w, SQL_ASK_ITEMS),
                (const struct fake_rows[]){ { SQL_REPLICAS, { "z|http://a:3939|2|2|f|0|t|0" } },
                                            { NULL, { NULL } } });
    assert_false(target_usable(&w->targets.items[0]));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_answer_leads_to_its_move),
        T(a_failed_question_is_asked_again_not_at_once),
        T(adoption_is_by_compare_and_set),
        T(a_granted_claim_is_posted_with_the_active_bundle),
        T(locks_come_before_everything_and_in_one_order),
        T(a_claim_not_granted_is_asked_again),
        T(a_claim_that_is_never_granted_does_not_spin),
        T(a_claim_whose_answer_was_lost_is_sent_with_the_same_ids),
        T(a_claim_that_was_granted_after_all_is_posted),
        T(a_claim_granted_on_another_replica_goes_there),
        T(a_lost_claim_of_a_cancelled_campaign_ends),
        T(an_end_that_was_taken_goes_on_to_the_validation),
        T(an_end_whose_answer_was_lost_is_sent_again),
        T(a_post_is_not_let_through_once_the_partition_went),
        T(a_replica_whose_row_is_gone_gets_no_claim),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

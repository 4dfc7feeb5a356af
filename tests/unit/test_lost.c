/* What the ledger lost, or what is kept for the case; what cannot be told or rendered; what is
 * full. */
#include "tests/support/fake_item.h"

#include "worker/restore.h"

static void an_end_without_a_row_brings_its_attempt_along_and_is_then_given_up(void **state)
{
    static const struct fake_rows none[] = { { SQL_GIVE, { "0|0" } },
                                             { SQL_REPLICAS, { replica_row } },
                                             { NULL, { NULL } } };
    struct db_unit *unit = ended();
    struct work *work = fake_work(w, '1');
    char id[64];

    (void)state;
    str_copy(id, sizeof(id), fake_param(unit, SQL_END, 0));
    assert_int_equal(fake_at(unit, SQL_RESTORE), -1); /* not in every turn */
    fake_answer(unit, none);
    assert_int_equal(work->state, WORK_ENDING); /* asked about, it would be built again */
    unit = fake_wait_unit(w, SQL_END);
    assert_true(fake_at(unit, SQL_RESTORE) >= 0);
    assert_true(fake_at(unit, SQL_RESTORE) < fake_at(unit, SQL_END));
    assert_string_equal(fake_param(unit, SQL_RESTORE, 0), id);
    assert_string_equal(fake_param(unit, SQL_RESTORE, 3), "{1}");
    assert_string_equal(fake_param(unit, SQL_RESTORE, 8), "{\"T1\"}");
    fake_answer(unit, none); /* another token: somebody else owns the build */
    assert_int_equal(work->state, WORK_ASKING);
    assert_true(uuid_is_nil(&work->attempt.id));
    assert_false(tracker_is_done(part->tracker, 0));
}

static void what_is_kept_of_an_end_restores_its_attempt_first(void **state)
{
    const struct db_unit *unit = ended(), *kept = unit->kept_as;

    (void)state;
    assert_non_null(kept);
    assert_int_equal(fake_at(kept, SQL_CLAIM), -1);
    assert_true(fake_at(kept, SQL_LOCK_ITEMS) >= 0);
    assert_true(fake_at(kept, SQL_LOCK_ITEMS) < fake_at(kept, SQL_RESTORE));
    assert_true(fake_at(kept, SQL_RESTORE) < fake_at(kept, SQL_END));
    assert_string_equal(fake_param(kept, SQL_END, 0), fake_param(unit, SQL_END, 0));
}

static void open_builds_are_restored_when_the_ledger_is_back(void **state)
{
    struct db_unit *unit;

    (void)state;
    grant(claimed());
    fake_http(fake_call("/build"), HTTP_OK, 202, "{\"task_id\":\"T1\"}");
    restore_builds(w);
    unit = fake_wait_unit(w, SQL_RESTORE);
    assert_true(fake_at(unit, SQL_LOCK_ITEMS) < fake_at(unit, SQL_RESTORE));
    fake_answer(unit,
                (const struct fake_rows[]){ { SQL_RESTORE, { ATTEMPT } }, { NULL, { NULL } } });
    assert_true(fake_work(w, '1')->attempt.doubt); /* its end brings it along, too */
}

static void a_result_whose_outcome_is_lost_is_not_marked_but_read_back(void **state)
{
    struct uuid id = fake_id('1');

    (void)state;
    writes_mark(w, &id, 1);
    fake_answer(fake_wait_unit(w, SQL_MARK),
                (const struct fake_rows[]){ { SQL_MARK, { FAKE_ID "1" } }, { NULL, { NULL } } });
    assert_string_equal(fake_param(fake_wait_unit(w, SQL_LOST_SINCE), SQL_LOST_SINCE, 0),
                        "{\"" FAKE_ID "1\"}");
    fake_fail(fake_wait_unit(w, SQL_LOST_SINCE), ERR_UNREACHABLE, "");
}

/* The attempt was made 5 ms ago, Connect's clock says 19:00:00, and the content's date is lost. */
static void an_old_restore_is_not_taken_for_a_build_whose_content_had_no_date(void **state)
{
    static const char job[] =
        "[{\"id\":\"1\",\"key\":\"k\",\"tag\":\"packrat_restore\",\"bundle_id\":\"11\","
        "\"status\":2,\"exit_code\":0,\"start_time\":\"2026-11-24T%s:00Z\","
        "\"end_time\":\"2026-11-24T%s:59Z\"}]";
    static const char *const starts[] = { "18:50", "19:00" };
    char json[512];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct work *work;

        if (i > 0) {
            tear_down(NULL);
            set_up(NULL);
        }
        work = asked(&(struct item){ .state = "running", .place = "0|0|0", .attempt = OPEN("~") });
        fake_answer(fake_wait_unit(w, SQL_ADOPT),
                    (const struct fake_rows[]){ { SQL_ADOPT, { ATTEMPT } },
                                                { SQL_PLACE, { FAKE_ID "1" } },
                                                { NULL, { NULL } } });
        assert_int_equal(work->state, WORK_LOOKING);
        fake_fail(fake_wait_unit(w, SQL_ATTEMPT_ROW), ERR_UNREACHABLE, "");
        fake_http(fake_call("/v1/content/" FAKE_GUID), HTTP_OK, 200, CONTENT);
        snprintf(json, sizeof(json), job, starts[i], starts[i]);
        fake_http(fake_call("/jobs"), HTTP_OK, 200, json);
        assert_int_equal(work->state, i == 0 ? WORK_LOOKING : WORK_ENDING);
    }
}

static void built_items_that_wait_for_their_validation_stop_new_builds(void **state)
{
    size_t *n = &w->works.lists[WORK_CHECKING].n;

    (void)state;
    *n = CHECKING_MAX - 1;
    assert_true(worker_may_start(w));
    *n = CHECKING_MAX;
    assert_false(worker_may_start(w));
    *n = 0;
}

/* Request '1' has ended as skipped; its result row has this state and these checks. */
static void result_row(const char *outcome, const char *checks)
{
    char row[1024];

    asked(&(struct item){ .state = "skipped", .place = "0|0|0" });
    snprintf(row, sizeof(row),
             FAKE_ID "1|" FAKE_CAMPAIGN "|test|~|akim|" FAKE_GUID
                     "|~|~|~|~|~|~|~|~|~|~|~|%s|0|3|f|~|~|~|2026-11-24T19:00:00.000Z|~|"
                     "2026-11-24T19:00:00.000Z|0|0|~|~|f|not_checked|%s|~|~|f|0|0|0|w1|0|{}",
             outcome, checks);
    fake_answer(fake_wait_unit(w, SQL_PLACE),
                (const struct fake_rows[]){
                    { SQL_PLACE, { FAKE_ID "1" } }, { SQL_RESULTS, { row } }, { NULL, { NULL } } });
}

static void a_result_that_cannot_be_rendered_is_held_and_the_rest_goes_on(void **state)
{
    (void)state;
    result_row("~", "[]");
    assert_null(fake_work(w, '1'));
    assert_int_equal(waiting_n(w->waiting, WAIT_DUE), 1);
    assert_int_equal(results_waiting(w), 0);
    assert_int_equal(w->mode, RUN_NORMAL);
    assert_false(tracker_is_done(part->tracker, 0));
}

static void a_result_whose_checks_are_nonsense_goes_out_without_them(void **state)
{
    (void)state;
    result_row("skipped", "nonsense");
    assert_int_equal(results_waiting(w), 1);
    assert_int_equal(w->mode, RUN_NORMAL);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_end_without_a_row_brings_its_attempt_along_and_is_then_given_up),
        T(what_is_kept_of_an_end_restores_its_attempt_first),
        T(open_builds_are_restored_when_the_ledger_is_back),
        T(a_result_whose_outcome_is_lost_is_not_marked_but_read_back),
        T(an_old_restore_is_not_taken_for_a_build_whose_content_had_no_date),
        T(built_items_that_wait_for_their_validation_stop_new_builds),
        T(a_result_that_cannot_be_rendered_is_held_and_the_rest_goes_on),
        T(a_result_whose_checks_are_nonsense_goes_out_without_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "worker/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"

/* ---- the table ---- */

static void what_may_follow_is_what_the_design_says(void **state)
{
    /* rows: from, columns: to, in the order of the enum */
    static const char *const may[ITEM_STATES] = {
        /*                    wait run park succ bfail afail skip canc exp rej */
        [ITEM_WAITING] = ".rp.b.scej",      [ITEM_RUNNING] = "w..ubascej",
        [ITEM_PARKED] = "w.....sce.",       [ITEM_SUCCEEDED] = "..........",
        [ITEM_BUILD_FAILED] = "..........", [ITEM_ACCESS_FAILED] = "..........",
        [ITEM_SKIPPED] = "..........",      [ITEM_CANCELLED] = "..........",
        [ITEM_EXPIRED] = "..........",      [ITEM_REJECTED] = "..........",
    };
    (void)state;

    for (int from = 0; from < ITEM_STATES; from++) {
        for (int to = 0; to < ITEM_STATES; to++) {
            if (item_may_follow((enum item_state)from, (enum item_state)to) !=
                (may[from][to] != '.'))
                fail_msg("%s -> %s", item_state_name((enum item_state)from),
                         item_state_name((enum item_state)to));
        }
    }
}

static void the_text_for_statements_says_the_same_as_the_table(void **state)
{
    (void)state;

    for (int to = 0; to < ITEM_STATES; to++) {
        char expected[256] = "";
        size_t len = 0;

        for (int from = 0; from < ITEM_STATES; from++) {
            if (item_may_follow((enum item_state)from, (enum item_state)to))
                len +=
                    (size_t)snprintf(expected + len, sizeof(expected) - len, "%s%s",
                                     len == 0 ? "{" : ",", item_state_name((enum item_state)from));
        }
        snprintf(expected + len, sizeof(expected) - len, "}");
        assert_string_equal(item_states_before((enum item_state)to), expected);
    }
}

static void campaigns_end_once_and_a_cancelled_one_never_opens_again(void **state)
{
    /* rows: from, columns: to, in the order of the enum */
    static const char *const may[CAMPAIGN_STATES] = {
        /*                        open paused cancelling completed cancelled */
        [CAMPAIGN_OPEN] = ".pcd.",       [CAMPAIGN_PAUSED] = "o.cd.",
        [CAMPAIGN_CANCELLING] = "....x", [CAMPAIGN_COMPLETED] = ".....",
        [CAMPAIGN_CANCELLED] = ".....",
    };
    (void)state;

    for (int to = 0; to < CAMPAIGN_STATES; to++) {
        char expected[128] = "";
        size_t len = 0;

        for (int from = 0; from < CAMPAIGN_STATES; from++) {
            bool follows = campaign_may_follow((enum campaign_state)from, (enum campaign_state)to);

            assert_int_equal(follows, may[from][to] != '.');
            if (follows)
                len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%s%s",
                                        len == 0 ? "{" : ",",
                                        campaign_state_name((enum campaign_state)from));
        }
        snprintf(expected + len, sizeof(expected) - len, "}");
        assert_string_equal(campaign_states_before((enum campaign_state)to), expected);
    }
}

static void an_end_state_is_one_that_nothing_follows(void **state)
{
    (void)state;

    for (int from = 0; from < ITEM_STATES; from++) {
        bool followed = false;

        for (int to = 0; to < ITEM_STATES; to++)
            followed |= item_may_follow((enum item_state)from, (enum item_state)to);
        assert_int_equal(item_state_ended((enum item_state)from), !followed);
    }
}

static void names_are_the_ledgers_and_come_back(void **state)
{
    /* the check constraints of deploy/schema/0001-ledger.sql */
    static const char *const items[] = { "waiting",      "running",       "parked",  "succeeded",
                                         "build_failed", "access_failed", "skipped", "cancelled",
                                         "expired",      "rejected" };
    static const char *const campaigns[] = { "open", "paused", "cancelling", "completed",
                                             "cancelled" };
    enum item_state item = ITEM_PARKED;
    enum campaign_state campaign = CAMPAIGN_PAUSED;
    (void)state;

    for (int s = 0; s < ITEM_STATES; s++) {
        assert_string_equal(item_state_name((enum item_state)s), items[s]);
        assert_true(item_state_parse(items[s], &item));
        assert_int_equal(item, s);
    }
    for (int s = 0; s < CAMPAIGN_STATES; s++) {
        assert_string_equal(campaign_state_name((enum campaign_state)s), campaigns[s]);
        assert_true(campaign_state_parse(campaigns[s], &campaign));
        assert_int_equal(campaign, s);
    }
    item = ITEM_PARKED;
    assert_false(item_state_parse("Waiting", &item));
    assert_false(item_state_parse("", &item));
    assert_int_equal(item, ITEM_PARKED);
    assert_false(campaign_state_parse("closed", &campaign));
    assert_int_equal(campaign, CAMPAIGN_CANCELLED);
}

/* ---- the answers ---- */

struct row {
    const char *when;
    struct item_facts facts;
    enum answer answer;
};

static void assert_answers(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum answer got = flow_answer(&rows[i].facts);

        if (got != rows[i].answer)
            fail_msg("%s: %s, not %s", rows[i].when, answer_name(got), answer_name(rows[i].answer));
    }
}

static void each_fact_has_its_answer(void **state)
{
    static const struct row rows[] = {
        { "never asked about", { .state = ITEM_WAITING }, ANSWER_CANDIDATE },
        { "the record that has the place",
          { .placed = true, .place_mine = true },
          ANSWER_CANDIDATE },
        { "another record has the place", { .placed = true }, ANSWER_DROP },
        { "the result is out", { .state = ITEM_SUCCEEDED, .published = true }, ANSWER_DROP },
        { "its outcome is known", { .state = ITEM_BUILD_FAILED }, ANSWER_REPUBLISH },
        { "rejected and not out yet", { .state = ITEM_REJECTED }, ANSWER_REPUBLISH },
        { "another worker's open attempt",
          { .state = ITEM_RUNNING, .attempt_open = true },
          ANSWER_ADOPT },
        { "my own open attempt",
          { .state = ITEM_RUNNING, .attempt_open = true, .attempt_mine = true },
          ANSWER_RESUME },
        { "built, not validated", { .state = ITEM_RUNNING, .built = true }, ANSWER_VALIDATE },
        { "being cancelled", { .campaign = CAMPAIGN_CANCELLING }, ANSWER_CANCEL },
        { "cancelled", { .campaign = CAMPAIGN_CANCELLED }, ANSWER_CANCEL },
        { "too late", { .deadline_passed = true }, ANSWER_EXPIRE },
        { "paused", { .campaign = CAMPAIGN_PAUSED }, ANSWER_PARK },
        { "an old copy of a parked item", { .state = ITEM_PARKED }, ANSWER_PARK },
        { "parked and due", { .state = ITEM_PARKED, .due_in_ms = -5 }, ANSWER_PARK },
        { "due in more than a minute", { .due_in_ms = PARK_AFTER_MS + 1 }, ANSWER_PARK },
        { "due in a minute", { .due_in_ms = PARK_AFTER_MS }, ANSWER_DUE },
        { "due in a millisecond", { .due_in_ms = 1 }, ANSWER_DUE },
        { "due now", { .due_in_ms = 0 }, ANSWER_CANDIDATE },
        { "long due", { .due_in_ms = INT64_MIN }, ANSWER_CANDIDATE },
        { "waiting in a completed campaign", { .campaign = CAMPAIGN_COMPLETED }, ANSWER_CANDIDATE },
    };
    (void)state;

    assert_answers(rows, sizeof(rows) / sizeof(rows[0]));
}

/* Every combination of the facts, against the order of DESIGN.md section 5: the first row of the
 * list whose fact holds gives the answer. */
static enum answer expected(const struct item_facts *f)
{
    const struct {
        bool holds;
        enum answer answer;
    } order[] = {
        { f->published, ANSWER_DROP },
        { f->placed && !f->place_mine, ANSWER_DROP },
        { f->state != ITEM_WAITING && f->state != ITEM_RUNNING && f->state != ITEM_PARKED,
          ANSWER_REPUBLISH },
        { f->attempt_open && f->attempt_mine, ANSWER_RESUME },
        { f->attempt_open, ANSWER_ADOPT },
        { f->built, ANSWER_VALIDATE },
        { f->campaign == CAMPAIGN_CANCELLING || f->campaign == CAMPAIGN_CANCELLED, ANSWER_CANCEL },
        { f->deadline_passed, ANSWER_EXPIRE },
        { f->campaign == CAMPAIGN_PAUSED, ANSWER_PARK },
        { f->state == ITEM_PARKED, ANSWER_PARK },
        { f->due_in_ms > 60000, ANSWER_PARK },
        { f->due_in_ms > 0, ANSWER_DUE },
        { true, ANSWER_CANDIDATE },
    };
    size_t i = 0;

    while (!order[i].holds)
        i++;
    return order[i].answer;
}

static void the_order_of_the_answers_is_the_designs_in_every_combination(void **state)
{
    static const int64_t dues[] = { INT64_MIN, 0, 1, 60000, 60001, INT64_MAX };
    bool seen[ANSWERS] = { false };
    (void)state;

    for (unsigned n = 0; n < ITEM_STATES * CAMPAIGN_STATES * 6 * 128; n++) {
        unsigned flags = n % 128, rest = n / 128;
        struct item_facts f = {
            .published = (flags & 1) != 0,
            .placed = (flags & 2) != 0,
            .place_mine = (flags & 4) != 0,
            .attempt_open = (flags & 8) != 0,
            .attempt_mine = (flags & 16) != 0,
            .built = (flags & 32) != 0,
            .deadline_passed = (flags & 64) != 0,
            .due_in_ms = dues[rest % 6],
            .campaign = (enum campaign_state)(rest / 6 % CAMPAIGN_STATES),
            .state = (enum item_state)(rest / 6 / CAMPAIGN_STATES),
        };

        assert_string_equal(answer_name(flow_answer(&f)), answer_name(expected(&f)));
        seen[flow_answer(&f)] = true;
    }
    for (int a = 0; a < ANSWERS; a++)
        assert_true(seen[a]);
}

static void an_answer_that_ends_or_parks_an_item_is_allowed_by_the_table(void **state)
{
    (void)state;

    for (int s = 0; s < ITEM_STATES; s++) {
        struct item_facts cancelled = { .state = (enum item_state)s,
                                        .campaign = CAMPAIGN_CANCELLING };
        struct item_facts late = { .state = (enum item_state)s, .deadline_passed = true };

        if (flow_answer(&cancelled) == ANSWER_CANCEL)
            assert_true(item_may_follow((enum item_state)s, ITEM_CANCELLED));
        if (flow_answer(&late) == ANSWER_EXPIRE)
            assert_true(item_may_follow((enum item_state)s, ITEM_EXPIRED));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_follow_is_what_the_design_says),
        cmocka_unit_test(the_text_for_statements_says_the_same_as_the_table),
        cmocka_unit_test(campaigns_end_once_and_a_cancelled_one_never_opens_again),
        cmocka_unit_test(an_end_state_is_one_that_nothing_follows),
        cmocka_unit_test(names_are_the_ledgers_and_come_back),
        cmocka_unit_test(each_fact_has_its_answer),
        cmocka_unit_test(the_order_of_the_answers_is_the_designs_in_every_combination),
        cmocka_unit_test(an_answer_that_ends_or_parks_an_item_is_allowed_by_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

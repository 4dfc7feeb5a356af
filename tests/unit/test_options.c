/* Options from all four origins, and what is said when one of them is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config/options.h"
#include "tests/support/load_options.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- order ---- */

static void each_origin_goes_before_the_next(void **state)
{
    struct load l;

    (void)state;
    LOAD_NONE(&l, NULL);
    assert_string_equal(l.c.text, "d");
    assert_int_equal(options_origin(&l.o, "text"), ORIGIN_DEFAULT);
    assert_null(l.c.name);
    assert_int_equal(l.c.color, 0);
    load_done(&l);
    LOAD_NONE(&l, "text = from file\nnumber=4\n");
    assert_string_equal(l.c.text, "from file");
    assert_int_equal(options_origin(&l.o, "text"), ORIGIN_FILE);
    load_done(&l);
    setenv("REBUILD_TEXT", "from env", 1);
    LOAD_NONE(&l, "text = from file\nnumber=4\n");
    assert_string_equal(l.c.text, "from env");
    assert_int_equal(l.c.number, 4);
    assert_int_equal(options_origin(&l.o, "text"), ORIGIN_ENV);
    load_done(&l);
    LOAD(&l, "text = from file\nnumber=4\n", "--text=from line");
    assert_string_equal(l.c.text, "from line");
    assert_int_equal(options_origin(&l.o, "text"), ORIGIN_COMMAND_LINE);
    assert_int_equal(options_origin(&l.o, "number"), ORIGIN_FILE);
    load_done(&l);
}

static void the_last_of_two_wins_and_lists_add_up_but_only_within_one_origin(void **state)
{
    struct load l;

    (void)state;
    setenv("REBUILD_WORDS", "e1,e2", 1);
    LOAD(&l, "words = f1\nwords = f2\n", "-n1", "-n", "2", "-w", "a, b ,c", "--words", "d");
    assert_int_equal(l.c.number, 2);
    assert_int_equal(l.c.words.n, 4);
    assert_string_equal(l.c.words.items[1], "b");
    assert_string_equal(l.c.words.items[3], "d");
    load_done(&l);
    LOAD_NONE(&l, "words = f1\nwords = f2\n");
    assert_int_equal(l.c.words.n, 2);
    assert_string_equal(l.c.words.items[0], "e1");
    load_done(&l);
    unsetenv("REBUILD_WORDS");
    LOAD_NONE(&l, "words = f1\nwords = f2,f3\n");
    assert_int_equal(l.c.words.n, 3);
    assert_string_equal(l.c.words.items[2], "f3");
    load_done(&l);
}

static void an_empty_variable_or_setting_counts_as_not_set(void **state)
{
    struct load l;

    (void)state;
    setenv("REBUILD_NUMBER", "", 1);
    setenv("REBUILD_FLAG", "", 1);
    LOAD_NONE(&l, "text =\n");
    assert_int_equal(l.c.number, 3);
    assert_string_equal(l.c.text, "d");
    load_done(&l);
    LOAD(&l, NULL, "--text=");
    assert_string_equal(l.c.text, "");
    load_done(&l);
}

static void its_own_variable_goes_before_the_other_name(void **state)
{
    struct load l;

    (void)state;
    setenv("T_OTHER_TIMEOUT", "60", 1);
    LOAD_NONE(&l, NULL);
    assert_int_equal(l.c.timeout_ms, 60000);
    load_done(&l);
    setenv("REBUILD_BUILD_TIMEOUT", "2m", 1);
    LOAD_NONE(&l, NULL);
    assert_int_equal(l.c.timeout_ms, 120000);
    load_done(&l);
}

static void a_table_of_the_command_line_is_not_read_from_elsewhere(void **state)
{
    struct load l;

    (void)state;
    setenv("REBUILD_REASON", "from env", 1);
    LOAD_NONE(&l, NULL);
    assert_null(l.v.reason);
    load_done(&l);
    LOAD_NONE(&l, "a = 1");
    load_says(&l, ":1: unknown setting a");
    LOAD_NONE(&l, "\nreason = x\n");
    load_says(&l, ":2: reason cannot stand in a file");
    LOAD_NONE(&l, "limit = what the other program makes of it\n");
    load_done(&l);
}

/* ---- the command line ---- */

static void all_forms_of_the_command_line_are_read(void **state)
{
    struct load l;

    (void)state;
    LOAD(&l, NULL, "one", "--text", "-x", "-fn7", "--no-headers", "-", "--flag=no", "-w=q", "--",
         "--two");
    assert_string_equal(l.c.text, "-x");
    assert_int_equal(l.c.number, 7);
    assert_true(l.c.no_headers);
    assert_false(l.c.flag);
    assert_string_equal(l.c.words.items[0], "q");
    assert_int_equal(l.o.positional_n, 3);
    assert_string_equal(l.o.positional[0], "one");
    assert_string_equal(l.o.positional[1], "-");
    assert_string_equal(l.o.positional[2], "--two");
    load_done(&l);
    LOAD(&l, "flag = on\n", "--no-flag");
    assert_false(l.c.flag);
    assert_int_equal(options_origin(&l.o, "flag"), ORIGIN_COMMAND_LINE);
    load_done(&l);
}

static void wait_may_stand_with_or_without_a_duration(void **state)
{
    struct load l;

    (void)state;
    LOAD_NONE(&l, NULL);
    assert_int_equal(l.c.wait_ms, 0);
    load_done(&l);
    LOAD(&l, NULL, "--wait", "30s");
    assert_int_equal(l.c.wait_ms, 31536000000);
    assert_int_equal(l.o.positional_n, 1);
    load_done(&l);
    LOAD(&l, NULL, "--wait=30s");
    assert_int_equal(l.c.wait_ms, 30000);
    load_done(&l);
}

static void mistakes_on_the_command_line_are_named(void **state)
{
    static const struct {
        const char *argv[3];
        const char *expect;
    } cases[] = {
        { { "--nubmer=1" }, "unknown option --nubmer; did you mean --number?" },
        { { "--build" }, "unknown option --build; did you mean --build-timeout?" },
        { { "--zzzzzz" }, "unknown option --zzzzzz" },
        { { "--no-text" }, "unknown option --no-text" },
        { { "--\x1b[2J" }, "unknown option -- [2J" },
        { { "-z" }, "unknown option -z" },
        { { "-number" }, "option --number: \"umber\" is not a whole number from 1 to 1000" },
        { { "--text" }, "option --text needs a value" },
        { { "--text", "--flag" }, "option --text needs a value and --flag follows it" },
        { { "--number=" }, "option --number: \"\" is not a whole number" },
        { { "--number=1001" }, "\"1001\" is not a whole number from 1 to 1000" },
        { { "--limit=0" }, "\"0\" is not a whole number of at least 1" },
        { { "--wait=30" }, "option --wait: \"30\" is not a duration such as" },
        { { "--wait=0s" }, "from 1s to 365d" },
        { { "--build-timeout=3h" }, "from 1s to 2h" },
        { { "--color=alway" },
          "\"alway\" is not one of auto, always, never; did you mean always?" },
        { { "--color=7" }, "\"7\" is not one of auto, always, never" },
        { { "--flag=maybe" }, "\"maybe\" is not true or false" },
        { { "--rate=fast" }, "is not a rate such as 2/s" },
        { { "--since=yesterday" }, "option --since: \"yesterday\" is not a time such as" },
        { { "--backoff=10m:30s" }, "is not a span such as 30s:10m" },
        { { "--words=a,,b" }, "option --words: \"\" is not a list without empty items" },
        { { "--words=" }, "is not a list without empty items" },
        { { "--words=a,b\nc" }, "option --words: \"b c\" is not plain text" },
        { { "--text=a\xff" }, "is not plain text" },
        { { "--name=x" }, "option --name: \"x\" is not a name with n first" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct load l;

        load_args(&l, cases[i].argv[1] == NULL ? 1 : 2, cases[i].argv, NULL);
        load_says(&l, cases[i].expect);
    }
}

static void help_is_given_whatever_else_is_wrong(void **state)
{
    struct load l;

    (void)state;
    setenv("REBUILD_NUMBER", "many", 1);
    LOAD(&l, "nonsense\n", "--text=x", "--help", "--nonsense");
    assert_true(l.c.help);
    assert_string_equal(l.c.text, "x");
    assert_int_equal(l.c.number, 3);
    load_done(&l);
}

/* ---- units ---- */

static void durations_have_units(void **state)
{
    static const struct {
        const char *text;
        int64_t unit_ms, expect; /* -1: refused */
    } cases[] = {
        { "250ms", 0, 250 },
        { "30s", 0, 30000 },
        { "10m", 0, 600000 },
        { "2h", 0, 7200000 },
        { "7d", 0, 604800000 },
        { "300", 1000, 300000 },
        { "300", 0, -1 },
        { "0", 0, 0 },
        { "106751991167d", 0, 9223372036828800000 },
        { "106751991168d", 0, -1 },
        { "9223372036854775807", 1000, -1 },
        { "99999999999999999999s", 0, -1 },
        { "-1s", 0, -1 },
        { "1.5h", 0, -1 },
        { "1 h", 0, -1 },
        { "1H", 0, -1 },
        { "s", 0, -1 },
        { "", 1000, -1 },
        { "1sx", 0, -1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = -1;

        assert_int_equal(option_parse_duration(cases[i].text, cases[i].unit_ms, &ms),
                         cases[i].expect >= 0);
        if (cases[i].expect >= 0)
            assert_int_equal(ms, cases[i].expect);
    }
}

static void rates_are_per_second_minute_or_hour(void **state)
{
    static const struct {
        const char *text;
        double expect; /* -1: refused */
    } cases[] = {
        { "2/s", 2 },    { "30/m", 0.5 },   { "1800/h", 0.5 }, { "0.25", 0.25 }, { "0", 0 },
        { "-1", -1 },    { "2/d", -1 },     { "2/", -1 },      { "/s", -1 },     { "nan", -1 },
        { "inf/s", -1 }, { "1e300/s", -1 }, { "2/sec", -1 },   { "", -1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double rate = -1;

        assert_int_equal(option_parse_rate(cases[i].text, &rate), cases[i].expect >= 0);
        if (cases[i].expect >= 0)
            assert_true(rate > cases[i].expect - 1e-9 && rate < cases[i].expect + 1e-9);
    }
}

static void times_are_dates_or_durations_from_now(void **state)
{
    static const int64_t now = 1768212451402; /* 2026-01-12T10:07:31.402Z */
    static const struct {
        const char *text;
        int relative;
        int64_t expect; /* 0: refused */
    } cases[] = {
        { "2026-01-12T10:07:31.402Z", 0, now },
        { "2026-01-12", 0, 1768176000000 },
        { "2h ago", 0, now - 7200000 },
        { "in 2h", 0, now + 7200000 },
        { "2h", 1, now + 7200000 },
        { "2h", -1, now - 7200000 },
        { "2h", 0, 0 },
        { "in 2h", -1, now + 7200000 },
        { "2h ago", 1, now - 7200000 },
        { "in 2h ago", 1, 0 },
        { "2 ago", 1, 0 },
        { "9999999999999d ago", 1, 0 },
        { "9223372036854775807ms", 1, 0 },
        { "2026-01-32", 0, 0 },
        { "2026-01-12T10:07", 0, 0 },
        { " ago", 1, 0 },
        { "", 1, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t at = 0;

        assert_int_equal(option_parse_time(cases[i].text, cases[i].relative, now, &at),
                         cases[i].expect != 0);
        assert_int_equal(at, cases[i].expect);
    }
}

static void spans_and_rates_reach_their_fields(void **state)
{
    struct load l;

    (void)state;
    LOAD(&l, NULL, "--backoff=1s:2m", "--rate", "30/m", "--since", "2026-01-12T10:07:31Z");
    assert_int_equal(l.c.backoff.from_ms, 1000);
    assert_int_equal(l.c.backoff.to_ms, 120000);
    assert_true(l.c.rate > 0.49 && l.c.rate < 0.51);
    assert_int_equal(l.c.since_ms, 1768212451000);
    load_done(&l);
    LOAD(&l, NULL, "--backoff=5s");
    assert_int_equal(l.c.backoff.from_ms, 5000);
    assert_int_equal(l.c.backoff.to_ms, 5000);
    load_done(&l);
}

static void whole_items_keep_their_commas(void **state)
{
    struct load l;

    (void)state;
    LOAD(&l, NULL, "-X", "brokers=a:1,b:2", "-Xpem=-----\nx");
    assert_int_equal(l.c.props.n, 2);
    assert_string_equal(l.c.props.items[0], "brokers=a:1,b:2");
    assert_string_equal(l.c.props.items[1], "pem=-----\nx");
    load_done(&l);
}

static void a_list_has_a_ceiling(void **state)
{
    size_t len = 2 * (OPTIONS_LIST_MAX + 1) - 1;
    char *text = malloc(len + 1);
    const char *argv[] = { "--words", text };
    struct load l;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < len; i++)
        text[i] = i % 2 == 0 ? 'x' : ',';
    text[len] = '\0';
    load_args(&l, 2, argv, NULL);
    load_says(&l, "100000 values");
    text[len - 2] = '\0';
    load_args(&l, 2, argv, NULL);
    assert_int_equal(l.c.words.n, OPTIONS_LIST_MAX);
    load_done(&l);
    free(text);
}

#define TEST(f) cmocka_unit_test_setup(f, load_clear_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_origin_goes_before_the_next),
        TEST(the_last_of_two_wins_and_lists_add_up_but_only_within_one_origin),
        TEST(an_empty_variable_or_setting_counts_as_not_set),
        TEST(its_own_variable_goes_before_the_other_name),
        TEST(a_table_of_the_command_line_is_not_read_from_elsewhere),
        TEST(all_forms_of_the_command_line_are_read),
        TEST(wait_may_stand_with_or_without_a_duration),
        TEST(mistakes_on_the_command_line_are_named),
        TEST(help_is_given_whatever_else_is_wrong),
        TEST(durations_have_units),
        TEST(rates_are_per_second_minute_or_hour),
        TEST(times_are_dates_or_durations_from_now),
        TEST(spans_and_rates_reach_their_fields),
        TEST(whole_items_keep_their_commas),
        TEST(a_list_has_a_ceiling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

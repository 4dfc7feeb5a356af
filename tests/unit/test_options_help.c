/* What is printed from the rows: help, `config show`, the sample file, suggestions. */
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

/* ---- help, show, sample, suggestions ---- */

static char *printed(void (*print)(const struct options *, FILE *), const struct options *o)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    print(o, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void print_help(const struct options *o, FILE *out)
{
    options_help(o, out, 80);
}

static void print_show(const struct options *o, FILE *out)
{
    options_show(o, out, true);
}

static void help_has_every_row_and_fits(void **state)
{
    struct load l;
    char *text, *rest, *line;

    (void)state;
    LOAD_NONE(&l, NULL);
    text = printed(print_help, &l.o);
    for (size_t i = 0; i < load_rows_n; i++) {
        char name[64];

        snprintf(name, sizeof(name), "--%s", load_rows[i].name);
        assert_non_null(strstr(text, name));
        assert_non_null(strstr(text, load_rows[i].help));
    }
    assert_non_null(strstr(text, "Tests:\n"));
    assert_non_null(strstr(text, "\nVerb:\n      --reason VALUE"));
    assert_non_null(strstr(text, "  -n, --number VALUE "));
    assert_non_null(strstr(text, "(default 3, from 1 to 1000)"));
    assert_non_null(strstr(text, "[REBUILD_NUMBER]"));
    assert_non_null(strstr(text, "[REBUILD_BUILD_TIMEOUT,"));
    assert_non_null(strstr(text, "--the-password-file FILE"));
    assert_non_null(strstr(text, "REBUILD_THE_PASSWORD_FILE]"));
    assert_non_null(strstr(text, "--wait[=DURATION]"));
    assert_non_null(strstr(text, "--color auto|always|never"));
    assert_null(strstr(text, "REBUILD_REASON"));
    rest = text;
    while ((line = strsep(&rest, "\n")) != NULL)
        assert_in_range(strlen(line), 0, 80);
    free(text);
    load_done(&l);
}

static void show_tells_value_and_origin_and_hides_secrets(void **state)
{
    struct load l;
    char *text;

    (void)state;
    setenv("T_OTHER_TIMEOUT", "90", 1);
    LOAD(&l, "the-password = hunter2\nprop = key=hunter2\nprop = a=1,2\ntext = \"a #b\"\n",
         "--rate=30/m");
    text = printed(print_show, &l.o);
    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "the-password = ***  # /tmp/test_options."));
    assert_non_null(strstr(text, "\nprop = key=***  # /tmp/"));
    assert_non_null(strstr(text, "\nprop = a=1,2  # /tmp/"));
    assert_non_null(strstr(text, "\ntext = \"a #b\"  # /tmp/"));
    assert_non_null(strstr(text, "\nbuild-timeout = 90s  # environment T_OTHER_TIMEOUT\n"));
    assert_non_null(strstr(text, "\nrate = 30/m  # command line\n"));
    assert_non_null(strstr(text, "\nbackoff = 30s:10m  # default\n"));
    assert_non_null(strstr(text, "\n# name =   # default\n"));
    assert_null(strstr(text, "reason"));
    free(text);
    load_done(&l);
}

static void what_show_prints_can_be_read_again(void **state)
{
    struct load l, again;
    char *text;

    (void)state;
    LOAD(&l, NULL, "--text= \"a\\b\" # ", "-wx,y", "-Xb=1,2", "-Xc=\"", "--since=2026-01-12", "-f",
         "--color=never", "--rate=7/h");
    text = printed(print_show, &l.o);
    LOAD_NONE(&again, text);
    assert_int_equal(again.rc, 0);
    assert_string_equal(again.c.text, l.c.text);
    assert_int_equal(again.c.words.n, 2);
    assert_int_equal(again.c.props.n, 2);
    assert_string_equal(again.c.props.items[0], "b=1,2");
    assert_string_equal(again.c.props.items[1], "c=\"");
    assert_int_equal(again.c.since_ms, l.c.since_ms);
    assert_int_equal(again.c.color, 2);
    assert_true(again.c.flag);
    free(text);
    load_done(&again);
    load_done(&l);
}

static void the_sample_has_every_setting_and_changes_nothing(void **state)
{
    struct load l;
    char *text;

    (void)state;
    LOAD_NONE(&l, NULL);
    text = printed(options_sample, &l.o);
    options_done(&l.o);
    assert_non_null(strstr(text, "\n#number = 3\n"));
    assert_non_null(strstr(text, "\n#the-password = \n"));
    assert_null(strstr(text, "reason"));
    LOAD_NONE(&l, text);
    assert_int_equal(options_origin(&l.o, "number"), ORIGIN_DEFAULT);
    load_done(&l);
    for (char *p = text; (p = strstr(p, "\n#")) != NULL; p++)
        if (p[2] != ' ')
            p[1] = ' ';
    LOAD_NONE(&l, text);
    assert_int_equal(options_origin(&l.o, "number"), ORIGIN_FILE);
    assert_int_equal(l.c.number, 3);
    load_done(&l);
    free(text);
}

static void only_a_near_miss_is_suggested(void **state)
{
    static const char *const words[] = {
        "pause", "resume", "results", "replicas", "limit", "logs"
    };
    static const char *const cases[][2] = {
        { "puase", "pause" },   { "limt", "limit" },
        { "resul", "results" }, { "replica", "replicas" },
        { "log", "logs" },      { "xyz", NULL },
        { "", NULL },           { "re", NULL },
        { "rep", "replicas" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *near = options_suggest(cases[i][0], words, COUNT(words));

        if (cases[i][1] == NULL)
            assert_null(near);
        else
            assert_string_equal(near, cases[i][1]);
    }
}

#define TEST(f) cmocka_unit_test_setup(f, load_clear_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(help_has_every_row_and_fits),
        TEST(show_tells_value_and_origin_and_hides_secrets),
        TEST(what_show_prints_can_be_read_again),
        TEST(the_sample_has_every_setting_and_changes_nothing),
        TEST(only_a_near_miss_is_suggested),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

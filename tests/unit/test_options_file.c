/* The configuration file and files with secrets: what is read, and what is refused. */
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

/* ---- secrets ---- */

static void a_secret_on_the_command_line_is_refused_and_not_repeated(void **state)
{
    struct load l;

    (void)state;
    LOAD(&l, NULL, "--the-password=hunter2");
    assert_null(strstr(l.err.msg, "hunter2"));
    load_says(&l, "option --the-password could expose secrets in the process list; use "
                  "REBUILD_THE_PASSWORD, REBUILD_THE_PASSWORD_FILE or the configuration file");
    LOAD(&l, NULL, "-Xkey=hunter2");
    assert_null(strstr(l.err.msg, "hunter2"));
    load_says(&l, "option --prop could expose secrets");
}

static void a_secret_comes_from_the_environment_a_file_or_the_configuration(void **state)
{
    struct load l;

    (void)state;
    setenv("REBUILD_THE_PASSWORD", "from env", 1);
    LOAD_NONE(&l, NULL);
    assert_string_equal(l.c.password, "from env");
    assert_null(options_secret_file(&l.o, "the-password"));
    load_done(&l);
    load_write_file(l.secret_path, " from file \r\n", 0640);
    setenv("REBUILD_THE_PASSWORD_FILE", l.secret_path, 1);
    LOAD_NONE(&l, NULL);
    load_says(&l, "REBUILD_THE_PASSWORD and REBUILD_THE_PASSWORD_FILE are both set");
    unsetenv("REBUILD_THE_PASSWORD");
    LOAD_NONE(&l, NULL);
    assert_string_equal(l.c.password, " from file ");
    assert_string_equal(options_secret_file(&l.o, "the-password"), l.secret_path);
    load_done(&l);
    unsetenv("REBUILD_THE_PASSWORD_FILE");
    LOAD(&l, NULL, "--the-password-file", l.secret_path);
    assert_string_equal(l.c.password, " from file ");
    load_done(&l);
    unlink(l.secret_path);
    LOAD_NONE(&l, "the-password = in the file\n");
    assert_string_equal(l.c.password, "in the file");
    load_done(&l);
}

static void a_secret_file_that_is_unreadable_empty_too_long_or_open_is_refused(void **state)
{
    static char big[OPTIONS_SECRET_MAX_BYTES + 2];
    struct load l;

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    setenv("REBUILD_THE_PASSWORD_FILE", "/nonexistent/secret", 1);
    LOAD_NONE(&l, NULL);
    load_says(&l,
              "REBUILD_THE_PASSWORD_FILE: cannot read the file /nonexistent/secret: No such file");
    setenv("REBUILD_THE_PASSWORD_FILE", "/tmp", 1);
    LOAD_NONE(&l, NULL);
    load_says(&l, "cannot read the file /tmp: Is a directory");

    const struct {
        const char *text, *expect;
        mode_t mode;
    } cases[] = {
        { "secret", "open to every user (mode 0604)", 0604 },
        { "", "is empty", 0600 },
        { "\n", "is empty", 0600 },
        { big, "is longer than 64 KiB", 0600 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        load_write_file(l.secret_path, cases[i].text, cases[i].mode);
        setenv("REBUILD_THE_PASSWORD_FILE", l.secret_path, 1);
        LOAD_NONE(&l, NULL);
        unlink(l.secret_path);
        load_says(&l, cases[i].expect);
    }
}

static void a_configuration_file_open_to_all_may_hold_anything_but_a_secret(void **state)
{
    static const char *const lines[] = { "the-password = x\n", "prop = key=x\n", "text = x\n" };
    static const mode_t modes[] = { 0644, 0660, 0640 };
    struct load l;

    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        for (size_t m = 0; m < COUNT(modes); m++) {
            char path[64];
            const char *argv[] = { "--config", path };

            load_write_file(path, lines[i], modes[m]);
            load_tables(&l);
            l.rc = options_load(&l.o, 2, (char *const *)(const void *)argv, NULL, &l.err);
            unlink(path);
            if (i < 2 && m < 2)
                load_says(&l, "is a secret, so the file's mode must be 0640 or less");
            else
                load_done(&l);
        }
    }
}

/* ---- the file ---- */

static void a_file_has_comments_quotes_and_headings(void **state)
{
    struct load l;

    (void)state;
    LOAD_NONE(&l, "# a comment\n\n [worker]  \r\n text = a b#c # gone\r\n"
                  "name=\"n \\\"q\\\" \\\\ # kept \" # gone\n\tnumber\t=\t9\t\nadmin-listen = :1\n"
                  "words = \"a, b\"\nflag = YES");
    assert_string_equal(l.c.text, "a b#c");
    assert_string_equal(l.c.name, "n \"q\" \\ # kept ");
    assert_int_equal(l.c.number, 9);
    assert_int_equal(l.c.words.n, 2);
    assert_true(l.c.flag);
    load_done(&l);
}

static void mistakes_in_a_file_are_named_with_their_line(void **state)
{
    static const char *const cases[][2] = {
        { "text = a\nnumbr = 1\n", ":2: unknown setting numbr; did you mean number?" },
        { "\n\nnumber = none\n", ":3: number: \"none\" is not a whole number from 1 to 1000" },
        { "number\n", ":1: the line is not `name = value`" },
        { "= 1\n", ":1: the line is not `name = value`" },
        { "a b = 1\n", ":1: the line is not `name = value`" },
        { "\x1b[2J = 1\n", ":1: the line is not `name = value`" },
        { "text = \"a\n", ":1: text has a quote that is not closed" },
        { "text = \"a\" b\n", ":1: text has a quote that is not closed, or text behind it" },
        { "text = \"a\\", ":1: text has a quote that is not closed" },
        { "config = x\n", ":1: config cannot stand in a file" },
        { "nubmer =\n", ":1: unknown setting nubmer; did you mean number?" },
    };
    struct load l;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        LOAD_NONE(&l, cases[i][0]);
        load_says(&l, cases[i][1]);
    }
}

static void a_file_that_was_asked_for_must_be_there_and_be_text(void **state)
{
    struct load l;
    char path[64];
    int fd;

    (void)state;
    load_tables(&l);
    setenv("T_CONFIG", "/nonexistent/rebuild.conf", 1);
    l.rc = options_load(&l.o, 0, NULL, NULL, &l.err);
    load_says(&l, "cannot read the file /nonexistent/rebuild.conf");
    load_write_file(path, "text = a", 0600);
    fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "\0\n", 2), 2);
    close(fd);
    l.rc = options_load(&l.o, 0, NULL, path, &l.err);
    load_says(&l, "has a NUL byte in it");
    assert_int_equal(truncate(path, OPTIONS_FILE_MAX_BYTES + 1), 0);
    l.rc = options_load(&l.o, 0, NULL, path, &l.err);
    unlink(path);
    load_says(&l, "is longer than 1024 KiB");
}

static void the_file_is_chosen_by_the_environment_or_the_command_line(void **state)
{
    char one[64], two[64];
    const char *argv[] = { "--config", two };
    struct load l;

    (void)state;
    load_write_file(one, "text = one", 0600);
    load_write_file(two, "text = two", 0600);
    load_tables(&l);
    setenv("T_CONFIG", one, 1);
    l.rc = options_load(&l.o, 0, NULL, NULL, &l.err);
    assert_string_equal(l.c.text, "one");
    assert_string_equal(l.o.file, one);
    load_done(&l);
    l.rc = options_load(&l.o, 2, (char *const *)(const void *)argv, NULL, &l.err);
    assert_string_equal(l.c.text, "two");
    load_done(&l);
    unlink(one);
    unlink(two);
}

#define TEST(f) cmocka_unit_test_setup(f, load_clear_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_secret_on_the_command_line_is_refused_and_not_repeated),
        TEST(a_secret_comes_from_the_environment_a_file_or_the_configuration),
        TEST(a_secret_file_that_is_unreadable_empty_too_long_or_open_is_refused),
        TEST(a_configuration_file_open_to_all_may_hold_anything_but_a_secret),
        TEST(a_file_has_comments_quotes_and_headings),
        TEST(mistakes_in_a_file_are_named_with_their_line),
        TEST(a_file_that_was_asked_for_must_be_there_and_be_text),
        TEST(the_file_is_chosen_by_the_environment_or_the_command_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

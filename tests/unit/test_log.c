/* Log lines as they leave the process, and which do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/log_rate.h"

/* What `log_event` puts on stderr between the two calls. */
static int saved_stderr, read_end;

static void capture_start(void)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    saved_stderr = dup(STDERR_FILENO);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    read_end = ends[0];
}

static const char *capture_end(void)
{
    static char text[65536];
    ssize_t n;

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    n = read(read_end, text, sizeof(text) - 1);
    close(read_end);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static void a_json_line_escapes_every_control_character_and_broken_utf8(void **state)
{
    const char *text;
    char all[64], expect[512], *p = expect;

    (void)state;
    for (int i = 0; i < 31; i++)
        all[i] = (char)(i + 1);
    memcpy(all + 31, "\"\\/\xff\xc3\xbc\xc2\x85", 9);
    for (int i = 1; i < 32; i++) {
        if (i == '\n' || i == '\r' || i == '\t')
            p += snprintf(p, 8, "\\%c", i == '\n' ? 'n' : i == '\r' ? 'r' : 't');
        else
            p += snprintf(p, 8, "\\u%04x", i);
    }
    snprintf(p, 64, "\\\"\\\\/\xef\xbf\xbd\xc3\xbc\\u0085");
    log_init("worker", "w-1", LOG_FORMAT_JSON, LOG_INFO);
    capture_start();
    log_info("test.all", LOG_FIELDS(LOG_S("all", all), LOG_S("none", NULL), LOG_I("n", -5)), "%s",
             "m");
    text = capture_end();
    assert_non_null(strstr(text, expect));
    assert_null(strstr(text, "none"));
    assert_memory_equal(text, "{\"ts\":\"", 7);
    assert_non_null(strstr(text, "Z\",\"level\":\"info\",\"event\":\"test.all\",\"msg\":\"m\","
                                 "\"component\":\"worker\",\"all\":\""));
    assert_non_null(strstr(text, "\",\"n\":-5,\"worker\":\"w-1\"}\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void a_logfmt_line_quotes_what_is_not_a_plain_word(void **state)
{
    const char *text;

    (void)state;
    log_init("producer", NULL, LOG_FORMAT_LOGFMT, LOG_DEBUG);
    capture_start();
    log_debug("test.fmt",
              LOG_FIELDS(LOG_S("a", "plain-1"), LOG_S("b", "x=y"), LOG_S("c", ""),
                         LOG_D("d", 600.2), LOG_S("e", "\x1b[2J\n")),
              "two words");
    text = capture_end();
    assert_non_null(strstr(text,
                           "Z level=debug event=test.fmt msg=\"two words\" component=producer "
                           "a=plain-1 b=\"x=y\" c=\"\" d=600.2 e=\"\\u001b[2J\\n\"\n"));
    assert_memory_equal(text, "ts=20", 5);
}

static void a_line_that_is_too_long_is_cut_and_stays_well_formed(void **state)
{
    static char big[20000];
    const char *text;

    (void)state;
    memset(big, 'y', sizeof(big) - 1);
    log_init("worker", NULL, LOG_FORMAT_JSON, LOG_INFO);
    capture_start();
    log_info("test.big",
             LOG_FIELDS(LOG_S("a", big), LOG_S("b", big), LOG_S("c", big), LOG_S("d", big),
                        LOG_I("last", 1)),
             "%s", big);
    text = capture_end();
    assert_in_range(strlen(text), 8192, 16384);
    assert_non_null(strstr(text, "y\",\"last\":1,\"cut\":true}\n"));
}

static void lines_below_the_level_are_not_written_and_the_level_changes_live(void **state)
{
    enum log_level level = LOG_INFO;

    (void)state;
    log_init("worker", NULL, LOG_FORMAT_JSON, LOG_WARN);
    capture_start();
    log_info("test.level", NULL, "not seen");
    log_set_level(LOG_INFO);
    log_info("test.level", NULL, "seen");
    assert_non_null(strstr(capture_end(), "\"msg\":\"seen\""));
    assert_true(log_level_parse("error", &level) && level == LOG_ERROR);
    assert_false(log_level_parse("loud", &level));
    assert_string_equal(log_level_name(log_level_now()), "info");
}

static void equal_warnings_are_limited_and_counted(void **state)
{
    static struct log_rate r;
    int64_t n = -1;

    (void)state;
    for (int i = 0; i < LOG_RATE_MAX; i++)
        assert_true(log_rate_pass(&r, LOG_WARN, "a", 5, &n) && n == 0);
    for (int i = 0; i < 412; i++)
        assert_false(log_rate_pass(&r, LOG_WARN, "a", 4 + LOG_RATE_PERIOD_MS, &n));
    assert_true(log_rate_pass(&r, LOG_ERROR, "a", 5, &n) && n == 0);
    assert_true(log_rate_pass(&r, LOG_WARN, "b", 5, &n) && n == 0);
    assert_true(log_rate_pass(&r, LOG_WARN, "a", 5 + LOG_RATE_PERIOD_MS, &n) && n == 412);
    assert_true(log_rate_pass(&r, LOG_WARN, "a", 5 + LOG_RATE_PERIOD_MS, &n) && n == 0);
}

static void a_full_table_of_events_forgets_the_oldest(void **state)
{
    static struct log_rate r;
    char name[16];
    int64_t n = -1;

    (void)state;
    for (int i = 0; i <= LOG_RATE_MAX; i++)
        log_rate_pass(&r, LOG_WARN, "oldest", 1, &n);
    for (int i = 0; i < LOG_RATE_EVENTS; i++) {
        snprintf(name, sizeof(name), "e%d", i);
        assert_true(log_rate_pass(&r, LOG_WARN, name, 2, &n));
    }
    assert_true(log_rate_pass(&r, LOG_WARN, "oldest", 2, &n) && n == 0);
}

static void the_line_that_passes_again_says_how_many_did_not(void **state)
{
    char *seen;
    const char *text;
    int lines = 0;

    (void)state;
    log_init("worker", NULL, LOG_FORMAT_LOGFMT, LOG_INFO);
    capture_start();
    for (int i = 0; i < 2 * LOG_RATE_MAX; i++)
        log_warn("test.rate", NULL, "again");
    for (int i = 0; i < LOG_RATE_MAX + 10; i++)
        log_info("test.rate", NULL, "never limited");
    text = capture_end();
    for (seen = strchr(text, '\n'); seen != NULL; seen = strchr(seen + 1, '\n'))
        lines++;
    assert_in_range(lines, 2 * LOG_RATE_MAX + 10, 2 * LOG_RATE_MAX + 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_json_line_escapes_every_control_character_and_broken_utf8),
        cmocka_unit_test(a_logfmt_line_quotes_what_is_not_a_plain_word),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_stays_well_formed),
        cmocka_unit_test(lines_below_the_level_are_not_written_and_the_level_changes_live),
        cmocka_unit_test(equal_warnings_are_limited_and_counted),
        cmocka_unit_test(a_full_table_of_events_forgets_the_oldest),
        cmocka_unit_test(the_line_that_passes_again_says_how_many_did_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Metrics: the text in both forms, to the byte, and the ceilings. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/serve/metrics.h"

static const double bounds[] = { 0.5, 1, 30 };

static const struct metric_spec requests = { .name = "rebuild_requests_total",
                                             .type = METRIC_COUNTER,
                                             .help = "Requests \"seen\".\nWith \\ in it.",
                                             .labels = { "replica", "code" } };
static const struct metric_spec lag = { .name = "rebuild_lag_messages",
                                        .type = METRIC_GAUGE,
                                        .help = "Lag." };
static const struct metric_spec took = { .name = "rebuild_took_seconds",
                                         .type = METRIC_HISTOGRAM,
                                         .help = "How long.",
                                         .labels = { "lane" },
                                         .buckets = bounds,
                                         .buckets_n = 3 };

/* Everything but process_*, which differs from run to run. */
static char *render(struct metrics *m, bool openmetrics)
{
    struct buf out;
    char *text, *process, *eof;

    buf_init(&out, METRICS_TEXT_MAX_BYTES);
    metrics_render(m, openmetrics, &out);
    text = buf_take(&out, NULL);
    assert_non_null(text);
    process = strstr(text, "# HELP process_");
    assert_non_null(process);
    eof = strstr(process, "# EOF\n");
    assert_true((eof != NULL) == openmetrics);
    if (eof != NULL)
        assert_string_equal(eof, "# EOF\n"); /* the last line */
    *process = '\0';
    return text;
}

static struct metrics *filled(void)
{
    static const char *const odd[] = { "a\"b\\c", "200" };
    static const char *const plain[] = { "connect-0", "502" };
    static const char *const slow[] = { "slow" };
    struct metrics *m = metrics_new();
    struct metric_family *f = metrics_family(m, &requests);
    struct metric *s;

    metric_add(metrics_series(f, odd), 2);
    metric_add(metrics_series(f, plain), 1);
    metric_add(metrics_series(f, odd), 1);
    metric_add(metrics_series(f, odd), -5); /* a counter never falls */
    f = metrics_family(m, &lag);
    metric_set(metrics_series(f, NULL), 0.1);
    s = metrics_series(metrics_family(m, &took), slow);
    metric_observe(s, 0.5);
    metric_observe(s, 0.75);
    metric_observe(s, 29);
    metric_observe(s, 1000);
    return m;
}

static void the_plain_text_is_as_prometheus_reads_it(void **state)
{
    struct metrics *m = filled();
    char *text = render(m, false);

    (void)state;
    assert_string_equal(text,
                        "# HELP rebuild_requests_total Requests \"seen\".\\nWith \\\\ in it.\n"
                        "# TYPE rebuild_requests_total counter\n"
                        "rebuild_requests_total{replica=\"a\\\"b\\\\c\",code=\"200\"} 3\n"
                        "rebuild_requests_total{replica=\"connect-0\",code=\"502\"} 1\n"
                        "# HELP rebuild_lag_messages Lag.\n"
                        "# TYPE rebuild_lag_messages gauge\n"
                        "rebuild_lag_messages 0.1\n"
                        "# HELP rebuild_took_seconds How long.\n"
                        "# TYPE rebuild_took_seconds histogram\n"
                        "rebuild_took_seconds_bucket{lane=\"slow\",le=\"0.5\"} 1\n"
                        "rebuild_took_seconds_bucket{lane=\"slow\",le=\"1\"} 2\n"
                        "rebuild_took_seconds_bucket{lane=\"slow\",le=\"30\"} 3\n"
                        "rebuild_took_seconds_bucket{lane=\"slow\",le=\"+Inf\"} 4\n"
                        "rebuild_took_seconds_sum{lane=\"slow\"} 1030.25\n"
                        "rebuild_took_seconds_count{lane=\"slow\"} 4\n");
    free(text);
    metrics_free(m);
}

static void openmetrics_names_families_without_total_and_bounds_with_a_point(void **state)
{
    struct metrics *m = filled();
    char *text = render(m, true);

    (void)state;
    assert_string_equal(text, "# HELP rebuild_requests Requests \\\"seen\\\".\\nWith \\\\ in it.\n"
                              "# TYPE rebuild_requests counter\n"
                              "rebuild_requests_total{replica=\"a\\\"b\\\\c\",code=\"200\"} 3\n"
                              "rebuild_requests_total{replica=\"connect-0\",code=\"502\"} 1\n"
                              "# HELP rebuild_lag_messages Lag.\n"
                              "# TYPE rebuild_lag_messages gauge\n"
                              "rebuild_lag_messages 0.1\n"
                              "# HELP rebuild_took_seconds How long.\n"
                              "# TYPE rebuild_took_seconds histogram\n"
                              "rebuild_took_seconds_bucket{lane=\"slow\",le=\"0.5\"} 1\n"
                              "rebuild_took_seconds_bucket{lane=\"slow\",le=\"1.0\"} 2\n"
                              "rebuild_took_seconds_bucket{lane=\"slow\",le=\"30.0\"} 3\n"
                              "rebuild_took_seconds_bucket{lane=\"slow\",le=\"+Inf\"} 4\n"
                              "rebuild_took_seconds_sum{lane=\"slow\"} 1030.25\n"
                              "rebuild_took_seconds_count{lane=\"slow\"} 4\n");
    free(text);
    metrics_free(m);
}

static void a_family_without_series_still_says_what_it_is(void **state)
{
    struct metrics *m = metrics_new();
    char *text;

    (void)state;
    metrics_family(m, &lag);
    metrics_family(m, &took);
    text = render(m, false);
    assert_string_equal(text, "# HELP rebuild_lag_messages Lag.\n"
                              "# TYPE rebuild_lag_messages gauge\n"
                              "rebuild_lag_messages 0\n"
                              "# HELP rebuild_took_seconds How long.\n"
                              "# TYPE rebuild_took_seconds histogram\n");
    free(text);
    metrics_free(m);
}

static void numbers_read_back_as_they_were(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = { { 0, "0" },
                  { 1e15, "1e+15" },
                  { 123456789012, "123456789012" },
                  { 1.0 / 3, "0.33333333333333331" },
                  { -0.25, "-0.25" },
                  { (double)INFINITY, "+Inf" },
                  { (double)-INFINITY, "-Inf" },
                  { (double)NAN, "NaN" } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct metrics *m = metrics_new();
        char want[64], *text;

        metric_set(metrics_series(metrics_family(m, &lag), NULL), cases[i].value);
        text = render(m, false);
        snprintf(want, sizeof(want), "\nrebuild_lag_messages %s\n", cases[i].text);
        if (strstr(text, want) == NULL)
            fail_msg("no %s in %s", want, text);
        free(text);
        metrics_free(m);
    }
}

static void beyond_the_ceiling_a_series_named_other_takes_the_rest(void **state)
{
    struct metrics *m = metrics_new();
    struct metric_family *f = metrics_family(m, &requests);
    struct metric *first = NULL, *other = NULL;
    char *text;
    size_t lines = 0;

    (void)state;
    for (int i = 0; i < METRICS_SERIES_MAX + 100; i++) {
        char name[32];
        const char *values[] = { name, "200" };

        snprintf(name, sizeof(name), "replica-%d", i);
        other = metrics_series(f, values);
        metric_add(other, 1);
        first = first == NULL ? other : first;
    }
    assert_true(metric_value(first) == 1);
    assert_true(metric_value(other) == 101);
    text = render(m, false);
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, METRICS_SERIES_MAX + 2);
    assert_non_null(strstr(text, "{replica=\"other\",code=\"other\"} 101\n"));
    free(text);
    metrics_free(m);
}

static void labels_that_say_other_are_the_series_named_other(void **state)
{
    static const char *const values[] = { "other", "other" };
    struct metrics *m = metrics_new();
    struct metric_family *f = metrics_family(m, &requests);
    char *text, *at;

    (void)state;
    metric_add(metrics_series(f, values), 1);
    metric_add(metrics_series(f, values), 1);
    text = render(m, false);
    at = strstr(text, "{replica=\"other\",code=\"other\"} 2\n");
    assert_non_null(at);
    assert_null(strstr(at + 1, "{replica"));
    free(text);
    metrics_free(m);
}

static void a_label_value_is_made_clean_and_cut(void **state)
{
    char longer[2 * METRICS_VALUE_MAX_BYTES], want[METRICS_VALUE_MAX_BYTES + 64];
    const char *values[] = { longer, "a\nb\xff" };
    struct metrics *m = metrics_new();
    char *text;

    (void)state;
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    metric_add(metrics_series(metrics_family(m, &requests), values), 1);
    text = render(m, false);
    snprintf(want, sizeof(want), "{replica=\"%.*s\",code=\"a b\xef\xbf\xbd\"} 1\n",
             METRICS_VALUE_MAX_BYTES, longer);
    if (strstr(text, want) == NULL)
        fail_msg("no %s in %s", want, text);
    free(text);
    metrics_free(m);
}

static void a_refresh_begins_with_zeros(void **state)
{
    static const struct metric_spec up = {
        .name = "rebuild_replica_up", .type = METRIC_GAUGE, .help = "Up.", .labels = { "replica" }
    };
    static const char *const a[] = { "a" }, *const b[] = { "b" };
    struct metrics *m = metrics_new();
    struct metric_family *f = metrics_family(m, &up);
    struct metric *kept = metrics_series(f, a);

    (void)state;
    metric_set(kept, 1);
    metric_set(metrics_series(f, b), 1);
    metrics_family_zero(f);
    metric_set(metrics_series(f, b), 1);
    assert_ptr_equal(metrics_series(f, a), kept);
    assert_true(metric_value(kept) == 0);
    assert_true(metric_value(metrics_series(f, b)) == 1);
    metrics_free(m);
}

static void the_process_tells_of_itself(void **state)
{
    static const char *const names[] = {
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
    };
    struct metrics *m = metrics_new();
    struct buf out;

    (void)state;
    buf_init(&out, METRICS_TEXT_MAX_BYTES);
    metrics_render(m, false, &out);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char start[64];
        const char *line;

        snprintf(start, sizeof(start), "\n%s ", names[i]);
        line = strstr(buf_str(&out), start);
        assert_non_null(line);
        assert_true(strtod(line + strlen(start), NULL) > 0);
    }
    buf_done(&out);
    metrics_free(m);
}

static void a_text_over_its_ceiling_is_marked_as_failed(void **state)
{
    struct metrics *m = filled();
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    metrics_render(m, false, &out);
    assert_true(out.failed);
    buf_done(&out);
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plain_text_is_as_prometheus_reads_it),
        cmocka_unit_test(openmetrics_names_families_without_total_and_bounds_with_a_point),
        cmocka_unit_test(a_family_without_series_still_says_what_it_is),
        cmocka_unit_test(numbers_read_back_as_they_were),
        cmocka_unit_test(beyond_the_ceiling_a_series_named_other_takes_the_rest),
        cmocka_unit_test(labels_that_say_other_are_the_series_named_other),
        cmocka_unit_test(a_label_value_is_made_clean_and_cut),
        cmocka_unit_test(a_refresh_begins_with_zeros),
        cmocka_unit_test(the_process_tells_of_itself),
        cmocka_unit_test(a_text_over_its_ceiling_is_marked_as_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

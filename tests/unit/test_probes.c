/* The admin routes, as pure routing: who gets what answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/serve/probes.h"

#define NOW_MS 1000000

static enum log_level level_set;
static int refreshed_n;

static void set_level(void *arg, enum log_level level)
{
    (void)arg;
    level_set = level;
}

static void refresh(void *arg)
{
    (void)arg;
    refreshed_n++;
}

static bool status(void *arg, struct buf *json)
{
    return *(const bool *)arg && buf_str_add(json, "{\"in_flight\":12}");
}

struct route_case {
    const char *what, *method, *path, *body;
    struct probes p;
    int status;
    const char *says;
};

#define WELL .started = true, .ready = true, .last_turn_ms = NOW_MS

static bool can_tell = true, cannot_tell = false;

static const struct route_case cases[] = {
    { "started", "GET", "/startupz", "", { WELL }, 200, "started\n" },
    { "not started", "GET", "/startupz", "", { .last_turn_ms = NOW_MS }, 503, "still starting\n" },
    { "live", "GET", "/livez", "", { .last_turn_ms = NOW_MS - PROBES_STALL_MS }, 200, "live\n" },
    { "the loop stands still",
      "GET",
      "/livez",
      "",
      { .started = true, .ready = true, .last_turn_ms = NOW_MS - PROBES_STALL_MS - 1 },
      503,
      "the loop has not turned for 60 s\n" },
    { "ready", "GET", "/readyz", "", { WELL }, 200, "ready\n" },
    { "HEAD is GET", "HEAD", "/readyz", "", { WELL }, 200, "ready\n" },
    { "not ready",
      "GET",
      "/readyz",
      "",
      { .last_turn_ms = NOW_MS },
      503,
      "not ready: still starting\n" },
    { "not ready, and why",
      "GET",
      "/readyz",
      "",
      { .why_not_ready = "PostgreSQL is down" },
      503,
      "not ready: PostgreSQL is down\n" },
    { "draining wins over ready",
      "GET",
      "/readyz",
      "",
      { WELL, .draining = true },
      503,
      "not ready: draining, no new work is taken\n" },
    { "status",
      "GET",
      "/status",
      "",
      { WELL, .status = status, .arg = &can_tell },
      200,
      "{\"in_flight\":12}" },
    { "status cannot be told",
      "GET",
      "/status",
      "",
      { WELL, .status = status, .arg = &cannot_tell },
      503,
      "the status cannot be told now\n" },
    { "no status here", "GET", "/status", "", { WELL }, 404, "there is nothing at /status\n" },
    { "no metrics here", "GET", "/metrics", "", { WELL }, 404, "there is nothing at /metrics\n" },
    { "a level", "PUT", "/loglevel", " debug\n", { WELL, .set_level = set_level }, 200, "debug\n" },
    { "no level",
      "PUT",
      "/loglevel",
      "loud",
      { WELL, .set_level = set_level },
      400,
      "the body must be one of debug, info, warn, error\n" },
    { "too long for a level",
      "PUT",
      "/loglevel",
      "debugdebugdebugdebug",
      { WELL, .set_level = set_level },
      400,
      "the body must be one of debug, info, warn, error\n" },
    { "a level that is fixed",
      "PUT",
      "/loglevel",
      "debug",
      { WELL },
      403,
      "the log level of this program cannot be changed\n" },
    { "the level now", "GET", "/loglevel", "", { WELL }, 200, "info\n" },
    { "a probe is not posted to",
      "POST",
      "/livez",
      "",
      { WELL },
      405,
      "/livez takes GET and HEAD\n" },
    { "a level is not deleted",
      "DELETE",
      "/loglevel",
      "",
      { WELL },
      405,
      "/loglevel takes GET, HEAD and PUT\n" },
};

static void every_route_answers_by_its_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct route_case *c = &cases[i];
        const struct server_request r = { .method = c->method,
                                          .path = c->path,
                                          .accept = "",
                                          .body = c->body,
                                          .body_len = strlen(c->body) };
        struct server_answer a = { 0 };

        assert_true(probes_answer(&c->p, NOW_MS, &r, &a));
        if (a.status != c->status || a.body == NULL || strcmp(a.body, c->says) != 0 ||
            a.body_len != strlen(c->says))
            fail_msg("%s: %d %s", c->what, a.status, a.body);
        assert_true((a.status == 405) == (a.headers != NULL));
        free(a.body);
    }
}

static void a_method_that_is_refused_names_those_that_are_not(void **state)
{
    const struct probes p = { WELL };
    const struct server_request r = { .method = "POST", .path = "/loglevel", .accept = "" };
    struct server_answer a = { 0 };

    (void)state;
    assert_true(probes_answer(&p, NOW_MS, &r, &a));
    assert_string_equal(a.headers[0], "Allow: GET, HEAD, PUT");
    assert_null(a.headers[1]);
    free(a.body);
}

static void a_good_level_gets_to_the_program_and_a_bad_one_does_not(void **state)
{
    const struct probes p = { WELL, .set_level = set_level };
    const char *const bodies[] = { "error", "loud" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct server_request r = {
            .method = "PUT", .path = "/loglevel", .accept = "", .body = bodies[i]
        };
        struct server_answer a = { 0 };

        assert_true(probes_answer(&p, NOW_MS, &r, &a));
        assert_int_equal(level_set, LOG_ERROR);
        free(a.body);
    }
}

static void paths_of_others_are_left_to_them(void **state)
{
    static const char *const paths[] = { "/", "/livez/", "/metricsx", "/api/v1/campaigns", "" };
    const struct probes p = { WELL };

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const struct server_request r = { .method = "GET", .path = paths[i], .accept = "" };
        struct server_answer a = { 0 };

        assert_false(probes_answer(&p, NOW_MS, &r, &a));
        assert_int_equal(a.status, 0);
        probes_not_found(&r, &a);
        assert_int_equal(a.status, 404);
        assert_non_null(strstr(a.body, paths[i]));
        free(a.body);
    }
}

static void metrics_come_in_the_form_that_is_asked_for(void **state)
{
    static const struct {
        const char *accept, *type;
        bool eof;
    } asked[] = {
        { "", "text/plain; version=0.0.4; charset=utf-8", false },
        { "application/openmetrics-text; version=1.0.0",
          "application/openmetrics-text; version=1.0.0; charset=utf-8", true },
    };
    struct metrics *m = metrics_new();
    const struct probes p = { WELL, .metrics = m, .refresh = refresh };

    (void)state;
    refreshed_n = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct server_request r = { .method = "GET",
                                          .path = "/metrics",
                                          .accept = asked[i].accept };
        struct server_answer a = { 0 };

        assert_true(probes_answer(&p, NOW_MS, &r, &a));
        assert_int_equal(a.status, 200);
        assert_string_equal(a.content_type, asked[i].type);
        assert_true((strstr(a.body, "# EOF") != NULL) == asked[i].eof);
        assert_int_equal(a.body_len, strlen(a.body));
        free(a.body);
    }
    assert_int_equal(refreshed_n, 2);
    metrics_free(m);
}

static void openmetrics_is_chosen_by_weight_and_version(void **state)
{
    static const struct {
        const char *accept;
        bool openmetrics;
    } asked[] = {
        { "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;"
          "version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
          true },
        { "application/openmetrics-text", true },
        { "Application/OpenMetrics-Text ; Q=1 , text/plain", true },
        { "application/openmetrics-text;version=0.0.1", false },
        { "application/openmetrics-text;q=0.1, text/plain;q=0.9", false },
        { "application/openmetrics-text;q=0", false },
        { "application/openmetrics-text;q=x", false },
        { "text/plain", false },
        { "text/html,application/xhtml+xml,*/*;q=0.8", false },
        { "*/*", false },
        { ";;,,;q=,", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
        if (probes_wants_openmetrics(asked[i].accept) != asked[i].openmetrics)
            fail_msg("%s", asked[i].accept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_answers_by_its_table),
        cmocka_unit_test(a_method_that_is_refused_names_those_that_are_not),
        cmocka_unit_test(a_good_level_gets_to_the_program_and_a_bad_one_does_not),
        cmocka_unit_test(paths_of_others_are_left_to_them),
        cmocka_unit_test(metrics_come_in_the_form_that_is_asked_for),
        cmocka_unit_test(openmetrics_is_chosen_by_weight_and_version),
    };

    log_init("test", NULL, LOG_FORMAT_LOGFMT, LOG_INFO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

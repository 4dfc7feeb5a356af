/* Access: app mode, access type and answer against what they should come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/connect/access.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AUTO     ACCESS_AUTO
#define STRICT   ACCESS_STRICT
#define NONE     EC_NONE
#define ODD      EC_ACCESS_UNEXPECTED
#define E5XX     EC_ACCESS_HTTP_5XX

static struct http_answer page(int status, const char *location)
{
    struct http_answer a = { .failure = status < 0 ? (enum http_failure) - status : HTTP_OK,
                             .status = status < 0 ? 0 : status,
                             .body = "" };

    snprintf(a.location, sizeof a.location, "%s", location == NULL ? "" : location);
    return a;
}

enum { QUIET, AGAIN, API }; /* what else is asked for */

static void assert_judged(size_t i, const struct access_judgement *j, enum access_verdict v,
                          enum error_class cls, int ask)
{
    if (j->verdict != v || j->cls != cls || j->ask_again != (ask == AGAIN) ||
        j->ask_api != (ask == API))
        fail_msg("case %zu: %s %s, again %d, api %d: %s", i, access_verdict_name(j->verdict),
                 error_row(j->cls)->name, j->ask_again, j->ask_api, j->note);
    assert_true(j->verdict == ACCESS_OK || j->note[0] != '\0');
}

static const struct {
    const char *app_mode;
    enum access_mode mode;
    int status; /* negative: the failure */
    const char *location;
    enum access_verdict verdict;
    enum error_class cls;
    int ask;
} keyed[] = {
    { "shiny", AUTO, 200, NULL, ACCESS_OK, NONE, QUIET },
    { "quarto-static", AUTO, 204, NULL, ACCESS_OK, NONE, QUIET },
    { "quarto-static", AUTO, 405, NULL, ACCESS_FAILED, ODD, QUIET },
    { "rmd-static", AUTO, 302, "/elsewhere/", ACCESS_FAILED, ODD, QUIET },
    { "jupyter-static", AUTO, 500, NULL, ACCESS_FAILED, E5XX, QUIET },
    { "static", AUTO, 410, NULL, ACCESS_FAILED, ODD, QUIET },
    { "python-fastapi", AUTO, 405, NULL, ACCESS_OK, NONE, QUIET },
    { "api", AUTO, 302, "/__docs__/", ACCESS_OK, NONE, QUIET },
    { "api", STRICT, 405, NULL, ACCESS_FAILED, ODD, QUIET },
    { "api", STRICT, 302, "/__docs__/", ACCESS_FAILED, ODD, QUIET },
    { "shiny", AUTO, 500, NULL, ACCESS_FAILED, E5XX, QUIET },
    { "shiny", AUTO, 502, NULL, ACCESS_FAILED, E5XX, AGAIN },
    { "shiny", AUTO, 503, NULL, ACCESS_FAILED, E5XX, AGAIN },
    { "rmd-static", AUTO, 504, NULL, ACCESS_FAILED, E5XX, AGAIN },
    { "shiny", AUTO, 404, NULL, ACCESS_NOT_CHECKED, NONE, API },
    { "rmd-static", STRICT, 404, NULL, ACCESS_NOT_CHECKED, NONE, API },
    { "shiny", AUTO, 403, NULL, ACCESS_NOT_CHECKED, NONE, API },
    { "shiny", AUTO, 401, NULL, ACCESS_NOT_CHECKED, NONE, API },
    { "shiny", AUTO, 302, "/__login__?url=x", ACCESS_FORBIDDEN_TO_KEY, NONE, QUIET },
    { "rmd-static", STRICT, 302, "https://h/connect/__login__", ACCESS_FORBIDDEN_TO_KEY, NONE,
      QUIET },
    { "shiny", AUTO, 429, NULL, ACCESS_NOT_CHECKED, NONE, AGAIN },
    { "shiny", AUTO, -HTTP_NOT_SENT, NULL, ACCESS_NOT_CHECKED, NONE, AGAIN },
    { "shiny", AUTO, -HTTP_LOST, NULL, ACCESS_NOT_CHECKED, NONE, AGAIN },
    { "shiny", AUTO, -HTTP_TIMEOUT, NULL, ACCESS_FAILED, ODD, AGAIN },
    { "shiny", AUTO, -HTTP_BAD_ANSWER, NULL, ACCESS_FAILED, ODD, AGAIN },
    { "shiny", ACCESS_OFF, 500, NULL, ACCESS_NOT_CHECKED, NONE, QUIET },
    { "a-mode-of-tomorrow", AUTO, 405, NULL, ACCESS_OK, NONE, QUIET },
    { NULL, AUTO, 405, NULL, ACCESS_OK, NONE, QUIET },
};

static void a_keyed_page_is_judged_by_app_mode(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(keyed); i++) {
        struct http_answer a = page(keyed[i].status, keyed[i].location);
        struct access_judgement j = access_judge_keyed(keyed[i].app_mode, keyed[i].mode, &a);

        assert_judged(i, &j, keyed[i].verdict, keyed[i].cls, keyed[i].ask);
    }
}

static void a_refused_page_is_told_apart_by_the_api(void **state)
{
    static const struct {
        const char *app_mode;
        enum access_mode mode;
        int status, code;
        const char *role;
        enum access_verdict verdict;
        enum error_class cls;
        int ask;
    } cases[] = {
        { "shiny", AUTO, 403, 19, "", ACCESS_FORBIDDEN_TO_KEY, NONE, QUIET },
        { "shiny", STRICT, 200, 0, "none", ACCESS_FORBIDDEN_TO_KEY, NONE, QUIET },
        { "rmd-static", AUTO, 200, 0, "none", ACCESS_FORBIDDEN_TO_KEY, NONE, QUIET },
        { "rmd-static", AUTO, 200, 0, "owner", ACCESS_FAILED, ODD, QUIET },
        { "static", AUTO, 200, 0, "viewer", ACCESS_FAILED, ODD, QUIET },
        { "api", AUTO, 200, 0, "owner", ACCESS_OK, NONE, QUIET },
        { "api", AUTO, 200, 0, NULL, ACCESS_OK, NONE, QUIET },
        { "api", STRICT, 200, 0, "owner", ACCESS_FAILED, ODD, QUIET },
        { "shiny", AUTO, 404, 4, "", ACCESS_FAILED, ODD, QUIET },
        { "shiny", AUTO, 404, 0, "", ACCESS_NOT_CHECKED, NONE, AGAIN },
        { "shiny", AUTO, 502, 0, "", ACCESS_NOT_CHECKED, NONE, AGAIN },
        { "shiny", AUTO, 0, 0, "", ACCESS_NOT_CHECKED, NONE, AGAIN },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct access_judgement j = access_judge_404(cases[i].app_mode, cases[i].mode,
                                                     cases[i].status, cases[i].code, cases[i].role);

        assert_judged(i, &j, cases[i].verdict, cases[i].cls, cases[i].ask);
    }
}

static void an_anonymous_page_is_judged_by_access_type(void **state)
{
    static const struct {
        const char *access_type;
        int status;
        const char *location;
        enum access_verdict verdict;
        enum error_class cls;
        int ask;
    } cases[] = {
        { "all", 200, NULL, ACCESS_OK, NONE, QUIET },
        { "all", 405, NULL, ACCESS_OK, NONE, QUIET },
        { "all", 302, "/vanity/", ACCESS_OK, NONE, QUIET },
        { "all", 404, NULL, ACCESS_FAILED, ODD, QUIET },
        { "all", 401, NULL, ACCESS_FAILED, ODD, QUIET },
        { "all", 403, NULL, ACCESS_FAILED, ODD, QUIET },
        { "all", 302, "/__login__", ACCESS_FAILED, ODD, QUIET },
        { "all", 500, NULL, ACCESS_FAILED, E5XX, QUIET },
        { "all", 502, NULL, ACCESS_FAILED, E5XX, AGAIN },
        { "acl", 200, NULL, ACCESS_TOO_OPEN, EC_ACCESS_TOO_OPEN, QUIET },
        { "logged_in", 206, NULL, ACCESS_TOO_OPEN, EC_ACCESS_TOO_OPEN, QUIET },
        { "acl", 404, NULL, ACCESS_OK, NONE, QUIET },
        { "logged_in", 401, NULL, ACCESS_OK, NONE, QUIET },
        { "acl", 302, "https://idp.example.org/sso", ACCESS_OK, NONE, QUIET },
        { "acl", 500, NULL, ACCESS_NOT_CHECKED, NONE, QUIET },
        { "acl", 503, NULL, ACCESS_NOT_CHECKED, NONE, AGAIN },
        { "acl", 429, NULL, ACCESS_NOT_CHECKED, NONE, AGAIN },
        { "acl", -HTTP_TIMEOUT, NULL, ACCESS_NOT_CHECKED, NONE, AGAIN },
        { "all", -HTTP_NOT_SENT, NULL, ACCESS_NOT_CHECKED, NONE, AGAIN },
        { "", 200, NULL, ACCESS_NOT_CHECKED, NONE, QUIET },
        { NULL, 200, NULL, ACCESS_NOT_CHECKED, NONE, QUIET },
        { "by_moonlight", 200, NULL, ACCESS_NOT_CHECKED, NONE, QUIET },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_answer a = page(cases[i].status, cases[i].location);
        struct access_judgement j = access_judge_anonymous(cases[i].access_type, &a);

        assert_judged(i, &j, cases[i].verdict, cases[i].cls, cases[i].ask);
    }
}

static void the_worst_verdict_stands_for_the_item(void **state)
{
    static const enum access_verdict order[] = { ACCESS_FAILED, ACCESS_TOO_OPEN,
                                                 ACCESS_FORBIDDEN_TO_KEY, ACCESS_OK,
                                                 ACCESS_NOT_CHECKED };

    (void)state;
    for (size_t i = 0; i < COUNT(order); i++)
        for (size_t k = i; k < COUNT(order); k++) {
            assert_int_equal(access_worst(order[i], order[k]), order[i]);
            assert_int_equal(access_worst(order[k], order[i]), order[i]);
        }
    assert_string_equal(access_verdict_name(ACCESS_TOO_OPEN), "too_open");
}

static void modes_are_read_by_name(void **state)
{
    enum access_mode mode = ACCESS_OFF;

    (void)state;
    assert_true(access_mode_parse("auto", &mode) && mode == ACCESS_AUTO);
    assert_true(access_mode_parse("strict", &mode) && mode == ACCESS_STRICT);
    assert_true(access_mode_parse("off", &mode) && mode == ACCESS_OFF);
    assert_false(access_mode_parse("Auto", &mode));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_keyed_page_is_judged_by_app_mode),
        cmocka_unit_test(a_refused_page_is_told_apart_by_the_api),
        cmocka_unit_test(an_anonymous_page_is_judged_by_access_type),
        cmocka_unit_test(the_worst_verdict_stands_for_the_item),
        cmocka_unit_test(modes_are_read_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The closed list of error classes: names, and what real logs are taken for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/connect/errors.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define R_CODE      "Error code: r-package-install-failed"
#define PYTHON_CODE "Error code: python-package-install-failed"
#define STAMP       "2025/06/04 18:46:27.930629202 "

static const char *const names[] = {
    "request.invalid",     "request.expired",       "replica.unreachable",  "replica.reset",
    "replica.timeout",     "replica.http_5xx",      "replica.rate_limited", "auth.denied",
    "content.not_found",   "content.forbidden",     "content.locked",       "content.no_bundle",
    "build.env_not_found", "build.package_install", "build.cache_race",     "build.repository",
    "build.script",        "build.timeout",         "build.lost",           "build.unknown",
    "access.http_5xx",     "access.unexpected",     "access.too_open",      "cancelled",
};

static void the_list_is_closed_and_every_class_is_documented(void **state)
{
    size_t found = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_string_equal(error_row(error_class_find(names[i]))->name, names[i]);
    for (enum error_class c = EC_NONE + 1; c < EC_N; c++) {
        const struct error_row *row = error_row(c);

        assert_non_null(row->name);
        assert_true(row->scope != SCOPE_NONE);
        assert_true(strlen(row->what) > 10);
        for (size_t i = 0; i < COUNT(names); i++)
            found += strcmp(names[i], row->name) == 0;
    }
    assert_int_equal(found, EC_N - 1);
    assert_string_equal(error_row(EC_NONE)->name, "");
    assert_string_equal(error_row((enum error_class)999)->name, "");
    assert_int_equal(error_class_find("build.nonsense"), EC_NONE);
}

static void no_code_belongs_to_two_classes(void **state)
{
    int seen[64];
    size_t n = 0;

    (void)state;
    for (enum error_class c = EC_NONE; c < EC_N; c++)
        for (size_t i = 0; i < COUNT(error_row(c)->codes) && error_row(c)->codes[i] != 0; i++) {
            for (size_t k = 0; k < n; k++)
                assert_int_not_equal(seen[k], error_row(c)->codes[i]);
            seen[n++] = error_row(c)->codes[i];
        }
    assert_true(n > 20);
}

static const struct {
    const char *sentence, *error, *lines[4];
    enum error_class cls;
    size_t told; /* the line that told, or NOT_A_LINE: the error text, or NOTHING */
} logs[] = {
#define NOT_A_LINE 4
#define NOTHING    5
    { "packrat#720: two restores met in the cache",
      R_CODE,
      { STAMP "Error in restore: nrow(content) == 1 is not TRUE",
        STAMP "Unable to fully restore the R packages associated with this deployment.",
        STAMP R_CODE },
      EC_BUILD_CACHE_RACE,
      0 },
    { "packrat#756: a rename met a full directory",
      R_CODE,
      { STAMP "Error: cannot rename cached package 'cli': Directory not empty", STAMP R_CODE },
      EC_BUILD_CACHE_RACE,
      0 },
    { "a package got lost in the cache",
      R_CODE,
      { STAMP "Warning: package 'cli' may be lost from cache", STAMP R_CODE },
      EC_BUILD_CACHE_RACE,
      0 },
    { "a compiler error stays",
      R_CODE,
      { STAMP "ERROR: compilation failed for package 'sf'",
        STAMP "Warning: installation of package 'sf' had non-zero exit status", STAMP R_CODE },
      EC_BUILD_PACKAGE_INSTALL,
      0 },
    { "a version that nobody has stays",
      PYTHON_CODE,
      { STAMP "ERROR: Could not find a version that satisfies the requirement tensorflow==1.15.0",
        STAMP "ERROR: No matching distribution found for tensorflow==1.15.0", STAMP PYTHON_CODE },
      EC_BUILD_PACKAGE_INSTALL,
      1 },
    { "no R that fits",
      "Cannot find compatible environment: no compatible Local environment with R",
      { NULL },
      EC_BUILD_ENV_NOT_FOUND,
      NOT_A_LINE },
    { "the repository timed out",
      R_CODE,
      { STAMP "curl: (28) Operation timed out after 10001 milliseconds with 0 bytes received",
        STAMP
        "Warning: unable to access index for repository https://packages.example.com/cran/latest",
        STAMP R_CODE },
      EC_BUILD_REPOSITORY,
      0 },
    { "the repository was reset",
      PYTHON_CODE,
      { STAMP "ERROR: Could not install packages: Connection reset by peer (Recv failure)" },
      EC_BUILD_REPOSITORY,
      0 },
    { "the repository answers 503 to R",
      R_CODE,
      { STAMP
        "cannot open URL 'https://p3m.dev/x.tar.gz': HTTP status was '503 Service Unavailable'",
        STAMP R_CODE },
      EC_BUILD_REPOSITORY,
      0 },
    { "the repository answers 502 to pip",
      PYTHON_CODE,
      { STAMP
        "requests.exceptions.HTTPError: 502 Server Error: Bad Gateway for url: https://pypi.org/" },
      EC_BUILD_REPOSITORY,
      0 },
    { "a race wins over a compiler error, because it passes",
      R_CODE,
      { STAMP "ERROR: compilation failed for package 'sf'", STAMP "Directory not empty",
        STAMP R_CODE },
      EC_BUILD_CACHE_RACE,
      1 },
    { "an install that failed for no reason that we know",
      R_CODE,
      { STAMP R_CODE },
      EC_BUILD_PACKAGE_UNCLEAR,
      0 },
    { "the same without a log", PYTHON_CODE, { NULL }, EC_BUILD_PACKAGE_UNCLEAR, NOT_A_LINE },
    { "the document's own code",
      "Unable to render: Rendering exited abnormally: exit status 1",
      { STAMP "Quitting from lines 12-20 (report.Rmd)", STAMP "Execution halted" },
      EC_BUILD_SCRIPT,
      0 },
    { "words we never saw",
      "the cat sat on the server",
      { STAMP "meow" },
      EC_BUILD_UNKNOWN,
      NOTHING },
    { "no words at all", NULL, { NULL }, EC_BUILD_UNKNOWN, NOTHING },
};

static void a_failed_build_is_taken_for_what_its_log_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(logs); i++) {
        const char *told = "untouched";
        const char *want = logs[i].told == NOTHING      ? NULL
                           : logs[i].told == NOT_A_LINE ? logs[i].error
                                                        : logs[i].lines[logs[i].told];
        enum error_class c = error_of_build(logs[i].error, logs[i].lines, 4, &told);

        if (c != logs[i].cls)
            fail_msg("%s: %s", logs[i].sentence, error_row(c)->name);
        if (told != want)
            fail_msg("%s: told by \"%s\"", logs[i].sentence, told);
        assert_int_equal(error_of_build(logs[i].error, logs[i].lines, 4, NULL), c);
    }
    assert_int_equal(error_of_build(R_CODE, NULL, 0, NULL), EC_BUILD_PACKAGE_UNCLEAR);
}

static void another_attempt_depends_on_class_and_count(void **state)
{
    static const struct {
        enum error_class c;
        int made, max, same_before;
        bool again;
    } cases[] = {
        { EC_BUILD_CACHE_RACE, 1, 3, 0, true },
        { EC_BUILD_CACHE_RACE, 2, 3, 1, true },
        { EC_BUILD_CACHE_RACE, 3, 3, 2, false },
        { EC_BUILD_CACHE_RACE, 1, 1, 0, false },
        { EC_BUILD_PACKAGE_UNCLEAR, 1, 3, 0, true },
        { EC_BUILD_PACKAGE_UNCLEAR, 2, 3, 1, false },
        { EC_BUILD_PACKAGE_UNCLEAR, 2, 3, 0, true },
        { EC_BUILD_PACKAGE_INSTALL, 1, 3, 0, false },
        { EC_BUILD_ENV_NOT_FOUND, 1, 3, 0, false },
        { EC_BUILD_LOST, 2, 3, 1, true },
        { EC_REPLICA_HTTP_5XX, 2, 9, 1, true },
        { EC_AUTH_DENIED, 1, 3, 0, false },
        { EC_ACCESS_HTTP_5XX, 1, 3, 0, false },
        { EC_CANCELLED, 0, 3, 0, false },
        { EC_NONE, 1, 3, 0, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (error_retriable(cases[i].c, cases[i].made, cases[i].max, cases[i].same_before) !=
            cases[i].again)
            fail_msg("case %zu, %s", i, error_row(cases[i].c)->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_closed_and_every_class_is_documented),
        cmocka_unit_test(no_code_belongs_to_two_classes),
        cmocka_unit_test(a_failed_build_is_taken_for_what_its_log_says),
        cmocka_unit_test(another_attempt_depends_on_class_and_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

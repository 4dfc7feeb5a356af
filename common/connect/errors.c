#include "common/connect/errors.h"

#include <string.h>

#define AS_OFTEN_AS_ALLOWED (-1)

/* Facts: connect-api.md 3.2 (codes) and 3.6 (texts). */
static const struct error_row rows[EC_N] = {
    [EC_NONE] = { .name = "", .what = "no error" },
    [EC_REQUEST_INVALID] = { .name = "request.invalid",
                             .scope = SCOPE_ITEM,
                             .codes = { 2, 3, 38, 39, 147 },
                             .what = "the request, or what Connect was asked for, is not valid" },
    [EC_REQUEST_EXPIRED] = { .name = "request.expired",
                             .scope = SCOPE_ITEM,
                             .what = "the campaign's deadline passed before the item could run" },
    [EC_REPLICA_UNREACHABLE] = { .name = "replica.unreachable",
                                 .scope = SCOPE_REPLICA,
                                 .retries = AS_OFTEN_AS_ALLOWED,
                                 .what = "no connection to the replica" },
    [EC_REPLICA_RESET] = { .name = "replica.reset",
                           .scope = SCOPE_REPLICA,
                           .retries = AS_OFTEN_AS_ALLOWED,
                           .what = "the connection to the replica broke" },
    [EC_REPLICA_TIMEOUT] = { .name = "replica.timeout",
                             .scope = SCOPE_REPLICA,
                             .retries = AS_OFTEN_AS_ALLOWED,
                             .what = "the replica did not answer in time" },
    [EC_REPLICA_HTTP_5XX] = { .name = "replica.http_5xx",
                              .scope = SCOPE_REPLICA,
                              .retries = AS_OFTEN_AS_ALLOWED,
                              .codes = { 1 },
                              .what =
                                  "the replica, or a proxy before it, answered with an error or "
                                  "with something that is not Connect's" },
    [EC_REPLICA_RATE_LIMITED] = { .name = "replica.rate_limited",
                                  .scope = SCOPE_REPLICA,
                                  .retries = AS_OFTEN_AS_ALLOWED,
                                  .codes = { 277 },
                                  .what = "the replica asks for fewer requests" },
    [EC_AUTH_DENIED] = { .name = "auth.denied",
                         .scope = SCOPE_WORKER,
                         .codes = { 24, 29, 30 },
                         .what = "Connect refuses the API key; the worker stops" },
    [EC_CONTENT_NOT_FOUND] = { .name = "content.not_found",
                               .scope = SCOPE_ITEM,
                               .codes = { 4 },
                               .what = "Connect has no such content" },
    [EC_CONTENT_FORBIDDEN] = { .name = "content.forbidden",
                               .scope = SCOPE_ITEM,
                               .codes = { 19, 21, 22, 50, 65, 105, 109 },
                               .what = "the key or the licence does not allow this content to be "
                                       "built" },
    [EC_CONTENT_LOCKED] = { .name = "content.locked",
                            .scope = SCOPE_ITEM,
                            .codes = { 222, 223 },
                            .what = "the content is locked" },
    [EC_CONTENT_NO_BUNDLE] = { .name = "content.no_bundle",
                               .scope = SCOPE_ITEM,
                               .codes = { 28 },
                               .what = "the content has no bundle: it was never published" },
    [EC_BUILD_ENV_NOT_FOUND] = { .name = "build.env_not_found",
                                 .scope = SCOPE_ITEM,
                                 .texts = { "Cannot find compatible environment",
                                            "no compatible Local environment" },
                                 .what = "no installed R, Python or Quarto fits the content" },
    [EC_BUILD_PACKAGE_INSTALL] = { .name = "build.package_install",
                                   .scope = SCOPE_ITEM,
                                   .texts = { "compilation failed for package",
                                              "No matching distribution found",
                                              "Could not find a version that satisfies" },
                                   .what = "a package cannot be installed, and that will stay so" },
    [EC_BUILD_PACKAGE_UNCLEAR] = { .name = "build.package_install",
                                   .scope = SCOPE_ITEM,
                                   .retries = 1,
                                   .texts = { "r-package-install-failed",
                                              "python-package-install-failed",
                                              "had non-zero exit status",
                                              "Unable to fully restore the" },
                                   .what = "a package was not installed and the log does not tell "
                                           "why; tried once more" },
    [EC_BUILD_CACHE_RACE] = { .name = "build.cache_race",
                              .scope = SCOPE_ITEM,
                              .retries = AS_OFTEN_AS_ALLOWED,
                              .texts = { "nrow(content) == 1 is not TRUE", "Directory not empty",
                                         "may be lost from cache" },
                              .what = "builds at the same time got into each other's way in the "
                                      "shared package cache" },
    [EC_BUILD_REPOSITORY] = { .name = "build.repository",
                              .scope = SCOPE_ITEM,
                              .retries = AS_OFTEN_AS_ALLOWED,
                              .texts = { "curl: (7)", "curl: (28)", "curl: (35)", "curl: (56)",
                                         "Recv failure", "Connection reset by peer",
                                         "Connection refused", "timed out", "Timeout was reached",
                                         "HTTP status was '5", "HTTP error 5", "Server Error: " },
                              .what =
                                  "a package repository did not answer, or with an error of its "
                                  "own" },
    [EC_BUILD_SCRIPT] = { .name = "build.script",
                          .scope = SCOPE_ITEM,
                          .texts = { "Unable to render", "Rendering exited abnormally",
                                     "Quitting from lines" },
                          .what = "code of the content itself ended with an error" },
    [EC_BUILD_TIMEOUT] = { .name = "build.timeout",
                           .scope = SCOPE_ITEM,
                           .retries = 1,
                           .what = "the build took longer than --build-timeout" },
    [EC_BUILD_LOST] = { .name = "build.lost",
                        .scope = SCOPE_REPLICA,
                        .retries = AS_OFTEN_AS_ALLOWED,
                        .what = "Connect no longer knows the task and has no job of it" },
    [EC_BUILD_UNKNOWN] = { .name = "build.unknown",
                           .scope = SCOPE_ITEM,
                           .retries = 1,
                           .codes = { 82, 134, 135 },
                           .what = "the build failed in a way that is not in this list" },
    [EC_ACCESS_HTTP_5XX] = { .name = "access.http_5xx",
                             .scope = SCOPE_ITEM,
                             .what = "the built content answers with a server error" },
    [EC_ACCESS_UNEXPECTED] = { .name = "access.unexpected",
                               .scope = SCOPE_ITEM,
                               .what = "the built content does not answer as it should" },
    [EC_ACCESS_TOO_OPEN] = { .name = "access.too_open",
                             .scope = SCOPE_ITEM,
                             .what = "the content opens without a key although its access is "
                                     "restricted" },
    [EC_CANCELLED] = { .name = "cancelled",
                       .scope = SCOPE_ITEM,
                       .what = "the campaign was cancelled" },
};

/* What is looked for first: a cause that passes wins over one that stays, and any cause over the
 * words that every failed restore ends with. */
static const enum error_class build_order[] = {
    EC_BUILD_CACHE_RACE,      EC_BUILD_REPOSITORY,      EC_BUILD_ENV_NOT_FOUND,
    EC_BUILD_PACKAGE_INSTALL, EC_BUILD_PACKAGE_UNCLEAR, EC_BUILD_SCRIPT,
};

#define TEXTS_N (sizeof rows[0].texts / sizeof rows[0].texts[0])

const struct error_row *error_row(enum error_class c)
{
    return &rows[(unsigned)c < EC_N ? c : EC_NONE];
}

enum error_class error_class_find(const char *name)
{
    for (enum error_class c = EC_NONE; c < EC_N; c++)
        if (strcmp(rows[c].name, name) == 0)
            return c;
    return EC_NONE;
}

static bool says(const struct error_row *row, const char *line)
{
    for (size_t i = 0; i < TEXTS_N && row->texts[i] != NULL; i++)
        if (strcasestr(line, row->texts[i]) != NULL)
            return true;
    return false;
}

/* The last line that says it: the one nearest to the end is the one that ended the build. */
static const char *line_that_says(const struct error_row *row, const char *error_text,
                                  const char *const *lines, size_t lines_n)
{
    for (size_t i = lines_n; i > 0; i--)
        if (lines[i - 1] != NULL && says(row, lines[i - 1]))
            return lines[i - 1];
    return error_text != NULL && says(row, error_text) ? error_text : NULL;
}

enum error_class error_of_build(const char *error_text, const char *const *lines, size_t lines_n,
                                const char **ret_line)
{
    const char *line = NULL;
    enum error_class found = EC_BUILD_UNKNOWN;

    for (size_t i = 0; i < sizeof build_order / sizeof build_order[0] && line == NULL; i++) {
        line = line_that_says(&rows[build_order[i]], error_text, lines, lines_n);
        if (line != NULL)
            found = build_order[i];
    }
    if (ret_line != NULL)
        *ret_line = line;
    return found;
}

bool error_retriable(enum error_class c, int made, int max_attempts, int same_before)
{
    int retries = error_row(c)->retries;

    return made < max_attempts && (retries == AS_OFTEN_AS_ALLOWED || same_before < retries);
}

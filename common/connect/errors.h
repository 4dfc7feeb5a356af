/* The closed list of error classes: name, scope, retriable or not, the codes and texts each is
 * recognised by. The man page and the README table are made from these rows. Pure. */
#ifndef COMMON_CONNECT_ERRORS_H
#define COMMON_CONNECT_ERRORS_H

#include <stdbool.h>
#include <stddef.h>

enum error_class {
    EC_NONE,
    EC_REQUEST_INVALID,
    EC_REQUEST_EXPIRED,
    EC_REPLICA_UNREACHABLE,
    EC_REPLICA_RESET,
    EC_REPLICA_TIMEOUT,
    EC_REPLICA_HTTP_5XX,
    EC_REPLICA_RATE_LIMITED,
    EC_AUTH_DENIED,
    EC_CONTENT_NOT_FOUND,
    EC_CONTENT_FORBIDDEN,
    EC_CONTENT_LOCKED,
    EC_CONTENT_NO_BUNDLE,
    EC_BUILD_ENV_NOT_FOUND,
    EC_BUILD_PACKAGE_INSTALL, /* with a recognised cause that stays: not retried */
    EC_BUILD_PACKAGE_UNCLEAR, /* named so too: no recognised cause, tried once more */
    EC_BUILD_CACHE_RACE,
    EC_BUILD_REPOSITORY,
    EC_BUILD_SCRIPT,
    EC_BUILD_TIMEOUT,
    EC_BUILD_LOST,
    EC_BUILD_UNKNOWN,
    EC_ACCESS_HTTP_5XX,
    EC_ACCESS_UNEXPECTED,
    EC_ACCESS_TOO_OPEN,
    EC_CANCELLED,
    EC_N
};

enum error_scope { SCOPE_NONE, SCOPE_ITEM, SCOPE_REPLICA, SCOPE_WORKER };

struct error_row {
    const char *name; /* "build.package_install" */
    enum error_scope scope;
    int retries; /* -1: up to the campaign's attempts; 0: not retried; n: at most n more */
    const char *texts[12]; /* parts of a log line or error text, as in connect-api.md 3.6 */
    int codes[8];          /* Connect error codes, 0 terminated */
    const char *what;      /* one sentence for the documentation */
};

const struct error_row *error_row(enum error_class c); /* never NULL; EC_NONE has name "" */
enum error_class error_class_find(const char *name);   /* EC_NONE: not in the list */
/* Class of a build that ended with a code: from the error text and the log lines before it.
 * *ret_line (may be NULL) is the line that told (borrowed), else NULL. A race or a repository wins
 * over the generic "package-install-failed" that every failure ends with. */
enum error_class error_of_build(const char *error_text, const char *const *lines, size_t lines_n,
                                const char **ret_line);
/* May an attempt that ended with c be followed by another? made: attempts charged so far, this one
 * included; same_before: how many earlier attempts of the item ended in the same class. */
bool error_retriable(enum error_class c, int made, int max_attempts, int same_before);

#endif

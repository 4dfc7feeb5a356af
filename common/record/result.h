/* The result: exactly one per request, self-describing, months later too (conventions.md 6). */
#ifndef COMMON_RECORD_RESULT_H
#define COMMON_RECORD_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/base/uuid.h"
#include "common/record/content.h"

struct access_check {
    char *path;
    char *as;        /* "key" or "anonymous" */
    int http_status; /* 0: no answer */
    double duration_s;
    char *verdict; /* ok failed forbidden_to_key too_open not_checked */
    char *note;    /* why, one clause; may be NULL */
};

struct result {
    struct uuid request_id;
    struct uuid campaign_id;
    char *source;
    char *campaign_name, *reason, *actor; /* may be NULL */
    struct content content;
    char *outcome; /* succeeded build_failed access_failed skipped cancelled expired rejected */
    int attempt, max_attempts;
    bool adopted;
    char *replica, *task_id;                       /* NULL: never built */
    char *bundle_built;                            /* the bundle that was sent; NULL: none */
    char *requested_at, *started_at, *finished_at; /* RFC 3339; started NULL: never */
    double queue_s, build_s;
    bool has_code;
    int code;
    char **log_tail;
    size_t log_tail_n;
    bool log_truncated;
    char *access_verdict; /* never NULL: "not_checked" */
    struct access_check *checks;
    size_t checks_n;
    char *error_class, *error_message; /* NULL: no error */
    bool error_retryable;
    char *server; /* public Connect address for links; NULL: no links */
    char *topic;  /* place of the request; NULL: none */
    int partition;
    int64_t offset;
    char *worker, *worker_version;
};

void result_done(struct result *r);
/* The one function that renders a result. At most RESULT_MAX_BYTES: longer texts are cut, log lines
 * first, and marked as cut. event time = finished_at. -1: no memory or a member missing. */
int result_render(const struct result *r, struct buf *out, struct err *err);

/* The same result in at most max_bytes, appended to out, for a broker that takes less: log lines
 * go, then texts are cut, then access checks go. -1: no memory, not a result, or never as short. */
int result_cut(const char *json, size_t len, size_t max_bytes, struct buf *out);

/* What an audit reader needs of a result; strict on these members, the rest is ignored. */
struct result_brief {
    struct uuid request_id, campaign_id;
    char guid[UUID_TEXT_BYTES];
    char outcome[32];
    char error_class[64]; /* "" if none */
    char replica[64];
    char title[128];
    char finished_at[40];
    int attempt;
    double build_s;
    char error_message[TEXT_FIELD_MAX_BYTES + 1]; /* "" if none */
    bool error_retryable;
    char access_verdict[32]; /* "" if it says none */
};
int result_read(const char *json, size_t len, struct result_brief *ret, struct err *err);

/* Access checks as JSON text for the ledger's column, and back. */
int access_checks_encode(const struct access_check *checks, size_t n, struct buf *out);
int access_checks_decode(const char *json, struct access_check **ret, size_t *ret_n);
void access_checks_free(struct access_check *checks, size_t n);

#endif

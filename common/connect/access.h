/* Access validation, pure: which requests to make of a built item and what their answers mean
 * (DESIGN.md section 6; facts: connect-api.md 0.9, 3.8). */
#ifndef COMMON_CONNECT_ACCESS_H
#define COMMON_CONNECT_ACCESS_H

#include <stdbool.h>

#include "common/connect/answer.h"
#include "common/connect/errors.h"

enum access_mode { ACCESS_AUTO, ACCESS_STRICT, ACCESS_OFF };
enum access_verdict {
    ACCESS_NOT_CHECKED,
    ACCESS_OK,
    ACCESS_FORBIDDEN_TO_KEY,
    ACCESS_TOO_OPEN,
    ACCESS_FAILED
};

const char *access_verdict_name(enum access_verdict v);
bool access_mode_parse(const char *name, enum access_mode *ret);

struct access_judgement {
    enum access_verdict verdict;
    enum error_class cls; /* EC_NONE unless failed or too open */
    bool ask_again;       /* connection trouble, 502-504 from a proxy: within the access time-out */
    bool ask_api; /* 401, 403, 404: tell apart by GET /v1/content/{guid}, access_judge_404 */
    char note[160];
};

/* A keyed GET of an access path. Rendered content needs 2xx; interactive and APIs fail on 5xx only
 * (strict: 2xx only); a redirect to a login page is no access. */
struct access_judgement access_judge_keyed(const char *app_mode, enum access_mode mode,
                                           const struct http_answer *a);
/* The 404 of a keyed GET once the API was asked: http_status and code of GET /v1/content/{guid},
 * and app_role from it. */
struct access_judgement access_judge_404(const char *app_mode, enum access_mode mode,
                                         int api_status, int api_code, const char *app_role);
/* An anonymous GET against access_type: `all` must open, `acl` and `logged_in` must not. For `all`
 * ask only for paths that answered the key with 2xx: what an app refuses itself it refuses to
 * everybody. */
struct access_judgement access_judge_anonymous(const char *access_type,
                                               const struct http_answer *a);
/* Verdict of an item from those of its checks: the worst in the order failed, too_open,
 * forbidden_to_key, ok; not_checked if there was none. */
enum access_verdict access_worst(enum access_verdict a, enum access_verdict b);

#endif

/* The Connect API as pure code: paths, bodies, answer -> verdict. No I/O, no clock, no log.
 * The facts each reader stands on are named above it; unverified ones are tolerant branches.
 * Every answer is hostile until parsed: size, depth, type, range. Ids may be strings or numbers. */
#ifndef COMMON_CONNECT_API_H
#define COMMON_CONNECT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/connect/answer.h"
#include "common/connect/errors.h"

#define API_ID_BYTES 64

/* What an answer means for us. */
enum api_what {
    API_GOOD,        /* the reader filled its output */
    API_NO_TASK,     /* 404 code 141 or 4 on a task, or 404 without JSON: wrong node or forgotten */
    API_REFUSED,     /* a final answer about the item: cls says which */
    API_TRY_LATER,   /* 5xx, 429, reset, time-out, HTML from a proxy, not JSON: about the replica */
    API_NOT_SENT,    /* no connection: nothing happened there */
    API_UNKNOWN,     /* the request may have had its effect, no answer tells */
    API_KEY_REFUSED, /* code 24, 29, 30: confirm by GET /v1/user, then stop the worker */
    API_NOT_LET,     /* the guard at write time said no */
};

struct api_verdict {
    enum api_what what;
    enum error_class cls;
    bool slow_down;         /* 429, code 277, 503, time-out: AIMD */
    bool connection_failed; /* for the breaker: no connection, or not a byte of an answer on it */
    /* The answer claims to be Connect's and cannot be read: it is too large, does not end, or is
     * not what was asked for. Asked again, it may well be the same. */
    bool unreadable;
    int64_t retry_after_ms; /* 0: not said; a date is taken against the answer's Date */
    int http_status;        /* 0: none */
    int code;               /* Connect's, 0: none */
    char msg[256];
};

/* Paths: base is a replica's url without trailing slash, any prefix kept. All append to out. */
bool api_url_content(struct buf *out, const char *base, const char *guid);
bool api_url_build(struct buf *out, const char *base, const char *guid);
bool api_url_task(struct buf *out, const char *base, const char *task_id, int64_t first,
                  int wait_s);
bool api_url_jobs(struct buf *out, const char *base, const char *guid);
bool api_url_job(struct buf *out, const char *base, const char *guid, const char *job_key);
bool api_url_user(struct buf *out, const char *base);
bool api_url_settings(struct buf *out, const char *base);
/* path NULL or "": /content/{guid}/ ; "/x": absolute from base; else below the content. */
bool api_url_page(struct buf *out, const char *base, const char *guid, const char *path);
bool api_body_build(struct buf *out, const char *bundle_id);

struct api_content {
    char guid[40];
    char bundle_id[API_ID_BYTES]; /* "": unpublished */
    char app_mode[32];
    char access_type[16];
    char app_role[16];
    char r_version[32], py_version[32], quarto_version[32];
    char image_name[256];
    bool locked;
    bool r_managed, py_managed; /* environment management not explicitly off (null counts as on) */
    char date[64];              /* the answer's Date header: Connect's own clock */
};
/* GET /v1/content/{guid} */
struct api_verdict api_read_content(const struct http_answer *a, struct api_content *ret);
/* POST build: any 2xx with a task_id (string or number). */
struct api_verdict api_read_build(const struct http_answer *a, char task_id[API_ID_BYTES]);

struct api_task {
    bool finished;
    int code;
    int64_t last; /* next `first` */
    char error[TEXT_FIELD_MAX_BYTES + 1];
};
/* GET task. Each output line goes to line(arg, text, len) raw; lines are judged by the caller.
 * Never judge before finished. */
typedef void api_line_fn(void *arg, const char *text, size_t len);
struct api_verdict api_read_task(const struct http_answer *a, struct api_task *ret,
                                 api_line_fn *line, void *arg);

#define API_JOBS_MAX 64 /* newest restore jobs kept; a build has one or two */
struct api_job {
    char key[API_ID_BYTES];
    char tag[32]; /* packrat_restore or python_restore */
    char bundle_id[API_ID_BYTES];
    int status; /* 0 active, 1 finished, 2 finalized, 3 skipped */
    bool has_exit;
    int exit_code;
    int64_t start_ms; /* 0: not said */
    int64_t end_ms;
};
struct api_verdict api_read_jobs(const struct http_answer *a, struct api_job ret[API_JOBS_MAX],
                                 size_t *ret_n);

/* The jobs look-up (DESIGN.md 6): what Connect's shared database says of our build. */
enum jobs_say { JOBS_NONE, JOBS_ACTIVE, JOBS_SUCCEEDED, JOBS_FAILED };
struct jobs_question {
    const char *bundle_id;
    int64_t not_before_ms;      /* Date of the content read before the POST */
    bool r_managed, py_managed; /* runtimes the content has: one restore job for each */
    bool has_r, has_py;
    const char *const *judged; /* job keys judged before: excluded */
    size_t judged_n;
};
/* ours (may be NULL): indexes of the jobs that passed the test, up to API_JOBS_MAX; *ours_n. */
enum jobs_say api_judge_jobs(const struct jobs_question *q, const struct api_job *jobs, size_t n,
                             size_t *ours, size_t *ours_n);

/* GET /v1/user: good, or is the key refused for real? */
struct api_verdict api_read_user(const struct http_answer *a, char username[128], char role[32]);
/* GET /server_settings: is this Connect at all? hostname and version may be hidden (""). */
struct api_verdict api_read_settings(const struct http_answer *a, char hostname[256],
                                     char version[64]);

/* Cookie header from the Set-Cookie values of an answer over what was there: name=value pairs only,
 * in `cookies` ("a=b; c=d"), at most COOKIES_MAX_BYTES. Deleted cookies (Max-Age=0) go. */
void api_cookies_update(char cookies[COOKIES_MAX_BYTES], const struct http_answer *a);

#endif

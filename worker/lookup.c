/* The jobs look-up: the task is forgotten, or nobody knows whether the POST had its effect.
 * Connect's shared database still knows the restore jobs, on any replica. The slot is held
 * meanwhile, and the attempt's row is read again each time: whoever POSTed may have written the
 * task id by now. */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/checkpoint.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "worker/ask.h"
#include "worker/builds.h"
#include "worker/sql.h"
#include "worker/worker.h"
#include "worker/writes.h"

#define LOOK_EVERY_MS \
    2000 /* against a restore that takes minutes; a job row appears within seconds */
#define URL_BYTES      2048
#define DATE_MARGIN_MS 2000 /* Date has whole seconds, and the answer was on its way */

static void look(struct worker *w, struct work *work);

/* told: Connect told that it runs, or that it knows nothing; else nobody could be asked. */
static void look_later(struct worker *w, struct work *work, bool told)
{
    if (event_now_ms(w->loop) - work->attempt.started_ms >= w->config->build_timeout_ms)
        builds_end_class(w, work, EC_BUILD_TIMEOUT,
                         told
                             ? "the build did not end within --build-timeout"
                             : "its end could not be read within --build-timeout: neither its task "
                               "nor its jobs");
    else
        builds_later(w, work, LOOK_EVERY_MS, look);
}

static void remember_judged(struct worker *w, struct work *work, const struct api_job *jobs,
                            const size_t *ours, size_t n)
{
    struct attempt *a = &work->attempt;

    for (size_t i = 0; i < n && a->judged_n < WORK_JUDGED_MAX; i++) {
        char *key = str_dup(jobs[ours[i]].key);

        if (key != NULL)
            a->judged[a->judged_n++] = key;
    }
    if (n > 0)
        writes_judged(w, work);
}

static int first_exit_code(const struct api_job *jobs, const size_t *ours, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (jobs[ours[i]].has_exit && jobs[ours[i]].exit_code != 0)
            return jobs[ours[i]].exit_code;
    return 1;
}

static void judge(struct worker *w, struct work *work, const struct api_job *jobs, size_t n)
{
    const struct api_content *c = work->content;
    struct attempt *a = &work->attempt;
    size_t ours[API_JOBS_MAX], ours_n = 0;
    const struct jobs_question q = { .bundle_id = work->bundle_id,
                                     .not_before_ms = a->content_date_ms,
                                     .r_managed = c == NULL || c->r_managed,
                                     .py_managed = c == NULL || c->py_managed,
                                     .has_r = c == NULL || c->r_version[0] != '\0',
                                     .has_py = c != NULL && c->py_version[0] != '\0',
                                     .judged = (const char *const *)a->judged,
                                     .judged_n = a->judged_n };

    switch (api_judge_jobs(&q, jobs, n, ours, &ours_n)) {
    case JOBS_SUCCEEDED:
        remember_judged(w, work, jobs, ours, ours_n);
        builds_end_code(w, work, 0, "");
        return;
    case JOBS_FAILED:
        remember_judged(w, work, jobs, ours, ours_n);
        builds_end_code(w, work, first_exit_code(jobs, ours, ours_n),
                        "the restore job failed; its task is forgotten, so is its log");
        return;
    case JOBS_ACTIVE:
        work->lost_since_ms = event_now_ms(w->loop);
        look_later(w, work, true);
        return;
    case JOBS_NONE:
        if (event_now_ms(w->loop) - work->lost_since_ms >= w->config->lost_after_ms)
            builds_end_class(w, work, EC_BUILD_LOST, "Connect knows no restore of this build");
        else
            look_later(w, work, true);
    }
}

/* Only a restore that began after the build's intent can be this build's. Where the content read
 * had no Date, the intent's age is taken from Connect's clock as this answer tells it. false: it
 * does not. */
static bool know_since(struct worker *w, struct work *work, const struct http_answer *answer)
{
    struct attempt *a = &work->attempt;
    int64_t date;

    if (a->content_date_ms > 0)
        return true;
    if (!clock_parse_http_date(answer->date, &date))
        return false;
    a->content_date_ms = date - (event_now_ms(w->loop) - a->started_ms) - DATE_MARGIN_MS;
    return true;
}

static void on_jobs(struct worker *w, struct work *work, const struct http_answer *answer)
{
    struct api_job *jobs = calloc(API_JOBS_MAX, sizeof(*jobs));
    size_t n = 0;
    struct api_verdict v;

    if (jobs == NULL) {
        worker_exit(w, 1);
        return;
    }
    v = api_read_jobs(answer, jobs, &n);
    builds_judge_target(w, work->reading_from, &v);
    if (v.what == API_GOOD && know_since(w, work, answer))
        judge(w, work, jobs, n);
    else if (v.what == API_REFUSED && v.cls == EC_CONTENT_NOT_FOUND)
        builds_end_class(w, work, EC_CONTENT_NOT_FOUND,
                         "the content was deleted while it was built");
    else
        look_later(w, work, false); /* no answer is not "none" */
    free(jobs);
}

static void ask_jobs(struct worker *w, struct work *work)
{
    struct buf url;

    work->reading_from = targets_any(&w->targets);
    if (work->reading_from == NULL) {
        look_later(w, work, false);
        return;
    }
    buf_init(&url, URL_BYTES);
    api_url_jobs(&url, work->reading_from->base, work->guid);
    checkpoint("http.lost_jobs");
    builds_request(
        w, work,
        &(struct build_request){ .method = "GET",
                                 .url = buf_str(&url),
                                 .timeout_ms = w->config->shared.connect_request_timeout_ms,
                                 .target = work->reading_from,
                                 .route = "jobs",
                                 .on_answer = on_jobs });
    buf_done(&url);
}

/* Which runtimes the content manages decides how many restore jobs a success has. */
static void on_content(struct worker *w, struct work *work, const struct http_answer *answer)
{
    struct api_content *c = calloc(1, sizeof(*c));
    struct api_verdict v;

    if (c == NULL) {
        worker_exit(w, 1);
        return;
    }
    v = api_read_content(answer, c);
    builds_judge_target(w, work->reading_from, &v);
    if (v.what == API_GOOD) {
        free(work->content);
        work->content = c;
        work->content_ms = event_now_ms(w->loop);
        str_copy(work->app_mode, sizeof(work->app_mode), c->app_mode);
        str_copy(work->access_type, sizeof(work->access_type), c->access_type);
        ask_jobs(w, work);
        return;
    }
    free(c);
    if (v.what == API_REFUSED)
        builds_end_class(w, work, v.cls, v.msg);
    else
        look_later(w, work, false);
}

static void ask_content(struct worker *w, struct work *work)
{
    struct buf url;

    work->reading_from = targets_any(&w->targets);
    if (work->reading_from == NULL) {
        look_later(w, work, false);
        return;
    }
    buf_init(&url, URL_BYTES);
    api_url_content(&url, work->reading_from->base, work->guid);
    checkpoint("http.lost_content");
    builds_request(
        w, work,
        &(struct build_request){ .method = "GET",
                                 .url = buf_str(&url),
                                 .timeout_ms = w->config->shared.connect_request_timeout_ms,
                                 .target = work->reading_from,
                                 .route = "content",
                                 .on_answer = on_content });
    buf_done(&url);
}

/* A row read again: the request id travels, since the work may be gone when the answer comes. */
struct row_question {
    struct worker *w;
    struct uuid request_id;
    struct uuid attempt_id;
};

static void on_row(void *arg, const struct db_reply *reply, const struct err *err,
                   const char *sqlstate)
{
    struct row_question q = *(struct row_question *)arg;
    struct worker *w = q.w;
    struct work *work = works_find(&w->works, &q.request_id);
    struct attempt *a;

    (void)sqlstate;
    free(arg);
    if (work == NULL || work->state != WORK_LOOKING || work->call != NULL ||
        !uuid_equal(&work->attempt.id, &q.attempt_id))
        return;
    a = &work->attempt;
    if (err == NULL && db_rows(reply, 0) == 1 &&
        ((uint64_t)db_int(reply, 0, 0, 0) != a->token || !db_bool(reply, 0, 0, 3))) {
        if (a->target->builds > 0)
            a->target->builds--;
        work_forget_attempt(work); /* somebody else owns or ended it */
        ask_again(w, work);
        return;
    }
    if (err == NULL && db_rows(reply, 0) == 1 && a->task_id[0] == '\0' &&
        !db_null(reply, 0, 0, 1)) {
        str_copy(a->task_id, sizeof(a->task_id), db_text(reply, 0, 0, 1));
        free(a->cookies);
        a->cookies = str_dup(db_text(reply, 0, 0, 2));
        a->target->builds--; /* builds_follow counts it again */
        builds_follow(w, work);
        return;
    }
    if (work->content == NULL)
        ask_content(w, work);
    else
        ask_jobs(w, work);
}

static void look(struct worker *w, struct work *work)
{
    struct row_question *q = malloc(sizeof(*q));
    struct db_unit *unit = db_unit_new();
    char id[UUID_TEXT_BYTES];
    const char *params[1] = { uuid_format(&work->attempt.id, id) };

    if (q == NULL || unit == NULL) {
        free(q);
        db_unit_free(unit);
        worker_exit(w, 1);
        return;
    }
    *q = (struct row_question){ w, work->req->id, work->attempt.id };
    db_add(unit, SQL_ATTEMPT_ROW, 1, params);
    checkpoint("ledger.attempt_row");
    if (db_submit(w->db, unit, on_row, q) != 0) {
        free(q);
        worker_exit(w, 1);
    }
}

void lookup_start(struct worker *w, struct work *work)
{
    char id[UUID_TEXT_BYTES];

    log_info("build.lookup",
             LOG_FIELDS(LOG_S("request_id", uuid_format(&work->req->id, id)),
                        LOG_S("content_guid", work->guid),
                        LOG_S("replica", work->attempt.target->name),
                        LOG_S("task_id", work->attempt.task_id)),
             "the task or its answer is lost; Connect's jobs are asked");
    work_enter(&w->works, work, WORK_LOOKING);
    work->tries = 0;
    work->lost_since_ms = event_now_ms(w->loop);
    look(w, work);
}

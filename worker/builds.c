#include "worker/builds.h"

#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/event/event.h"
#include "worker/ask.h"
#include "worker/claims.h"
#include "worker/meters.h"
#include "worker/retry.h"
#include "worker/worker.h"
#include "worker/writes.h"

#define URL_BYTES         2048
#define POLL_PACE_MIN_MS  250 /* a server that does not honour `wait` is not asked more often */
#define POLL_PACE_MAX_MS  2000
#define POLL_EARLY_MS     500 /* an unfinished answer that came faster did not wait */
#define POLL_RETRY_MIN_MS 500
#define POLL_RETRY_MAX_MS 15000
#define REFUSED_PAUSE_MS  1000 /* a replica that refuses a POST and does not say for how long */
#define NO_TASK_TRIES     2    /* a 404 is asked again once before the jobs look-up */
#define UNREADABLE_MAX    2    /* answers of a task: once without its log, then the jobs look-up */
#define BEYOND_ANY_LOG    INT32_MAX /* Connect's `first` is an int32 */

static void poll(struct worker *w, struct work *work);
static void first_poll(struct worker *w, struct work *work);

static void log_attempt(struct worker *w, const struct work *work, const char *what)
{
    char id[UUID_TEXT_BYTES], campaign[UUID_TEXT_BYTES];
    const struct attempt *a = &work->attempt;
    bool again = work->outcome == ITEM_WAITING;
    const struct log_field fields[] = {
        LOG_S("campaign_id", uuid_format(&work->req->campaign_id, campaign)),
        LOG_S("request_id", uuid_format(&work->req->id, id)),
        LOG_S("content_guid", work->guid),
        LOG_I("attempt", a->n),
        LOG_I("max_attempts", work->policy.max_attempts),
        LOG_S("replica", a->target->name),
        LOG_S("task_id", a->task_id[0] == '\0' ? NULL : a->task_id),
        LOG_S("error_class", a->cls == EC_NONE ? NULL : error_row(a->cls)->name),
        LOG_D("duration_s", (double)(event_now_ms(w->loop) - a->started_ms) / 1000.0),
        LOG_S("topic", work->req->part->topic),
        LOG_I("partition", work->req->part->partition),
        LOG_I("offset", work->req->offset),
        { .type = LOG_FIELD_END }
    };

    if (a->cls == EC_NONE)
        log_debug("build.ended", fields, "%s", what);
    else if (again)
        log_warn("build.attempt_failed", fields, "%s; tried again in %.1f s: %s", what,
                 (double)work->end_delay_ms / 1000.0, a->message);
    else
        log_error("build.failed", fields, "%s: %s", what, a->message);
}

static void end(struct worker *w, struct work *work)
{
    work_stop(work);
    if (work->attempt.target->builds > 0)
        work->attempt.target->builds--;
    work_enter(&w->works, work, WORK_ENDING);
    meters_attempt_ended(w, work);
    claims_end(w, work);
}

/* Failed for this class: again after a back-off, or for good. */
static void end_failed(struct worker *w, struct work *work, enum error_class cls,
                       const char *message)
{
    struct attempt *a = &work->attempt;
    /* by name: the ledger keeps names, and two classes share one */
    int same = str_equal(error_row(work->last_class)->name, error_row(cls)->name) ? 1 : 0;

    a->cls = cls;
    str_copy(a->message, sizeof(a->message), message);
    work->end_charged = true;
    work->outcome_class = cls;
    work->end_delay_ms = 0;
    work->outcome = ITEM_BUILD_FAILED;
    if (cls == EC_CONTENT_LOCKED || cls == EC_CONTENT_NO_BUNDLE) {
        work->outcome = ITEM_SKIPPED;
    } else if (error_retriable(cls, a->n, work->policy.max_attempts, same)) {
        work->outcome = ITEM_WAITING;
        work->end_delay_ms = retry_delay_ms(work->policy.backoff_min_ms,
                                            work->policy.backoff_max_ms, a->n, random_u64());
    }
    log_attempt(w, work, "the build failed");
    end(w, work);
}

void builds_end_class(struct worker *w, struct work *work, enum error_class cls,
                      const char *message)
{
    end_failed(w, work, cls, message);
}

void builds_end_code(struct worker *w, struct work *work, int code, const char *error_text)
{
    const char *lines[LOG_TAIL_LINES], *told = NULL;
    size_t n = tail_lines(&work->attempt.tail, lines);
    enum error_class cls;

    work->attempt.has_code = true;
    work->attempt.code = code;
    if (code != 0) {
        cls = error_of_build(error_text, lines, n, &told);
        end_failed(w, work, cls, told != NULL ? told : error_text);
        return;
    }
    work->attempt.cls = EC_NONE;
    work->attempt.message[0] = '\0';
    work->end_charged = true;
    work->end_delay_ms = 0;
    work->outcome = ITEM_RUNNING; /* built; its access is validated next */
    log_attempt(w, work, "the build succeeded");
    end(w, work);
}

static void end_not_started(struct worker *w, struct work *work, const char *why, int64_t delay_ms)
{
    str_copy(work->attempt.message, sizeof(work->attempt.message), why);
    work->attempt.cls = EC_NONE;
    work->end_charged = false;
    work->end_delay_ms = delay_ms;
    work->outcome = ITEM_WAITING;
    end(w, work);
}

void builds_end_not_started(struct worker *w, struct work *work, const char *why)
{
    end_not_started(w, work, why, 0);
}

static void task_known(struct worker *w, struct work *work)
{
    work->tries = work->unreadable = 0;
    work_enter(&w->works, work, WORK_POLLING);
    first_poll(w, work);
}

static void on_posted(struct worker *w, struct work *work, const struct http_answer *answer)
{
    struct attempt *a = &work->attempt;
    char cookies[COOKIES_MAX_BYTES] = "";
    struct api_verdict v = api_read_build(answer, a->task_id);

    builds_judge_target(w, a->target, &v);
    str_copy(cookies, sizeof(cookies), a->cookies);
    api_cookies_update(cookies, answer);
    if (cookies[0] != '\0' && !str_equal(cookies, a->cookies)) {
        free(a->cookies);
        a->cookies = str_dup(cookies);
    }
    switch (v.what) {
    case API_GOOD:
        writes_task(w, work);
        task_known(w, work);
        break;
    case API_REFUSED: end_failed(w, work, v.cls, v.msg); break;
    case API_NOT_SENT:
    case API_NOT_LET: builds_end_not_started(w, work, v.msg); break;
    case API_KEY_REFUSED:
    case API_TRY_LATER: /* refused before anything began: 429, 401 of an ingress */
        end_not_started(w, work, v.msg, v.retry_after_ms > 0 ? v.retry_after_ms : REFUSED_PAUSE_MS);
        break;
    case API_UNKNOWN:
    case API_NO_TASK: lookup_start(w, work); break;
    }
}

void builds_post(struct worker *w, struct work *work)
{
    struct attempt *a = &work->attempt;
    struct buf url, body;

    a->target->builds++;
    if (a->cookies == NULL)
        a->cookies = str_dup(a->target->cookies);
    buf_init(&url, URL_BYTES);
    buf_init(&body, URL_BYTES);
    api_url_build(&url, a->target->base, work->guid);
    api_body_build(&body, work->bundle_id);
    checkpoint("http.build");
    builds_request(
        w, work,
        &(struct build_request){ .method = "POST",
                                 .url = buf_str(&url),
                                 .body = buf_str(&body),
                                 .timeout_ms = w->config->shared.connect_request_timeout_ms,
                                 .guarded = true,
                                 .with_cookies = true,
                                 .target = a->target,
                                 .route = "build",
                                 .on_answer = on_posted });
    buf_done(&url);
    buf_done(&body);
}

static void on_line(void *arg, const char *text, size_t len)
{
    struct work *work = arg;

    tail_add(&work->attempt.tail, text, len);
}

static bool timed_out(struct worker *w, const struct work *work)
{
    return event_now_ms(w->loop) - work->attempt.started_ms >= w->config->build_timeout_ms;
}

static void poll_again(struct worker *w, struct work *work, int64_t delay_ms)
{
    if (timed_out(w, work))
        end_failed(w, work, EC_BUILD_TIMEOUT, "the build did not end within --build-timeout");
    else if (delay_ms <= 0)
        poll(w, work);
    else
        builds_later(w, work, delay_ms, poll);
}

/* More log came at once than is read (or one line is too long): what tells is its end. */
static void skip_log(struct work *work)
{
    work->attempt.log_skipped = true;
    work->attempt.first = BEYOND_ANY_LOG;
}

/* The answer told how long the log is. False: nobody needs its end. */
static bool read_end_of_log(struct work *work, const struct api_task *task)
{
    struct attempt *a = &work->attempt;

    a->log_skipped = false;
    a->tail.cut = true;
    if (task->finished && task->code == 0)
        return false;
    a->first = task->last > LOG_TAIL_LINES ? task->last - LOG_TAIL_LINES : 0;
    return true;
}

static void on_task(struct worker *w, struct work *work, const struct http_answer *answer,
                    const struct api_task *task)
{
    int64_t pace = POLL_PACE_MIN_MS << (work->tries < 3 ? work->tries : 3);

    if (work->attempt.log_skipped && read_end_of_log(work, task)) {
        poll_again(w, work, 0);
        return;
    }
    if (task->finished) {
        builds_end_code(w, work, task->code, task->error);
        return;
    }
    work->unreadable = 0;
    work->attempt.first = task->last;
    if (answer->duration_ms >= POLL_EARLY_MS) {
        work->tries = 0;
        poll_again(w, work, 0);
        return;
    }
    work->tries++;
    poll_again(w, work, pace < POLL_PACE_MAX_MS ? pace : POLL_PACE_MAX_MS);
}

static void poll_failed(struct worker *w, struct work *work, const struct api_verdict *v)
{
    int64_t delay =
        backoff_delay_ms(POLL_RETRY_MIN_MS, POLL_RETRY_MAX_MS, ++work->tries, random_u64());

    if (v->unreadable && ++work->unreadable < UNREADABLE_MAX)
        skip_log(work);
    if ((v->what == API_NO_TASK && work->tries >= NO_TASK_TRIES) ||
        work->unreadable >= UNREADABLE_MAX) {
        lookup_start(w, work);
        return;
    }
    if (breaker_gone_for(&work->attempt.target->breaker, event_now_ms(w->loop),
                         w->config->lost_after_replica_ms)) {
        lookup_start(w, work);
        return;
    }
    poll_again(w, work, delay > v->retry_after_ms ? delay : v->retry_after_ms);
}

static void on_polled(struct worker *w, struct work *work, const struct http_answer *answer)
{
    struct api_task task = { 0 };
    struct api_verdict v = api_read_task(answer, &task, on_line, work);

    builds_judge_target(w, work->attempt.target, &v);
    if (v.what == API_GOOD)
        on_task(w, work, answer, &task);
    else
        poll_failed(w, work, &v);
}

static void send_poll(struct worker *w, struct work *work)
{
    struct attempt *a = &work->attempt;
    struct buf url;

    if (!target_takes_requests(a->target)) {
        lookup_start(w, work); /* it is asked nothing: the jobs are known to the others too */
        return;
    }
    buf_init(&url, URL_BYTES);
    api_url_task(&url, a->target->base, a->task_id, a->first,
                 (int)(w->config->task_wait_ms / 1000));
    builds_request(
        w, work,
        &(struct build_request){ .method = "GET",
                                 .url = buf_str(&url),
                                 .timeout_ms = w->config->task_wait_ms + TASK_WAIT_MARGIN_MS,
                                 .with_cookies = true,
                                 .target = a->target,
                                 .route = "task",
                                 .on_answer = on_polled });
    buf_done(&url);
}

static void first_poll(struct worker *w, struct work *work)
{
    checkpoint("http.first_poll");
    send_poll(w, work);
}

static void poll(struct worker *w, struct work *work)
{
    checkpoint("http.poll");
    send_poll(w, work);
}

void builds_follow(struct worker *w, struct work *work)
{
    work->attempt.target->builds++;
    if (work->attempt.task_id[0] == '\0' || !target_takes_requests(work->attempt.target))
        lookup_start(w, work);
    else
        task_known(w, work);
}

void builds_resume(struct worker *w, struct work *work)
{
    if (work->attempt.let || work->content == NULL) {
        builds_follow(w, work);
        return;
    }
    /* the answer to its claim was lost; the guard still looks at the claim's age */
    work_enter(&w->works, work, WORK_READY);
    work_enter(&w->works, work, WORK_CLAIMING);
    work_enter(&w->works, work, WORK_POSTING);
    builds_post(w, work);
}

#include "worker/checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/list.h"
#include "common/base/str.h"
#include "common/connect/access.h"
#include "common/event/event.h"
#include "common/record/result.h"
#include "worker/builds.h"
#include "worker/meters.h"
#include "worker/retry.h"
#include "worker/worker.h"
#include "worker/writes.h"

#define AGAIN_MIN_MS          250
#define AGAIN_MAX_MS          5000
#define CHECKS_MAX            (ACCESS_PATHS_MAX + 1) /* each path with the key, one as anybody */
#define CHECKS_TEXT_MAX_BYTES (64 * 1024)
#define URL_BYTES             8192

/* One item's validation. In its target's queue until there is room, then running. */
struct check_run {
    struct list_node node; /* in target->checks_waiting; unlinked: running */
    struct worker *w;
    struct work *work;
    size_t at;        /* path under way; paths_n: the anonymous one */
    bool opened;      /* a path answered the key with 2xx */
    int64_t until_ms; /* of the check under way */
    struct access_check checks[CHECKS_MAX];
    size_t n;
    enum access_verdict worst;
    enum error_class cls;
    char message[TEXT_FIELD_MAX_BYTES + 1];
    int http_status; /* of the page that the API is asked about */
    double duration_s;
};

static void request_page(struct worker *w, struct work *work);
static void start_waiting(struct worker *w, struct target *target);

static int bound(const struct worker *w, const struct target *t)
{
    int own = (int)w->config->replica_max_validations;

    if (own > 0)
        return own;
    return t->max_inflight > 0 ? t->max_inflight : (int)w->config->shared.replica_max_inflight;
}

static void free_run(struct check_run *run)
{
    for (size_t i = 0; i < run->n; i++) {
        free(run->checks[i].path);
        free(run->checks[i].as);
        free(run->checks[i].verdict);
        free(run->checks[i].note);
    }
    free(run);
}

void checks_forget(struct work *work)
{
    struct check_run *run = work->checks;
    struct target *target = work->attempt.target;

    if (run == NULL)
        return;
    work->checks = NULL;
    if (list_linked(&run->node)) {
        list_remove(&target->checks_waiting, &run->node);
    } else {
        target->checks--;
        start_waiting(run->w, target);
    }
    free_run(run);
}

static void settle(struct worker *w, struct work *work)
{
    struct check_run *run = work->checks;
    struct buf json;

    work->access = run->worst;
    work->outcome = run->worst == ACCESS_FAILED || run->worst == ACCESS_TOO_OPEN
                        ? ITEM_ACCESS_FAILED
                        : ITEM_SUCCEEDED;
    work->outcome_class = work->outcome == ITEM_ACCESS_FAILED ? run->cls : EC_NONE;
    str_copy(work->outcome_message, sizeof(work->outcome_message),
             work->outcome == ITEM_ACCESS_FAILED ? run->message : "");
    buf_init(&json, CHECKS_TEXT_MAX_BYTES);
    free(work->access_checks);
    work->access_checks = NULL;
    if (access_checks_encode(run->checks, run->n, &json) == 0)
        work->access_checks = buf_take(&json, NULL);
    buf_done(&json);
    meters_access(w, work->attempt.target, access_verdict_name(work->access));
    writes_settle(w, work); /* stops the run, which lets the next one start */
}

static const char *path_of(const struct work *work, size_t at)
{
    return at < work->paths_n ? work->paths[at] : NULL;
}

static size_t paths_n(const struct work *work)
{
    return work->paths_n == 0 ? 1 : work->paths_n;
}

static bool anonymous(const struct check_run *run)
{
    return run->at >= paths_n(run->work);
}

static void record(struct check_run *run, const struct access_judgement *j)
{
    struct access_check *c = &run->checks[run->n++];
    char own[64];
    const char *path = path_of(run->work, anonymous(run) ? 0 : run->at);

    snprintf(own, sizeof(own), "/content/%s/", run->work->guid);
    if (path == NULL)
        path = own;
    *c = (struct access_check){ .path = str_dup(path),
                                .as = str_dup(anonymous(run) ? "anonymous" : "key"),
                                .http_status = run->http_status,
                                .duration_s = run->duration_s,
                                .verdict = str_dup(access_verdict_name(j->verdict)),
                                .note = j->note[0] == '\0' ? NULL : str_dup(j->note) };
    if (access_worst(run->worst, j->verdict) != run->worst) {
        run->cls = j->cls;
        snprintf(run->message, sizeof(run->message), "%s: %s", path, j->note);
    }
    run->worst = access_worst(run->worst, j->verdict);
}

/* Content that is open to all is only asked for where it opened to the key. */
static bool anonymous_is_next(const struct check_run *run)
{
    return run->at == paths_n(run->work) && run->n < CHECKS_MAX &&
           (run->opened || strcmp(run->work->access_type, "all") != 0) &&
           run->work->access_type[0] != '\0';
}

static void next_check(struct worker *w, struct work *work)
{
    struct check_run *run = work->checks;

    run->at++;
    work->tries = 0;
    run->until_ms = event_now_ms(w->loop) + w->config->access_timeout_ms;
    if (run->at < paths_n(work) || anonymous_is_next(run))
        request_page(w, work);
    else
        settle(w, work);
}

static bool again(struct worker *w, struct work *work, const struct access_judgement *j)
{
    int64_t left = work->checks->until_ms - event_now_ms(w->loop);
    int64_t delay;

    if (!j->ask_again)
        return false;
    delay = backoff_delay_ms(AGAIN_MIN_MS, AGAIN_MAX_MS, ++work->tries, random_u64());
    if (delay >= left) /* no time is left for an answer: the last one counts */
        return false;
    builds_later(w, work, delay, request_page);
    return true;
}

/* What the API says of a page that did not open. */
static void on_api(struct worker *w, struct work *work, const struct http_answer *answer)
{
    struct api_content *c = calloc(1, sizeof(*c));
    struct api_verdict v;
    struct access_judgement j;

    if (c == NULL) {
        worker_exit(w, 1);
        return;
    }
    v = api_read_content(answer, c);
    j = access_judge_404(work->app_mode, work->policy.validate, v.http_status, v.code, c->app_role);
    free(c);
    if (again(w, work, &j))
        return;
    record(work->checks, &j);
    next_check(w, work);
}

static void ask_api(struct worker *w, struct work *work)
{
    struct buf url;

    buf_init(&url, URL_BYTES);
    api_url_content(&url, work->attempt.target->base, work->guid);
    checkpoint("http.validate_404");
    builds_request(
        w, work,
        &(struct build_request){ .method = "GET",
                                 .url = buf_str(&url),
                                 .timeout_ms = w->config->shared.connect_request_timeout_ms,
                                 .target = work->attempt.target,
                                 .route = "content",
                                 .on_answer = on_api });
    buf_done(&url);
}

static void on_page(struct worker *w, struct work *work, const struct http_answer *answer)
{
    struct check_run *run = work->checks;
    struct access_judgement j =
        anonymous(run) ? access_judge_anonymous(work->access_type, answer)
                       : access_judge_keyed(work->app_mode, work->policy.validate, answer);

    run->http_status = answer->status;
    run->duration_s = (double)answer->duration_ms / 1000.0;
    if (!anonymous(run) && answer->status >= 200 && answer->status < 300)
        run->opened = true;
    if (again(w, work, &j))
        return;
    if (j.ask_api) {
        ask_api(w, work);
        return;
    }
    record(run, &j);
    next_check(w, work);
}

/* What was built any replica can show. One that left our list is not asked: the key goes only to
 * those that are configured. One that is away would keep its items waiting and unchecked. */
static void leave_lost_replica(struct worker *w, struct work *work)
{
    struct attempt *a = &work->attempt;
    bool stays = target_takes_requests(a->target) && breaker_closed(&a->target->breaker);
    struct target *other = stays ? NULL : targets_any(&w->targets);

    if (other == NULL || other == a->target)
        return;
    a->target = other;
    free(a->cookies);
    a->cookies = NULL;
}

static void enter_queue(struct worker *w, struct work *work)
{
    struct target *target = work->attempt.target;

    list_push(&target->checks_waiting, &work->checks->node);
    start_waiting(w, target);
}

/* Another replica has its own bound. */
static void move(struct worker *w, struct work *work)
{
    struct target *was = work->attempt.target;

    leave_lost_replica(w, work);
    if (work->attempt.target == was) {
        builds_later(w, work, AGAIN_MAX_MS, move);
        return;
    }
    was->checks--;
    start_waiting(w, was);
    enter_queue(w, work);
}

static void request_page(struct worker *w, struct work *work)
{
    struct check_run *run = work->checks;
    struct target *target = work->attempt.target;
    int64_t left = run->until_ms - event_now_ms(w->loop);
    struct buf url;

    if (!target_takes_requests(target)) {
        builds_later(w, work, 0, move);
        return;
    }
    buf_init(&url, URL_BYTES);
    api_url_page(&url, target->base, work->guid, path_of(work, anonymous(run) ? 0 : run->at));
    if (anonymous(run))
        checkpoint("http.validate_anonymous");
    else
        checkpoint("http.validate");
    builds_request(w, work,
                   &(struct build_request){ .method = "GET",
                                            .url = buf_str(&url),
                                            .timeout_ms = left > 1 ? left : 1,
                                            .page = true,
                                            .anonymous = anonymous(run),
                                            .with_cookies = !anonymous(run),
                                            .target = target,
                                            .route = "page",
                                            .on_answer = on_page });
    buf_done(&url);
}

static void run_now(struct worker *w, struct check_run *run)
{
    run->work->attempt.target->checks++;
    run->work->tries = 0;
    run->until_ms = event_now_ms(w->loop) + w->config->access_timeout_ms;
    request_page(w, run->work);
}

static void start_waiting(struct worker *w, struct target *target)
{
    struct list_node *node;

    while (target->checks < bound(w, target) && (node = list_pop(&target->checks_waiting)) != NULL)
        run_now(w, list_entry(node, struct check_run, node));
}

void checks_start(struct worker *w, struct work *work)
{
    struct check_run *run;

    work->outcome = ITEM_SUCCEEDED;
    work->outcome_class = EC_NONE;
    work->outcome_message[0] = '\0';
    work->access = ACCESS_NOT_CHECKED;
    if (work->policy.validate == ACCESS_OFF) {
        writes_settle(w, work);
        return;
    }
    run = work->checks = calloc(1, sizeof(*run));
    if (run == NULL) {
        worker_exit(w, 1);
        return;
    }
    run->w = w;
    run->work = work;
    leave_lost_replica(w, work);
    enter_queue(w, work);
}

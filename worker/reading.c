#include "worker/reading.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/checkpoint.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/event/event.h"
#include "worker/ask.h"
#include "worker/builds.h"
#include "worker/claims.h"
#include "worker/retry.h"
#include "worker/worker.h"
#include "worker/writes.h"

#define CONTENT_FRESH_MS \
    (CLAIM_TO_POST_MAX_MS - 500)   /* the claim and the way to the POST take the rest */
#define CONTENT_STALE_SOON_MS 3000 /* read again ahead of a freed slot from this age on */
#define REFRESH_AHEAD         4    /* the first ready ones are kept fresh */
#define READ_RETRY_MIN_MS     500
#define READ_RETRY_MAX_MS     15000
#define UNREADABLE_MAX        5 /* then it is the content's, not the moment's: seconds, with pauses */

static void read_content(struct worker *w, struct work *work);

bool reading_fresh(const struct worker *w, const struct work *work)
{
    return work->content != NULL && event_now_ms(w->loop) - work->content_ms < CONTENT_FRESH_MS;
}

/* Languages that the content has and that Connect installs packages for. */
static bool nothing_to_restore(const struct api_content *c)
{
    bool has_r = c->r_version[0] != '\0', has_py = c->py_version[0] != '\0';

    if (!has_r && !has_py)
        return false; /* never prepared here: only the build will tell */
    return !(has_r && c->r_managed) && !(has_py && c->py_managed);
}

/* Why it is skipped, or NULL. */
static const char *skip_reason(const struct api_content *c, enum error_class *ret_class)
{
    *ret_class = EC_NONE;
    if (c->bundle_id[0] == '\0') {
        *ret_class = EC_CONTENT_NO_BUNDLE;
        return "the content has no active bundle";
    }
    if (c->locked) {
        *ret_class = EC_CONTENT_LOCKED;
        return "the content is locked";
    }
    if (strcmp(c->app_mode, "static") == 0)
        return "static content has no runtime to restore";
    if (nothing_to_restore(c))
        return "Connect does not manage the packages of this content";
    return NULL;
}

static void settle(struct worker *w, struct work *work, enum item_state state, enum error_class cls,
                   const char *message)
{
    work_forget_attempt(work); /* of a claim that was not granted: the ledger does not know it */
    work->content_ms = -CONTENT_FRESH_MS; /* asked about again, it is not taken for ready */
    work->outcome = state;
    work->outcome_class = cls;
    str_copy(work->outcome_message, sizeof(work->outcome_message), message);
    writes_settle(w, work);
}

static void accept_content(struct worker *w, struct work *work, const struct api_content *c)
{
    enum error_class cls;
    const char *reason = skip_reason(c, &cls);

    if (work->content == NULL)
        work->content = malloc(sizeof(*work->content));
    if (work->content == NULL) {
        worker_exit(w, 1);
        return;
    }
    *work->content = *c;
    work->content_ms = event_now_ms(w->loop);
    str_copy(work->bundle_id, sizeof(work->bundle_id), c->bundle_id);
    str_copy(work->app_mode, sizeof(work->app_mode), c->app_mode);
    str_copy(work->access_type, sizeof(work->access_type), c->access_type);
    if (reason != NULL) {
        settle(w, work, ITEM_SKIPPED, cls, reason);
        return;
    }
    work_enter(&w->works, work, WORK_READY);
    claims_kick(w);
}

static void refused(struct worker *w, struct work *work, const struct api_verdict *v)
{
    if (v->cls == EC_CONTENT_NOT_FOUND)
        settle(w, work, ITEM_SKIPPED, v->cls, "the content is not on the server any more");
    else if (v->cls == EC_CONTENT_LOCKED || v->cls == EC_CONTENT_NO_BUNDLE)
        settle(w, work, ITEM_SKIPPED, v->cls, v->msg);
    else
        settle(w, work, ITEM_BUILD_FAILED, v->cls, v->msg);
}

static void read_again(struct worker *w, struct work *work, const struct api_verdict *v)
{
    int64_t delay =
        backoff_delay_ms(READ_RETRY_MIN_MS, READ_RETRY_MAX_MS, ++work->tries, random_u64());

    work->unreadable = v->unreadable ? work->unreadable + 1 : 0;
    if (work->unreadable >= UNREADABLE_MAX)
        settle(w, work, ITEM_BUILD_FAILED, v->cls, v->msg);
    else
        builds_later(w, work, delay > v->retry_after_ms ? delay : v->retry_after_ms, read_content);
}

static void on_content(struct worker *w, struct work *work, const struct http_answer *answer)
{
    struct api_content *c = calloc(1, sizeof(*c));
    struct api_verdict v;

    if (c == NULL) {
        worker_exit(w, 1);
        return;
    }
    v = api_read_content(answer, c);
    if (builds_judge_target(w, work->reading_from, &v) || v.what == API_TRY_LATER ||
        v.what == API_NOT_SENT || v.what == API_UNKNOWN || v.what == API_NOT_LET ||
        v.what == API_NO_TASK) {
        read_again(w, work, &v);
    } else if (v.what == API_REFUSED) {
        refused(w, work, &v);
    } else {
        work->tries = work->unreadable = 0;
        accept_content(w, work, c);
    }
    free(c);
}

static void read_content(struct worker *w, struct work *work)
{
    struct buf url;

    if (!part_holds(work->req) || w->mode != RUN_NORMAL) {
        ask_forget(w, work, 0);
        return;
    }
    work->reading_from = targets_any(&w->targets);
    if (work->reading_from == NULL) {
        builds_later(w, work, READ_RETRY_MAX_MS, read_content);
        return;
    }
    buf_init(&url, 2048);
    api_url_content(&url, work->reading_from->base, work->guid);
    checkpoint("http.content");
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

void reading_start(struct worker *w, struct work *work)
{
    if (reading_fresh(w, work)) {
        work_enter(&w->works, work, WORK_READY);
        claims_kick(w);
        return;
    }
    work_enter(&w->works, work, WORK_READING);
    work->tries = 0;
    read_content(w, work);
}

void reading_refresh(struct worker *w)
{
    const struct list *ready = &w->works.lists[WORK_READY];
    struct list_node *n = list_first(ready);
    int64_t now = event_now_ms(w->loop);

    for (int i = 0; n != NULL && i < REFRESH_AHEAD; i++) {
        struct work *work = list_entry(n, struct work, node);

        n = list_next(ready, n);
        if (now - work->content_ms < CONTENT_STALE_SOON_MS)
            continue;
        work_enter(&w->works, work, WORK_READING);
        work->tries = 0;
        read_content(w, work);
    }
}

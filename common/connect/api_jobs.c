#include <cjson/cJSON.h>
#include <string.h>

#include "common/base/time_text.h"
#include "common/connect/api_answer.h"
#include "common/record/json.h"

#define JOB_ACTIVE     0
#define JOB_STATUS_MAX 100 /* 0 to 3 are known */
#define TAG_RESTORE_R  "packrat_restore"
#define TAG_RESTORE_PY "python_restore"

/* 0 when it is not said; false when it is said and is not a time. */
static bool read_time(const struct cJSON *node, const char *name, int64_t *ret)
{
    char text[64];

    *ret = 0;
    if (json_get(node, name) == NULL)
        return true;
    if (!json_copy(node, name, text, sizeof text))
        return false;
    if (text[0] != '\0' && !clock_parse_rfc3339(text, ret))
        return false;
    if (*ret < 0)
        *ret = 0; /* "0001-01-01T00:00:00Z" is how Go writes none */
    return true;
}

static bool is_restore(const char *tag)
{
    return strcmp(tag, TAG_RESTORE_R) == 0 || strcmp(tag, TAG_RESTORE_PY) == 0;
}

/* false: a restore of which it cannot be told whether it is ours, so the whole answer tells
 * nothing. */
static bool read_job(const struct cJSON *node, struct api_job *ret)
{
    int64_t status = -1, exit_code = 0;

    if (!json_copy_id(node, "key", ret->key, sizeof ret->key))
        return false;
    json_copy_id(node, "bundle_id", ret->bundle_id, sizeof ret->bundle_id);
    if (!read_time(node, "start_time", &ret->start_ms) ||
        !read_time(node, "end_time", &ret->end_ms))
        return false;
    ret->has_exit = json_whole(node, "exit_code", &exit_code);
    ret->exit_code = exit_code >= INT32_MIN && exit_code <= INT32_MAX ? (int)exit_code : INT32_MAX;
    if (!json_whole(node, "status", &status) || status < 0 || status > JOB_STATUS_MAX)
        status = ret->end_ms != 0 || ret->has_exit ? 1 : JOB_ACTIVE; /* [U] not said: by its end */
    ret->status = (int)status;
    return true;
}

/* Keeps the newest; one that does not say when it started counts as newest of all. */
static void keep_job(struct api_job *jobs, size_t *n, const struct api_job *job)
{
    size_t oldest = 0;

    if (*n < API_JOBS_MAX) {
        jobs[(*n)++] = *job;
        return;
    }
    for (size_t i = 1; i < *n; i++)
        if (jobs[oldest].start_ms == 0 ||
            (jobs[i].start_ms != 0 && jobs[i].start_ms < jobs[oldest].start_ms))
            oldest = i;
    if (jobs[oldest].start_ms != 0 && (job->start_ms == 0 || job->start_ms > jobs[oldest].start_ms))
        jobs[oldest] = *job;
}

static bool read_jobs(const struct cJSON *doc, struct api_job ret[API_JOBS_MAX], size_t *ret_n)
{
    const struct cJSON *node;

    *ret_n = 0;
    if (!cJSON_IsArray(doc))
        return false;
    cJSON_ArrayForEach (node, doc) {
        struct api_job job = { 0 };

        if (json_get(node, "tag") != NULL && !json_copy(node, "tag", job.tag, sizeof job.tag))
            return false;
        if (!is_restore(job.tag))
            continue; /* an app has a job for each of its processes: they would push ours out */
        if (!read_job(node, &job))
            return false;
        keep_job(ret, ret_n, &job);
    }
    return true;
}

/* Facts: connect-api.md 3.6, "Fallback evidence". */
struct api_verdict api_read_jobs(const struct http_answer *a, struct api_job ret[API_JOBS_MAX],
                                 size_t *ret_n)
{
    struct cJSON *doc;
    struct api_verdict v = api_open(a, API_ROUTE_ITEM, &doc);

    if (v.what == API_GOOD && !read_jobs(doc, ret, ret_n))
        v = api_garbled(a, API_ROUTE_ITEM, "its body is not a list of jobs");
    if (v.what != API_GOOD)
        *ret_n = 0;
    json_free(doc);
    return v;
}

static bool active(const struct api_job *job)
{
    return job->status == JOB_ACTIVE && job->end_ms == 0;
}

static bool judged_before(const struct jobs_question *q, const struct api_job *job)
{
    for (size_t i = 0; i < q->judged_n; i++)
        if (strcmp(q->judged[i], job->key) == 0)
            return true;
    return false;
}

/* A restore of our bundle that was not judged before; when it started is looked at apart. */
static bool restores_ours(const struct jobs_question *q, const struct api_job *job)
{
    return is_restore(job->tag) && strcmp(job->bundle_id, q->bundle_id) == 0 &&
           !judged_before(q, job);
}

/* What the jobs of one build add up to. */
struct tally {
    bool active;
    bool failed;
    bool r_done, py_done;
};

static void count_job(struct tally *t, const struct api_job *job)
{
    bool r = strcmp(job->tag, TAG_RESTORE_R) == 0;

    if (active(job))
        t->active = true;
    else if (job->has_exit && job->exit_code != 0)
        t->failed = true;
    else if (job->has_exit && r)
        t->r_done = true;
    else if (job->has_exit)
        t->py_done = true;
}

static enum jobs_say verdict_of(const struct jobs_question *q, const struct tally *t)
{
    bool need_r = q->has_r && q->r_managed;
    bool need_py = q->has_py && q->py_managed;
    bool done = need_r || need_py ? (!need_r || t->r_done) && (!need_py || t->py_done)
                                  : t->r_done || t->py_done;

    if (t->active)
        return JOBS_ACTIVE;
    if (t->failed)
        return JOBS_FAILED;
    /* Of two runtimes one is done and the other not begun: between two jobs, or dead. The caller's
     * patience with JOBS_NONE tells which. */
    return done ? JOBS_SUCCEEDED : JOBS_NONE;
}

enum jobs_say api_judge_jobs(const struct jobs_question *q, const struct api_job *jobs, size_t n,
                             size_t *ours, size_t *ours_n)
{
    struct tally t = { 0 };
    size_t count = 0;

    for (size_t i = 0; i < n && i < API_JOBS_MAX; i++) {
        if (!restores_ours(q, &jobs[i]))
            continue;
        if (jobs[i].start_ms == 0 && active(&jobs[i]))
            t.active = true; /* maybe ours: waited for, but never listed, so never killed */
        if (jobs[i].start_ms == 0 || jobs[i].start_ms < q->not_before_ms)
            continue;
        count_job(&t, &jobs[i]);
        if (ours != NULL)
            ours[count] = i;
        count++;
    }
    if (ours_n != NULL)
        *ours_n = count;
    return verdict_of(q, &t);
}

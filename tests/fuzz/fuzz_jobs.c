/* The list of jobs, and what it is judged to say. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/connect/api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void judge(const struct api_job *jobs, size_t n)
{
    static const char *const judged[] = { "old" };
    struct jobs_question q = { .bundle_id = "33",
                               .not_before_ms = 1,
                               .r_managed = true,
                               .py_managed = true,
                               .has_r = true,
                               .judged = judged,
                               .judged_n = 1 };
    size_t ours[API_JOBS_MAX], ours_n = 0;
    enum jobs_say say = api_judge_jobs(&q, jobs, n, ours, &ours_n);

    must(ours_n <= n && (ours_n > 0 || say == JOBS_NONE || say == JOBS_ACTIVE));
    for (size_t i = 0; i < ours_n; i++) {
        must(ours[i] < n && strcmp(jobs[ours[i]].bundle_id, "33") == 0);
        must(strcmp(jobs[ours[i]].key, "old") != 0 && jobs[ours[i]].start_ms > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = { 200, 404, 500 };
    static struct api_job jobs[API_JOBS_MAX];
    char *body = malloc(size + 1);

    must(body != NULL);
    if (size > 0)
        memcpy(body, data, size);
    body[size] = '\0';
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct http_answer a = { .status = statuses[i], .body = body, .body_len = size };
        size_t n = 99;
        struct api_verdict v = api_read_jobs(&a, jobs, &n);

        must(n <= API_JOBS_MAX && (v.what == API_GOOD || n == 0));
        judge(jobs, n);
    }
    free(body);
    return 0;
}

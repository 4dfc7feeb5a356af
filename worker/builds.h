/* Drives one build against its replica: POST, long poll, the jobs look-up when the task or an
 * answer is lost, the verdict. Ends in builds_end(), which hands the work to the claims' next turn.
 */
#ifndef WORKER_BUILDS_H
#define WORKER_BUILDS_H

#include <stdbool.h>

#include "common/connect/api.h"
#include "common/connect/errors.h"

struct http_answer;
struct target;
struct work;
struct worker;

/* The claim was granted (work in POSTING): POST, guarded by the partition and the claim's age. */
void builds_post(struct worker *w, struct work *work);
/* This process's own open attempt, met again by a question (work in ASKING). */
void builds_resume(struct worker *w, struct work *work);
/* An adopted attempt (work in ASKING): poll its task, or look it up where no task id is known. */
void builds_follow(struct worker *w, struct work *work);
/* The restore ended: code 0 is a success, any other a failure that is classed by its log. */
void builds_end_code(struct worker *w, struct work *work, int code, const char *error_text);
/* The attempt ended without a code of Connect's. */
void builds_end_class(struct worker *w, struct work *work, enum error_class cls,
                      const char *message);
/* The POST was not let through or did not leave: counts as nothing. */
void builds_end_not_started(struct worker *w, struct work *work, const char *why);

/* build_http.c: what every request of a work has in common. */
/* Headers with key, correlation id and cookies; starts the request as the work's one call. */
typedef void builds_answer_fn(struct worker *w, struct work *work, const struct http_answer *a);
struct build_request {
    const char *method;
    const char *url;
    const char *body; /* NULL: none */
    int64_t timeout_ms;
    bool guarded; /* the POST: asks the guard */
    bool with_cookies;
    bool anonymous; /* without the key */
    bool page;      /* a content page: only its start is kept, however long it is */
    struct target *target;
    const char *route; /* for the metrics: content build task jobs */
    builds_answer_fn *on_answer;
};
void builds_request(struct worker *w, struct work *work, const struct build_request *r);
/* Calls fn(w, work) after delay on the work's timer. */
typedef void builds_later_fn(struct worker *w, struct work *work);
void builds_later(struct worker *w, struct work *work, int64_t delay_ms, builds_later_fn *fn);
/* What a verdict says of the replica: breaker, back-off; and of the key. True: the key is refused,
 * the caller stops what it does. */
bool builds_judge_target(struct worker *w, struct target *target, const struct api_verdict *v);

/* lookup.c */
void lookup_start(struct worker *w, struct work *work); /* work enters LOOKING */

#endif

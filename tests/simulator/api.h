#ifndef SIMULATOR_API_H
#define SIMULATOR_API_H

#include <stdbool.h>

struct answer;
struct item;
struct request;
struct world;

/* Handlers of single routes. Each fills the answer; the segments are the path behind /__api__/. */
typedef void handler_fn(struct world *world, struct request *request, struct answer *answer);

/* api_server.c */
handler_fn api_ping, api_settings, api_public_settings, api_installations, api_user, api_hosts,
    api_empty_list;

/* api_content.c */
handler_fn api_content_list, api_content, api_bundles, api_bundle;

/* api_build.c */
handler_fn api_build, api_task;

/* api_jobs.c */
handler_fn api_jobs, api_job, api_job_log, api_job_kill;

/* page.c: content as a browser gets it, path as a whole */
handler_fn page_serve;

/* The error codes of Connect that the simulator uses. */
enum api_code {
    CODE_NO_ENDPOINT = 2,
    CODE_INVALID_ID = 3,
    CODE_NO_OBJECT = 4,
    CODE_BAD_JSON = 5,
    CODE_NO_VIEW_PERMISSION = 19,
    CODE_AUTH_REQUIRED = 24,
    CODE_BUNDLE_MISSING = 28,
    CODE_INVALID_LOGIN = 30,
    CODE_BUNDLE_MISMATCH = 82,
    CODE_NO_TASK = 141,
    CODE_NOT_EXECUTABLE = 147,
    CODE_INACTIVE_JOB = 163,
    CODE_LOCKED = 222,
    CODE_RATE_LIMIT = 277,
};

/* The item named by segment 2. NULL: the answer says why not. */
struct item *api_item(struct world *world, const struct request *request, struct answer *answer);

enum auth { AUTH_NONE, AUTH_WRONG, AUTH_GOOD };

/* By Authorization or, where a proxy owns that, X-RSC-Authorization. */
enum auth auth_of(const struct world *world, const struct request *request);

#endif

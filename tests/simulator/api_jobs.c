#include <cjson/cJSON.h>
#include <string.h>

#include "tests/simulator/api.h"
#include "tests/simulator/buildlog.h"
#include "tests/simulator/clock.h"
#include "tests/simulator/content_text.h"
#include "tests/simulator/draw.h"
#include "tests/simulator/exchange.h"
#include "tests/simulator/json.h"
#include "tests/simulator/world.h"

#define FINALIZED_AFTER_US (2 * US_PER_SECOND)  /* an ended job is tidied up a little later */
#define FIRST_RESTORE_US   (40 * US_PER_SECOND) /* how long the restore of the deployment took */
#define ID_OF_FIRST_BUILD  1000000 /* jobs of builds have ids above those of old ones */

enum job_status { JOB_ACTIVE, JOB_FINISHED, JOB_FINALIZED };

/* One row of the job table, wherever it comes from. */
struct row {
    int64_t id;
    const char *key;
    const char *tag;
    int64_t bundle;
    int64_t started_us;
    int64_t ended_us; /* 0: active */
    int exit_code;
    enum job_status status;
    const char *hostname;
};

static cJSON *row_to_json(const struct world *world, const struct item *item, const struct row *row)
{
    cJSON *json = cJSON_CreateObject();

    content_add_id(world, json, "id", row->id);
    cJSON_AddStringToObject(json, "key", row->key);
    content_add_id(world, json, "content_id", (int64_t)item->index + 1);
    cJSON_AddStringToObject(json, "content_guid", item->guid);
    content_add_id(world, json, "bundle_id", row->bundle);
    cJSON_AddStringToObject(json, "tag", row->tag);
    json_add_time(json, "queued_time", row->started_us);
    json_add_time(json, "start_time", row->started_us);
    json_add_time(json, "end_time", row->ended_us);
    if (row->ended_us == 0)
        cJSON_AddNullToObject(json, "exit_code");
    else
        cJSON_AddNumberToObject(json, "exit_code", row->exit_code);
    cJSON_AddNumberToObject(json, "status", row->status);
    cJSON_AddStringToObject(json, "hostname", row->hostname);
    json_add_text(json, "image", item->image);
    cJSON_AddStringToObject(json, "cluster", item->image[0] == '\0' ? "Local" : "Kubernetes");
    cJSON_AddStringToObject(json, "run_as", "rstudio-connect");
    json_add_text(json, "error", row->exit_code == 0 ? NULL : "exit status");
    return json;
}

static enum job_status status_of(const struct job *job, int64_t now_us)
{
    if (job->ended_us == 0)
        return JOB_ACTIVE;
    return now_us - job->ended_us < FINALIZED_AFTER_US ? JOB_FINISHED : JOB_FINALIZED;
}

static cJSON *job_to_json(const struct world *world, const struct build *build,
                          const struct job *job, int64_t now_us)
{
    const struct row row = {
        .id = ID_OF_FIRST_BUILD + (int64_t)build->number * MAX_JOBS + (job - build->jobs),
        .key = job->key,
        .tag = job->tag,
        .bundle = build->bundle,
        .started_us = job->started_us,
        .ended_us = job->ended_us,
        .exit_code = job->exit_code,
        .status = status_of(job, now_us),
        .hostname = world->replicas[build->replica].name,
    };

    return row_to_json(world, build->item, &row);
}

static void add_builds(const struct world *world, const struct item *item, int64_t now_us,
                       cJSON *list)
{
    int64_t delay_us = world->faults.job_row_delay_ms * US_PER_MS;

    for (const struct build *build = item->newest_build; build != NULL; build = build->older) {
        for (size_t i = build->jobs_n; i > 0; i--) {
            const struct job *job = &build->jobs[i - 1];
            if (job->started_us != 0 && now_us >= job->started_us + delay_us)
                cJSON_AddItemToArray(list, job_to_json(world, build, job, now_us));
        }
    }
}

/* The process that serves the content: active, but no restore. */
static void add_process(const struct world *world, const struct item *item, int64_t now_us,
                        cJSON *list)
{
    char key[ID_BYTES];
    const struct row row = {
        .id = (int64_t)item->index * 3 + 3,
        .key = key,
        .tag = item->mode->kind == MODE_API ? "run_api" : "run_app",
        .bundle = item->active_bundle,
        .started_us = now_us - US_PER_SECOND,
        .status = JOB_ACTIVE,
        .hostname = world->replicas[0].name,
    };

    if (!item->warm)
        return;
    draw_id(draw_hash(world->seed, item->guid, 3), key);
    cJSON_AddItemToArray(list, row_to_json(world, item, &row));
}

/* The restores of the deployment, long ago: same tags and bundle as those of a rebuild. */
static void add_history(const struct world *world, const struct item *item, cJSON *list)
{
    const char *const tags[MAX_JOBS] = {
        item_uses_python(item) ? "python_restore" : NULL,
        item_uses_r(item) ? "packrat_restore" : NULL,
    };

    for (size_t i = 0; i < MAX_JOBS && item->active_bundle != 0; i++) {
        char key[ID_BYTES];
        const struct row row = {
            .id = (int64_t)item->index * 3 + 2 - (int64_t)i,
            .key = key,
            .tag = tags[i],
            .bundle = item->active_bundle,
            .started_us = item->deployed_us,
            .ended_us = item->deployed_us + FIRST_RESTORE_US,
            .status = JOB_FINALIZED,
            .hostname = world->replicas[0].name,
        };
        if (tags[i] == NULL)
            continue;
        draw_id(draw_hash(world->seed, item->guid, i), key);
        cJSON_AddItemToArray(list, row_to_json(world, item, &row));
    }
}

void api_jobs(struct world *world, struct request *request, struct answer *answer)
{
    const struct item *item = api_item(world, request, answer);

    if (item == NULL)
        return;
    cJSON *list = cJSON_CreateArray();
    add_process(world, item, request->now_us, list);
    add_builds(world, item, request->now_us, list);
    add_history(world, item, list);
    answer_json(answer, 200, list);
}

/* The job of a build named by segment 4. NULL: the answer says why not. */
static struct job *find_job(struct world *world, const struct request *request,
                            struct answer *answer, struct build **ret_build)
{
    const struct item *item = api_item(world, request, answer);
    struct job *job = item == NULL ? NULL : builds_find_job(item, request->segments[4], ret_build);

    if (item != NULL && job == NULL)
        answer_error(answer, 404, CODE_NO_OBJECT, "The requested object does not exist.");
    return job;
}

void api_job(struct world *world, struct request *request, struct answer *answer)
{
    struct build *build = NULL;
    const struct job *job = find_job(world, request, answer, &build);

    if (job != NULL)
        answer_json(answer, 200, job_to_json(world, build, job, request->now_us));
}

void api_job_log(struct world *world, struct request *request, struct answer *answer)
{
    struct build *build = NULL;
    const struct job *job = find_job(world, request, answer, &build);

    if (job == NULL)
        return;
    size_t written = buildlog_count(world->builds, build, request->now_us);
    answer_json(answer, 200, buildlog_entries(build, job, written));
}

void api_job_kill(struct world *world, struct request *request, struct answer *answer)
{
    struct build *build = NULL;
    const struct job *job = find_job(world, request, answer, &build);

    if (job == NULL)
        return;
    if (job->ended_us != 0) {
        answer_error(answer, 409, CODE_INACTIVE_JOB, "The job is not active.");
        return;
    }
    builds_kill(world->builds, build, request->now_us);
    cJSON *json = cJSON_CreateObject();
    content_add_id(world, json, "app_id", (int64_t)build->item->index + 1);
    cJSON_AddStringToObject(json, "app_guid", build->item->guid);
    cJSON_AddStringToObject(json, "job_key", job->key);
    cJSON_AddStringToObject(json, "result", "Order to terminate the job was registered");
    cJSON_AddNullToObject(json, "code");
    cJSON_AddNullToObject(json, "error");
    answer_json(answer, 200, json);
}

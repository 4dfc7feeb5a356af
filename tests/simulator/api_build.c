#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "tests/simulator/api.h"
#include "tests/simulator/buildlog.h"
#include "tests/simulator/clock.h"
#include "tests/simulator/draw.h"
#include "tests/simulator/exchange.h"
#include "tests/simulator/json.h"
#include "tests/simulator/world.h"

#define FIRST_YEAR_ACTIVATE  2025 /* the field "activate" exists from 2025.06 on */
#define FIRST_MONTH_ACTIVATE 6

/* What the body of a submit asks for. */
struct instructions {
    char asked[WORD_BYTES]; /* empty: the newest upload */
    bool activate;
};

/* The number at *at, which moves behind it and the dot that follows; 0: there is none. */
static long long next_number(const char **at)
{
    size_t n = strspn(*at, "0123456789");
    char digits[WORD_BYTES];
    long long number = 0;

    snprintf(digits, sizeof digits, "%.*s", (int)n, *at);
    if (!text_to_whole(digits, &number))
        return 0;
    *at += n;
    *at += **at == '.';
    return number;
}

static bool knows_activate(const char *version)
{
    long long year = next_number(&version);
    long long month = next_number(&version);

    return year > FIRST_YEAR_ACTIVATE ||
           (year == FIRST_YEAR_ACTIVATE && month >= FIRST_MONTH_ACTIVATE);
}

/* A string, a whole number (tolerated), null or absent. */
static bool read_bundle_id(const cJSON *field, char *to, size_t size)
{
    to[0] = '\0';
    if (field == NULL || cJSON_IsNull(field))
        return true;
    if (cJSON_IsString(field))
        return text_copy(to, size, field->valuestring);
    if (!cJSON_IsNumber(field))
        return false;
    char *printed = cJSON_PrintUnformatted(field);
    bool fits = text_copy(to, size, printed);
    cJSON_free(printed);
    return fits;
}

static bool read_fields(const struct world *world, const cJSON *json, struct instructions *to)
{
    const cJSON *field = NULL;

    if (!cJSON_IsObject(json))
        return false;
    to->activate = true;
    cJSON_ArrayForEach (field, json) {
        bool is_activate = strcmp(field->string, "activate") == 0;
        if (!is_activate && strcmp(field->string, "bundle_id") != 0)
            return false;
        if (is_activate &&
            (!cJSON_IsBool(field) || !knows_activate(world->options->connect_version)))
            return false;
        if (is_activate)
            to->activate = cJSON_IsTrue(field);
    }
    return read_bundle_id(cJSON_GetObjectItemCaseSensitive(json, "bundle_id"), to->asked,
                          sizeof to->asked);
}

static bool read_instructions(const struct world *world, const struct request *request,
                              struct instructions *to)
{
    cJSON *json = cJSON_ParseWithLength(request->body, request->body_len);
    bool good = read_fields(world, json, to);

    cJSON_Delete(json);
    return good;
}

/* The bundle to build; NULL: the answer says why not. */
static const struct bundle *choose_bundle(const struct item *item, const struct instructions *wish,
                                          struct answer *answer)
{
    long long id = 0;

    if (wish->asked[0] == '\0') {
        if (item->bundles_n > 0)
            return &item->bundles[item->bundles_n - 1];
        answer_error(answer, 404, CODE_BUNDLE_MISSING, "There is no bundle to deploy.");
        return NULL;
    }
    const struct bundle *bundle = text_to_whole(wish->asked, &id) ? item_bundle(item, id) : NULL;
    if (bundle == NULL)
        answer_error(answer, 400, CODE_BUNDLE_MISMATCH,
                     "The bundle does not belong to this content.");
    return bundle;
}

static bool refused(const struct world *world, const struct item *item, struct answer *answer)
{
    bool is_static = item->mode->kind == MODE_STATIC;

    if (item->locked) {
        answer_error(answer, 403, CODE_LOCKED, "The content is locked; it cannot be built.");
        return true;
    }
    if (is_static && world->faults.static_refused && item->active_bundle != 0) {
        answer_error(answer, 400, CODE_NOT_EXECUTABLE, "The content is not executable.");
        return true;
    }
    return false;
}

static int64_t draw_work_us(const struct world *world, const struct item *item)
{
    const struct options *options = world->options;
    uint64_t subject = draw_hash(item->builds_n, item->guid, 0);
    double unit = draw_unit(draw_hash(world->seed, "duration", subject));
    double span_ms = (double)(options->build_max_ms - options->build_min_ms);

    if (item->overrides.build_ms >= 0)
        return item->overrides.build_ms * US_PER_MS;
    return (int64_t)(((double)options->build_min_ms + unit * span_ms) * (double)US_PER_MS);
}

static struct build *start(struct world *world, const struct request *request, struct item *item,
                           const struct bundle *bundle, const struct instructions *wish)
{
    const struct build_order order = {
        .item = item,
        .replica = request->replica,
        .bundle = bundle->id,
        .bundle_asked = wish->asked,
        .activate = wish->activate,
        .held = world->faults.hold_builds,
        .correlation = request_header(request, "X-Correlation-ID"),
        .cookie = request->through_front ? request->sticky : NULL,
        .work_us = draw_work_us(world, item),
        .failure = item_failure(item, &world->faults, world->seed),
        .log = { (size_t)world->options->log_lines, (size_t)world->faults.log_line_bytes,
                 world->faults.log_nul, world->faults.log_invalid },
    };
    struct build *build = builds_start(world->builds, &order, request->now_us);

    audit_started(world, build);
    return build;
}

static struct build *submit(struct world *world, const struct request *request,
                            struct answer *answer)
{
    struct item *item = api_item(world, request, answer);
    struct instructions wish;

    if (item == NULL || refused(world, item, answer))
        return NULL;
    if (!read_instructions(world, request, &wish)) {
        answer_error(answer, 400, CODE_BAD_JSON,
                     "The JSON of the request is not what this endpoint takes.");
        return NULL;
    }
    const struct bundle *bundle = choose_bundle(item, &wish, answer);
    return bundle == NULL ? NULL : start(world, request, item, bundle, &wish);
}

void api_build(struct world *world, struct request *request, struct answer *answer)
{
    int64_t ready_us = request->arrived_us +
                       (world->faults.latency_ms + world->faults.submit_delay_ms) * US_PER_MS;

    if (request->started == NULL)
        request->started = submit(world, request, answer);
    if (request->started == NULL) {
        audit_counts(world->audit)->builds_refused++;
        return;
    }
    if (request->now_us < ready_us) {
        answer_later(answer, ready_us, NULL);
        return;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "task_id", request->started->task_id);
    answer_json(answer, (unsigned)world->faults.submit_status, json);
}

static cJSON *result_to_json(const struct build *build)
{
    cJSON *result = cJSON_CreateObject();
    bool failed = build->code != 0;

    if (build->state != BUILD_ENDED) {
        cJSON_Delete(result);
        return cJSON_CreateNull();
    }
    cJSON_AddStringToObject(result, "type", failed ? "build-failed-error" : "");
    json_add_text(result, "data", failed ? buildlog_error(build) : NULL);
    return result;
}

static void answer_task(const struct world *world, const struct request *request,
                        const struct build *build, struct answer *answer)
{
    cJSON *json = cJSON_CreateObject();
    bool ended = build->state == BUILD_ENDED;
    size_t last = buildlog_count(world->builds, build, request->now_us);
    size_t first = (size_t)request_query_whole(request, "first", 0);

    cJSON_AddStringToObject(json, "id", build->task_id);
    cJSON_AddItemToObject(json, "output", buildlog_lines(build, first, last));
    cJSON_AddItemToObject(json, "result", result_to_json(build));
    cJSON_AddBoolToObject(json, "finished", ended);
    cJSON_AddNumberToObject(json, "code", ended ? build->code : 0);
    cJSON_AddStringToObject(json, "error", buildlog_error(build));
    cJSON_AddNumberToObject(json, "last", (double)last);
    answer_json(answer, 200, json);
}

/* The task, if the replica that was asked knows it. */
static struct build *find_task(struct world *world, const struct request *request)
{
    struct audit_counts *counts = audit_counts(world->audit);
    struct build *build = builds_find_task(world->builds, request->segments[2]);
    int64_t retention_us = world->faults.task_retention_ms * US_PER_MS;

    if (build != NULL && build->state == BUILD_ENDED && retention_us > 0 &&
        request->now_us - build->ended_us > retention_us) {
        builds_forget_task(world->builds, build);
        build = NULL;
    }
    if (build == NULL) {
        counts->polls_unknown_task++;
        return NULL;
    }
    if (build->replica != request->replica) {
        counts->polls_wrong_replica++;
        return NULL;
    }
    return build;
}

void api_task(struct world *world, struct request *request, struct answer *answer)
{
    struct build *build = find_task(world, request);
    int64_t wait_s = world->faults.poll_ignores_wait ? 0 : request_query_whole(request, "wait", 0);
    int64_t until_us = request->arrived_us + wait_s * US_PER_SECOND;

    if (build == NULL && world->faults.old_task_404)
        answer_error(answer, 404, CODE_NO_OBJECT, "The requested object does not exist.");
    else if (build == NULL)
        answer_error(answer, 404, CODE_NO_TASK, "The requested task does not exist.");
    else if (build->state != BUILD_ENDED && request->now_us < until_us)
        answer_later(answer, until_us, build);
    else
        answer_task(world, request, build, answer);
}

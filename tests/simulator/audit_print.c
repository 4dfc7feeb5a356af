#include <cjson/cJSON.h>

#include "tests/simulator/audit.h"
#include "tests/simulator/clock.h"
#include "tests/simulator/json.h"
#include "tests/simulator/text.h"
#include "tests/simulator/world.h"

/* Twice: to read, and to calculate with. */
static void add_times(cJSON *to, const char *at_name, const char *ms_name, int64_t us)
{
    json_add_time(to, at_name, us);
    if (us == 0)
        cJSON_AddNullToObject(to, ms_name);
    else
        cJSON_AddNumberToObject(to, ms_name, (double)us / (double)US_PER_MS);
}

static cJSON *build_to_json(const struct world *world, const struct build *build)
{
    cJSON *json = cJSON_CreateObject();
    bool ended = build->state == BUILD_ENDED;

    cJSON_AddStringToObject(json, "guid", build->item->guid);
    cJSON_AddStringToObject(json, "replica", world->replicas[build->replica].name);
    cJSON_AddStringToObject(json, "task_id", build->task_id);
    json_add_text(json, "bundle_asked", build->bundle_asked);
    cJSON_AddNumberToObject(json, "bundle_built", (double)build->bundle);
    json_add_text(json, "correlation_id", build->correlation);
    json_add_text(json, "cookie", build->cookie);
    add_times(json, "started_at", "started_ms", build->started_us);
    add_times(json, "ended_at", "ended_ms", build->ended_us);
    if (ended)
        cJSON_AddNumberToObject(json, "code", build->code);
    else
        cJSON_AddNullToObject(json, "code");
    json_add_text(json, "failure", build->failure == NULL ? NULL : build->failure->name);
    cJSON_AddBoolToObject(json, "killed", build->killed);
    cJSON_AddBoolToObject(json, "died", build->died);
    cJSON_AddBoolToObject(json, "running", !ended);
    return json;
}

static cJSON *per_replica(const struct world *world, const uint64_t *numbers)
{
    cJSON *json = cJSON_CreateObject();

    for (size_t i = 0; i < world->replicas_n; i++)
        cJSON_AddNumberToObject(json, world->replicas[i].name, (double)numbers[i]);
    return json;
}

static void add_limits(const struct world *world, cJSON *to)
{
    uint64_t limits[MAX_REPLICAS];

    for (size_t i = 0; i < MAX_REPLICAS; i++)
        limits[i] = audit_limit(world->audit, i);
    cJSON_AddNumberToObject(to, "limit", (double)limits[0]);
    cJSON_AddItemToObject(to, "limit_per_replica", per_replica(world, limits));
}

static void add_requests(const struct audit_counts *counts, cJSON *to)
{
    cJSON *requests = cJSON_AddObjectToObject(to, "requests");
    double total = 0;

    for (int i = 0; i < ROUTES_N; i++) {
        cJSON_AddNumberToObject(requests, route_name((enum route)i), (double)counts->requests[i]);
        total += (double)counts->requests[i];
    }
    cJSON_AddNumberToObject(to, "requests_total", total);
}

static cJSON *summary(const struct world *world)
{
    const struct audit_counts *counts = audit_counts(world->audit);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        { "builds", counts->builds },
        { "builds_refused", counts->builds_refused },
        { "overlapping_same_guid", counts->overlapping_same_guid },
        { "after_success", counts->after_success },
        { "built_twice", counts->built_twice },
        { "guids_built", counts->guids_built },
        { "guids_built_more_than_once", counts->guids_built_more_than_once },
        { "over_limit", counts->over_limit },
        { "killed", counts->killed },
        { "died", counts->died },
        { "polls_wrong_replica", counts->polls_wrong_replica },
        { "polls_unknown_task", counts->polls_unknown_task },
        { "cookie_mixups", counts->cookie_mixups },
        { "access_keyed", counts->access_keyed },
        { "access_anonymous", counts->access_anonymous },
        { "auth_refused", counts->auth_refused },
    };
    cJSON *json = cJSON_CreateObject();

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        cJSON_AddNumberToObject(json, numbers[i].name, (double)numbers[i].value);
    cJSON_AddItemToObject(json, "per_replica", per_replica(world, counts->per_replica));
    cJSON_AddItemToObject(json, "max_inflight_per_replica",
                          per_replica(world, counts->max_inflight_per_replica));
    add_limits(world, json);
    add_requests(counts, json);
    return json;
}

void audit_print(const struct world *world, bool with_list, struct text *to)
{
    size_t first = audit_first_build(world->audit);

    json_print(summary(world), to);
    if (!with_list)
        return;
    to->len--; /* the list goes in before the closing brace; printed one by one, it stays small */
    text_add_string(to, ",\"list\":[");
    for (size_t i = first; i < builds_count(world->builds); i++) {
        if (i > first)
            text_add_string(to, ",");
        json_print(build_to_json(world, builds_at(world->builds, i)), to);
    }
    text_add_string(to, "]}");
}

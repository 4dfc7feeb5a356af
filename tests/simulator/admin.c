#include "tests/simulator/admin.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "tests/simulator/admin_item.h"
#include "tests/simulator/content_text.h"
#include "tests/simulator/exchange.h"
#include "tests/simulator/json.h"
#include "tests/simulator/world.h"

#define MAX_SLOW 1e6 /* slower than this is a mistake */

typedef void admin_fn(struct world *world, struct request *request, struct answer *answer);

static void bad(struct answer *answer, const char *error)
{
    answer_error(answer, 400, 0, error);
}

static void show_faults(struct world *world, struct request *request, struct answer *answer)
{
    (void)request;
    answer_json(answer, 200, faults_to_json(&world->faults));
}

static void set_faults(struct world *world, struct request *request, struct answer *answer)
{
    cJSON *json = cJSON_ParseWithLength(request->body, request->body_len);
    char error[ERROR_BYTES];
    bool held = world->faults.hold_builds;
    bool good = faults_set_all(&world->faults, json, error, sizeof error);

    cJSON_Delete(json);
    if (!good) {
        bad(answer, error);
        return;
    }
    if (held && !world->faults.hold_builds)
        builds_release(world->builds, SIZE_MAX, request->now_us);
    show_faults(world, request, answer);
}

static struct item *find_item(struct world *world, struct request *request, struct answer *answer)
{
    struct item *item = catalog_find_any(world->catalog, request->segments[1]);

    if (item == NULL)
        answer_error(answer, 404, 0, "there is no such item");
    return item;
}

static void show_item(struct world *world, struct request *request, struct answer *answer)
{
    const struct item *item = find_item(world, request, answer);

    if (item != NULL)
        answer_json(answer, 200, admin_item_to_json(item));
}

static void change_item(struct world *world, struct request *request, struct answer *answer)
{
    struct item *item = find_item(world, request, answer);
    char error[ERROR_BYTES];

    if (item == NULL)
        return;
    cJSON *json = cJSON_ParseWithLength(request->body, request->body_len);
    bool good = admin_item_change(item, json, error, sizeof error);
    cJSON_Delete(json);
    if (good)
        show_item(world, request, answer);
    else
        bad(answer, error);
}

/* replicas_n: none has this name. */
static size_t find_replica(const struct world *world, const char *name)
{
    size_t i = 0;

    while (i < world->replicas_n && strcmp(world->replicas[i].name, name) != 0)
        i++;
    return i;
}

static cJSON *replica_to_json(const struct world *world, size_t i)
{
    const struct replica *replica = &world->replicas[i];
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "name", replica->name);
    cJSON_AddStringToObject(json, "url", replica->at.url);
    cJSON_AddStringToObject(json, "cookie", replica->sticky);
    cJSON_AddNumberToObject(json, "port", replica->at.port);
    cJSON_AddBoolToObject(json, "up", replica->up);
    cJSON_AddNumberToObject(json, "slow", builds_slow(world->builds, i));
    cJSON_AddNumberToObject(json, "running", (double)builds_running(world->builds, i));
    return json;
}

/* What POST /replicas/{name} may carry; NULL members are absent. */
struct power {
    const cJSON *up;
    const cJSON *restart;
    const cJSON *jobs;
    const cJSON *slow;
};

static bool read_power(const cJSON *json, struct power *to)
{
    const cJSON *member = NULL;

    *to = (struct power){ 0 };
    if (!cJSON_IsObject(json))
        return false;
    cJSON_ArrayForEach (member, json) {
        const char *jobs = cJSON_GetStringValue(member);
        if (strcmp(member->string, "up") == 0 && cJSON_IsBool(member))
            to->up = member;
        else if (strcmp(member->string, "restart") == 0 && cJSON_IsBool(member))
            to->restart = member;
        else if (strcmp(member->string, "slow") == 0 && cJSON_IsNumber(member) &&
                 member->valuedouble > 0 && member->valuedouble <= MAX_SLOW)
            to->slow = member;
        else if (strcmp(member->string, "jobs") == 0 && jobs != NULL &&
                 (strcmp(jobs, "continue") == 0 || strcmp(jobs, "die") == 0))
            to->jobs = member;
        else
            return false;
    }
    return true;
}

/* A restart, and "jobs" beside {"up":false}, end the process: its task table is gone. {"up":false}
 * alone cuts the network only. */
static void apply_power(struct world *world, size_t i, const struct power *power, int64_t now_us)
{
    struct replica *replica = &world->replicas[i];
    bool restart = cJSON_IsTrue(power->restart);
    bool die = power->jobs != NULL && strcmp(power->jobs->valuestring, "die") == 0;

    if (power->slow != NULL)
        builds_set_slow(world->builds, i, power->slow->valuedouble, now_us);
    if (power->up != NULL)
        replica->up = cJSON_IsTrue(power->up);
    replica->bounce = replica->bounce || restart;
    if (restart || power->jobs != NULL)
        builds_forget_tasks(world->builds, i, die, now_us);
}

static void change_replica(struct world *world, struct request *request, struct answer *answer)
{
    size_t i = find_replica(world, request->segments[1]);
    struct power power;

    if (i == world->replicas_n) {
        answer_error(answer, 404, 0, "there is no such replica");
        return;
    }
    cJSON *json = cJSON_ParseWithLength(request->body, request->body_len);
    bool good = read_power(json, &power);
    if (good)
        apply_power(world, i, &power, request->now_us);
    cJSON_Delete(json);
    if (good)
        answer_json(answer, 200, replica_to_json(world, i));
    else
        bad(answer,
            "a replica takes up, restart (true, false), jobs (continue, die) and slow (> 0)");
}

static void show_state(struct world *world, struct request *request, struct answer *answer)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *replicas = cJSON_AddArrayToObject(json, "replicas");
    size_t running = 0;

    for (size_t i = 0; i < world->replicas_n; i++) {
        cJSON_AddItemToArray(replicas, replica_to_json(world, i));
        running += builds_running(world->builds, i);
    }
    json_add_text(json, "front", world->front.url);
    cJSON_AddNumberToObject(json, "items", (double)catalog_count(world->catalog));
    cJSON_AddNumberToObject(json, "builds", (double)builds_count(world->builds));
    cJSON_AddNumberToObject(json, "running", (double)running);
    json_add_time(json, "now", request->now_us);
    answer_json(answer, 200, json);
}

static void release_builds(struct world *world, struct request *request, struct answer *answer)
{
    builds_release(world->builds, (size_t)request_query_whole(request, "n", INT32_MAX),
                   request->now_us);
    show_state(world, request, answer);
}

static void show_audit(struct world *world, struct request *request, struct answer *answer)
{
    struct text json = { 0 };

    audit_print(world, request_query_whole(request, "summary", 0) == 0, &json);
    answer_raw_json(answer, 200, &json);
}

static void show_summary(struct world *world, struct answer *answer)
{
    struct text json = { 0 };

    audit_print(world, false, &json);
    answer_raw_json(answer, 200, &json);
}

static void reset_audit(struct world *world, struct request *request, struct answer *answer)
{
    (void)request;
    audit_reset(world);
    show_summary(world, answer);
}

static void limit_audit(struct world *world, struct request *request, struct answer *answer)
{
    cJSON *json = cJSON_ParseWithLength(request->body, request->body_len);
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(json, "limit");
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "replica"));
    size_t replica = name == NULL ? MAX_REPLICAS : find_replica(world, name);
    bool good = cJSON_IsNumber(limit) && limit->valuedouble >= 0 && limit->valuedouble < 1e9 &&
                (name == NULL || replica < world->replicas_n);

    if (good)
        audit_set_limit(world->audit, replica, (uint64_t)limit->valuedouble);
    cJSON_Delete(json);
    if (good)
        show_summary(world, answer);
    else
        bad(answer, "the body must be {\"limit\":N}, with \"replica\":NAME if it is not for all");
}

static void show_csv(struct world *world, struct request *request, struct answer *answer)
{
    (void)request;
    text_done(&answer->body);
    answer->act = ACT_SEND;
    answer->status = 200;
    answer->content_type = "text/csv; charset=utf-8";
    content_to_csv(world, &answer->body);
}

static const struct {
    const char *method;
    const char *first;  /* segment */
    const char *second; /* "*": any; NULL: there is none */
    admin_fn *handle;
    const char *help;
} commands[] = {
    { "GET", "state", NULL, show_state, "replicas and what runs there" },
    { "GET", "faults", NULL, show_faults, "all faults with their values" },
    { "POST", "faults", NULL, set_faults, "sets those in the JSON object, all or none" },
    { "GET", "items", "*", show_item, "one item (by guid) and its overrides" },
    { "POST", "items", "*", change_item, "sets overrides: " ADMIN_ITEM_MEMBERS },
    { "POST", "replicas", "*", change_replica,
      "by name: up, restart (bool), jobs (continue, die), slow (factor)" },
    { "POST", "builds", "release", release_builds,
      "ends the builds that hold_builds holds; ?n=N the N oldest" },
    { "GET", "audit", NULL, show_audit, "what was asked and built; ?summary=1 without the list" },
    { "POST", "audit", "reset", reset_audit, "counts from now on" },
    { "POST", "audit", "limit", limit_audit, "limit, and replica (name) if it is not for all" },
    { "GET", "content.csv", NULL, show_csv, "the content table, for COPY" },
};

void admin_print_help(void)
{
    puts("\nAdmin port (JSON in and out):");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        printf("  %-4s /%s%s%s\n         %s\n", commands[i].method, commands[i].first,
               commands[i].second == NULL ? "" : "/",
               commands[i].second == NULL ? "" : commands[i].second, commands[i].help);
}

/* Cuts "/first" or "/first/second" into the request's segments. */
static bool split(struct request *request)
{
    char *at = request->segment_bytes;

    if (!text_copy(at, sizeof request->segment_bytes, request->path) || *at != '/')
        return false;
    request->segments[0] = at + 1;
    request->segments_n = 1;
    char *slash = strchr(at + 1, '/');
    if (slash == NULL)
        return true;
    *slash = '\0';
    request->segments[1] = slash + 1;
    request->segments_n = 2;
    return strchr(slash + 1, '/') == NULL;
}

static bool matches(size_t i, const struct request *request)
{
    const char *second = commands[i].second;

    if (!request_is(request, commands[i].method) ||
        strcmp(request->segments[0], commands[i].first) != 0)
        return false;
    if (second == NULL || request->segments_n == 1)
        return second == NULL && request->segments_n == 1;
    return strcmp(second, "*") == 0 || strcmp(second, request->segments[1]) == 0;
}

void admin_request(struct world *world, struct request *request, struct answer *answer)
{
    for (size_t i = 0; split(request) && i < sizeof commands / sizeof commands[0]; i++) {
        if (!matches(i, request))
            continue;
        commands[i].handle(world, request, answer);
        return;
    }
    answer_error(answer, 404, 0, "the admin port has no such path or method; see admin.h");
}

#include <cjson/cJSON.h>
#include <string.h>

#include "tests/simulator/api.h"
#include "tests/simulator/clock.h"
#include "tests/simulator/exchange.h"
#include "tests/simulator/world.h"

void api_ping(struct world *world, struct request *request, struct answer *answer)
{
    (void)world;
    (void)request;
    struct text body = { 0 };

    text_add_string(&body, "{}");
    answer_raw_json(answer, 200, &body);
}

void api_settings(struct world *world, struct request *request, struct answer *answer)
{
    cJSON *json = cJSON_CreateObject();
    bool known = auth_of(world, request) == AUTH_GOOD;

    cJSON_AddStringToObject(
        json, "hostname",
        known && !world->faults.hide_hostname ? world->replicas[request->replica].name : "");
    cJSON_AddStringToObject(json, "version", known ? world->options->connect_version : "");
    cJSON_AddStringToObject(json, "build", known ? "v0-simulated" : "");
    cJSON_AddStringToObject(json, "about", known ? "Posit Connect (simulated)" : "");
    cJSON_AddStringToObject(json, "execution_type", "native");
    cJSON_AddBoolToObject(json, "git_enabled", false);
    cJSON_AddBoolToObject(json, "enable_image_management", false);
    cJSON_AddBoolToObject(json, "default_image_selection_enabled", false);
    cJSON_AddArrayToObject(json, "runtimes");
    answer_json(answer, 200, json);
}

void api_public_settings(struct world *world, struct request *request, struct answer *answer)
{
    (void)world;
    (void)request;
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "login_url", "/__login__");
    answer_json(answer, 200, json);
}

/* True if an earlier item of the catalog already brought this version. */
static bool listed(const cJSON *list, const char *version)
{
    const cJSON *one = NULL;

    cJSON_ArrayForEach (one, list)
        if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(one, "version")), version) == 0)
            return true;
    return false;
}

static const char *version_of(const struct item *item, const char *language)
{
    if (strcmp(language, "r") == 0)
        return item->r_version;
    if (strcmp(language, "python") == 0)
        return item->py_version;
    if (strcmp(language, "quarto") == 0)
        return item->quarto_version;
    return NULL;
}

void api_installations(struct world *world, struct request *request, struct answer *answer)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(json, "installations");
    size_t enough = catalog_count(world->catalog) < 1000 ? catalog_count(world->catalog) : 1000;

    for (size_t i = 0; i < enough; i++) {
        const char *version = version_of(catalog_at(world->catalog, i), request->segments[2]);
        if (version == NULL || listed(list, version))
            continue;
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "version", version);
        cJSON_AddStringToObject(one, "cluster_name", "Local");
        cJSON_AddStringToObject(one, "image_name", "Local");
        cJSON_AddItemToArray(list, one);
    }
    cJSON_AddBoolToObject(json, "api_enabled", true);
    answer_json(answer, 200, json);
}

void api_user(struct world *world, struct request *request, struct answer *answer)
{
    (void)request;
    const struct user *user = catalog_user(world->catalog, 0);
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "guid", user->guid);
    cJSON_AddStringToObject(json, "username", user->username);
    cJSON_AddStringToObject(json, "first_name", user->first_name);
    cJSON_AddStringToObject(json, "last_name", user->last_name);
    cJSON_AddStringToObject(json, "email", "admin@example.com");
    cJSON_AddStringToObject(json, "user_role", "administrator");
    cJSON_AddBoolToObject(json, "confirmed", true);
    cJSON_AddBoolToObject(json, "locked", false);
    cJSON_AddArrayToObject(json, "privileges");
    answer_json(answer, 200, json);
}

void api_hosts(struct world *world, struct request *request, struct answer *answer)
{
    cJSON *list = cJSON_CreateArray();
    const char *active = request_query(request, "active");
    bool only_active = active != NULL && strcmp(active, "true") == 0;
    char stamp[STAMP_BYTES];

    clock_rfc3339(request->now_us, stamp, sizeof stamp);
    for (size_t i = 0; i < world->replicas_n; i++) {
        const struct replica *replica = &world->replicas[i];
        if ((only_active && !replica->up) || world->faults.hide_hostname)
            continue;
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "hostname", replica->name);
        cJSON_AddStringToObject(one, "version", world->options->connect_version);
        cJSON_AddStringToObject(one, "last_seen", stamp);
        cJSON_AddItemToArray(list, one);
    }
    answer_json(answer, 200, list);
}

void api_empty_list(struct world *world, struct request *request, struct answer *answer)
{
    (void)world;
    (void)request;
    answer_json(answer, 200, cJSON_CreateArray());
}

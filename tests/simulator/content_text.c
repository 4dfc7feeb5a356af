#include "tests/simulator/content_text.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "tests/simulator/clock.h"
#include "tests/simulator/exchange.h"
#include "tests/simulator/json.h"
#include "tests/simulator/text.h"
#include "tests/simulator/world.h"

#define DEFAULT_HOST "127.0.0.1" /* of links, for a client that sends no Host */

void content_add_id(const struct world *world, struct cJSON *to, const char *name, int64_t id)
{
    char digits[WORD_BYTES];

    if (id == 0) {
        cJSON_AddNullToObject(to, name);
    } else if (world->faults.numeric_ids) {
        cJSON_AddNumberToObject(to, name, (double)id);
    } else {
        snprintf(digits, sizeof digits, "%lld", (long long)id);
        cJSON_AddStringToObject(to, name, digits);
    }
}

/* Settings of the process that nothing here varies. */
static void add_null_settings(cJSON *to)
{
    static const char *const names[] = {
        "connection_timeout",
        "read_timeout",
        "init_timeout",
        "idle_timeout",
        "max_processes",
        "min_processes",
        "max_conns_per_process",
        "load_factor",
        "memory_request",
        "memory_limit",
        "cpu_request",
        "cpu_limit",
        "amd_gpu_limit",
        "nvidia_gpu_limit",
        "service_account_name",
        "default_image_name",
        "default_environment_guid",
        "environment_guid",
        "node_version",
        "default_r_environment_management",
        "default_py_environment_management",
        "run_as",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cJSON_AddNullToObject(to, names[i]);
}

/* Null means the default, which is to manage: half of the managed items say so, half say true. */
static void add_management(cJSON *to, const char *name, const struct item *item,
                           const char *version)
{
    if (version == NULL || (item->managed && item->index % 2 == 0))
        cJSON_AddNullToObject(to, name);
    else
        cJSON_AddBoolToObject(to, name, item->managed);
}

static void add_environment(cJSON *to, const struct item *item)
{
    json_add_text(to, "r_version", item->r_version);
    json_add_text(to, "py_version", item->py_version);
    json_add_text(to, "quarto_version", item->quarto_version);
    json_add_text(to, "image_name", item->image);
    json_add_text(to, "cluster_name", item->image[0] == '\0' ? NULL : "Kubernetes");
    add_management(to, "r_environment_management", item, item->r_version);
    add_management(to, "py_environment_management", item, item->py_version);
}

static void add_links(const struct world *world, const struct item *item,
                      const struct request *request, cJSON *to)
{
    const char *host = request_header(request, "Host");
    struct text url = { 0 };

    text_add_format(&url, "http://%s%s", host == NULL ? DEFAULT_HOST : host,
                    world->options->prefix);
    size_t base = url.len;
    text_add_format(&url, "/content/%s/", item->guid);
    cJSON_AddStringToObject(to, "content_url", url.data);
    url.len = base;
    text_add_format(&url, "/connect/#/apps/%s", item->guid);
    cJSON_AddStringToObject(to, "dashboard_url", url.data);
    text_done(&url);
}

static const char *app_role(const struct world *world, const struct item *item)
{
    if (item_forbidden(item, &world->faults, world->seed))
        return "none";
    return item->owner == 0 ? "owner" : "editor";
}

static bool included(const struct request *request, const char *what)
{
    const char *include = request_query(request, "include");
    size_t n = strlen(what);

    while (include != NULL && *include != '\0') {
        size_t part = strcspn(include, ",");
        if (part == n && memcmp(include, what, n) == 0)
            return true;
        include += part;
        include += *include == ',';
    }
    return false;
}

static void add_owner(const struct world *world, const struct item *item, cJSON *to)
{
    const struct user *user = catalog_user(world->catalog, item->owner);
    cJSON *owner = cJSON_AddObjectToObject(to, "owner");

    cJSON_AddStringToObject(owner, "guid", user->guid);
    cJSON_AddStringToObject(owner, "username", user->username);
    cJSON_AddStringToObject(owner, "first_name", user->first_name);
    cJSON_AddStringToObject(owner, "last_name", user->last_name);
}

static void add_tags(const struct item *item, cJSON *to)
{
    cJSON *list = cJSON_AddArrayToObject(to, "tags");
    char id[WORD_BYTES];

    for (unsigned t = 0; t < CATALOG_TAGS_N; t++) {
        if ((item->tags & (1u << t)) == 0)
            continue;
        cJSON *tag = cJSON_CreateObject();
        snprintf(id, sizeof id, "%u", t + 1);
        cJSON_AddStringToObject(tag, "id", id);
        cJSON_AddStringToObject(tag, "name", catalog_tag(t));
        cJSON_AddNullToObject(tag, "parent_id");
        cJSON_AddItemToArray(list, tag);
    }
}

static void add_included(const struct world *world, const struct item *item,
                         const struct request *request, cJSON *to)
{
    if (included(request, "owner"))
        add_owner(world, item, to);
    if (included(request, "tags"))
        add_tags(item, to);
    if (included(request, "vanity_url"))
        json_add_text(to, "vanity_url", item->vanity);
    if (included(request, "bookmarked"))
        cJSON_AddBoolToObject(to, "bookmarked", false);
}

struct cJSON *content_to_json(const struct world *world, const struct item *item,
                              const struct request *request)
{
    cJSON *json = cJSON_CreateObject();
    enum access_type access = item_access(item, &world->faults, world->seed);

    cJSON_AddStringToObject(json, "guid", item->guid);
    cJSON_AddStringToObject(json, "name", item->name);
    cJSON_AddStringToObject(json, "title", item->title);
    cJSON_AddStringToObject(json, "description", "");
    cJSON_AddStringToObject(json, "access_type", item_access_name(access));
    cJSON_AddBoolToObject(json, "locked", item->locked);
    cJSON_AddStringToObject(json, "locked_message",
                            item->locked ? "Locked by an administrator." : "");
    add_null_settings(json);
    json_add_time(json, "created_time", item->created_us);
    json_add_time(json, "last_deployed_time", item->deployed_us);
    content_add_id(world, json, "bundle_id", item->active_bundle);
    cJSON_AddStringToObject(json, "app_mode",
                            item->active_bundle == 0 ? "unknown" : item->mode->name);
    cJSON_AddStringToObject(json, "content_category", item->category);
    cJSON_AddBoolToObject(json, "parameterized", false);
    add_environment(json, item);
    cJSON_AddBoolToObject(json, "run_as_current_user", false);
    cJSON_AddStringToObject(json, "owner_guid", catalog_user(world->catalog, item->owner)->guid);
    add_links(world, item, request, json);
    cJSON_AddStringToObject(json, "app_role", app_role(world, item));
    content_add_id(world, json, "id", (int64_t)item->index + 1);
    add_included(world, item, request, json);
    return json;
}

/* One field; a comma goes before all but the first of a line. */
static void csv_field(struct text *to, const char *value)
{
    bool first = to->len == 0 || to->data[to->len - 1] == '\n';

    if (!first)
        text_add_string(to, ",");
    if (value == NULL || value[0] == '\0')
        return;
    text_add_string(to, "\"");
    for (const char *c = value; *c != '\0'; c++)
        text_add(to, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
    text_add_string(to, "\"");
}

static void csv_time(struct text *to, int64_t us)
{
    char stamp[STAMP_BYTES];

    clock_rfc3339(us, stamp, sizeof stamp);
    csv_field(to, stamp);
}

static void csv_tags(struct text *to, const struct item *item)
{
    struct text list = { 0 };

    for (unsigned t = 0; t < CATALOG_TAGS_N; t++)
        if ((item->tags & (1u << t)) != 0)
            text_add_format(&list, "%s%s", list.len > 0 ? "," : "", catalog_tag(t));
    csv_field(to, list.data);
    text_done(&list);
}

static void csv_line(const struct world *world, const struct item *item, struct text *to)
{
    const struct user *owner = catalog_user(world->catalog, item->owner);
    char bundle[WORD_BYTES];

    snprintf(bundle, sizeof bundle, "%lld", (long long)item->active_bundle);
    csv_field(to, item->guid);
    csv_field(to, item->active_bundle == 0 ? NULL : bundle);
    csv_field(to, item->active_bundle == 0 ? "unknown" : item->mode->name);
    csv_field(to, item->title);
    csv_field(to, item->name);
    csv_field(to, owner->guid);
    csv_field(to, owner->username);
    csv_field(to, item_access_name(item_access(item, &world->faults, world->seed)));
    csv_field(to, item->locked ? "true" : "false");
    csv_field(to, item->r_version);
    csv_field(to, item->py_version);
    csv_field(to, item->quarto_version);
    csv_field(to, item->image);
    csv_field(to, item->category);
    csv_time(to, item->created_us);
    csv_time(to, item->deployed_us);
    csv_tags(to, item);
    text_add_string(to, "\n");
}

void content_to_csv(const struct world *world, struct text *to)
{
    text_add_string(to, "guid,bundle_id,app_mode,title,name,owner_guid,owner_username,access_type,"
                        "locked,r_version,py_version,quarto_version,image_name,content_category,"
                        "created_time,last_deployed_time,tags\n");
    for (size_t i = 0; i < catalog_count(world->catalog); i++)
        if (!catalog_at(world->catalog, i)->deleted)
            csv_line(world, catalog_at(world->catalog, i), to);
}

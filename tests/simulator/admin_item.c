#include "tests/simulator/admin_item.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "tests/simulator/catalog.h"
#include "tests/simulator/clock.h"
#include "tests/simulator/failure.h"
#include "tests/simulator/item.h"
#include "tests/simulator/json.h"
#include "tests/simulator/text.h"

/* Sets one member; false if the value does not fit. */
typedef bool change_fn(struct item *item, const cJSON *value);

static bool whole(const cJSON *value, int64_t low, int64_t high, int64_t *to)
{
    if (!cJSON_IsNumber(value) || value->valuedouble < (double)low ||
        value->valuedouble > (double)high)
        return false;
    *to = (int64_t)value->valuedouble;
    return true;
}

static bool flag(const cJSON *value, bool *to)
{
    *to = cJSON_IsTrue(value);
    return cJSON_IsBool(value);
}

/* true, false, or null for "as drawn". */
static bool tristate(const cJSON *value, int *to)
{
    *to = cJSON_IsNull(value) ? -1 : cJSON_IsTrue(value) ? 1 : 0;
    return cJSON_IsNull(value) || cJSON_IsBool(value);
}

static bool change_fail(struct item *item, const cJSON *value)
{
    const char *name = cJSON_GetStringValue(value);

    item->overrides.fail_set = true;
    item->overrides.fail = name == NULL ? NULL : failure_find(name);
    return cJSON_IsNull(value) || item->overrides.fail != NULL;
}

/* So many builds fail from now on. */
static bool change_fail_attempts(struct item *item, const cJSON *value)
{
    int64_t n = 0;

    if (!whole(value, -1, INT32_MAX, &n))
        return false;
    item->overrides.fail_attempts = n < 0 ? -1 : n + (int64_t)item->builds_n;
    return true;
}

static bool change_build_ms(struct item *item, const cJSON *value)
{
    return whole(value, -1, INT32_MAX, &item->overrides.build_ms);
}

static bool change_access_type(struct item *item, const cJSON *value)
{
    for (int i = ACCESS_ALL; i <= ACCESS_ACL; i++) {
        if (!cJSON_IsString(value) ||
            strcmp(value->valuestring, item_access_name((enum access_type)i)) != 0)
            continue;
        item->access = (enum access_type)i;
        return true;
    }
    return false;
}

static bool change_access_status(struct item *item, const cJSON *value)
{
    return whole(value, 0, 599, &item->overrides.access_status) &&
           (item->overrides.access_status == 0 || item->overrides.access_status >= 200);
}

static bool change_forbidden(struct item *item, const cJSON *value)
{
    return tristate(value, &item->overrides.forbidden);
}

static bool change_too_open(struct item *item, const cJSON *value)
{
    return tristate(value, &item->overrides.too_open);
}

static bool change_locked(struct item *item, const cJSON *value)
{
    return flag(value, &item->locked);
}

static bool change_managed(struct item *item, const cJSON *value)
{
    return flag(value, &item->managed);
}

static bool change_deleted(struct item *item, const cJSON *value)
{
    return flag(value, &item->deleted);
}

/* An id as text or number. */
static bool bundle_id(const cJSON *value, int64_t *to)
{
    const char *digits = cJSON_GetStringValue(value);
    long long id = 0;

    if (digits == NULL)
        return whole(value, 1, INT64_C(1) << 52, to);
    if (!text_to_whole(digits, &id) || id == 0)
        return false;
    *to = id;
    return true;
}

static bool change_bundle_id(struct item *item, const cJSON *value)
{
    if (cJSON_IsNull(value)) {
        item->active_bundle = 0;
        return true;
    }
    if (!bundle_id(value, &item->active_bundle))
        return false;
    item_add_bundle(item, item->active_bundle, clock_now_us());
    return true;
}

static bool change_upload(struct item *item, const cJSON *value)
{
    int64_t id = 0;

    if (!bundle_id(value, &id))
        return false;
    item_add_bundle(item, id, clock_now_us());
    return true;
}

static bool change_app_mode(struct item *item, const cJSON *value)
{
    const char *name = cJSON_GetStringValue(value);
    const struct mode *mode = name == NULL ? NULL : mode_find(name, strlen(name));

    item->mode = mode == NULL ? item->mode : mode;
    return mode != NULL;
}

static bool change_title(struct item *item, const cJSON *value)
{
    return cJSON_IsString(value) && text_copy(item->title, sizeof item->title, value->valuestring);
}

static bool change_hostile(struct item *item, const cJSON *value)
{
    return cJSON_IsString(value) && hostile_set(item, value->valuestring);
}

/* Versions are borrowed from the catalog's tables, so only "none" or one of them can be set. */
static bool change_r_version(struct item *item, const cJSON *value)
{
    item->r_version = cJSON_IsNull(value) ? NULL : catalog_r_version(cJSON_GetStringValue(value));
    return cJSON_IsNull(value) || item->r_version != NULL;
}

static bool change_py_version(struct item *item, const cJSON *value)
{
    item->py_version = cJSON_IsNull(value) ? NULL : catalog_py_version(cJSON_GetStringValue(value));
    return cJSON_IsNull(value) || item->py_version != NULL;
}

static const struct {
    const char *name;
    change_fn *change;
} members[] = {
    { "fail", change_fail },
    { "fail_attempts", change_fail_attempts },
    { "build_ms", change_build_ms },
    { "access_type", change_access_type },
    { "access_status", change_access_status },
    { "forbidden", change_forbidden },
    { "too_open", change_too_open },
    { "locked", change_locked },
    { "managed", change_managed },
    { "deleted", change_deleted },
    { "bundle_id", change_bundle_id },
    { "upload", change_upload },
    { "app_mode", change_app_mode },
    { "title", change_title },
    { "r_version", change_r_version },
    { "py_version", change_py_version },
    { "hostile", change_hostile },
};

static bool change_one(struct item *item, const cJSON *member, char *error, size_t size)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (strcmp(members[i].name, member->string) != 0)
            continue;
        if (members[i].change(item, member))
            return true;
        snprintf(error, size, "member '%s' of an item does not take this value", members[i].name);
        return false;
    }
    snprintf(error, size, "an item has no member '%.60s'", member->string);
    return false;
}

bool admin_item_change(struct item *item, const struct cJSON *changes, char *error,
                       size_t error_size)
{
    struct item changed = *item;
    const cJSON *member = NULL;

    if (!cJSON_IsObject(changes)) {
        snprintf(error, error_size, "the body must be a JSON object of members to change");
        return false;
    }
    cJSON_ArrayForEach (member, changes)
        if (!change_one(&changed, member, error, error_size))
            return false;
    *item = changed;
    return true;
}

struct cJSON *admin_item_to_json(const struct item *item)
{
    const struct overrides *o = &item->overrides;
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "guid", item->guid);
    cJSON_AddNumberToObject(json, "bundle_id", (double)item->active_bundle);
    cJSON_AddStringToObject(json, "app_mode", item->mode->name);
    cJSON_AddStringToObject(json, "access_type", item_access_name(item->access));
    cJSON_AddBoolToObject(json, "locked", item->locked);
    cJSON_AddBoolToObject(json, "managed", item->managed);
    cJSON_AddBoolToObject(json, "deleted", item->deleted);
    json_add_text(json, "r_version", item->r_version);
    json_add_text(json, "py_version", item->py_version);
    json_add_text(json, "fail", o->fail == NULL ? NULL : o->fail->name);
    cJSON_AddNumberToObject(json, "build_ms", (double)o->build_ms);
    cJSON_AddNumberToObject(json, "access_status", (double)o->access_status);
    cJSON_AddNumberToObject(json, "builds", (double)item->builds_n);
    cJSON_AddNumberToObject(json, "running", (double)item->running_n);
    return json;
}

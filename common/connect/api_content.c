#include <string.h>

#include "common/base/str.h"
#include "common/base/uuid.h"
#include "common/connect/api_answer.h"
#include "common/record/json.h"

/* null counts as on */
static bool managed(const struct cJSON *doc, const char *name)
{
    bool on = true;

    json_flag(doc, name, &on);
    return on;
}

/* false: it is there and is no id; taken for "unpublished", the item would be skipped. */
static bool read_bundle(const struct cJSON *doc, char bundle_id[API_ID_BYTES])
{
    if (json_get(doc, "bundle_id") == NULL ||
        json_copy_id(doc, "bundle_id", bundle_id, API_ID_BYTES))
        return true;
    return json_copy(doc, "bundle_id", bundle_id, API_ID_BYTES) && bundle_id[0] == '\0';
}

/* false: not the content object we know. Whatever is null for a viewer may be missing. */
static bool read_content(const struct cJSON *doc, struct api_content *ret)
{
    struct uuid guid;

    if (!json_copy(doc, "guid", ret->guid, sizeof ret->guid) || !uuid_parse(ret->guid, &guid) ||
        !read_bundle(doc, ret->bundle_id))
        return false;
    uuid_format(&guid, ret->guid);
    json_copy(doc, "app_mode", ret->app_mode, sizeof ret->app_mode);
    json_copy(doc, "access_type", ret->access_type, sizeof ret->access_type);
    json_copy(doc, "app_role", ret->app_role, sizeof ret->app_role);
    json_copy(doc, "r_version", ret->r_version, sizeof ret->r_version);
    json_copy(doc, "py_version", ret->py_version, sizeof ret->py_version);
    json_copy(doc, "quarto_version", ret->quarto_version, sizeof ret->quarto_version);
    json_copy(doc, "image_name", ret->image_name, sizeof ret->image_name);
    json_flag(doc, "locked", &ret->locked);
    ret->r_managed = managed(doc, "r_environment_management");
    ret->py_managed = managed(doc, "py_environment_management");
    return true;
}

/* Facts: connect-api.md 3.3. */
struct api_verdict api_read_content(const struct http_answer *a, struct api_content *ret)
{
    struct cJSON *doc;
    struct api_verdict v = api_open(a, API_ROUTE_ITEM, &doc);
    struct api_content content = { 0 };

    if (v.what == API_GOOD && !read_content(doc, &content))
        v = api_garbled(a, API_ROUTE_ITEM, "its body is not a content object");
    if (v.what == API_GOOD) {
        str_copy(content.date, sizeof content.date, a->date);
        *ret = content;
    }
    json_free(doc);
    return v;
}

/* Facts: connect-api.md 3.5; 0.5: any 2xx. */
struct api_verdict api_read_build(const struct http_answer *a, char task_id[API_ID_BYTES])
{
    struct cJSON *doc;
    struct api_verdict v = api_open(a, API_ROUTE_BUILD, &doc);
    char id[API_ID_BYTES];

    if (v.what == API_GOOD && !json_copy_id(doc, "task_id", id, sizeof id))
        v = api_garbled(a, API_ROUTE_BUILD, "its body names no task");
    if (v.what == API_GOOD)
        str_copy(task_id, API_ID_BYTES, id);
    json_free(doc);
    return v;
}

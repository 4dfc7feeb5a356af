#include <cjson/cJSON.h>
#include <string.h>

#include "tests/simulator/api.h"
#include "tests/simulator/content_text.h"
#include "tests/simulator/exchange.h"
#include "tests/simulator/json.h"
#include "tests/simulator/world.h"

static bool is_guid(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    if (strlen(text) != sizeof form - 1)
        return false;
    for (size_t i = 0; form[i] != '\0'; i++) {
        const char *allowed = form[i] == '-' ? "-" : "0123456789abcdefABCDEF";
        if (strchr(allowed, text[i]) == NULL)
            return false;
    }
    return true;
}

struct item *api_item(struct world *world, const struct request *request, struct answer *answer)
{
    const char *guid = request->segments[2];

    if (!is_guid(guid)) {
        answer_error(answer, 400, CODE_INVALID_ID, "The requested ID is not a valid UUID.");
        return NULL;
    }
    struct item *item = catalog_find(world->catalog, guid);
    if (item == NULL) {
        answer_error(answer, 404, CODE_NO_OBJECT, "The requested object does not exist.");
        return NULL;
    }
    if (world->faults.forbidden_code_19 && item_forbidden(item, &world->faults, world->seed)) {
        answer_error(answer, 403, CODE_NO_VIEW_PERMISSION, "You don't have access to this item.");
        return NULL;
    }
    return item;
}

void api_content(struct world *world, struct request *request, struct answer *answer)
{
    const struct item *item = api_item(world, request, answer);

    if (item != NULL)
        answer_json(answer, 200, content_to_json(world, item, request));
}

static bool wanted(const struct world *world, const struct item *item,
                   const struct request *request)
{
    const char *name = request_query(request, "name");
    const char *owner = request_query(request, "owner_guid");

    if (item->deleted || (name != NULL && strcmp(name, item->name) != 0))
        return false;
    return owner == NULL || strcmp(owner, catalog_user(world->catalog, item->owner)->guid) == 0;
}

/* Printed item by item: a tree of the whole list would take several times its memory. */
void api_content_list(struct world *world, struct request *request, struct answer *answer)
{
    struct text list = { 0 };
    const char *separator = "";

    text_add_string(&list, "[");
    for (size_t i = 0; i < catalog_count(world->catalog); i++) {
        const struct item *item = catalog_at(world->catalog, i);
        if (!wanted(world, item, request))
            continue;
        text_add_string(&list, separator);
        json_print(content_to_json(world, item, request), &list);
        separator = ",";
    }
    text_add_string(&list, "]");
    answer_raw_json(answer, 200, &list);
}

static cJSON *bundle_to_json(const struct world *world, const struct item *item,
                             const struct bundle *bundle)
{
    cJSON *json = cJSON_CreateObject();

    content_add_id(world, json, "id", bundle->id);
    cJSON_AddStringToObject(json, "content_guid", item->guid);
    cJSON_AddStringToObject(json, "created_by", catalog_user(world->catalog, item->owner)->guid);
    json_add_time(json, "created_time", bundle->created_us);
    json_add_text(json, "r_version", item->r_version);
    json_add_text(json, "py_version", item->py_version);
    json_add_text(json, "quarto_version", item->quarto_version);
    json_add_text(json, "image_name", item->image);
    cJSON_AddBoolToObject(json, "active", bundle->id == item->active_bundle);
    cJSON_AddNumberToObject(json, "size", 4096);
    cJSON_AddObjectToObject(json, "metadata");
    return json;
}

void api_bundles(struct world *world, struct request *request, struct answer *answer)
{
    const struct item *item = api_item(world, request, answer);

    if (item == NULL)
        return;
    cJSON *list = cJSON_CreateArray();
    for (size_t i = item->bundles_n; i > 0; i--)
        cJSON_AddItemToArray(list, bundle_to_json(world, item, &item->bundles[i - 1]));
    answer_json(answer, 200, list);
}

void api_bundle(struct world *world, struct request *request, struct answer *answer)
{
    const struct item *item = api_item(world, request, answer);
    long long id = 0;

    if (item == NULL)
        return;
    const struct bundle *bundle =
        text_to_whole(request->segments[4], &id) ? item_bundle(item, id) : NULL;
    if (bundle == NULL)
        answer_error(answer, 404, CODE_NO_OBJECT, "The requested object does not exist.");
    else
        answer_json(answer, 200, bundle_to_json(world, item, bundle));
}

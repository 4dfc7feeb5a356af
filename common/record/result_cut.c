#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/json.h"
#include "common/record/result.h"

#define CUT_READ_BYTES (256 * 1024) /* over RESULT_MAX_BYTES */
#define ELLIPSIS       "\xe2\x80\xa6"

/* From the mildest on. Texts of up to 64 bytes are ids, times and words, which stay whole. */
static const struct step {
    int log_lines;
    size_t text_bytes;
    bool checks;
} steps[] = { { 10, TEXT_FIELD_MAX_BYTES, true },
              { 10, 256, true },
              { 0, 256, true },
              { 0, 64, true },
              { 0, 64, false } };

static bool cut_text(cJSON *text, size_t max_bytes)
{
    char shorter[TEXT_FIELD_MAX_BYTES + sizeof(ELLIPSIS)];
    size_t len = strlen(text->valuestring);

    if (len <= max_bytes)
        return true;
    len = str_clean_utf8(shorter, max_bytes - strlen(ELLIPSIS), text->valuestring, len, NULL);
    memcpy(shorter + len, ELLIPSIS, sizeof(ELLIPSIS));
    return cJSON_SetValuestring(text, shorter) != NULL;
}

/* The levels above the child that is looked at: json_parse lets nothing deeper through. */
static bool cut_texts(cJSON *data, size_t max_bytes)
{
    cJSON *next[JSON_DEPTH_MAX] = { data->child };
    size_t depth = 1;

    while (depth > 0) {
        cJSON *child = next[depth - 1];

        if (child == NULL) {
            depth--;
            continue;
        }
        next[depth - 1] = child->next;
        if (cJSON_IsString(child) && !cut_text(child, max_bytes))
            return false;
        if (child->child != NULL && depth < JSON_DEPTH_MAX)
            next[depth++] = child->child;
    }
    return true;
}

/* A link that was cut leads elsewhere. */
static void drop_long_links(cJSON *links, size_t max_bytes)
{
    cJSON *link = links == NULL ? NULL : links->child;

    while (link != NULL) {
        cJSON *next = link->next;

        if (cJSON_IsString(link) && strlen(link->valuestring) > max_bytes)
            cJSON_ReplaceItemViaPointer(links, link, cJSON_CreateNull());
        link = next;
    }
}

/* The last lines are the ones that tell. */
static bool cut_log(cJSON *build, int lines)
{
    cJSON *log = cJSON_GetObjectItemCaseSensitive(build, "log_tail");

    if (log == NULL)
        return true;
    while (cJSON_GetArraySize(log) > lines)
        cJSON_DeleteItemFromArray(log, 0);
    return cJSON_ReplaceItemInObjectCaseSensitive(build, "log_truncated", cJSON_CreateTrue()) != 0;
}

static bool cut_data(cJSON *data, const struct step *step)
{
    cJSON *access = cJSON_GetObjectItemCaseSensitive(data, "access");

    if (!step->checks && access != NULL &&
        !cJSON_ReplaceItemInObjectCaseSensitive(access, "checks", cJSON_CreateArray()))
        return false;
    drop_long_links(cJSON_GetObjectItemCaseSensitive(data, "links"), step->text_bytes);
    return cut_log(cJSON_GetObjectItemCaseSensitive(data, "build"), step->log_lines) &&
           cut_texts(data, step->text_bytes);
}

/* 1: appended; 0: too long; -1: no memory. */
static int add_if_short(const cJSON *doc, size_t max_bytes, struct buf *out)
{
    char *text = cJSON_PrintUnformatted(doc);
    size_t len = text == NULL ? 0 : strlen(text);
    int rc = text == NULL ? -1 : 0;

    if (rc == 0 && len <= max_bytes)
        rc = buf_add(out, text, len) ? 1 : -1;
    cJSON_free(text);
    return rc;
}

int result_cut(const char *json, size_t len, size_t max_bytes, struct buf *out)
{
    cJSON *doc = json_parse(json, len, CUT_READ_BYTES, NULL);
    cJSON *data = cJSON_GetObjectItemCaseSensitive(doc, "data");
    int rc = data == NULL ? -1 : 0;

    for (size_t i = 0; rc == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        rc = cut_data(data, &steps[i]) ? add_if_short(doc, max_bytes, out) : -1;
    json_free(doc);
    return rc == 1 ? 0 : -1;
}

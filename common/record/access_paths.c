#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/content_json.h"

void access_paths_put(struct json_out *o, const char *name, const struct content *c)
{
    json_put_open(o, name, '[');
    for (size_t i = 0; i < c->access_paths_n; i++)
        json_put_text(o, NULL, c->access_paths[i], TEXT_FIELD_MAX_BYTES);
    json_put_close(o, ']');
}

/* A path goes into a request line, so nothing below a space may be in it. */
static bool path_fits(const struct cJSON *node)
{
    const char *text = cJSON_IsString(node) ? node->valuestring : "";
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == '\x7f')
            return false;
    return len > 0 && len <= TEXT_FIELD_MAX_BYTES;
}

static char *path_clean(const struct cJSON *node)
{
    char text[TEXT_FIELD_MAX_BYTES + 1];

    str_clean_utf8(text, TEXT_FIELD_MAX_BYTES, node->valuestring, strlen(node->valuestring), NULL);
    return str_dup(text);
}

int access_paths_read(const struct json_at *at, const char *name, struct content *ret)
{
    const struct cJSON *array = NULL, *node;
    int n;

    if (json_array(at, name, &array) != 0)
        return -1;
    n = cJSON_GetArraySize(array);
    if (n > ACCESS_PATHS_MAX)
        return err_set(at->err, ERR_INPUT, "%s.%s has %d members, more than %d", at->path, name, n,
                       ACCESS_PATHS_MAX);
    if (n == 0)
        return 0;
    ret->access_paths = calloc((size_t)n, sizeof ret->access_paths[0]);
    if (ret->access_paths == NULL)
        return err_set(at->err, ERR_INTERNAL, "no memory for access paths");
    cJSON_ArrayForEach (node, array) {
        if (!path_fits(node))
            return err_set(at->err, ERR_INPUT, "%s.%s[%zu] is not a path of 1 to %d bytes",
                           at->path, name, ret->access_paths_n, TEXT_FIELD_MAX_BYTES);
        ret->access_paths[ret->access_paths_n] = path_clean(node);
        if (ret->access_paths[ret->access_paths_n] == NULL)
            return err_set(at->err, ERR_INTERNAL, "no memory for an access path");
        ret->access_paths_n++;
    }
    return 0;
}

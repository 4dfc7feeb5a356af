#include "common/record/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/json_scan.h"

static char *mended(const char *text, size_t len)
{
    char *copy = malloc(len);

    if (copy != NULL) {
        memcpy(copy, text, len);
        json_mend(copy, len);
    }
    return copy;
}

static struct cJSON *parse_sound(const char *text, size_t len, bool mend, struct err *err)
{
    char *copy = mend ? mended(text, len) : NULL;
    struct cJSON *doc = NULL;

    if (!mend || copy != NULL)
        doc = cJSON_ParseWithLength(mend ? copy : text, len);
    if (doc == NULL)
        err_set(err, ERR_INTERNAL, "no memory for %zu bytes of JSON", len);
    free(copy);
    return doc;
}

struct cJSON *json_parse(const char *text, size_t len, size_t max_bytes, struct err *err)
{
    struct json_scan scan;

    if (len == 0 || len > max_bytes) {
        err_set(err, ERR_INPUT, "%zu bytes, not 1 to %zu", len, max_bytes);
        return NULL;
    }
    if (!json_scan(text, len, max_bytes / JSON_BYTES_PER_VALUE, &scan)) {
        err_set(err, ERR_INPUT, "not JSON we take: %s at byte %zu of %zu", scan.why, scan.at, len);
        return NULL;
    }
    return parse_sound(text, len, scan.mends > 0, err);
}

void json_free(struct cJSON *doc)
{
    cJSON_Delete(doc);
}

const struct cJSON *json_get(const struct cJSON *object, const char *name)
{
    const struct cJSON *member;

    if (!cJSON_IsObject(object))
        return NULL;
    member = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNull(member) ? NULL : member;
}

static const char *shape(const struct cJSON *node)
{
    if (cJSON_IsString(node))
        return "a string";
    if (cJSON_IsNumber(node))
        return "a number";
    if (cJSON_IsObject(node))
        return "an object";
    return cJSON_IsArray(node) ? "an array" : "true or false";
}

static int refuse(const struct json_at *at, const char *name, const char *what)
{
    return err_set(at->err, ERR_INPUT, "%s%s%s %s", at->path, at->path[0] == '\0' ? "" : ".", name,
                   what);
}

static int refuse_shape(const struct json_at *at, const char *name, const char *want)
{
    char what[96];

    snprintf(what, sizeof what, "is %s, not %s", shape(json_get(at->node, name)), want);
    return refuse(at, name, what);
}

int json_missing(const struct json_at *at, const char *name)
{
    return refuse(at, name, "is missing");
}

int json_object(const struct json_at *at, const char *name, const char *path, struct json_at *ret)
{
    const struct cJSON *node = json_get(at->node, name);

    if (node != NULL && !cJSON_IsObject(node))
        return refuse_shape(at, name, "an object");
    *ret = (struct json_at){ .node = node, .path = path, .err = at->err };
    return 0;
}

int json_array(const struct json_at *at, const char *name, const struct cJSON **ret)
{
    const struct cJSON *node = json_get(at->node, name);

    if (node != NULL && !cJSON_IsArray(node))
        return refuse_shape(at, name, "an array");
    if (node != NULL)
        *ret = node;
    return 0;
}

static int own_text(const struct json_at *at, const char *name, const char *text, char **ret)
{
    char *copy;

    if (text[0] == '\0')
        return 0;
    copy = str_dup(text);
    if (copy == NULL)
        return err_set(at->err, ERR_INTERNAL, "no memory for %s", name);
    *ret = copy;
    return 0;
}

static int read_text(const struct json_at *at, const char *name, size_t max_bytes, bool exact,
                     char **ret)
{
    const struct cJSON *node = json_get(at->node, name);
    char text[TEXT_FIELD_MAX_BYTES + 1];
    char what[64];
    bool cut;

    if (node == NULL)
        return 0;
    if (!cJSON_IsString(node))
        return refuse_shape(at, name, "a string");
    str_clean_utf8(text, max_bytes, node->valuestring, strlen(node->valuestring), &cut);
    if (cut && exact) {
        snprintf(what, sizeof what, "is longer than %zu bytes", max_bytes);
        return refuse(at, name, what);
    }
    return own_text(at, name, text, ret);
}

int json_text(const struct json_at *at, const char *name, size_t max_bytes, char **ret)
{
    return read_text(at, name, max_bytes, false, ret);
}

int json_exact(const struct json_at *at, const char *name, size_t max_bytes, char **ret)
{
    return read_text(at, name, max_bytes, true, ret);
}

static bool whole_of(const struct cJSON *node, int64_t *ret)
{
    double v;

    if (!cJSON_IsNumber(node))
        return false;
    v = node->valuedouble;
    if (!(fabs(v) <= (double)JSON_INT_MAX) || v != floor(v))
        return false;
    *ret = (int64_t)v;
    return true;
}

/* node as an id; false: not one, or longer than fits. */
static bool id_of(const struct cJSON *node, char *dst, size_t dst_bytes)
{
    int64_t number;
    int n;

    dst[0] = '\0';
    if (cJSON_IsString(node)) {
        for (const char *p = node->valuestring; *p != '\0'; p++)
            if (*p <= ' ' || *p > '~')
                return false;
        return strlen(node->valuestring) < dst_bytes && str_copy(dst, dst_bytes, node->valuestring);
    }
    if (!whole_of(node, &number) || number < 0)
        return false;
    n = snprintf(dst, dst_bytes, "%lld", (long long)number);
    return n > 0 && (size_t)n < dst_bytes;
}

int json_id(const struct json_at *at, const char *name, size_t max_bytes, char **ret)
{
    const struct cJSON *node = json_get(at->node, name);
    char text[TEXT_FIELD_MAX_BYTES + 1];
    char what[96];

    if (node == NULL)
        return 0;
    if (!id_of(node, text, max_bytes + 1)) {
        snprintf(what, sizeof what, "is not an id (a number, or at most %zu visible characters)",
                 max_bytes);
        return refuse(at, name, what);
    }
    return own_text(at, name, text, ret);
}

int json_int(const struct json_at *at, const char *name, int64_t min, int64_t max, int64_t *ret)
{
    const struct cJSON *node = json_get(at->node, name);
    char what[96];
    int64_t value;

    if (node == NULL)
        return 0;
    if (!cJSON_IsNumber(node))
        return refuse_shape(at, name, "a whole number");
    if (!whole_of(node, &value) || value < min || value > max) {
        snprintf(what, sizeof what, "is not a whole number from %lld to %lld", (long long)min,
                 (long long)max);
        return refuse(at, name, what);
    }
    *ret = value;
    return 0;
}

int json_uuid(const struct json_at *at, const char *name, struct uuid *ret)
{
    const struct cJSON *node = json_get(at->node, name);

    if (node == NULL)
        return 0;
    if (!cJSON_IsString(node))
        return refuse_shape(at, name, "a UUID");
    return uuid_parse(node->valuestring, ret) ? 0 : refuse(at, name, "is not a UUID");
}

bool json_copy(const struct cJSON *object, const char *name, char *dst, size_t dst_bytes)
{
    const struct cJSON *node = json_get(object, name);

    dst[0] = '\0';
    if (!cJSON_IsString(node))
        return false;
    str_clean_utf8(dst, dst_bytes - 1, node->valuestring, strlen(node->valuestring), NULL);
    return true;
}

bool json_copy_id(const struct cJSON *object, const char *name, char *dst, size_t dst_bytes)
{
    bool ok = id_of(json_get(object, name), dst, dst_bytes);

    if (!ok)
        dst[0] = '\0';
    return ok && dst[0] != '\0';
}

bool json_number(const struct cJSON *object, const char *name, double *ret)
{
    const struct cJSON *node = json_get(object, name);

    if (!cJSON_IsNumber(node) || !isfinite(node->valuedouble))
        return false;
    *ret = node->valuedouble;
    return true;
}

bool json_whole(const struct cJSON *object, const char *name, int64_t *ret)
{
    return whole_of(json_get(object, name), ret);
}

bool json_flag(const struct cJSON *object, const char *name, bool *ret)
{
    const struct cJSON *node = json_get(object, name);

    if (!cJSON_IsBool(node))
        return false;
    *ret = cJSON_IsTrue(node);
    return true;
}

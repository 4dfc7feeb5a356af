#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/access_json.h"
#include "common/record/json.h"
#include "common/record/result.h"

#define WORD_MAX_BYTES  64           /* "anonymous", a verdict */
#define CHECKS_BYTES    (512 * 1024) /* RESULT_CHECKS_MAX of the longest */
#define HTTP_STATUS_MAX 999

_Static_assert(RESULT_CHECKS_MAX >= 2 * ACCESS_PATHS_MAX, "each path may be asked for twice");

static void put_check(struct json_out *o, const struct access_check *c, size_t text_max)
{
    json_put_open(o, NULL, '{');
    json_put_text(o, "path", c->path, text_max);
    json_put_text(o, "as", c->as, WORD_MAX_BYTES);
    if (c->http_status > 0)
        json_put_int(o, "http_status", c->http_status);
    else
        json_put_null(o, "http_status");
    json_put_seconds(o, "duration_s", c->duration_s);
    json_put_text(o, "verdict", c->verdict, WORD_MAX_BYTES);
    json_put_text(o, "note", c->note, text_max);
    json_put_close(o, '}');
}

void access_checks_put(struct json_out *o, const char *name, const struct result *r,
                       size_t text_max)
{
    json_put_open(o, name, '[');
    for (size_t i = 0; i < r->checks_n && i < RESULT_CHECKS_MAX; i++)
        put_check(o, &r->checks[i], text_max);
    json_put_close(o, ']');
}

int access_checks_encode(const struct access_check *checks, size_t n, struct buf *out)
{
    struct json_out o = { .buf = out };

    json_put_open(&o, NULL, '[');
    for (size_t i = 0; i < n && i < RESULT_CHECKS_MAX; i++)
        put_check(&o, &checks[i], TEXT_FIELD_MAX_BYTES);
    json_put_close(&o, ']');
    return out->failed ? -1 : 0;
}

static int read_check(const struct json_at *at, struct access_check *ret)
{
    int64_t status = 0;

    if (!cJSON_IsObject(at->node))
        return err_set(at->err, ERR_INPUT, "%s has a member that is no object", at->path);
    if (json_text(at, "path", TEXT_FIELD_MAX_BYTES, &ret->path) != 0 ||
        json_text(at, "as", WORD_MAX_BYTES, &ret->as) != 0 ||
        json_int(at, "http_status", 0, HTTP_STATUS_MAX, &status) != 0)
        return -1;
    ret->http_status = (int)status;
    if (!json_number(at->node, "duration_s", &ret->duration_s))
        ret->duration_s = -1;
    if (json_text(at, "verdict", WORD_MAX_BYTES, &ret->verdict) != 0)
        return -1;
    return json_text(at, "note", TEXT_FIELD_MAX_BYTES, &ret->note);
}

static int read_checks(const struct cJSON *array, struct access_check **ret, size_t *n,
                       struct err *err)
{
    int count = cJSON_GetArraySize(array);
    struct json_at at = { .path = "access_checks", .err = err };

    if (!cJSON_IsArray(array) || count > RESULT_CHECKS_MAX)
        return err_set(err, ERR_INPUT, "no array of at most %d checks", RESULT_CHECKS_MAX);
    if (count == 0)
        return 0;
    *ret = calloc((size_t)count, sizeof **ret);
    if (*ret == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for access checks");
    cJSON_ArrayForEach (at.node, array) {
        if (read_check(&at, &(*ret)[(*n)++]) != 0)
            return -1;
    }
    return 0;
}

int access_checks_decode(const char *json, struct access_check **ret, size_t *ret_n,
                         struct err *err)
{
    struct cJSON *doc = json_parse(json, strlen(json), CHECKS_BYTES, err);
    struct access_check *checks = NULL;
    size_t n = 0;
    int rc;

    if (doc == NULL)
        return -1;
    rc = read_checks(doc, &checks, &n, err);
    json_free(doc);
    if (rc != 0) {
        access_checks_free(checks, n);
        return -1;
    }
    *ret = checks;
    *ret_n = n;
    return 0;
}

void access_checks_free(struct access_check *checks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(checks[i].path);
        free(checks[i].as);
        free(checks[i].verdict);
        free(checks[i].note);
    }
    free(checks);
}

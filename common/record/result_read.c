#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/event.h"
#include "common/record/event_json.h"
#include "common/record/json.h"
#include "common/record/result.h"

#define RESULT_READ_BYTES (256 * 1024) /* max.message.bytes of the result topic */

/* A text that must be there and be whole. */
static int need_text(const struct json_at *at, const char *name, char *dst, size_t dst_bytes)
{
    if (json_get(at->node, name) == NULL)
        return json_missing(at, name);
    if (!json_copy(at->node, name, dst, dst_bytes) || dst[0] == '\0')
        return err_set(at->err, ERR_INPUT, "%s.%s is not a text", at->path, name);
    return 0;
}

static int read_content(const struct json_at *data, struct result_brief *ret)
{
    struct json_at content;
    struct uuid guid;

    if (json_object(data, "content", "data.content", &content) != 0)
        return -1;
    if (json_get(content.node, "guid") == NULL)
        return json_missing(&content, "guid");
    if (json_uuid(&content, "guid", &guid) != 0)
        return -1;
    uuid_format(&guid, ret->guid);
    json_copy(content.node, "title", ret->title, sizeof ret->title);
    return 0;
}

static int read_ids(const struct json_at *data, struct result_brief *ret)
{
    struct json_at campaign;

    if (json_get(data->node, "request_id") == NULL)
        return json_missing(data, "request_id");
    if (json_uuid(data, "request_id", &ret->request_id) != 0 ||
        json_object(data, "campaign", "data.campaign", &campaign) != 0)
        return -1;
    return json_uuid(&campaign, "id", &ret->campaign_id);
}

static int read_timing(const struct json_at *data, struct result_brief *ret)
{
    struct json_at timing;

    if (json_object(data, "timing", "data.timing", &timing) != 0)
        return -1;
    json_number(timing.node, "build_s", &ret->build_s);
    return need_text(&timing, "finished_at", ret->finished_at, sizeof ret->finished_at);
}

static void read_access(const struct json_at *data, struct result_brief *ret)
{
    json_copy(json_get(data->node, "access"), "verdict", ret->access_verdict,
              sizeof ret->access_verdict);
}

static int read_data(const struct json_at *data, struct result_brief *ret)
{
    struct json_at error;
    int64_t attempt = 0;

    if (read_ids(data, ret) != 0 || read_content(data, ret) != 0 || read_timing(data, ret) != 0)
        return -1;
    if (need_text(data, "outcome", ret->outcome, sizeof ret->outcome) != 0 ||
        json_int(data, "attempt", 0, INT32_MAX, &attempt) != 0 ||
        json_object(data, "error", "data.error", &error) != 0)
        return -1;
    ret->attempt = (int)attempt;
    json_copy(error.node, "class", ret->error_class, sizeof ret->error_class);
    json_copy(error.node, "message", ret->error_message, sizeof ret->error_message);
    json_flag(error.node, "retryable", &ret->error_retryable);
    read_access(data, ret);
    json_copy(data->node, "replica", ret->replica, sizeof ret->replica);
    return 0;
}

int result_read(const char *json, size_t len, struct result_brief *ret, struct err *err)
{
    struct cJSON *doc = json_parse(json, len, RESULT_READ_BYTES, err);
    struct json_at top = { .node = doc, .path = "", .err = err }, data;
    struct result_brief brief = { 0 };
    int rc = -1;

    if (doc == NULL || event_check(&top, EVENT_TYPE_RESULT) != 0 ||
        json_object(&top, "data", "data", &data) != 0)
        goto out;
    if (data.node == NULL) {
        json_missing(&top, "data");
        goto out;
    }
    rc = read_data(&data, &brief);
    if (rc == 0)
        *ret = brief;
out:
    json_free(doc);
    return rc;
}

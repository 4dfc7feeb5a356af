#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/event.h"
#include "common/record/event_json.h"
#include "common/record/result_json.h"

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
    json_copy(content.node, "app_mode", ret->app_mode, sizeof ret->app_mode);
    json_copy_id(content.node, "bundle_id", ret->bundle_id, sizeof ret->bundle_id);
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

static int read_end(const struct json_at *data, struct result_brief *ret)
{
    struct json_at error;

    if (json_object(data, "error", "data.error", &error) != 0)
        return -1;
    json_copy(error.node, "class", ret->error_class, sizeof ret->error_class);
    json_copy(error.node, "message", ret->error_message, sizeof ret->error_message);
    json_flag(error.node, "retryable", &ret->error_retryable);
    json_copy(json_get(data->node, "access"), "verdict", ret->access_verdict,
              sizeof ret->access_verdict);
    json_copy_id(json_get(data->node, "build"), "bundle_id", ret->bundle_built,
                 sizeof ret->bundle_built);
    return 0;
}

static int read_data(const struct json_at *data, struct result_brief *ret)
{
    int64_t attempt = 0;

    if (read_ids(data, ret) != 0 || read_content(data, ret) != 0 || read_timing(data, ret) != 0)
        return -1;
    if (need_text(data, "outcome", ret->outcome, sizeof ret->outcome) != 0 ||
        json_int(data, "attempt", 0, INT32_MAX, &attempt) != 0 || read_end(data, ret) != 0)
        return -1;
    ret->attempt = (int)attempt;
    json_copy(data->node, "replica", ret->replica, sizeof ret->replica);
    json_copy(data->node, "task_id", ret->task_id, sizeof ret->task_id);
    return 0;
}

int result_brief_read(const struct json_at *top, struct result_brief *ret)
{
    struct json_at data;

    if (event_check(top, EVENT_TYPE_RESULT) != 0 || json_object(top, "data", "data", &data) != 0)
        return -1;
    if (data.node == NULL)
        return json_missing(top, "data");
    json_copy(top->node, "source", ret->source, sizeof ret->source);
    return read_data(&data, ret);
}

int result_read(const char *json, size_t len, struct result_brief *ret, struct err *err)
{
    struct cJSON *doc = json_parse(json, len, RESULT_READ_BYTES, err);
    struct json_at top = { .node = doc, .path = "", .err = err };
    struct result_brief brief = { .attempt = 0 };
    int rc = doc == NULL ? -1 : result_brief_read(&top, &brief);

    if (rc == 0)
        *ret = brief;
    json_free(doc);
    return rc;
}

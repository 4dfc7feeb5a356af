#include "common/record/request.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/content_json.h"
#include "common/record/event.h"
#include "common/record/event_json.h"

#define REQUEST_SCHEMA "https://connect-rebuild.org/schemas/request.v1.json"
#define LANE_HIGH      "high"
#define LANE_NORMAL    "normal"

void request_done(struct request *r)
{
    free(r->source);
    free(r->campaign_name);
    free(r->reason);
    free(r->actor);
    free(r->requested_at);
    content_done(&r->content);
    *r = (struct request){ 0 };
}

static int encodable(const struct request *r, struct err *err)
{
    if (uuid_is_nil(&r->request_id))
        return err_set(err, ERR_INPUT, "request_id is missing");
    if (r->source == NULL || r->source[0] == '\0')
        return err_set(err, ERR_INPUT, "source is missing");
    if (r->rank < 0 || r->rank > JSON_INT_MAX)
        return err_set(err, ERR_INPUT, "rank %lld is not from 0 to %lld", (long long)r->rank,
                       (long long)JSON_INT_MAX);
    return content_check(&r->content, err);
}

static void put_data(struct json_out *o, const struct request *r)
{
    json_put_open(o, "data", '{');
    json_put_uuid(o, "request_id", &r->request_id);
    json_put_open(o, "campaign", '{');
    json_put_uuid(o, "id", &r->campaign_id);
    json_put_text(o, "name", r->campaign_name, TEXT_FIELD_MAX_BYTES);
    json_put_text(o, "reason", r->reason, TEXT_FIELD_MAX_BYTES);
    json_put_close(o, '}');
    json_put_int(o, "rank", r->rank);
    json_put_text(o, "lane", r->high_lane ? LANE_HIGH : LANE_NORMAL, TEXT_FIELD_MAX_BYTES);
    json_put_text(o, "requested_at", r->requested_at, TEXT_FIELD_MAX_BYTES);
    content_put(o, &r->content, CONTENT_REQUEST, TEXT_FIELD_MAX_BYTES);
    access_paths_put(o, "access_paths", &r->content);
    json_put_close(o, '}');
}

int request_encode(const struct request *r, struct buf *out, struct err *err)
{
    struct json_out o = { .buf = out };
    size_t before = out->len;

    if (encodable(r, err) != 0)
        return -1;
    json_put_open(&o, NULL, '{');
    event_put(&o, &(struct event_attributes){ .type = EVENT_TYPE_REQUEST,
                                              .schema = REQUEST_SCHEMA,
                                              .source = r->source,
                                              .time = r->requested_at,
                                              .guid = r->content.guid,
                                              .actor = r->actor,
                                              .request_id = r->request_id,
                                              .campaign_id = r->campaign_id });
    put_data(&o, r);
    json_put_close(&o, '}');
    if (out->failed)
        return err_set(err, ERR_INTERNAL, "no memory for a request");
    if (out->len - before > REQUEST_MAX_BYTES)
        return err_set(err, ERR_INPUT, "a request of %zu bytes, more than %d", out->len - before,
                       REQUEST_MAX_BYTES);
    return 0;
}

static int read_campaign(const struct json_at *data, struct request *ret)
{
    struct json_at at;

    if (json_object(data, "campaign", "data.campaign", &at) != 0 ||
        json_uuid(&at, "id", &ret->campaign_id) != 0 ||
        json_text(&at, "name", TEXT_FIELD_MAX_BYTES, &ret->campaign_name) != 0)
        return -1;
    return json_text(&at, "reason", TEXT_FIELD_MAX_BYTES, &ret->reason);
}

static int read_lane(const struct json_at *data, struct request *ret)
{
    char *lane = NULL;
    int rc = json_exact(data, "lane", TEXT_FIELD_MAX_BYTES, &lane);

    if (rc == 0 && lane != NULL) {
        ret->high_lane = strcmp(lane, LANE_HIGH) == 0;
        if (!ret->high_lane && strcmp(lane, LANE_NORMAL) != 0)
            rc = err_set(data->err, ERR_INPUT, "data.lane is \"%.64s\", not %s or %s", lane,
                         LANE_NORMAL, LANE_HIGH);
    }
    free(lane);
    return rc;
}

/* In one form, and not before 1970, so that PostgreSQL takes it whatever was written. */
static int read_time(const struct json_at *at, const char *name, char **ret)
{
    char *text = NULL, form[CLOCK_RFC3339_BYTES];
    int64_t ms;
    int rc = json_exact(at, name, TEXT_FIELD_MAX_BYTES, &text);

    if (rc == 0 && text != NULL) {
        if (!clock_parse_rfc3339(text, &ms))
            rc = err_set(at->err, ERR_INPUT, "%s%s%s is not a time in the form of RFC 3339",
                         at->path, at->path[0] == '\0' ? "" : ".", name);
        else if ((*ret = str_dup(clock_format_rfc3339(ms < 0 ? 0 : ms, form))) == NULL)
            rc = err_set(at->err, ERR_INTERNAL, "no memory for a time");
    }
    free(text);
    return rc;
}

static int read_times(const struct json_at *top, const struct json_at *data, struct request *ret)
{
    if (read_time(data, "requested_at", &ret->requested_at) != 0)
        return -1;
    return ret->requested_at == NULL ? read_time(top, "time", &ret->requested_at) : 0;
}

static int read_data(const struct json_at *data, struct request *ret)
{
    struct json_at content;

    if (read_campaign(data, ret) != 0 || read_lane(data, ret) != 0 ||
        json_int(data, "rank", 0, JSON_INT_MAX, &ret->rank) != 0)
        return -1;
    if (json_object(data, "content", "data.content", &content) != 0)
        return -1;
    if (content.node == NULL)
        return json_missing(data, "content");
    if (content_read(&content, &ret->content) != 0)
        return -1;
    return access_paths_read(data, "access_paths", &ret->content);
}

/* The id first: an error later on can then still say whose request it was. */
static int read_id(const struct json_at *top, struct json_at *data, struct uuid *ret)
{
    if (json_object(top, "data", "data", data) != 0)
        return -1;
    if (data->node == NULL)
        return json_missing(top, "data");
    if (json_get(data->node, "request_id") == NULL)
        return json_missing(data, "request_id");
    if (json_uuid(data, "request_id", ret) != 0)
        return -1;
    return uuid_is_nil(ret) ? err_set(top->err, ERR_INPUT, "data.request_id is nil") : 0;
}

static int read_request(const struct json_at *top, struct request *ret)
{
    struct json_at data;

    if (read_id(top, &data, &ret->request_id) != 0 || event_check(top, EVENT_TYPE_REQUEST) != 0)
        return -1;
    if (json_exact(top, "source", TEXT_FIELD_MAX_BYTES, &ret->source) != 0 ||
        json_text(top, "authid", TEXT_FIELD_MAX_BYTES, &ret->actor) != 0)
        return -1;
    return read_times(top, &data, ret) != 0 ? -1 : read_data(&data, ret);
}

int request_decode(const char *json, size_t len, struct request *ret, struct uuid *ret_id,
                   struct err *err)
{
    struct cJSON *doc = json_parse(json, len, REQUEST_MAX_BYTES, err);
    struct json_at top = { .node = doc, .path = "", .err = err };
    struct request r = { 0 };
    int rc = doc == NULL ? -1 : read_request(&top, &r);

    if (ret_id != NULL)
        *ret_id = r.request_id;
    if (rc == 0)
        *ret = r;
    else
        request_done(&r);
    json_free(doc);
    return rc;
}

bool request_read_ids(const char *json, size_t len, struct request_ids *ret)
{
    struct cJSON *doc = json == NULL ? NULL : json_parse(json, len, REQUEST_MAX_BYTES, NULL);
    struct json_at top = { .node = doc, .path = "" }, data, content;
    struct request_ids ids = { 0 };
    bool good = doc != NULL && read_id(&top, &data, &ids.request_id) == 0 &&
                json_object(&data, "content", "data.content", &content) == 0 &&
                json_uuid(&content, "guid", &ids.content_guid) == 0 &&
                !uuid_is_nil(&ids.content_guid);

    if (good)
        *ret = ids;
    json_free(doc);
    return good;
}

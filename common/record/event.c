#include "common/record/event.h"

#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/event_json.h"

#define SPEC_VERSION "1.0"

struct uuid event_id(const struct uuid *request_id, const char *type)
{
    return uuid_v5(request_id, type);
}

void event_traceparent(char out[64], const struct uuid *request_id)
{
    struct uuid span = uuid_v5(request_id, "traceparent");
    char trace_hex[33], span_hex[17];

    for (size_t i = 0; i < 16; i++)
        snprintf(trace_hex + 2 * i, 3, "%02x", request_id->b[i]);
    for (size_t i = 0; i < 8; i++)
        snprintf(span_hex + 2 * i, 3, "%02x", span.b[i]);
    snprintf(out, 64, "00-%s-%s-01", trace_hex, span_hex);
}

/* A value that does not fit is left out whole: cut, it would name something else. */
static size_t add_header(struct event_header *out, size_t n, const char *name, const char *value)
{
    if (value == NULL || strlen(value) >= sizeof out[n].value)
        return n;
    out[n].name = name;
    str_copy(out[n].value, sizeof out[n].value, value);
    return n + 1;
}

size_t event_headers(struct event_header out[EVENT_HEADERS_N], const struct event_about *about)
{
    struct uuid id = event_id(about->request_id, about->type);
    char id_text[UUID_TEXT_BYTES], subject[64];
    size_t n = 0;

    snprintf(subject, sizeof subject, "content/%s", about->content_guid);
    n = add_header(out, n, "content-type", EVENT_CONTENT_TYPE);
    n = add_header(out, n, "ce_id", uuid_format(&id, id_text));
    n = add_header(out, n, "ce_source", about->source);
    n = add_header(out, n, "ce_specversion", SPEC_VERSION);
    n = add_header(out, n, "ce_type", about->type);
    n = add_header(out, n, "ce_time", about->time);
    n = add_header(out, n, "ce_subject", subject);
    return add_header(out, n, "traceparent", about->traceparent);
}

void event_put(struct json_out *o, const struct event_attributes *a)
{
    struct uuid id = event_id(&a->request_id, a->type);
    char text[64];

    json_put_text(o, "specversion", SPEC_VERSION, sizeof SPEC_VERSION);
    json_put_uuid(o, "id", &id);
    json_put_text(o, "source", a->source, TEXT_FIELD_MAX_BYTES);
    json_put_text(o, "type", a->type, TEXT_FIELD_MAX_BYTES);
    snprintf(text, sizeof text, "content/%s", a->guid);
    json_put_text(o, "subject", text, sizeof text);
    if (a->time != NULL)
        json_put_text(o, "time", a->time, TEXT_FIELD_MAX_BYTES);
    json_put_text(o, "datacontenttype", "application/json", TEXT_FIELD_MAX_BYTES);
    json_put_text(o, "dataschema", a->schema, TEXT_FIELD_MAX_BYTES);
    if (!uuid_is_nil(&a->campaign_id))
        json_put_uuid(o, "correlationid", &a->campaign_id);
    if (!uuid_is_nil(&a->cause))
        json_put_uuid(o, "causationid", &a->cause);
    json_put_text(o, "partitionkey", a->guid, TEXT_FIELD_MAX_BYTES);
    event_traceparent(text, &a->request_id);
    json_put_text(o, "traceparent", text, sizeof text);
    if (a->actor != NULL) {
        json_put_text(o, "authtype", "user", TEXT_FIELD_MAX_BYTES);
        json_put_text(o, "authid", a->actor, TEXT_FIELD_MAX_BYTES);
    }
}

static int check_text(const struct json_at *top, const char *name, const char *want)
{
    char text[TEXT_FIELD_MAX_BYTES];

    if (json_get(top->node, name) == NULL)
        return json_missing(top, name);
    if (!json_copy(top->node, name, text, sizeof text) || text[0] == '\0')
        return err_set(top->err, ERR_INPUT, "%s is not a text", name);
    if (want != NULL && strcmp(text, want) != 0)
        return err_set(top->err, ERR_INPUT, "%s is \"%.64s\", not \"%s\"", name, text, want);
    return 0;
}

int event_check(const struct json_at *top, const char *type)
{
    if (check_text(top, "specversion", SPEC_VERSION) != 0 || check_text(top, "type", type) != 0 ||
        check_text(top, "source", NULL) != 0)
        return -1;
    return check_text(top, "id", NULL);
}

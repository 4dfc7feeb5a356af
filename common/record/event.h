/* CloudEvents 1.0, structured JSON: the envelope both records share, and the ce_ headers. */
#ifndef COMMON_RECORD_EVENT_H
#define COMMON_RECORD_EVENT_H

#include <stddef.h>

#include "common/base/uuid.h"

#define EVENT_TYPE_REQUEST "org.connect-rebuild.request.v1"
#define EVENT_TYPE_RESULT  "org.connect-rebuild.result.v1"
#define EVENT_CONTENT_TYPE "application/cloudevents+json; charset=UTF-8"
#define EVENT_HEADERS_N    8 /* content-type, six ce_ headers, traceparent */

struct event_header {
    const char *name;
    char value[256];
};

/* Id of the event: uuidv5(request id, type), so a copy is recognisable. */
struct uuid event_id(const struct uuid *request_id, const char *type);

/* What a message is about; all borrowed. */
struct event_about {
    const struct uuid *request_id;
    const char *type;
    const char *source;
    const char *content_guid;
    const char *time;        /* RFC 3339 */
    const char *traceparent; /* NULL: left out */
};

/* Fills the headers of a message. Returns how many of out are set. */
size_t event_headers(struct event_header out[EVENT_HEADERS_N], const struct event_about *about);

/* W3C traceparent of an item: trace id from the request id, so one trace per item. */
void event_traceparent(char out[64], const struct uuid *request_id);

#endif

/* The envelope as JSON: what request.c and result.c share. Private to common/record. */
#ifndef COMMON_RECORD_EVENT_JSON_H
#define COMMON_RECORD_EVENT_JSON_H

#include "common/base/uuid.h"
#include "common/record/json.h"
#include "common/record/json_out.h"

struct event_attributes { /* all borrowed */
    const char *type;
    const char *schema;
    const char *source;
    const char *time; /* NULL: left out */
    const char *guid;
    const char *actor; /* NULL: left out */
    struct uuid request_id;
    struct uuid campaign_id; /* nil: left out */
    struct uuid cause;       /* event that caused this one; nil: left out */
};

/* The members up to and without "data", in the order of conventions.md section 6. */
void event_put(struct json_out *o, const struct event_attributes *a);
/* specversion and type are as they must be, id and source are there. */
int event_check(const struct json_at *top, const char *type);

#endif

#ifndef PRODUCER_SCHEMAS_H
#define PRODUCER_SCHEMAS_H

#include <stddef.h>

/* The JSON Schemas of our events, embedded at build time from deploy/schema/events/, ordered by
 * name. Static data, only read: `results schema` prints it. Nothing here validates. */
struct event_schema {
    const char *name; /* file name without .json */
    const char *json; /* the file as it is */
};

extern const struct event_schema event_schemas[];
extern const size_t event_schemas_n;

#endif

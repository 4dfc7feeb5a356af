/* The content as JSON: what request.c and result.c share. Private to common/record. */
#ifndef COMMON_RECORD_CONTENT_JSON_H
#define COMMON_RECORD_CONTENT_JSON_H

#include "common/record/content.h"
#include "common/record/json.h"
#include "common/record/json_out.h"

enum content_extent {
    CONTENT_RESULT,  /* what conventions.md section 6 shows */
    CONTENT_REQUEST, /* and what a worker needs besides */
};

/* The members of the object whose name is "content"; texts are cut at text_max bytes. */
void content_put(struct json_out *o, const struct content *c, enum content_extent extent,
                 size_t text_max);
/* Into a zeroed *ret, which the caller frees whatever comes. The guid must be there. */
int content_read(const struct json_at *at, struct content *ret);
/* What a request may not carry, although it fits the struct: an id or a name that would be cut. */
int content_check(const struct content *c, struct err *err);
int access_paths_read(const struct json_at *at, const char *name, struct content *ret);
void access_paths_put(struct json_out *o, const char *name, const struct content *c);

#endif

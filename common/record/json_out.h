/* Writing JSON into a buffer: the same input gives the same bytes, and a failure (ceiling or
 * memory) shows in buf->failed at the end. Names are ours and need no escape; NULL is "no name", as
 * in an array. Texts are cleaned (str_clean_utf8) and bounded. */
#ifndef COMMON_RECORD_JSON_OUT_H
#define COMMON_RECORD_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/uuid.h"

struct json_out {
    struct buf *buf;
    bool comma; /* due before the next value */
};

void json_put_open(struct json_out *o, const char *name, char bracket); /* '{' or '[' */
void json_put_close(struct json_out *o, char bracket);                  /* '}' or ']' */
void json_put_null(struct json_out *o, const char *name);
void json_put_bool(struct json_out *o, const char *name, bool value);
void json_put_int(struct json_out *o, const char *name, int64_t value);
/* With milliseconds; null when it is negative or no number. */
void json_put_seconds(struct json_out *o, const char *name, double value);
/* NULL is null. Longer than max_bytes (at least 4, at most TEXT_FIELD_MAX_BYTES): cut, and the last
 * character is an ellipsis. Returns whether it was cut. */
bool json_put_text(struct json_out *o, const char *name, const char *text, size_t max_bytes);
void json_put_uuid(struct json_out *o, const char *name,
                   const struct uuid *value); /* nil is null */

#endif

/* Reading JSON with bounds: records, and Connect's answers. A text is checked whole (syntax, size,
 * depth, number of values) before cJSON sees it, so afterwards only memory can fail. Escaped NULs
 * and lone surrogates read as U+FFFD. Of members with one name the first counts; null is as good as
 * absent. Writing is json_out.h. */
#ifndef COMMON_RECORD_JSON_H
#define COMMON_RECORD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/uuid.h"

#define JSON_DEPTH_MAX       32 /* ours nest 5 deep, Connect's 6; cJSON's own 1000 costs stack */
#define JSON_BYTES_PER_VALUE 16 /* of the allowed size: keeps the tree under 5 times the text */
#define JSON_INT_MAX         INT64_C(9007199254740991) /* what a double holds exactly */

struct cJSON;

/* NULL and err: ERR_INPUT with what is wrong and at which byte, or ERR_INTERNAL for no memory. */
struct cJSON *json_parse(const char *text, size_t len, size_t max_bytes, struct err *err);
void json_free(struct cJSON *doc); /* NULL is fine */
/* Borrowed; NULL: no object, no such member, or null. */
const struct cJSON *json_get(const struct cJSON *object, const char *name);

/* Strict reading, for records: an object, what a sentence calls it ("" is the top), where errors
 * go. */
struct json_at {
    const struct cJSON *node; /* NULL reads as an object without members */
    const char *path;
    struct err *err;
};

/* Each returns -1 and fills at->err when the member has another type or range (ERR_INPUT, the
 * sentence names it) or there is no memory (ERR_INTERNAL). An absent member is 0 and leaves *ret as
 * it was. */
int json_object(const struct json_at *at, const char *name, const char *path, struct json_at *ret);
int json_array(const struct json_at *at, const char *name, const struct cJSON **ret);
/* Clean UTF-8, owned by the caller; an empty text counts as absent. max_bytes is at most
 * TEXT_FIELD_MAX_BYTES; json_text cuts there, json_exact refuses what is longer. */
int json_text(const struct json_at *at, const char *name, size_t max_bytes, char **ret);
int json_exact(const struct json_at *at, const char *name, size_t max_bytes, char **ret);
/* A string of visible ASCII, or a whole number that becomes one. */
int json_id(const struct json_at *at, const char *name, size_t max_bytes, char **ret);
int json_int(const struct json_at *at, const char *name, int64_t min, int64_t max, int64_t *ret);
int json_uuid(const struct json_at *at, const char *name, struct uuid *ret);
int json_missing(const struct json_at *at, const char *name); /* the sentence; returns -1 */

/* Tolerant reading, for answers: false (and "" in dst) when the member is absent or another thing.
 */
bool json_copy(const struct cJSON *object, const char *name, char *dst,
               size_t dst_bytes); /* cuts */
bool json_copy_id(const struct cJSON *object, const char *name, char *dst, size_t dst_bytes);
bool json_number(const struct cJSON *object, const char *name, double *ret); /* finite */
bool json_whole(const struct cJSON *object, const char *name,
                int64_t *ret); /* within JSON_INT_MAX */
bool json_flag(const struct cJSON *object, const char *name, bool *ret);

#endif

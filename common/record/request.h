/* The rebuild request: what the producer puts on the request topics, one per item. */
#ifndef COMMON_RECORD_REQUEST_H
#define COMMON_RECORD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/record/content.h"

struct request {
    struct uuid request_id;
    struct uuid campaign_id;
    char *source;        /* the installation that made it */
    char *campaign_name; /* may be NULL */
    char *reason;        /* may be NULL */
    char *actor;         /* may be NULL */
    int64_t rank;        /* smaller first within the campaign; >= 0 */
    bool high_lane;
    char *requested_at; /* RFC 3339; NULL: a foreign record that says no time */
    struct content content;
};

void request_done(struct request *r); /* frees the members, zeroes the struct */
/* Appends the CloudEvents JSON to out. -1 and err: a member that must be there is not, or no
 * memory. */
int request_encode(const struct request *r, struct buf *out, struct err *err);

/* Strict and bounded: size (REQUEST_MAX_BYTES), depth, types, ranges, uuids, lengths. On failure
 * *ret is untouched, err is ERR_INPUT with a sentence that names the member, and *ret_id (may be
 * NULL) holds the request id if it alone could be read (nil if not). Unknown members are ignored.
 */
int request_decode(const char *json, size_t len, struct request *ret, struct uuid *ret_id,
                   struct err *err);

struct request_ids {
    struct uuid request_id, content_guid;
};
/* Whose request it is, of a record that request_decode refuses; false: not both can be read. */
bool request_read_ids(const char *json, size_t len, struct request_ids *ret);

#endif

/* A dead letter as it is read from its topic. Pure. */
#ifndef PRODUCER_LETTER_H
#define PRODUCER_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/broker/consumer.h"

#define LETTER_REDRIVES_MAX 3 /* a record that dies as often is not sent again without --force */
#define LETTER_HEADERS_MAX  (KAFKA_HEADERS_MAX + 3)

/* A place is written PARTITION:OFFSET. */
struct letter_place {
    int32_t partition;
    int64_t offset;
};
#define LETTER_PLACE_BYTES 32
bool letter_place_parse(const char *text, struct letter_place *ret);
const char *letter_place_format(const struct letter_place *p, char out[LETTER_PLACE_BYTES]);
int letter_place_compare(const void *a, const void *b); /* for qsort and bsearch */

/* Texts are clean UTF-8, "" where the header is missing. */
struct letter {
    struct letter_place place;
    char topic[TEXT_FIELD_MAX_BYTES + 1]; /* it came from */
    char partition[32], offset[32];       /* its place there */
    char stage[64], error_class[64];
    char message[TEXT_FIELD_MAX_BYTES + 1];
    char worker[256];
    int redriven; /* times; LETTER_REDRIVES_MAX if its header is no number */
    bool cut;     /* it may lack its end: a worker cuts there */
};
void letter_read(const struct kafka_record *record, struct letter *ret);

/* Appends the bytes as text if they are UTF-8 without control characters but tabs and line ends,
 * else as 0x and hexadecimal digits; at most max_bytes of them are looked at, and an ellipsis says
 * that there are more. */
void letter_bytes_add(struct buf *out, const void *bytes, size_t len, size_t max_bytes);
bool letter_bytes_printable(const void *bytes, size_t len);

/* The headers of the record when it is sent again: count, by and reason (NULL: left out), then
 * those that it had before it was a dead letter. Returns how many; out points into the arguments.
 */
struct letter_again {
    const char *count, *by, *reason;
};
size_t letter_headers(const struct kafka_record *record, const struct letter_again *again,
                      struct kafka_header out[LETTER_HEADERS_MAX]);

#endif

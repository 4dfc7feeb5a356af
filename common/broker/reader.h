/* Reads a topic from end to end without a group, as an audit consumer does: read_committed,
 * explicit partitions. Blocks; for command-line verbs and helper threads. */
#ifndef COMMON_BROKER_READER_H
#define COMMON_BROKER_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/broker/consumer.h"
#include "common/broker/props.h"

struct reader;

enum reader_start { READER_BEGINNING, READER_END };

struct reader *reader_open(const struct kafka_props *props, const char *topic,
                           enum reader_start start, int timeout_ms, struct err *err);
/* The same from the first record on whose timestamp is not older (ms since 1970), in each
 * partition. */
struct reader *reader_open_since(const struct kafka_props *props, const char *topic,
                                 int64_t since_ms, int timeout_ms, struct err *err);
/* 1: *ret holds a record, borrowed until the next call; 0: nothing within timeout_ms, or the end
 * was reached; -1: err. */
int reader_next(struct reader *r, int timeout_ms, struct kafka_record *ret, struct err *err);
/* Every partition was read to the high watermark that it had at reader_open. A transaction that was
 * open then is waited for: until it ends, or the broker aborts it at its time-out. */
bool reader_at_end(const struct reader *r);
void reader_close(struct reader *r); /* NULL is fine */

#endif

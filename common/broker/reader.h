/* Reads a topic without a group, as an audit consumer does: read_committed, explicit partitions.
 * Blocks; for command-line verbs and helper threads. Either reader_open(), or, to choose where each
 * partition begins and ends, reader_new(), changes to reader_spans(), and reader_start(). */
#ifndef COMMON_BROKER_READER_H
#define COMMON_BROKER_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/broker/consumer.h"
#include "common/broker/props.h"

struct reader;

enum reader_start { READER_BEGINNING, READER_END };

/* One partition; its number is its index. */
struct reader_span {
    int64_t low, high; /* of the log when it was asked, open transactions included */
    int64_t from, to;  /* what is read: [from, to); from is the next one as reading goes on */
};

struct reader *reader_open(const struct kafka_props *props, const char *topic,
                           enum reader_start start, int timeout_ms, struct err *err);
/* The same from the first record on whose timestamp is not older (ms since 1970), in each
 * partition. */
struct reader *reader_open_since(const struct kafka_props *props, const char *topic,
                                 int64_t since_ms, int timeout_ms, struct err *err);

/* Connects and asks; each span is the whole log. */
struct reader *reader_new(const struct kafka_props *props, const char *topic, int timeout_ms,
                          struct err *err);
size_t reader_partitions(const struct reader *r);
/* The caller may change from and to until reader_start. */
struct reader_span *reader_spans(struct reader *r);
/* ret[p] becomes the first offset of partition p whose record is not older than that; `high` where
 * there is none. Before reader_start only. */
int reader_offsets_at(struct reader *r, int64_t wall_ms, int64_t *ret, struct err *err);
/* Where the partitioner of our producers puts a key that is there. */
int32_t reader_partition_of(const void *key, size_t key_len, int partitions);
/* bounded: nothing from `to` on is returned; else `to` is only what reader_at_end looks at. */
int reader_start(struct reader *r, bool bounded, struct err *err);

/* 1: *ret holds a record, borrowed until the next call; 0: nothing within timeout_ms, or the end
 * was reached; -1: err. */
int reader_next(struct reader *r, int timeout_ms, struct kafka_record *ret, struct err *err);
/* Every partition was read to the end of its span. A transaction that was open then is waited for:
 * until it ends, or the broker aborts it at its time-out. */
bool reader_at_end(const struct reader *r);
void reader_close(struct reader *r); /* NULL is fine */

#endif

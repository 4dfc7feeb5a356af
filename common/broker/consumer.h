/* The group consumer: eager `range`, explicit offsets, no auto commit, no seek (DESIGN.md section
 * 4, facts in kafka.md 2 and 10). It never commits: offsets go with the results, see txn.h.
 *
 * An assignment is answered in three steps, so that the loop never blocks: on_assign (borrowed
 * list)
 * -> consumer_committed() on a helper thread -> consumer_assign() with explicit offsets. on_revoke
 * is answered by consumer_unassign(), at the latest REVOKE_WAIT_MS later; meanwhile records of
 * those partitions no longer come. A revoke may arrive while committed offsets are still asked for:
 * the later event supersedes, and the done callback is told so by its generation. */
#ifndef COMMON_BROKER_CONSUMER_H
#define COMMON_BROKER_CONSUMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/broker/props.h"

#define KAFKA_OFFSET_NONE      (-1001) /* no committed offset */
#define KAFKA_OFFSET_BEGINNING (-2)    /* the start of the log */

struct event_loop;
struct consumer;
struct kafka_group; /* group metadata, taken at an assignment; travels with the batch */

struct kafka_offset {
    const char *topic;
    int32_t partition;
    int64_t offset;       /* committed or wanted; KAFKA_OFFSET_* */
    const char *metadata; /* NULL: none */
    bool failed;          /* consumer_committed only: the broker gave an error for this partition */
};

struct kafka_header {
    const char *name;
    const void *value; /* may be NULL */
    size_t len;
};

struct kafka_record { /* all borrowed; dies when on_record returns */
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* -1: none */
    const void *key;
    size_t key_len;
    const void *value;
    size_t value_len;
    const struct kafka_header *headers;
    size_t headers_n;   /* at most KAFKA_HEADERS_MAX; more are dropped ... */
    size_t headers_cut; /* ... and counted here */
};
#define KAFKA_HEADERS_MAX 64

struct consumer_handlers {
    void (*on_assign)(void *arg, const struct kafka_offset *parts, size_t n);
    void (*on_revoke)(void *arg, const struct kafka_offset *parts, size_t n, bool lost);
    void (*on_record)(void *arg, const struct kafka_record *record);
    void (*on_error)(void *arg, const struct err *err,
                     bool fatal); /* fatal: the process must end */
    /* Fetching of one partition has stopped for good, until it is assigned again: its offset is not
     * in the log (ERR_REFUSED), or the topic may not be read. NULL: on_error gets it, not fatal. */
    void (*on_partition_error)(void *arg, const char *topic, int32_t partition,
                               const struct err *err);
    kafka_log_fn
        *on_log; /* the library's log lines, on the loop; NULL: as kafka_props_on_log says */
    void *arg;
};

struct consumer_config {
    const struct kafka_props *props; /* bootstrap, security ...; copied */
    const char *group_id;
    const char *client_id; /* cut at 64 characters: longer ones crash 2.5 */
    int session_timeout_ms;
    const char *const *topics;
    size_t topics_n;
};

/* Connects and subscribes. NULL and err: bad property (ERR_CONFIG) or no memory. Only closed may
 * free the consumer from inside a callback. */
struct consumer *consumer_new(struct event_loop *loop, const struct consumer_config *config,
                              const struct consumer_handlers *handlers, struct err *err);

struct consumer_lookup { /* borrowed during the call only */
    const struct kafka_offset *parts;
    size_t n;
    int timeout_ms;
};

/* Asks for committed offsets on a helper thread. done runs once on the loop, not after
 * consumer_free. offsets is borrowed. err set (retriable): nothing is known, ask again.
 * generation: the value of consumer_generation() when it was asked. */
typedef void consumer_committed_fn(void *arg, const struct kafka_offset *offsets, size_t n,
                                   unsigned generation, const struct err *err);
int consumer_committed(struct consumer *c, const struct consumer_lookup *what,
                       consumer_committed_fn *done, void *arg);
unsigned consumer_generation(const struct consumer *c); /* +1 at every on_assign and on_revoke */

/* Answers on_assign. Every partition gets its explicit offset (not NONE) and is not paused.
 * ERR_REFUSED: a later rebalance has superseded the assignment; its own event follows. */
int consumer_assign(struct consumer *c, const struct kafka_offset *parts, size_t n,
                    struct err *err);
int consumer_unassign(struct consumer *c, struct err *err); /* answers on_revoke */
/* Group metadata of the present generation, taken now (a short round trip inside the library).
 * NULL: not a member (empty member id), do not commit. Caller frees. */
struct kafka_group *consumer_group(struct consumer *c);
void kafka_group_free(struct kafka_group *g); /* NULL is fine */

/* Keeps track of what is paused: a resume of what is not paused does nothing (kafka.md 2.1). */
void consumer_pause(struct consumer *c, const char *topic, int32_t partition);
void consumer_resume(struct consumer *c, const char *topic, int32_t partition);

/* Low and high watermark as last seen by the fetcher, without a round trip; false: not known yet.
 */
bool consumer_watermarks(struct consumer *c, const char *topic, int32_t partition, int64_t *ret_low,
                         int64_t *ret_high);
/* The same, asked of the broker on a helper thread: done(low, high per partition in offset/metadata
 * free struct). For the check "is the base beyond the log's end". */
struct kafka_watermark {
    const char *topic;
    int32_t partition;
    int64_t low, high;
    bool failed;
};
typedef void consumer_watermarks_fn(void *arg, const struct kafka_watermark *marks, size_t n,
                                    unsigned generation, const struct err *err);
int consumer_query_watermarks(struct consumer *c, const struct consumer_lookup *what,
                              consumer_watermarks_fn *done, void *arg);
int64_t consumer_last_poll_ms(
    const struct consumer *c); /* clock_boot_ms of the last served queue */

/* Leaves the group without blocking; closed runs once, on the loop, when the group was left.
 * Rebalance events on the way are answered inside, without on_assign and on_revoke; no record comes
 * any more. */
void consumer_close(struct consumer *c, void (*closed)(void *arg), void *arg);
void consumer_free(struct consumer *c); /* after closed, or at once on an emergency; NULL is fine */

#endif

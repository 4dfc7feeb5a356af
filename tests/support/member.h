/* A member of a consumer group for tests, as the worker is one: at an assignment it asks for the
 * committed offsets and assigns what they say, or what the test says. */
#ifndef TESTS_SUPPORT_MEMBER_H
#define TESTS_SUPPORT_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/broker/consumer.h"
#include "common/event/event.h"
#include "tests/support/mock_cluster.h"

#define MEMBER_DEADLINE_MS 60000 /* a test that waits this long has failed */
#define MEMBER_TURN_MS     5     /* between two looks at a condition, while the loop runs */
#define MEMBER_PARTS_MAX   16

struct member {
    const char *group_id, *topic; /* set before member_join */
    const char *debug;            /* the library's debug contexts; NULL: none */
    struct event_loop *loop;
    struct consumer *consumer;
    struct kafka_props *props;
    bool manual;      /* the test answers on_assign itself */
    bool keep_revoke; /* the test answers on_revoke itself */
    int64_t start;    /* for all partitions; KAFKA_OFFSET_NONE: as committed */
    int assigned[MEMBER_PARTS_MAX];
    size_t assigned_n;
    int assigns, revokes;
    bool lost;
    struct kafka_group *group; /* taken at the last on_assign */
    bool committed_done, watermarks_done, watermarks_failed;
    struct err committed_err;
    struct kafka_offset committed[MEMBER_PARTS_MAX]; /* metadata is in texts */
    char texts[MEMBER_PARTS_MAX][64];
    size_t committed_n;
    unsigned committed_generation;
    struct kafka_watermark mark;
    int records;
    int records_of[MEMBER_PARTS_MAX];
    int64_t first_offset, last_offset;
    char last_value[32];
    int errors;
    bool fatal;
    int lost_partition; /* of on_partition_error; -1: none */
    struct err partition_err;
    int logs;
    bool closed;
};

void member_join(struct member *m, struct mock_cluster *cluster, struct event_loop *loop);
/* Assigned, and answered with what the brokers said about this very assignment. */
bool member_ready(const struct member *m);
void member_leave(struct member *m);   /* closes, waits for it, frees */
void member_discard(struct member *m); /* frees without leaving */

/* Consumer callbacks that keep what they are told, for queries that a test asks itself. */
void member_on_committed(void *arg, const struct kafka_offset *offsets, size_t n,
                         unsigned generation, const struct err *err);
void member_on_watermarks(void *arg, const struct kafka_watermark *marks, size_t n,
                          unsigned generation, const struct err *err);

/* Runs the loop until the condition holds. */
#define WAIT_FOR(loop, condition)                                                     \
    do {                                                                              \
        int64_t deadline_ = event_now_ms(loop) + MEMBER_DEADLINE_MS;                  \
        bool never_ = false;                                                          \
                                                                                      \
        while (!(condition) && event_now_ms(loop) < deadline_)                        \
            event_loop_run_until(loop, &never_, event_now_ms(loop) + MEMBER_TURN_MS); \
        if (!(condition))                                                             \
            fail_msg("waited in vain for: %s", #condition);                           \
    } while (0)

#endif

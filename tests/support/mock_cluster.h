/* A Kafka cluster inside the test program: librdkafka's own mock brokers, on free ports. Good for
 * groups, commits, error codes and lost brokers. It forgets transactional offsets and knows no
 * isolation (kafka.md 0.3), so exactly-once is for the system tests. */
#ifndef TESTS_SUPPORT_MOCK_CLUSTER_H
#define TESTS_SUPPORT_MOCK_CLUSTER_H

#include <stddef.h>
#include <stdint.h>

struct kafka_props;
struct mock_cluster;

/* Request types that errors can be pushed for. */
enum mock_api {
    MOCK_PRODUCE = 0,
    MOCK_FETCH = 1,
    MOCK_OFFSET_FETCH = 9,
    MOCK_HEARTBEAT = 12,
    MOCK_INIT_PRODUCER_ID = 22,
    MOCK_ADD_PARTITIONS = 24,
    MOCK_ADD_OFFSETS = 25,
    MOCK_END_TXN = 26,
    MOCK_TXN_OFFSET_COMMIT = 28,
};

/* Fails the test when the cluster cannot be made; all functions do. */
struct mock_cluster *mock_cluster_new(int brokers);
void mock_cluster_free(struct mock_cluster *m);
void mock_cluster_topic(struct mock_cluster *m, const char *topic, int partitions);
/* New properties that name the cluster's brokers. Caller frees. */
struct kafka_props *mock_cluster_props(const struct mock_cluster *m);

/* The next n requests of this type are answered with this Kafka error code. */
void mock_cluster_fail(struct mock_cluster *m, enum mock_api api, int code, size_t n);
void mock_cluster_heal(struct mock_cluster *m, enum mock_api api); /* forgets what was pushed */
void mock_cluster_down(struct mock_cluster *m, int broker);        /* 1, 2, ... */
void mock_cluster_up(struct mock_cluster *m, int broker);

/* Appends n records, keyless, with the values "0", "1", ...; returns when all are stored. */
void mock_cluster_produce(struct mock_cluster *m, const char *topic, int32_t partition, int n);
/* Commits for a group without members. */
void mock_cluster_commit(struct mock_cluster *m, const char *group, const char *topic,
                         int64_t offset, const char *metadata); /* partition 0 */

#endif

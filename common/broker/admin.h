/* Topic administration and look-ups for command-line verbs and start-up checks. Every call blocks
 * up to the time-out given at admin_new: not on the worker's loop. */
#ifndef COMMON_BROKER_ADMIN_H
#define COMMON_BROKER_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/broker/consumer.h" /* KAFKA_OFFSET_NONE */
#include "common/broker/props.h"

struct admin;

struct admin *admin_new(const struct kafka_props *props, const char *client_id, int timeout_ms,
                        struct err *err);
void admin_free(struct admin *a); /* NULL is fine */

/* Cluster id (caller's buffer) and number of brokers; ERR_UNREACHABLE when none answers. */
int admin_cluster(struct admin *a, char id[64], int *ret_brokers, struct err *err);

/* One topic: partitions 0 = does not exist. */
int admin_topic_partitions(struct admin *a, const char *topic, int *ret_partitions,
                           int *ret_replication, struct err *err);
#define ADMIN_VALUE_BYTES 64 /* numbers and words; a longer value of the broker is cut */
/* The value of one topic setting ("cleanup.policy"). */
int admin_topic_setting(struct admin *a, const char *topic, const char *name,
                        char value[ADMIN_VALUE_BYTES], struct err *err);

struct topic_setting {
    const char *name, *value;
};
struct topic_spec {
    const char *name;
    int partitions;
    int replication; /* -1: the broker's default */
    const struct topic_setting *settings;
    size_t settings_n;
};
/* Creates one topic. An existing topic is ERR_REFUSED; a right that lacks is ERR_DENIED. */
int admin_create_topic(struct admin *a, const struct topic_spec *spec, struct err *err);
/* Changes these settings and keeps the others that are set. */
int admin_alter_topic(struct admin *a, const char *topic, const struct topic_setting *settings,
                      size_t n, struct err *err);
struct admin_partition {
    const char *topic;
    int32_t partition;
};
/* Low and high watermark of one partition. */
int admin_watermarks(struct admin *a, const struct admin_partition *p, int64_t *ret_low,
                     int64_t *ret_high, struct err *err);
/* Members of a consumer group; 0: empty or unknown. */
int admin_group_members(struct admin *a, const char *group, int *ret_members, struct err *err);
/* What the group has committed for one partition: KAFKA_OFFSET_NONE when nothing; -1: err. */
int64_t admin_group_offset(struct admin *a, const char *group, const struct admin_partition *p,
                           struct err *err);
/* Forgets what the group has committed for one partition. Refused by the broker while the group
 * reads the topic. */
int admin_forget_offset(struct admin *a, const char *group, const struct admin_partition *p,
                        struct err *err);
/* Deletes the records of one partition below the offset. */
int admin_delete_records(struct admin *a, const struct admin_partition *p, int64_t before,
                         struct err *err);

#endif

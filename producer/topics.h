/* The four topics as they must be (DESIGN.md section 4), and as they are. Used by `topics` and
 * `doctor`. */
#ifndef PRODUCER_TOPICS_H
#define PRODUCER_TOPICS_H

#include "producer/session.h"

#define TOPICS_N               4
#define TOPIC_SETTINGS_MAX     6
#define TOPICS_PARTITIONS      12 /* at least the number of pods, and cheap */
#define TOPIC_VALUE_BYTES      64
#define REPLICATION_TO_BE_SAFE 3 /* from here on min.insync.replicas can be 2 */

enum topic_which { TOPIC_REQUESTS, TOPIC_REQUESTS_HIGH, TOPIC_RESULTS, TOPIC_DLQ };

struct topic_setting_state {
    const char *name;
    const char *wanted;
    char is[TOPIC_VALUE_BYTES]; /* "" if there is no topic */
};

struct topic_state {
    const char *name;
    int partitions; /* 0: there is no such topic */
    int replication;
    struct topic_setting_state settings[TOPIC_SETTINGS_MAX];
    size_t settings_n;
};

/* What the ledger says it was set up with; no row: partitions is 0. */
struct installation {
    char source[512];
    char group_id[256];
    char cluster_id[64];
    char topics[1200]; /* as PostgreSQL writes the array */
    int partitions;
};

/* Asks the broker about all four. */
int topics_read(struct session *s, struct topic_state ret[TOPICS_N], struct err *err);
bool topic_setting_fits(const struct topic_setting_state *setting);
/* The array that stands in the ledger. */
int topics_names(const struct session *s, char *out, size_t out_bytes, struct err *err);
int installation_read(struct session *s, struct installation *ret, struct err *err);
/* ERR_REFUSED with a sentence if the ledger belongs to another group, cluster or other topics. */
int installation_check(struct session *s, const struct installation *is, const char *cluster_id,
                       struct err *err);

#endif

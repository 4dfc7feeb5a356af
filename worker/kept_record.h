/* A record that outlives the consumer's callback, in one allocation: free() frees it. */
#ifndef WORKER_KEPT_RECORD_H
#define WORKER_KEPT_RECORD_H

#include <stddef.h>

#include "common/broker/consumer.h"

struct kept_record {
    struct kafka_record record; /* points into this allocation, but for the topic */
    size_t bytes;               /* of the whole */
};

/* topic replaces the record's, borrowed for ever. NULL: no memory. */
struct kept_record *kept_record_new(const struct kafka_record *record, const char *topic);

#endif

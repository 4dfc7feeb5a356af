/* Where a campaign stands, in numbers; for `status`, and for those who wait. */
#ifndef PRODUCER_STATUS_H
#define PRODUCER_STATUS_H

#include "common/base/uuid.h"
#include "producer/session.h"

enum item_state {
    ITEM_WAITING,
    ITEM_RUNNING,
    ITEM_PARKED,
    ITEM_SUCCEEDED,
    ITEM_BUILD_FAILED,
    ITEM_ACCESS_FAILED,
    ITEM_SKIPPED,
    ITEM_CANCELLED,
    ITEM_EXPIRED,
    ITEM_REJECTED,
    ITEM_STATES,
};
extern const char *const item_state_names[ITEM_STATES];

struct campaign_status {
    char id[UUID_TEXT_BYTES];
    char state[16];
    int64_t selected, left_out;
    int64_t published; /* requests in Kafka */
    int64_t results;   /* out, and marked */
    int64_t items[ITEM_STATES];
    int64_t ended;       /* items with an outcome */
    int64_t recent;      /* of them in the last status_recent_s */
    double recent_s;     /* the span that `recent` was counted in */
    double rate_per_min; /* 0: nothing has ended lately */
    double eta_s;        /* -1: not known */
};

/* A campaign by its id, by the start of its id (4 characters at least), or by its name if only one
 * has it. ERR_CONFIG: there is none, or more than one. */
int campaign_find(struct session *s, const char *said, char ret[UUID_TEXT_BYTES], struct err *err);
int status_read(struct session *s, const char *campaign_id, struct campaign_status *ret,
                struct err *err);
bool status_ended(const struct campaign_status *st); /* every result is out */
/* Items that are neither succeeded nor skipped, of an ended campaign. */
int64_t status_failed(const struct campaign_status *st);
/* "1,204 succeeded, 3 build_failed; 14.2/min, 12 min left" for a progress line. */
void status_line(const struct campaign_status *st, char *out, size_t out_bytes);

#endif

/* The states of a campaign, by the ledger's names, and the one table of what may follow what. Pure;
 * both programs write states through it. */
#ifndef COMMON_RECORD_CAMPAIGN_STATE_H
#define COMMON_RECORD_CAMPAIGN_STATE_H

#include <stdbool.h>

enum campaign_state {
    CAMPAIGN_OPEN,
    CAMPAIGN_PAUSED,
    CAMPAIGN_CANCELLING, /* cancelled, and not every result is out yet */
    CAMPAIGN_COMPLETED,
    CAMPAIGN_CANCELLED,
    CAMPAIGN_STATES
};

const char *campaign_state_name(enum campaign_state s);
bool campaign_state_parse(const char *name, enum campaign_state *ret);
bool campaign_may_follow(enum campaign_state from, enum campaign_state to); /* the table */
/* For statements: the states from which `to` may follow, as a PostgreSQL array literal. */
const char *campaign_states_before(enum campaign_state to);

#endif

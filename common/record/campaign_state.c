#include "common/record/campaign_state.h"

#include <string.h>

#define BIT(s) (1u << (s))

/* Seen from the state that is written; the text says the same to PostgreSQL, and a test compares
 * the two. A cancelled campaign never opens again: some of its items have ended as cancelled. */
static const struct {
    const char *name;
    unsigned before;
    const char *before_text;
} states[CAMPAIGN_STATES] = {
    [CAMPAIGN_OPEN] = { "open", BIT(CAMPAIGN_PAUSED), "{paused}" },
    [CAMPAIGN_PAUSED] = { "paused", BIT(CAMPAIGN_OPEN), "{open}" },
    [CAMPAIGN_CANCELLING] = { "cancelling", BIT(CAMPAIGN_OPEN) | BIT(CAMPAIGN_PAUSED),
                              "{open,paused}" },
    [CAMPAIGN_COMPLETED] = { "completed", BIT(CAMPAIGN_OPEN) | BIT(CAMPAIGN_PAUSED),
                             "{open,paused}" },
    [CAMPAIGN_CANCELLED] = { "cancelled", BIT(CAMPAIGN_CANCELLING), "{cancelling}" },
};

const char *campaign_state_name(enum campaign_state s)
{
    return states[s].name;
}

bool campaign_state_parse(const char *name, enum campaign_state *ret)
{
    for (int s = 0; s < CAMPAIGN_STATES; s++) {
        if (strcmp(states[s].name, name) == 0) {
            *ret = (enum campaign_state)s;
            return true;
        }
    }
    return false;
}

bool campaign_may_follow(enum campaign_state from, enum campaign_state to)
{
    return (states[to].before & BIT(from)) != 0;
}

const char *campaign_states_before(enum campaign_state to)
{
    return states[to].before_text;
}

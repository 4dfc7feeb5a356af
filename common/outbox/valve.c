#include "common/outbox/outbox.h"

#include <string.h>

/* How many items may be in Kafka and not ended, for a campaign with a limit of its own. */
static int64_t ahead_of_limit(int64_t limit)
{
    if (limit > INT64_MAX / OUTBOX_VALVE_FACTOR)
        return INT64_MAX;
    if (limit * OUTBOX_VALVE_FACTOR < OUTBOX_VALVE_MIN)
        return OUTBOX_VALVE_MIN;
    return limit * OUTBOX_VALVE_FACTOR;
}

int64_t outbox_valve_allows(const struct outbox_valve *v)
{
    int64_t room;

    if (v->left <= 0)
        return 0;
    /* At once and whole, so that every item gets its result. */
    if (strcmp(v->state, "cancelling") == 0 || strcmp(v->state, "cancelled") == 0 ||
        (v->over && (strcmp(v->state, "open") == 0 || strcmp(v->state, "paused") == 0)))
        return v->left;
    if (strcmp(v->state, "open") != 0 || !v->due)
        return 0;
    if (v->limit < 0)
        return v->left;
    room = ahead_of_limit(v->limit) - (v->open > 0 ? v->open : 0);
    if (room <= 0)
        return 0;
    return room < v->left ? room : v->left;
}

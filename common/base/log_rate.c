#include "common/base/log_rate.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"

/* The entry of (level, event); a new one takes a free place, or that of the oldest period. */
static struct log_rate_entry *find(struct log_rate *r, int level, const char *event, int64_t now_ms)
{
    struct log_rate_entry *place = &r->entries[0];

    for (size_t i = 0; i < LOG_RATE_EVENTS; i++) {
        struct log_rate_entry *e = &r->entries[i];

        if (e->level == level && strncmp(e->event, event, LOG_RATE_EVENT_BYTES - 1) == 0 &&
            e->event[0] != '\0')
            return e;
        if (place->event[0] != '\0' && (e->event[0] == '\0' || e->since_ms < place->since_ms))
            place = e;
    }
    *place = (struct log_rate_entry){ .level = level, .since_ms = now_ms };
    str_copy(place->event, sizeof(place->event), event);
    return place;
}

bool log_rate_pass(struct log_rate *r, int level, const char *event, int64_t now_ms,
                   int64_t *ret_suppressed)
{
    struct log_rate_entry *e = find(r, level, event, now_ms);

    if (now_ms - e->since_ms >= LOG_RATE_PERIOD_MS) {
        e->since_ms = now_ms;
        e->passed = 0;
    }
    if (e->passed >= LOG_RATE_MAX) {
        e->suppressed++;
        return false;
    }
    e->passed++;
    *ret_suppressed = e->suppressed;
    e->suppressed = 0;
    return true;
}

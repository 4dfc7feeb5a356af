#include "worker/retry.h"

/* min_ms * 2^(tries-1), at most max_ms, without overflow. */
static int64_t ceiling_ms(int64_t min_ms, int64_t max_ms, int tries)
{
    int doublings = tries > 1 ? tries - 1 : 0;

    if (doublings >= 63 || min_ms > max_ms >> doublings)
        return max_ms;
    return min_ms * (INT64_C(1) << doublings);
}

static int64_t pick(int64_t from, int64_t to, uint64_t random)
{
    if (to <= from)
        return from;
    return from + (int64_t)(random % ((uint64_t)(to - from) + 1));
}

int64_t retry_delay_ms(int64_t min_ms, int64_t max_ms, int made, uint64_t random)
{
    return pick(min_ms, ceiling_ms(min_ms, max_ms, made), random);
}

int64_t backoff_delay_ms(int64_t min_ms, int64_t max_ms, int tries, uint64_t random)
{
    return pick(0, ceiling_ms(min_ms, max_ms, tries), random);
}

#include "worker/breaker.h"

#include <limits.h>

#include "common/base/limits.h"

void breaker_init(struct breaker *b)
{
    *b = (struct breaker){ .state = BREAKER_CLOSED };
}

static void open_for_a_while(struct breaker *b, int64_t now_ms)
{
    b->state = BREAKER_OPEN;
    b->open_until_ms = now_ms + BREAKER_OPEN_MS;
}

void breaker_failure(struct breaker *b, int64_t now_ms)
{
    if (b->failures == 0)
        b->down_since_ms = now_ms;
    if (b->failures < INT_MAX)
        b->failures++;
    /* While it is open, late failures of older calls must not put the probe off. */
    if (b->state == BREAKER_PROBING ||
        (b->state == BREAKER_CLOSED && b->failures >= BREAKER_FAILURES))
        open_for_a_while(b, now_ms);
}

void breaker_success(struct breaker *b)
{
    breaker_init(b);
}

bool breaker_closed(const struct breaker *b)
{
    return b->state == BREAKER_CLOSED;
}

bool breaker_wants_probe(struct breaker *b, int64_t now_ms)
{
    if (b->state == BREAKER_CLOSED || now_ms < b->open_until_ms)
        return false;
    b->state = BREAKER_PROBING;
    /* A probe whose end nobody reported does not keep the replica out for ever. */
    b->open_until_ms = now_ms + BREAKER_OPEN_MS;
    return true;
}

bool breaker_gone_for(const struct breaker *b, int64_t now_ms, int64_t ms)
{
    return b->failures > 0 && now_ms - b->down_since_ms >= ms;
}

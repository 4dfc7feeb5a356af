#include "worker/targets.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"

void targets_done(struct targets *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->items[i].cookies);
    t->n = 0;
}

struct target *targets_find(struct targets *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->items[i].name, name) == 0)
            return &t->items[i];
    return NULL;
}

struct target *targets_need(struct targets *t, const char *name, const char *url)
{
    struct target *target = targets_find(t, name);

    if (target != NULL)
        return target;
    if (t->n == REPLICAS_MAX)
        return NULL;
    target = &t->items[t->n++];
    *target = (struct target){ 0 };
    str_copy(target->name, sizeof(target->name), name);
    str_copy(target->url, sizeof(target->url), url);
    str_copy(target->base, sizeof(target->base), url);
    breaker_init(&target->breaker);
    list_init(&target->checks_waiting);
    return target;
}

bool target_takes_requests(const struct target *t)
{
    return t->configured || t->behind;
}

const char *target_resolve(const struct target *t)
{
    return t->resolve[0] != '\0' ? t->resolve : NULL;
}

bool target_usable(const struct target *t)
{
    return t->active && t->known && breaker_closed(&t->breaker);
}

static bool known(const struct target *t)
{
    return t->configured && t->known;
}

static bool configured(const struct target *t)
{
    return t->configured;
}

static struct target *next_that(struct targets *t, bool (*fits)(const struct target *t))
{
    for (size_t i = 0; i < t->n; i++) {
        struct target *target = &t->items[t->turn++ % t->n];

        if (fits(target))
            return target;
    }
    return NULL;
}

struct target *targets_any(struct targets *t)
{
    struct target *target = next_that(t, target_usable);

    if (target == NULL)
        target = next_that(t, known);
    return target != NULL ? target : next_that(t, configured);
}

bool targets_any_known(const struct targets *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (known(&t->items[i]))
            return true;
    return false;
}

void target_counted(struct target *t, int open)
{
    if (open > t->left_open)
        t->left = 0;
    t->open = open;
}

void target_leave_slot(struct target *t, int64_t now_ms, int64_t until_ms)
{
    if (now_ms >= t->left_until_ms)
        t->left = 0;
    t->left++;
    t->left_open = t->open;
    t->left_until_ms = until_ms;
}

int target_taken(const struct target *t, int64_t now_ms)
{
    return t->open + (now_ms < t->left_until_ms ? t->left : 0);
}

static int free_slots(const struct target *t, int64_t now_ms)
{
    int free = t->limit - target_taken(t, now_ms);

    if (!target_usable(t) || free <= 0)
        return 0;
    if (t->start_limited)
        return t->start_at_ms <= now_ms ? 1 : 0;
    return free;
}

int targets_free(const struct targets *t, int64_t now_ms)
{
    int free = 0;

    for (size_t i = 0; i < t->n; i++)
        free += free_slots(&t->items[i], now_ms);
    return free;
}

int targets_slots(const struct targets *t)
{
    int slots = 0;

    for (size_t i = 0; i < t->n; i++)
        slots += t->items[i].active ? t->items[i].limit : 0;
    return slots;
}

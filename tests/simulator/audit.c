#include "tests/simulator/audit.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "tests/simulator/memory.h"
#include "tests/simulator/text.h"
#include "tests/simulator/world.h"

struct correlation {
    char id[CORRELATION_BYTES];
    char sticky[COOKIE_BYTES];
    UT_hash_handle hh;
};

struct audit {
    struct audit_counts counts;
    size_t first;                  /* number of the first build since the reset */
    uint64_t limits[MAX_REPLICAS]; /* 0: none */
    struct correlation *correlations;
};

struct audit *audit_new(void)
{
    return memory_zeroed(1, sizeof(struct audit));
}

static void forget_correlations(struct audit *audit)
{
    struct correlation *one = NULL;
    struct correlation *next = NULL;

    HASH_ITER (hh, audit->correlations, one, next) {
        /* The analyzer takes the links between entries for ones that were freed before. */
        HASH_DEL(audit->correlations, one); /* NOLINT(clang-analyzer-unix.Malloc) */
        free(one);
    }
}

void audit_free(struct audit *audit)
{
    if (audit == NULL)
        return;
    forget_correlations(audit);
    free(audit);
}

struct audit_counts *audit_counts(struct audit *audit)
{
    return &audit->counts;
}

size_t audit_first_build(const struct audit *audit)
{
    return audit->first;
}

uint64_t audit_limit(const struct audit *audit, size_t replica)
{
    return audit->limits[replica];
}

void audit_reset(struct world *world)
{
    struct audit *audit = world->audit;

    audit->counts = (struct audit_counts){ 0 };
    audit->first = builds_count(world->builds);
    forget_correlations(audit);
    for (size_t i = 0; i < catalog_count(world->catalog); i++) {
        struct item *item = catalog_at(world->catalog, i);
        item->audited_n = 0;
        item->audited_success = false;
    }
}

void audit_set_limit(struct audit *audit, size_t replica, uint64_t limit)
{
    for (size_t i = 0; i < MAX_REPLICAS; i++)
        if (replica == MAX_REPLICAS || replica == i)
            audit->limits[i] = limit;
}

void audit_started(struct world *world, const struct build *build)
{
    struct audit_counts *counts = &world->audit->counts;
    struct item *item = build->item;
    uint64_t running = builds_running(world->builds, build->replica);
    uint64_t limit = world->audit->limits[build->replica];
    bool overlaps = item->running_n > 1;

    counts->builds++;
    counts->per_replica[build->replica]++;
    if (running > counts->max_inflight_per_replica[build->replica])
        counts->max_inflight_per_replica[build->replica] = running;
    counts->over_limit += limit > 0 && running > limit;
    counts->overlapping_same_guid += overlaps;
    counts->after_success += item->audited_success;
    counts->built_twice += overlaps || item->audited_success;
    item->audited_n++;
    counts->guids_built += item->audited_n == 1;
    counts->guids_built_more_than_once += item->audited_n == 2;
}

void audit_ended(struct world *world, const struct build *build)
{
    struct audit *audit = world->audit;

    if (build->number < audit->first)
        return;
    audit->counts.killed += build->killed;
    audit->counts.died += build->died;
    if (build->code == 0)
        build->item->audited_success = true;
}

void audit_sticky(struct audit *audit, const char *correlation, const char *sticky)
{
    struct correlation *known = NULL;

    if (correlation == NULL || sticky == NULL || strlen(correlation) >= CORRELATION_BYTES)
        return;
    HASH_FIND_STR(audit->correlations, correlation, known);
    if (known != NULL) {
        audit->counts.cookie_mixups += strcmp(known->sticky, sticky) != 0;
        return;
    }
    if (HASH_COUNT(audit->correlations) >= MAX_CORRELATIONS)
        return;
    known = memory_zeroed(1, sizeof *known);
    text_copy(known->id, sizeof known->id, correlation);
    text_copy(known->sticky, sizeof known->sticky, sticky);
    HASH_ADD_STR(audit->correlations, id, known);
}

#ifndef SIMULATOR_AUDIT_H
#define SIMULATOR_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/simulator/limits.h"
#include "tests/simulator/route.h"

struct build;
struct cJSON;
struct request;
struct text;
struct world;

/* What the simulator was asked for, so that a test can prove what did not happen. Counts begin at
 * the last reset. */

struct audit_counts {
    uint64_t builds;
    uint64_t builds_refused;        /* 4xx to a submit */
    uint64_t overlapping_same_guid; /* started while one of the same item ran */
    uint64_t after_success;         /* started after one of the same item had succeeded */
    uint64_t built_twice;           /* either of the two */
    uint64_t guids_built;
    uint64_t guids_built_more_than_once;
    uint64_t over_limit; /* started where the limit was reached already */
    uint64_t killed;
    uint64_t died;
    uint64_t polls_wrong_replica; /* task polls where another replica has the task */
    uint64_t polls_unknown_task;  /* task polls that no replica knows */
    uint64_t cookie_mixups;       /* one correlation id with a second sticky cookie */
    uint64_t access_keyed;
    uint64_t access_anonymous;
    uint64_t auth_refused;
    uint64_t requests[ROUTES_N];
    uint64_t per_replica[MAX_REPLICAS]; /* builds */
    uint64_t max_inflight_per_replica[MAX_REPLICAS];
};

struct audit;

struct audit *audit_new(void);
void audit_free(struct audit *audit);
struct audit_counts *audit_counts(struct audit *audit);
void audit_reset(struct world *world); /* limits stay */

/* limit 0: none. replica is an index, or MAX_REPLICAS for all. */
void audit_set_limit(struct audit *audit, size_t replica, uint64_t limit);

uint64_t audit_limit(const struct audit *audit, size_t replica);
size_t audit_first_build(const struct audit *audit); /* since the reset */

void audit_started(struct world *world, const struct build *build); /* right after it started */
void audit_ended(struct world *world, const struct build *build);

/* A build or poll that came through the front: does its correlation id stay with its cookie? */
void audit_sticky(struct audit *audit, const char *correlation, const char *sticky);

void audit_print(const struct world *world, bool with_list, struct text *to); /* one JSON object */

#endif

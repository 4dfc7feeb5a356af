#ifndef SIMULATOR_WORLD_H
#define SIMULATOR_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/simulator/audit.h"
#include "tests/simulator/builds.h"
#include "tests/simulator/catalog.h"
#include "tests/simulator/faults.h"
#include "tests/simulator/limits.h"
#include "tests/simulator/options.h"

/* Where something listens; the edge fills it in. Empty: nowhere. */
struct address {
    char url[3 * NAME_BYTES]; /* with the prefix, without a slash at its end */
    int port;
};

struct replica {
    char name[NAME_BYTES];
    char sticky[COOKIE_BYTES]; /* cookie value that means this replica */
    struct address at;
    bool up;     /* as wished; the edge follows */
    bool bounce; /* wish: drop all connections once */
};

/* Everything that is simulated. Handlers change it; only the edge and main know sockets. */
struct world {
    const struct options *options;
    struct faults faults;
    struct catalog *catalog;
    struct builds *builds;
    struct audit *audit;
    struct replica replicas[MAX_REPLICAS];
    size_t replicas_n;
    struct address front;
    struct address admin;
    uint64_t seed;
    uint64_t requests_n; /* drawn fates so far */
    size_t turn;         /* of the front's round robin */
    uint64_t clients_n;  /* cookies that the front gave out */
};

/* options must outlive the world. NULL is fine for world_done's members. */
void world_init(struct world *world, const struct options *options);
void world_done(struct world *world);

#endif

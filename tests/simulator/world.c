#include "tests/simulator/world.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/simulator/draw.h"

void world_init(struct world *world, const struct options *options)
{
    *world = (struct world){ .options = options, .seed = (uint64_t)options->seed };
    world->faults = options->faults;
    world->catalog = catalog_new(options);
    world->builds = builds_new(world->seed, (size_t)options->slots);
    world->audit = audit_new();
    world->replicas_n = options->replicas_n;
    for (size_t i = 0; i < world->replicas_n; i++) {
        struct replica *replica = &world->replicas[i];
        snprintf(replica->name, sizeof replica->name, "%s%zu", options->hostname_prefix, i);
        snprintf(replica->sticky, sizeof replica->sticky, "%016" PRIx64,
                 draw_hash(world->seed, "sticky", i));
        replica->up = true;
        builds_set_slow(world->builds, i, options->slow[i], 0);
    }
}

void world_done(struct world *world)
{
    audit_free(world->audit);
    builds_free(world->builds);
    catalog_free(world->catalog);
}

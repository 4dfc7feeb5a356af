#ifndef SIMULATOR_FATE_H
#define SIMULATOR_FATE_H

#include <stdbool.h>

#include "tests/simulator/exchange.h"
#include "tests/simulator/route.h"

struct world;

/* What becomes of an API request on its way: decided once, by the shares of the faults. */
enum fate fate_draw(struct world *world, enum route route);

/* Answers in place of the server where the fate says so; true if it did. */
bool fate_before(const struct world *world, const struct request *request, struct answer *answer);

/* Spoils a finished answer where the fate says so. */
void fate_after(const struct request *request, struct answer *answer);

#endif

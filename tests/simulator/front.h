#ifndef SIMULATOR_FRONT_H
#define SIMULATOR_FRONT_H

#include <stdbool.h>

struct answer;
struct request;
struct world;

/* The sticky ingress: which replica a request goes to. */

/* Sets replica and sticky of a request that has just arrived, by its cookie if that names a replica
 * which is up, else by round robin with a new cookie. False: no replica is up, and the answer says
 * so. */
bool front_choose(struct world *world, struct request *request, struct answer *answer);

/* Adds the new cookie, if there is one, to a finished answer. */
void front_finish(const struct world *world, const struct request *request, struct answer *answer);

#endif

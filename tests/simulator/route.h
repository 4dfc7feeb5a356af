#ifndef SIMULATOR_ROUTE_H
#define SIMULATOR_ROUTE_H

#include <stdbool.h>

struct answer;
struct request;
struct world;

/* What requests are counted as; names in route_name(). */
enum route {
    ROUTE_PING,
    ROUTE_SETTINGS,
    ROUTE_USER,
    ROUTE_HOSTS,
    ROUTE_CONTENT_LIST,
    ROUTE_CONTENT,
    ROUTE_BUNDLES,
    ROUTE_BUILD,
    ROUTE_TASK,
    ROUTE_JOBS,
    ROUTE_JOB_LOG,
    ROUTE_JOB_KILL,
    ROUTE_OTHER_API,
    ROUTE_PAGE,
    ROUTE_OTHER,
    ROUTES_N,
};

const char *route_name(enum route route);
bool route_is_name(const char *name);

/* Answers a request that reached a replica or the front. Called again for one that it put off. */
void route_request(struct world *world, struct request *request, struct answer *answer);

#endif

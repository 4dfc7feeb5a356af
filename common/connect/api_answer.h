/* What every reader of an answer begins with. Private to common/connect/api_*.c. */
#ifndef COMMON_CONNECT_API_ANSWER_H
#define COMMON_CONNECT_API_ANSWER_H

#include "common/connect/api.h"

struct cJSON;

/* Whose answer it is: what a 404 and a lost answer mean differs. */
enum api_route {
    API_ROUTE_ITEM,  /* GET or DELETE below /v1/content/{guid} */
    API_ROUTE_BUILD, /* POST build: has an effect */
    API_ROUTE_TASK,
    API_ROUTE_SERVER, /* user, settings: not about an item */
};

/* A 2xx answer with JSON in it: what is API_GOOD and *ret is its document, which the caller frees
 * with json_free. Everything else is judged here and *ret is NULL. */
struct api_verdict api_open(const struct http_answer *a, enum api_route route, struct cJSON **ret);
/* A 2xx answer that is not what was asked for: about the replica, or unknown for a build. */
struct api_verdict api_garbled(const struct http_answer *a, enum api_route route, const char *what);

#endif

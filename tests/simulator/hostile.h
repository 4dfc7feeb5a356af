#ifndef SIMULATOR_HOSTILE_H
#define SIMULATOR_HOSTILE_H

#include <stdbool.h>

struct answer;
struct item;

/* Answers that no good server gives, for one item and some of its routes (override
 * "hostile": "KIND ROUTE ..."). What was asked for has its effect first. */

enum hostile_kind {
    HOSTILE_NOT,
    HOSTILE_HUGE,    /* a body of 200 MB */
    HOSTILE_DRIP,    /* a body that comes byte by byte and never ends */
    HOSTILE_HEADERS, /* 10,000 headers */
    HOSTILE_HEADER,  /* a header of 1 MB */
    HOSTILE_DEEP,    /* JSON, 100,000 lists deep */
    HOSTILE_TYPES,   /* JSON with a number or an object where a string is expected, and so on */
};

/* "KIND ROUTE ..." into the item's overrides; false: not one of them. */
bool hostile_set(struct item *item, const char *text);

/* Spoils the answer of this route for this item (NULL: none) if that is meant. route: its name. */
void hostile_spoil(const struct item *item, const char *route, struct answer *answer);

#endif

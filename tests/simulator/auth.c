#include <string.h>

#include "tests/simulator/api.h"
#include "tests/simulator/exchange.h"
#include "tests/simulator/world.h"

#define SCHEME "Key "

/* The key in a header of the form "Key K"; NULL: another scheme, or no header. */
static const char *key_in(const struct request *request, const char *header)
{
    const char *value = request_header(request, header);

    if (value == NULL || strncmp(value, SCHEME, strlen(SCHEME)) != 0)
        return NULL;
    return value + strlen(SCHEME);
}

enum auth auth_of(const struct world *world, const struct request *request)
{
    const char *key = key_in(request, "Authorization");

    if (key == NULL)
        key = key_in(request, "X-RSC-Authorization");
    if (key == NULL)
        return AUTH_NONE;
    if (world->faults.key_revoked || strcmp(key, world->options->api_key) != 0)
        return AUTH_WRONG;
    return AUTH_GOOD;
}

#include "tests/simulator/front.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/simulator/exchange.h"
#include "tests/simulator/world.h"

/* The replica that a cookie means by its value, or what follows its last dot. replicas_n: none. */
static size_t replica_of(const struct world *world, const char *cookie)
{
    const char *dot = strrchr(cookie, '.');
    const char *value = dot == NULL ? cookie : dot + 1;

    for (size_t i = 0; i < world->replicas_n; i++)
        if (strcmp(world->replicas[i].sticky, value) == 0)
            return i;
    return world->replicas_n;
}

/* The next replica that is up; replicas_n: none is. */
static size_t next_up(struct world *world)
{
    for (size_t tried = 0; tried < world->replicas_n; tried++) {
        size_t i = world->turn++ % world->replicas_n;
        if (world->replicas[i].up)
            return i;
    }
    return world->replicas_n;
}

static void new_cookie(struct world *world, struct request *request)
{
    const char *sticky = world->replicas[request->replica].sticky;

    if (world->options->cookie_per_client)
        snprintf(request->new_sticky, sizeof request->new_sticky, "%" PRIu64 ".%.16s",
                 ++world->clients_n, sticky);
    else
        text_copy(request->new_sticky, sizeof request->new_sticky, sticky);
    request->sticky = request->new_sticky;
}

bool front_choose(struct world *world, struct request *request, struct answer *answer)
{
    const char *cookie = request->find(request, FIELD_COOKIE, world->options->cookie_name);
    size_t replica = cookie == NULL ? world->replicas_n : replica_of(world, cookie);

    request->through_front = true;
    if (replica < world->replicas_n && world->replicas[replica].up) {
        request->replica = replica;
        request->sticky = cookie;
        return true;
    }
    replica = next_up(world);
    if (replica == world->replicas_n) {
        answer_html(answer, 503, "503 Service Temporarily Unavailable");
        return false;
    }
    request->replica = replica;
    new_cookie(world, request);
    return true;
}

void front_finish(const struct world *world, const struct request *request, struct answer *answer)
{
    char value[MAX_HEADER_BYTES];

    if (request->new_sticky[0] == '\0')
        return;
    snprintf(value, sizeof value, "%s=%s; Path=/; HttpOnly", world->options->cookie_name,
             request->new_sticky);
    answer_header(answer, "Set-Cookie", value);
}

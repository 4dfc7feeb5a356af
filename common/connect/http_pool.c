#include "common/connect/http_pool.h"

#include <stdlib.h>

#include "common/event/event.h"

struct part {
    struct sockets *sockets; /* NULL: none now */
    bool used;               /* since the janitor last looked */
};

struct pool {
    struct event_loop *loop;
    sockets_ended_fn *ended;
    void *arg;
    struct event_timer *janitor;
    size_t parts_n; /* as many as there may be */
    struct part parts[POOL_PARTS_MAX];
};

/* The first one stays: it serves all but the peaks. */
static void on_janitor(void *arg)
{
    struct pool *p = arg;

    for (size_t i = 1; i < p->parts_n; i++) {
        struct part *part = &p->parts[i];

        if (part->sockets != NULL && !part->used && sockets_n(part->sockets) == 0) {
            sockets_free(part->sockets);
            part->sockets = NULL;
        }
        part->used = false;
    }
}

static struct sockets *part_use(struct pool *p, struct part *part)
{
    if (part->sockets == NULL)
        part->sockets = sockets_new(p->loop, 2 * POOL_SHARE, p->ended, p->arg);
    part->used = true;
    return part->sockets;
}

/* The first with room, so the later ones run empty after a peak. One with room that was full has a
 * connection to give. All full: the emptiest. */
struct sockets *pool_pick(struct pool *p)
{
    struct part *emptiest = &p->parts[0];

    for (size_t i = 0; i < p->parts_n; i++) {
        struct part *part = &p->parts[i];

        if (part->sockets == NULL || sockets_n(part->sockets) < POOL_SHARE)
            return part_use(p, part);
        if (sockets_n(part->sockets) < sockets_n(emptiest->sockets))
            emptiest = part;
    }
    return part_use(p, emptiest);
}

void pool_turn(struct pool *p)
{
    for (size_t i = 0; i < p->parts_n; i++)
        if (p->parts[i].sockets != NULL)
            sockets_turn(p->parts[i].sockets);
}

struct pool *pool_new(struct event_loop *loop, size_t in_flight_max, sockets_ended_fn *ended,
                      void *arg)
{
    struct pool *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    *p = (struct pool){ .loop = loop, .ended = ended, .arg = arg };
    p->parts_n = (in_flight_max + POOL_SHARE - 1) / POOL_SHARE;
    if (p->parts_n == 0)
        p->parts_n = 1;
    if (p->parts_n > POOL_PARTS_MAX)
        p->parts_n = POOL_PARTS_MAX;
    p->janitor = event_timer_new(loop, on_janitor, p);
    if (p->janitor == NULL || part_use(p, &p->parts[0]) == NULL) {
        pool_free(p);
        return NULL;
    }
    if (p->parts_n > 1)
        event_timer_start(p->janitor, POOL_IDLE_MS, POOL_IDLE_MS);
    return p;
}

void pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->parts_n; i++)
        sockets_free(p->parts[i].sockets);
    event_timer_free(p->janitor);
    free(p);
}

#include "worker/parts.h"

#include <stdlib.h>
#include <string.h>

struct held {
    struct req *req;
    struct held *next;
};

int parts_init(struct parts *p, const char *topic_normal, const char *topic_high, int32_t per_lane)
{
    size_t n = (size_t)per_lane * 2;
    struct part *items = calloc(n, sizeof(*items));

    if (items == NULL)
        return -1;
    for (size_t i = 0; i < n; i++) {
        items[i].lane = i < (size_t)per_lane ? 0 : 1;
        items[i].partition = (int32_t)(i % (size_t)per_lane);
        items[i].topic = items[i].lane == 0 ? topic_normal : topic_high;
    }
    *p = (struct parts){ .items = items, .n = n, .per_lane = per_lane };
    return 0;
}

void parts_done(struct parts *p)
{
    for (size_t i = 0; i < p->n; i++)
        part_revoke(&p->items[i]);
    free(p->items);
    *p = (struct parts){ 0 };
}

struct part *parts_at(struct parts *p, int lane, int32_t partition)
{
    if (lane < 0 || lane > 1 || partition < 0 || partition >= p->per_lane)
        return NULL;
    return &p->items[(size_t)lane * (size_t)p->per_lane + (size_t)partition];
}

struct part *parts_find(struct parts *p, const char *topic, int32_t partition)
{
    for (int lane = 0; lane < 2; lane++) {
        struct part *part = parts_at(p, lane, partition);

        if (part != NULL && strcmp(part->topic, topic) == 0)
            return part;
    }
    return NULL;
}

size_t parts_owned(const struct parts *p)
{
    size_t owned = 0;

    for (size_t i = 0; i < p->n; i++)
        owned += p->items[i].owned;
    return owned;
}

void part_assign(struct part *part, struct tracker *tracker)
{
    tracker_free(part->tracker);
    part->tracker = tracker;
    part->owned = true;
    part->refused = false;
    part->doubted_in = 0;
    part->paused = false;
    part->trimmed_to = 0;
    part->epoch++;
}

int part_hold(struct part *part, struct req *req)
{
    struct held *h = malloc(sizeof(*h));

    if (h == NULL)
        return -1;
    *h = (struct held){ .req = req };
    if (part->held_last == NULL)
        part->held_first = h;
    else
        part->held_last->next = h;
    part->held_last = h;
    return 0;
}

struct req *part_held(const struct part *part)
{
    return part->held_first == NULL ? NULL : part->held_first->req;
}

struct req *part_unhold(struct part *part)
{
    struct held *h = part->held_first;
    struct req *req;

    if (h == NULL)
        return NULL;
    req = h->req;
    part->held_first = h->next;
    if (part->held_first == NULL)
        part->held_last = NULL;
    free(h);
    return req;
}

void part_revoke(struct part *part)
{
    for (struct req *req = part_unhold(part); req != NULL; req = part_unhold(part))
        free(req);
    tracker_free(part->tracker);
    part->tracker = NULL;
    part->owned = false;
    part->refused = false;
    part->paused = false;
    part->trimmed_to = 0;
    part->epoch++;
}

bool part_holds(const struct req *req)
{
    return req->part->owned && req->epoch == req->part->epoch;
}

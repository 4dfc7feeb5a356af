#include <stdio.h>
#include <string.h>

#include "tests/simulator/api.h"
#include "tests/simulator/clock.h"
#include "tests/simulator/exchange.h"
#include "tests/simulator/world.h"

/* Content URLs: /content/{guid}/…, /content/{guid}/_bundle{id}/…, and vanity paths. */

static bool allowed(const struct world *world, const struct item *item, bool keyed)
{
    if (item_too_open(item, &world->faults, world->seed))
        return true;
    switch (item_access(item, &world->faults, world->seed)) {
    case ACCESS_ALL: return true;
    case ACCESS_LOGGED_IN: return keyed;
    case ACCESS_ACL: return keyed && !item_forbidden(item, &world->faults, world->seed);
    }
    return false;
}

static void redirect(const struct world *world, struct answer *answer, const char *path,
                     const char *end)
{
    char location[MAX_HEADER_BYTES];

    answer_html(answer, 302, "302 Found");
    snprintf(location, sizeof location, "%s%s%s", world->options->prefix, path, end);
    answer_header(answer, "Location", location);
}

static void block(const struct world *world, struct answer *answer)
{
    if (world->faults.login_redirect)
        redirect(world, answer, "/__login__", "");
    else
        answer_html(answer, 404, "404 Not Found");
}

/* True while the process of the item starts for this request. */
static bool starting(const struct world *world, const struct item *item,
                     const struct request *request, struct answer *answer)
{
    bool process = item->mode->kind == MODE_INTERACTIVE || item->mode->kind == MODE_API;
    int64_t ready_us = request->arrived_us + world->faults.cold_start_ms * US_PER_MS;

    if (!process || item->warm || request->now_us >= ready_us)
        return false;
    answer_later(answer, ready_us, NULL);
    return true;
}

static void serve_item(const struct world *world, struct item *item, const struct request *request,
                       struct answer *answer)
{
    int64_t failure = item_access_status(item, &world->faults, world->seed);
    bool api_root = item->mode->kind == MODE_API && request->segments_n <= 2;

    if (starting(world, item, request, answer))
        return;
    if (failure >= 400) {
        answer_html(answer, (unsigned)failure, "The content does not work");
        return;
    }
    item->warm = item->mode->kind != MODE_RENDERED && item->mode->kind != MODE_STATIC;
    if (api_root && world->faults.api_root_401)
        answer_error(answer, 401, CODE_INVALID_LOGIN, "The API key is not valid.");
    else if (api_root && world->faults.api_root_404)
        answer_html(answer, 404, "404 Not Found");
    else
        answer_html(answer, failure == 0 ? 200 : (unsigned)failure, item->title);
}

static void count_access(struct world *world, const struct request *request, bool keyed)
{
    struct audit_counts *counts = audit_counts(world->audit);

    if (request->now_us != request->arrived_us)
        return; /* counted when it arrived */
    if (keyed)
        counts->access_keyed++;
    else
        counts->access_anonymous++;
}

void page_serve(struct world *world, struct request *request, struct answer *answer)
{
    const char *path = request->path + strlen(world->options->prefix);
    struct item *item = catalog_find_vanity(world->catalog, path);
    bool keyed = auth_of(world, request) == AUTH_GOOD;

    count_access(world, request, keyed);
    if (item == NULL && request->segments_n >= 2)
        item = catalog_find(world->catalog, request->segments[1]);
    if (item == NULL || item->active_bundle == 0 || !allowed(world, item, keyed))
        block(world, answer);
    else if (request->segments_n == 2 && path[strlen(path) - 1] != '/')
        redirect(world, answer, path, "/");
    else
        serve_item(world, item, request, answer);
}

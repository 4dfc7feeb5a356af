#include "tests/simulator/route.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "tests/simulator/api.h"
#include "tests/simulator/catalog.h"
#include "tests/simulator/clock.h"
#include "tests/simulator/exchange.h"
#include "tests/simulator/fate.h"
#include "tests/simulator/hostile.h"
#include "tests/simulator/world.h"

struct endpoint {
    const char *method;
    const char *pattern; /* of the path behind /__api__/; a segment "*" is anything */
    enum route route;
    bool open; /* answers without a key, too */
    handler_fn *handle;
};

static const struct endpoint endpoints[] = {
    { "GET", "server_settings", ROUTE_SETTINGS, true, api_settings },
    { "GET", "v1/server_settings/public", ROUTE_SETTINGS, true, api_public_settings },
    { "GET", "v1/server_settings/*", ROUTE_SETTINGS, false, api_installations },
    { "GET", "v1/user", ROUTE_USER, false, api_user },
    { "GET", "v1/system/hosts", ROUTE_HOSTS, false, api_hosts },
    { "GET", "v1/system/caches/runtime", ROUTE_OTHER_API, false, api_empty_list },
    { "GET", "v1/environments", ROUTE_OTHER_API, false, api_empty_list },
    { "GET", "v1/content", ROUTE_CONTENT_LIST, false, api_content_list },
    { "GET", "v1/content/*", ROUTE_CONTENT, false, api_content },
    { "GET", "v1/content/*/bundles", ROUTE_BUNDLES, false, api_bundles },
    { "GET", "v1/content/*/bundles/*", ROUTE_BUNDLES, false, api_bundle },
    { "POST", "v1/content/*/build", ROUTE_BUILD, false, api_build },
    { "GET", "v1/content/*/jobs", ROUTE_JOBS, false, api_jobs },
    { "GET", "v1/content/*/jobs/*", ROUTE_JOBS, false, api_job },
    { "GET", "v1/content/*/jobs/*/log", ROUTE_JOB_LOG, false, api_job_log },
    { "DELETE", "v1/content/*/jobs/*", ROUTE_JOB_KILL, false, api_job_kill },
    { "GET", "v1/tasks/*", ROUTE_TASK, false, api_task },
};

#define ENDPOINTS_N (sizeof endpoints / sizeof endpoints[0])

static const char *const names[ROUTES_N] = {
    [ROUTE_PING] = "ping",
    [ROUTE_SETTINGS] = "settings",
    [ROUTE_USER] = "user",
    [ROUTE_HOSTS] = "hosts",
    [ROUTE_CONTENT_LIST] = "content_list",
    [ROUTE_CONTENT] = "content",
    [ROUTE_BUNDLES] = "bundles",
    [ROUTE_BUILD] = "build",
    [ROUTE_TASK] = "task",
    [ROUTE_JOBS] = "jobs",
    [ROUTE_JOB_LOG] = "job_log",
    [ROUTE_JOB_KILL] = "job_kill",
    [ROUTE_OTHER_API] = "other_api",
    [ROUTE_PAGE] = "page",
    [ROUTE_OTHER] = "other",
};

const char *route_name(enum route route)
{
    return names[route];
}

bool route_is_name(const char *name)
{
    for (size_t i = 0; i < ROUTES_N; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Cuts the path into segments; false if it is too long or too deep. */
static bool split(struct request *request, const char *path)
{
    char *at = request->segment_bytes;

    request->segments_n = 0;
    if (!text_copy(at, sizeof request->segment_bytes, path))
        return false;
    while (*at != '\0') {
        size_t n = strcspn(at, "/");
        if (n > 0 && request->segments_n == MAX_SEGMENTS)
            return false;
        if (n > 0)
            request->segments[request->segments_n++] = at;
        at += n;
        if (*at == '/')
            *at++ = '\0';
    }
    return true;
}

static bool matches(const struct endpoint *endpoint, const struct request *request)
{
    const char *pattern = endpoint->pattern;
    size_t i = 0;

    while (i < request->segments_n && *pattern != '\0') {
        size_t n = strcspn(pattern, "/");
        bool any = n == 1 && *pattern == '*';
        if (!any &&
            (strlen(request->segments[i]) != n || memcmp(pattern, request->segments[i], n) != 0))
            return false;
        pattern += n;
        pattern += *pattern == '/';
        i++;
    }
    if (i != request->segments_n || *pattern != '\0')
        return false;
    return request_is(request, endpoint->method) ||
           (request_is(request, "HEAD") && strcmp(endpoint->method, "GET") == 0);
}

static const struct endpoint *find_endpoint(const struct request *request)
{
    for (size_t i = 0; i < ENDPOINTS_N; i++)
        if (matches(&endpoints[i], request))
            return &endpoints[i];
    return NULL;
}

static bool admitted(struct world *world, const struct request *request, struct answer *answer)
{
    enum auth auth = auth_of(world, request);

    if (auth == AUTH_GOOD)
        return true;
    audit_counts(world->audit)->auth_refused++;
    if (auth == AUTH_NONE)
        answer_error(answer, 401, CODE_AUTH_REQUIRED,
                     "You must be logged in to perform this operation.");
    else
        answer_error(answer, 401, CODE_INVALID_LOGIN, "The API key is not valid.");
    return false;
}

static void handle(struct world *world, const struct endpoint *endpoint, struct request *request,
                   struct answer *answer)
{
    int64_t ready_us = request->arrived_us + world->faults.latency_ms * US_PER_MS;

    if (request->now_us < ready_us)
        answer_later(answer, ready_us, NULL);
    else if (endpoint == NULL)
        answer_error(answer, 404, CODE_NO_ENDPOINT,
                     "The requested method or endpoint is not supported.");
    else if (endpoint->open || admitted(world, request, answer))
        endpoint->handle(world, request, answer);
}

static void count(struct world *world, const struct request *request, enum route route)
{
    audit_counts(world->audit)->requests[route]++;
    if (request->through_front && (route == ROUTE_BUILD || route == ROUTE_TASK))
        audit_sticky(world->audit, request_header(request, "X-Correlation-ID"), request->sticky);
}

/* Whom an API request is about; NULL: nobody. */
static const struct item *item_of(const struct world *world, const struct request *request,
                                  enum route route)
{
    const struct build *build = NULL;

    if (request->segments_n < 3)
        return NULL;
    if (route != ROUTE_TASK)
        return catalog_find(world->catalog, request->segments[2]);
    build = builds_find_task(world->builds, request->segments[2]);
    return build == NULL ? NULL : build->item;
}

static void route_api(struct world *world, struct request *request, struct answer *answer)
{
    const struct endpoint *endpoint = find_endpoint(request);
    enum route route = endpoint == NULL ? ROUTE_OTHER_API : endpoint->route;

    if (request->fate == FATE_UNDRAWN) {
        count(world, request, route);
        request->fate = fate_draw(world, route);
    }
    if (fate_before(world, request, answer))
        return;
    handle(world, endpoint, request, answer);
    hostile_spoil(item_of(world, request, route), route_name(route), answer);
    fate_after(request, answer);
}

/* The path behind the prefix; NULL: it does not begin with it. */
static const char *behind_prefix(const struct world *world, const char *path)
{
    size_t n = strlen(world->options->prefix);

    return strncmp(path, world->options->prefix, n) == 0 && path[n] == '/' ? path + n : NULL;
}

static void route_rest(struct world *world, struct request *request, struct answer *answer,
                       const char *path)
{
    bool page =
        strncmp(path, "/content/", 9) == 0 || catalog_find_vanity(world->catalog, path) != NULL;
    bool ping = strcmp(path, "/__ping__") == 0;

    if (request->fate == FATE_UNDRAWN) {
        enum route route = page ? ROUTE_PAGE : ping ? ROUTE_PING : ROUTE_OTHER;
        audit_counts(world->audit)->requests[route]++;
        request->fate = FATE_SERVED;
    }
    if (page) {
        page_serve(world, request, answer);
        if (request->segments_n >= 2)
            hostile_spoil(catalog_find(world->catalog, request->segments[1]), names[ROUTE_PAGE],
                          answer);
    } else if (ping)
        api_ping(world, request, answer);
    else
        answer_html(answer, 404, "404 Not Found");
}

void route_request(struct world *world, struct request *request, struct answer *answer)
{
    static const char api[] = "/__api__/";
    const char *path = behind_prefix(world, request->path);

    if (request->replica_lost) {
        answer_html(answer, 502, "502 Bad Gateway");
        return;
    }
    if (path == NULL || !split(request, path)) {
        answer_html(answer, 404, "404 Not Found");
        return;
    }
    if (strncmp(path, api, sizeof api - 1) != 0) {
        route_rest(world, request, answer, path);
        return;
    }
    request->segments_n--; /* handlers see what is behind /__api__/ */
    memmove(request->segments, request->segments + 1, request->segments_n * sizeof(char *));
    route_api(world, request, answer);
}

#include "common/serve/probes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/str.h"

#define LEVEL_BYTES  16  /* "debug", and a line end */
#define ACCEPT_BYTES 512 /* Prometheus sends 200; of a longer one the rest does not count */
#define PATH_SHOWN   200 /* of an unknown path, in the sentence about it */

#define TYPE_TEXT        "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* ---- content negotiation ---- */

struct range { /* one element of an Accept header */
    const char *type;
    double q;
    bool other_version; /* asked for a version that is not 1.0.0 */
};

static char *trim(char *text)
{
    size_t len;

    while (isspace((unsigned char)*text))
        text++;
    len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

/* Takes "type/sub; q=0.5; version=1.0.0" apart in place. A q that is no number counts as 0. */
static struct range range_parse(char *element)
{
    char *rest = element, *parameter;
    struct range r = { .type = "", .q = 1 };

    r.type = trim(strsep(&rest, ";"));
    while ((parameter = strsep(&rest, ";")) != NULL) {
        parameter = trim(parameter);
        if (strncasecmp(parameter, "q=", 2) == 0 && !str_to_double(parameter + 2, &r.q))
            r.q = 0;
        if (strncasecmp(parameter, "version=", 8) == 0)
            r.other_version = strcmp(parameter + 8, "1.0.0") != 0;
    }
    return r;
}

bool probes_wants_openmetrics(const char *accept)
{
    char copy[ACCEPT_BYTES], *rest = copy, *element;
    double openmetrics = 0, text = 0;

    str_copy(copy, sizeof(copy), accept);
    while ((element = strsep(&rest, ",")) != NULL) {
        struct range r = range_parse(element);

        if (strcasecmp(r.type, "application/openmetrics-text") == 0) {
            if (!r.other_version && r.q > openmetrics)
                openmetrics = r.q;
        } else if (strcasecmp(r.type, "text/plain") == 0 && r.q > text) {
            text = r.q;
        }
    }
    return openmetrics > 0 && openmetrics >= text;
}

/* ---- the routes ---- */

static void answer_startup(const struct probes *p, int64_t now_ms,
                           const struct server_request *request, struct server_answer *a)
{
    (void)now_ms;
    (void)request;
    if (p->started)
        server_say(a, 200, "started");
    else
        server_say(a, 503, "still starting");
}

/* Says only whether the loop turns: a dependency that is down is no reason to be killed. */
static void answer_live(const struct probes *p, int64_t now_ms,
                        const struct server_request *request, struct server_answer *a)
{
    int64_t still_ms = now_ms - p->last_turn_ms;

    (void)request;
    if (still_ms <= PROBES_STALL_MS)
        server_say(a, 200, "live");
    else
        server_say(a, 503, "the loop has not turned for %lld s", (long long)still_ms / 1000);
}

static void answer_ready(const struct probes *p, int64_t now_ms,
                         const struct server_request *request, struct server_answer *a)
{
    (void)now_ms;
    (void)request;
    if (p->draining)
        server_say(a, 503, "not ready: draining, no new work is taken");
    else if (p->ready)
        server_say(a, 200, "ready");
    else
        server_say(a, 503, "not ready: %s",
                   p->why_not_ready == NULL ? "still starting" : p->why_not_ready);
}

static void take_body(struct server_answer *a, struct buf *body, const char *content_type)
{
    a->body = buf_take(body, &a->body_len);
    if (a->body == NULL) {
        server_say(a, 500, "the answer became too large");
        return;
    }
    a->status = 200;
    a->content_type = content_type;
}

static void answer_metrics(const struct probes *p, int64_t now_ms,
                           const struct server_request *request, struct server_answer *a)
{
    bool openmetrics = probes_wants_openmetrics(request->accept);
    struct buf body;

    (void)now_ms;
    if (p->metrics == NULL) {
        probes_not_found(request, a);
        return;
    }
    if (p->refresh != NULL)
        p->refresh(p->arg);
    buf_init(&body, METRICS_TEXT_MAX_BYTES);
    metrics_render(p->metrics, openmetrics, &body);
    take_body(a, &body, openmetrics ? TYPE_OPENMETRICS : TYPE_TEXT);
}

static void answer_status(const struct probes *p, int64_t now_ms,
                          const struct server_request *request, struct server_answer *a)
{
    struct buf body;

    (void)now_ms;
    if (p->status == NULL) {
        probes_not_found(request, a);
        return;
    }
    buf_init(&body, PROBES_STATUS_MAX_BYTES);
    if (p->status(p->arg, &body)) {
        take_body(a, &body, "application/json");
        return;
    }
    buf_done(&body);
    server_say(a, 503, "the status cannot be told now");
}

static void answer_level(const struct probes *p, int64_t now_ms,
                         const struct server_request *request, struct server_answer *a)
{
    char name[LEVEL_BYTES];
    enum log_level level;

    (void)now_ms;
    if (strcmp(request->method, "PUT") != 0) {
        server_say(a, 200, "%s", log_level_name(log_level_now()));
        return;
    }
    if (p->set_level == NULL) {
        server_say(a, 403, "the log level of this program cannot be changed");
        return;
    }
    if (!str_copy(name, sizeof(name), request->body) || !log_level_parse(trim(name), &level)) {
        server_say(a, 400, "the body must be one of debug, info, warn, error");
        return;
    }
    p->set_level(p->arg, level);
    server_say(a, 200, "%s", log_level_name(level));
}

static const struct route {
    const char *path;
    bool put; /* besides GET and HEAD */
    void (*answer)(const struct probes *p, int64_t now_ms, const struct server_request *request,
                   struct server_answer *a);
} routes[] = {
    { "/startupz", false, answer_startup }, { "/livez", false, answer_live },
    { "/readyz", false, answer_ready },     { "/metrics", false, answer_metrics },
    { "/status", false, answer_status },    { "/loglevel", true, answer_level },
};

static void refuse_method(const struct route *route, struct server_answer *a)
{
    static const char *const get[] = { "Allow: GET, HEAD", NULL };
    static const char *const get_put[] = { "Allow: GET, HEAD, PUT", NULL };

    server_say(a, 405, "%s takes %s", route->path,
               route->put ? "GET, HEAD and PUT" : "GET and HEAD");
    a->headers = route->put ? get_put : get;
}

bool probes_answer(const struct probes *p, int64_t now_ms, const struct server_request *request,
                   struct server_answer *answer)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct route *route = &routes[i];

        if (strcmp(request->path, route->path) != 0)
            continue;
        if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0 ||
            (route->put && strcmp(request->method, "PUT") == 0))
            route->answer(p, now_ms, request, answer);
        else
            refuse_method(route, answer);
        return true;
    }
    return false;
}

void probes_not_found(const struct server_request *request, struct server_answer *answer)
{
    char path[PATH_SHOWN + 1];

    str_clean_utf8(path, PATH_SHOWN, request->path, strlen(request->path), NULL);
    server_say(answer, 404, "there is nothing at %s", path);
}

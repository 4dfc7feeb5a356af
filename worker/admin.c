#include "worker/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/broker/consumer.h"
#include "common/connect/http.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "common/record/json_out.h"
#include "common/serve/probes.h"
#include "common/serve/server.h"
#include "worker/meters.h"
#include "worker/results.h"
#include "worker/worker.h"

#define HEALTHCHECK_TIMEOUT_MS 3000
#define WORD_MAX_BYTES         64 /* a version, a state */

static void refresh(void *arg)
{
    meters_refresh(arg);
}

static const char *mode_name(enum run_mode mode)
{
    static const char *const names[] = { [RUN_STARTING] = "starting",
                                         [RUN_NORMAL] = "running",
                                         [RUN_HANDOFF] = "draining",
                                         [RUN_DRAIN] = "draining",
                                         [RUN_STOP] = "stopping" };

    return names[mode];
}

/* A replica that others named comes from the ledger: its name is a text like any other. */
static void put_target(struct json_out *o, const struct target *t)
{
    json_put_open(o, NULL, '{');
    json_put_text(o, "name", t->name, sizeof(t->name));
    json_put_int(o, "in_flight", t->builds);
    json_put_int(o, "open", t->open);
    json_put_int(o, "limit", t->limit);
    json_put_bool(o, "usable", target_usable(t));
    json_put_close(o, '}');
}

static bool status(void *arg, struct buf *json)
{
    const struct worker *w = arg;
    struct json_out o = { .buf = json };

    json_put_open(&o, NULL, '{');
    json_put_text(&o, "version", rebuild_version, WORD_MAX_BYTES);
    json_put_text(&o, "state", mode_name(w->mode), WORD_MAX_BYTES);
    json_put_int(&o, "partitions", (int64_t)parts_owned(&w->parts));
    json_put_int(&o, "waiting", (int64_t)waiting_total(w->waiting));
    json_put_int(&o, "busy", (int64_t)works_n(&w->works));
    json_put_int(&o, "in_flight", (int64_t)works_builds(&w->works));
    json_put_int(&o, "slots", targets_slots(&w->targets));
    json_put_int(&o, "results_waiting", (int64_t)results_waiting(w));
    json_put_bool(&o, "postgresql", db_is_up(w->db));
    json_put_open(&o, "replicas", '[');
    for (size_t i = 0; i < w->targets.n; i++)
        put_target(&o, &w->targets.items[i]);
    json_put_close(&o, ']');
    json_put_close(&o, '}');
    return buf_char_add(json, '\n');
}

static void set_level(void *arg, enum log_level level)
{
    (void)arg;
    log_set_level(level);
    log_info("log.level", LOG_FIELDS(LOG_S("now", log_level_name(level))), "the log level was set");
}

static const char *why_not_ready(const struct worker *w)
{
    if (!db_is_up(w->db) || !db_is_up(w->facts))
        return "PostgreSQL is not connected";
    if (!w->member && !w->was_member)
        return "the consumer group was not joined yet";
    if (!w->member)
        return "not a member of the consumer group: Kafka is away, or a rebalance goes on";
    if (!results_healthy(w))
        return "results cannot be published, so no builds start";
    for (size_t i = 0; i < w->parts.n; i++)
        if (w->parts.items[i].refused)
            return "a partition was refused, see the log: partition.refused";
    return NULL;
}

static void on_request(void *arg, const struct server_request *request,
                       struct server_answer *answer)
{
    struct worker *w = arg;
    const char *why = why_not_ready(w);
    const struct probes probes = { .started = w->mode != RUN_STARTING,
                                   .ready = why == NULL && w->mode == RUN_NORMAL,
                                   .draining = w->mode > RUN_NORMAL,
                                   .why_not_ready = why,
                                   .last_turn_ms = w->consumer == NULL
                                                       ? event_now_ms(w->loop)
                                                       : consumer_last_poll_ms(w->consumer),
                                   .metrics = meters_registry(w),
                                   .refresh = refresh,
                                   .status = status,
                                   .set_level = set_level,
                                   .arg = w };

    if (!probes_answer(&probes, event_now_ms(w->loop), request, answer))
        probes_not_found(request, answer);
}

int admin_start(struct worker *w, struct err *err)
{
    w->server = server_start(w->loop, w->config->admin_listen, on_request, w, err);
    if (w->server == NULL)
        return -1;
    log_info("admin.listening", LOG_FIELDS(LOG_I("port", server_port(w->server))),
             "probes and metrics on port %d", server_port(w->server));
    return 0;
}

void admin_stop(struct worker *w)
{
    server_stop(w->server);
    w->server = NULL;
}

struct health {
    bool done;
    int status;
};

static void on_health(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct health *h = arg;

    h->done = true;
    h->status = answer->status;
    if (err != NULL)
        fprintf(stderr, "rebuild-worker: %s\n", err->msg);
}

int admin_healthcheck(const char *listen, const char *what)
{
    struct event_loop *loop = event_loop_new();
    struct health h = { 0 };
    char url[512];
    struct err err = { 0 };
    struct http *http =
        loop == NULL ? NULL
                     : http_new(loop, &(struct http_config){ .user_agent = "healthcheck" }, &err);
    bool host = listen[0] != ':';

    snprintf(url, sizeof(url), "http://%s%s/%s", host ? "" : "127.0.0.1", listen, what);
    if (http != NULL &&
        http_start(http,
                   &(struct http_request){ .method = "GET",
                                           .url = url,
                                           .connect_timeout_ms = HEALTHCHECK_TIMEOUT_MS,
                                           .timeout_ms = HEALTHCHECK_TIMEOUT_MS,
                                           .max_body_bytes = 4096 },
                   on_health, &h, &err) != NULL)
        event_loop_run_until(loop, &h.done, event_now_ms(loop) + 2 * HEALTHCHECK_TIMEOUT_MS);
    http_free(http);
    event_loop_free(loop);
    return h.status >= 200 && h.status < 300 ? 0 : 1;
}

#include "worker/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/base/version.h"
#include "common/broker/consumer.h"
#include "common/connect/http.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "worker/admin.h"
#include "worker/adopt.h"
#include "worker/ask.h"
#include "worker/campaigns.h"
#include "worker/claims.h"
#include "worker/discovery.h"
#include "worker/external.h"
#include "worker/feeder.h"
#include "worker/front.h"
#include "worker/intake.h"
#include "worker/leave.h"
#include "worker/meters.h"
#include "worker/presence.h"
#include "worker/readback.h"
#include "worker/reading.h"
#include "worker/recover.h"
#include "worker/replicas.h"
#include "worker/restore.h"
#include "worker/results.h"
#include "worker/start.h"
#include "worker/worker.h"
#include "worker/writes.h"

#define TICK_MS      1000
#define STOP_WAIT_MS 500 /* for the publisher thread at the end */

/* ---- the connections ---- */

static void on_down(void *arg, const struct err *err)
{
    struct worker *w = arg;

    meters_db_error(w, "connection");
    log_warn("postgresql.down", NULL, "%s", err->msg);
}

/* Once, and again only after a connection that could. */
static void say_deaf(struct worker *w)
{
    bool deaf = !db_listening(w->db);

    if (deaf && !w->deaf)
        log_warn("postgresql.no_listen", NULL,
                 "no LISTEN: a pooler stands before PostgreSQL, or refuses it; a slot that another "
                 "worker frees is found within a second instead of at once");
    w->deaf = deaf;
}

static void on_up(void *arg)
{
    struct worker *w = arg;

    say_deaf(w);
    if (w->mode == RUN_STARTING)
        return;
    log_info("postgresql.up", NULL, "connected");
    restore_builds(w); /* before anything is asked or ended */
    replicas_register(w);
    recover_again(w);
    ask_kick(w);
    claims_kick(w);
}

static void on_notify(void *arg, const char *payload)
{
    presence_notified(arg, payload);
}

static void on_facts_up(void *arg)
{
    struct worker *w = arg;

    if (w->mode != RUN_STARTING)
        recover_again(w);
}

static void on_facts_down(void *arg, const struct err *err)
{
    (void)err; /* the other connection says it */
    meters_db_error(arg, "connection");
}

static int connect_ledger(struct worker *w, struct err *err)
{
    struct db_config config = { .conninfo = w->config->shared.database_url,
                                .application_name = "rebuild-worker",
                                .schema = w->config->shared.schema,
                                .statement_timeout_ms = (int)w->config->database_timeout_ms,
                                .channel = w->channel };

    w->db = db_new(w->loop, &config, &(struct db_handlers){ on_up, on_down, on_notify, w });
    config.channel = NULL;
    config.application_name = "rebuild-worker facts";
    config.after = w->db; /* outcomes and marks lean on claims and ends */
    w->facts =
        db_new(w->loop, &config, &(struct db_handlers){ on_facts_up, on_facts_down, NULL, w });
    if (w->db == NULL || w->facts == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the connections to PostgreSQL");
    return start_ledger(w, err);
}

/* ---- the parts ---- */

static void name_worker(struct worker *w, const struct worker_config *config)
{
    w->config = config;
    w->version = rebuild_version;
    str_copy(w->id, sizeof(w->id), config->worker_id);
    snprintf(w->channel, sizeof(w->channel), "rebuild_w_%016llx", (unsigned long long)random_u64());
    snprintf(w->user_agent, sizeof(w->user_agent), "connect-rebuild/%s", rebuild_version);
}

static int check_config(struct worker *w, struct err *err)
{
    const struct shared_config *c = &w->config->shared;

    if (c->connect_api_key == NULL)
        return err_set(
            err, ERR_CONFIG,
            "no API key: set CONNECT_API_KEY, CONNECT_API_KEY_FILE or connect-api-key in "
            "the configuration file");
    if (shared_topics(c, &w->topics, err) != 0)
        return -1;
    w->props = shared_kafka_props(c, err);
    if (w->props == NULL)
        return -1;
    return replicas_load(w, err);
}

static int make_parts(struct worker *w, struct err *err)
{
    const struct http_config http = { .user_agent = w->user_agent,
                                      .ca_file = w->config->shared.connect_ca_certificate,
                                      .insecure = w->config->shared.connect_insecure,
                                      .max_idle = (size_t)w->config->max_inflight + 64 };

    works_init(&w->works);
    w->waiting = waiting_new();
    w->http = http_new(w->loop, &http, err);
    if (w->http == NULL)
        return -1;
    if (w->waiting == NULL || meters_init(w) != 0 || ask_init(w) != 0 || claims_init(w) != 0 ||
        writes_init(w) != 0 || presence_init(w) != 0)
        return err_set(err, ERR_INTERNAL, "no memory");
    return 0;
}

static void on_tick(void *arg)
{
    struct worker *w = arg;

    intake_flow(w);
    reading_refresh(w);
    discovery_tick(w);
    front_tick(w);
    replicas_tick(w);
    results_watch(w);
    if (w->mode == RUN_NORMAL)
        campaigns_tick(w);
    ask_kick(w);
}

static void on_heartbeat(void *arg)
{
    presence_tick(arg);
}

static int start_clocks(struct worker *w, struct err *err)
{
    w->tick = event_timer_new(w->loop, on_tick, w);
    w->heartbeat = event_timer_new(w->loop, on_heartbeat, w);
    w->exit_timer = event_timer_new(w->loop, leave_step, w);
    w->sigterm = event_signal_start(w->loop, SIGTERM, leave_signal, w);
    w->sigint = event_signal_start(w->loop, SIGINT, leave_signal, w);
    if (w->tick == NULL || w->heartbeat == NULL || w->exit_timer == NULL || w->sigterm == NULL ||
        w->sigint == NULL)
        return err_set(err, ERR_INTERNAL, "no memory");
    event_timer_start(w->tick, TICK_MS, TICK_MS);
    event_timer_start(w->heartbeat, 0, HEARTBEAT_MS);
    return 0;
}

static int start(struct worker *w, struct err *err)
{
    if (check_config(w, err) != 0 || make_parts(w, err) != 0 || admin_start(w, err) != 0 ||
        connect_ledger(w, err) != 0 || start_kafka(w, err) != 0)
        return -1;
    if (results_init(w) != 0 || recover_init(w) != 0 || readback_init(w) != 0)
        return err_set(err, ERR_INTERNAL, "no memory for the partitions");
    w->mode = RUN_NORMAL;
    discovery_tick(w); /* the first look-up */
    front_tick(w);
    replicas_register(w);
    replicas_tick(w); /* the first probes */
    if (start_clocks(w, err) != 0 || feeder_start(w, err) != 0)
        return -1;
    return intake_start(w, err);
}

/* ---- the end ---- */

static void free_requests(struct worker *w)
{
    struct req *out[CLAIM_BATCH];
    size_t n;

    for (enum work_state s = 0; s < WORK_STATES; s++)
        while (w->works.lists[s].n > 0) {
            struct work *work = list_entry(list_first(&w->works.lists[s]), struct work, node);

            work_stop(work);
            free(works_remove(&w->works, work));
        }
    do {
        n = waiting_filter(w->waiting, waiting_any, NULL, out, CLAIM_BATCH);
        for (size_t i = 0; i < n; i++)
            free(out[i]);
    } while (n > 0);
}

static void free_parts(struct worker *w)
{
    event_signal_stop(w->sigterm);
    event_signal_stop(w->sigint);
    event_timer_free(w->tick);
    event_timer_free(w->heartbeat);
    event_timer_free(w->exit_timer);
    admin_stop(w);
    feeder_free(w);
    consumer_free(w->consumer);
    if (w->waiting != NULL)
        free_requests(w);
    external_done(w);
    discovery_free(w);
    front_free(w);
    http_free(w->http);
    recover_done(w);
    readback_done(w);
    results_done(w);
    presence_done(w);
    writes_done(w);
    claims_done(w);
    adopt_done(w);
    ask_done(w);
    db_free(w->db);
    db_free(w->facts);
    meters_done(w);
    waiting_free(w->waiting);
    parts_done(&w->parts);
    targets_done(&w->targets);
    event_loop_free(w->loop); /* waits for helper threads, which use the properties */
    kafka_props_free(w->props);
}

int worker_run(const struct worker_config *config)
{
    struct worker *w = calloc(1, sizeof(*w));
    struct err err = { 0 };
    int code;

    if (w == NULL || (w->loop = event_loop_new()) == NULL) {
        free(w);
        return 1;
    }
    name_worker(w, config);
    log_info("worker.starting", LOG_FIELDS(LOG_S("version", rebuild_version)), "rebuild-worker %s",
             rebuild_revision);
    if (start(w, &err) == 0) {
        log_info("worker.started", NULL, "ready to join the group");
        event_loop_run(w->loop);
        code = w->exit_code;
    } else {
        log_error("worker.not_started", NULL, "%s", err.msg);
        code = err_exit_code(&err);
    }
    log_info("worker.stopped", LOG_FIELDS(LOG_I("exit_code", code)), "bye");
    /* Whatever is stuck or not left in order is left to the kernel, as after kill -9. */
    if (!results_stop(w, STOP_WAIT_MS) || (w->consumer != NULL && !w->closed))
        _exit(code);
    free_parts(w);
    free(w);
    return code;
}

#include "worker/meters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/version.h"
#include "common/broker/consumer.h"
#include "common/connect/answer.h"
#include "common/connect/errors.h"
#include "common/serve/metrics.h"
#include "worker/results.h"
#include "worker/waiting.h"
#include "worker/worker.h"

enum family {
    F_BUILD_INFO,
    F_STATE,
    F_RECEIVED,
    F_REJECTED,
    F_DEDUPLICATED,
    F_ATTEMPTS,
    F_FINISHED,
    F_BUILD_SECONDS,
    F_QUEUE_SECONDS,
    F_IN_FLIGHT,
    F_IN_FLIGHT_LIMIT,
    F_UP,
    F_CIRCUIT,
    F_THROTTLED,
    F_REQUESTS,
    F_REQUEST_SECONDS,
    F_ACCESS,
    F_ADOPTED,
    F_HANDED_OFF,
    F_PUBLISHED,
    F_PUBLISH_ERRORS,
    F_OLDEST_RESULT,
    F_DLQ,
    F_LAG,
    F_GAP,
    F_ASSIGNED,
    F_PAUSED,
    F_REFUSED,
    F_REBALANCES,
    F_LAST_POLL,
    F_DB_ERRORS,
    F_BACKLOG,
    F_SLOTS,
    F_WORKS,
    F_WAITING,
    FAMILIES
};

static const double build_buckets[] = { 1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600 };
static const double queue_buckets[] = { 1, 10, 60, 300, 900, 3600, 14400, 43200 };
static const double request_buckets[] = { 0.005, 0.02, 0.1, 0.5, 2, 10, 30, 60 };

#define COUNTER(n, h, ...)                                                          \
    {                                                                               \
        .name = (n), .type = METRIC_COUNTER, .help = (h), .labels = { __VA_ARGS__ } \
    }
#define GAUGE(n, h, ...)                                                          \
    {                                                                             \
        .name = (n), .type = METRIC_GAUGE, .help = (h), .labels = { __VA_ARGS__ } \
    }
#define HISTOGRAM(n, h, b, ...)                                                        \
    {                                                                                  \
        .name = (n), .type = METRIC_HISTOGRAM, .help = (h), .labels = { __VA_ARGS__ }, \
        .buckets = (b), .buckets_n = sizeof(b) / sizeof((b)[0])                        \
    }

static const struct metric_spec specs[FAMILIES] = {
    [F_BUILD_INFO] =
        GAUGE("rebuild_worker_build_info", "What this worker is.", "version", "revision"),
    [F_STATE] = GAUGE("rebuild_worker_state", "1 for the state the worker is in.", "state"),
    [F_RECEIVED] = COUNTER("rebuild_requests_received_total", "Requests read from Kafka.", "lane"),
    [F_REJECTED] =
        COUNTER("rebuild_requests_rejected_total", "Records that are no requests.", "reason"),
    [F_DEDUPLICATED] = COUNTER("rebuild_requests_deduplicated_total",
                               "Requests that were done before, and copies.", "reason"),
    [F_ATTEMPTS] = COUNTER("rebuild_attempts_total", "Build attempts that ended.", "replica",
                           "result", "error_class"),
    [F_FINISHED] = COUNTER("rebuild_items_finished_total", "Items whose outcome is known.",
                           "app_mode", "outcome"),
    [F_BUILD_SECONDS] =
        HISTOGRAM("rebuild_build_duration_seconds", "From claim to end of an attempt.",
                  build_buckets, "replica", "outcome"),
    [F_QUEUE_SECONDS] = HISTOGRAM("rebuild_queue_wait_seconds", "From request to the last claim.",
                                  queue_buckets, "lane"),
    [F_IN_FLIGHT] =
        GAUGE("rebuild_builds_in_flight", "This worker's builds on the replica.", "replica"),
    [F_IN_FLIGHT_LIMIT] = GAUGE("rebuild_builds_in_flight_limit",
                                "Builds of all workers that the replica may run now.", "replica"),
    [F_UP] = GAUGE("rebuild_replica_up", "1 while the replica takes builds.", "replica"),
    [F_CIRCUIT] =
        GAUGE("rebuild_replica_circuit_open", "1 while this worker's breaker is open.", "replica"),
    [F_THROTTLED] = COUNTER("rebuild_replica_throttled_seconds_total",
                            "Time in which the replica's limit was below what people set.",
                            "replica", "reason"),
    [F_REQUESTS] = COUNTER("rebuild_connect_requests_total", "HTTP requests to Connect.", "replica",
                           "route", "code"),
    [F_REQUEST_SECONDS] =
        HISTOGRAM("rebuild_connect_request_duration_seconds", "Time of HTTP requests to Connect.",
                  request_buckets, "replica", "route"),
    [F_ACCESS] = COUNTER("rebuild_access_checks_total", "Items whose access was validated.",
                         "replica", "result"),
    [F_ADOPTED] = COUNTER("rebuild_jobs_adopted_total", "Open builds taken over.", "reason"),
    [F_HANDED_OFF] =
        COUNTER("rebuild_jobs_handed_off_total", "Open builds left to others.", "reason"),
    [F_PUBLISHED] = COUNTER("rebuild_results_published_total", "Messages that are out.", "type"),
    [F_PUBLISH_ERRORS] = COUNTER("rebuild_results_publish_errors_total",
                                 "Transactions that did not surely commit.", "error"),
    [F_OLDEST_RESULT] = GAUGE("rebuild_results_oldest_unpublished_seconds",
                              "Age of the oldest result that is not out."),
    [F_DLQ] = COUNTER("rebuild_dlq_messages_total", "Dead letters.", "error_class"),
    [F_LAG] = GAUGE("rebuild_kafka_lag_messages", "Records after the base.", "topic", "partition"),
    [F_GAP] = GAUGE("rebuild_kafka_offset_gap_messages", "Records done above the base.", "topic",
                    "partition"),
    [F_ASSIGNED] =
        GAUGE("rebuild_kafka_assigned_partitions", "Partitions assigned to this worker."),
    [F_PAUSED] = GAUGE("rebuild_kafka_paused_partitions", "Partitions whose window is full."),
    [F_REFUSED] = GAUGE("rebuild_kafka_refused_partitions",
                        "Partitions not worked on, see the log: partition.refused."),
    [F_REBALANCES] = COUNTER("rebuild_kafka_rebalances_total", "Assignments and revokes."),
    [F_LAST_POLL] = GAUGE("rebuild_kafka_last_poll_timestamp_seconds",
                          "When the consumer's queue was served last."),
    [F_DB_ERRORS] = COUNTER("rebuild_db_errors_total", "Errors of PostgreSQL.", "class"),
    [F_BACKLOG] = GAUGE("rebuild_backlog_requests", "Requests that are due and do not run."),
    [F_SLOTS] = GAUGE("rebuild_slots_total", "Builds that all replicas together may run."),
    [F_WORKS] = GAUGE("rebuild_worker_requests", "Requests this worker is busy with.", "state"),
    [F_WAITING] =
        GAUGE("rebuild_worker_waiting_requests", "Requests that wait in this worker.", "reason"),
};

struct meters {
    struct metrics *registry;
    struct metric_family *families[FAMILIES];
};

static struct metric *series(struct worker *w, enum family f, const char *const *values)
{
    return metrics_series(w->meters->families[f], values);
}

static void count(struct worker *w, enum family f, const char *a, const char *b, const char *c)
{
    const char *values[] = { a, b, c };

    metric_add(series(w, f, values), 1);
}

static void set(struct worker *w, enum family f, const char *a, const char *b, double value)
{
    const char *values[] = { a, b };

    metric_set(series(w, f, values), value);
}

static const char *const mode_names[] = { "starting", "running", "draining", "stopping" };

static void touch(struct worker *w, enum family f, const char *const *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        series(w, f, &values[i]);
}

/* Counters at 0 for every known value, or increase() misses the first event. */
static void export_zeroes(struct worker *w)
{
    static const char *const lanes[] = { "normal", "high" };
    static const char *const reasons[] = { "done", "copy" };
    static const char *const types[] = { "result", "dead_letter" };
    static const char *const invalid[] = { "request.invalid" };
    static const char *const adopted[] = { "ledger" };
    static const char *const unknown[] = { "unknown" };
    static const char *const connection[] = { "connection" };

    touch(w, F_RECEIVED, lanes, 2);
    touch(w, F_QUEUE_SECONDS, lanes, 2);
    touch(w, F_DEDUPLICATED, reasons, 2);
    touch(w, F_REJECTED, invalid, 1);
    touch(w, F_DLQ, invalid, 1);
    touch(w, F_PUBLISHED, types, 2);
    touch(w, F_PUBLISH_ERRORS, unknown, 1);
    touch(w, F_ADOPTED, adopted, 1);
    touch(w, F_HANDED_OFF, adopted, 1);
    touch(w, F_DB_ERRORS, connection, 1);
    touch(w, F_STATE, mode_names, 4);
    series(w, F_REBALANCES, NULL);
}

static void export_replicas(struct worker *w)
{
    static const char *const verdicts[] = { "ok", "failed", "forbidden_to_key", "too_open",
                                            "not_checked" };

    for (size_t i = 0; i < w->targets.n; i++) {
        const char *name = w->targets.items[i].name;

        for (size_t v = 0; v < sizeof(verdicts) / sizeof(verdicts[0]); v++)
            series(w, F_ACCESS, (const char *[]){ name, verdicts[v] });
        series(w, F_ATTEMPTS, (const char *[]){ name, "succeeded", "" });
        series(w, F_THROTTLED, (const char *[]){ name, "slow_down" });
        meters_replica(w, &w->targets.items[i]);
    }
}

int meters_init(struct worker *w)
{
    struct meters *m = w->meters = calloc(1, sizeof(*m));

    if (m == NULL || (m->registry = metrics_new()) == NULL)
        return -1;
    for (size_t i = 0; i < FAMILIES; i++) {
        m->families[i] = metrics_family(m->registry, &specs[i]);
        if (m->families[i] == NULL)
            return -1;
    }
    set(w, F_BUILD_INFO, rebuild_version, rebuild_revision, 1);
    export_zeroes(w);
    export_replicas(w);
    return 0;
}

void meters_done(struct worker *w)
{
    if (w->meters != NULL)
        metrics_free(w->meters->registry);
    free(w->meters);
    w->meters = NULL;
}

struct metrics *meters_registry(struct worker *w)
{
    return w->meters->registry;
}

static void refresh_partitions(struct worker *w)
{
    size_t paused = 0, refused = 0;

    metrics_family_zero(w->meters->families[F_LAG]);
    metrics_family_zero(w->meters->families[F_GAP]);
    for (size_t i = 0; i < w->parts.n; i++) {
        const struct part *part = &w->parts.items[i];
        char number[16];
        int64_t low, high;

        refused += part->refused;
        if (!part->owned)
            continue;
        paused += part->paused;
        snprintf(number, sizeof(number), "%d", part->partition);
        set(w, F_GAP, part->topic, number, (double)tracker_gap(part->tracker));
        if (consumer_watermarks(w->consumer, part->topic, part->partition, &low, &high))
            set(w, F_LAG, part->topic, number, (double)(high - tracker_base(part->tracker)));
    }
    set(w, F_ASSIGNED, NULL, NULL, (double)parts_owned(&w->parts));
    set(w, F_PAUSED, NULL, NULL, (double)paused);
    set(w, F_REFUSED, NULL, NULL, (double)refused);
}

static void refresh_requests(struct worker *w)
{
    static const char *const reasons[WAIT_REASONS] = {
        [WAIT_SLOT] = "slot",   [WAIT_START] = "start",     [WAIT_DUE] = "due",
        [WAIT_GROUP] = "group", [WAIT_CONTENT] = "content", [WAIT_CAMPAIGN] = "campaign"
    };

    for (enum work_state s = 0; s < WORK_STATES; s++)
        set(w, F_WORKS, work_state_name(s), NULL, (double)w->works.lists[s].n);
    for (enum wait_reason r = 0; r < WAIT_REASONS; r++)
        set(w, F_WAITING, reasons[r], NULL, (double)waiting_n(w->waiting, r));
    set(w, F_BACKLOG, NULL, NULL,
        (double)(waiting_total(w->waiting) - waiting_n(w->waiting, WAIT_DUE) +
                 w->works.lists[WORK_ASKING].n + w->works.lists[WORK_READING].n +
                 w->works.lists[WORK_READY].n));
    set(w, F_SLOTS, NULL, NULL, targets_slots(&w->targets));
}

void meters_refresh(struct worker *w)
{
    static const int mode_of[] = {
        [RUN_STARTING] = 0, [RUN_NORMAL] = 1, [RUN_HANDOFF] = 2, [RUN_DRAIN] = 2, [RUN_STOP] = 3
    };

    for (int i = 0; i < 4; i++)
        set(w, F_STATE, mode_names[i], NULL, mode_of[w->mode] == i);
    refresh_requests(w);
    for (size_t i = 0; i < w->targets.n; i++)
        meters_replica(w, &w->targets.items[i]);
    set(w, F_OLDEST_RESULT, NULL, NULL, results_oldest_s(w));
    if (w->consumer == NULL)
        return;
    refresh_partitions(w);
    set(w, F_LAST_POLL, NULL, NULL,
        (double)(clock_wall_ms() - (clock_boot_ms() - consumer_last_poll_ms(w->consumer))) /
            1000.0);
}

void meters_received(struct worker *w, int lane)
{
    count(w, F_RECEIVED, lane == 1 ? "high" : "normal", NULL, NULL);
}

void meters_rejected(struct worker *w, const char *reason)
{
    count(w, F_REJECTED, reason, NULL, NULL);
}

void meters_deduplicated(struct worker *w, const char *reason)
{
    count(w, F_DEDUPLICATED, reason, NULL, NULL);
}

void meters_replica(struct worker *w, const struct target *t)
{
    set(w, F_IN_FLIGHT, t->name, NULL, t->builds);
    set(w, F_IN_FLIGHT_LIMIT, t->name, NULL, t->limit);
    set(w, F_UP, t->name, NULL, target_usable(t));
    set(w, F_CIRCUIT, t->name, NULL, !breaker_closed(&t->breaker));
}

void meters_throttled(struct worker *w, const struct target *t, const char *reason, double seconds)
{
    metric_add(series(w, F_THROTTLED, (const char *[]){ t->name, reason }), seconds);
}

void meters_request(struct worker *w, const struct target *t, const char *route,
                    const struct http_answer *answer)
{
    static const char *const failures[] = {
        [HTTP_OK] = "",       [HTTP_NOT_SENT] = "not_sent", [HTTP_NOT_LET] = "not_let",
        [HTTP_LOST] = "lost", [HTTP_TIMEOUT] = "timeout",   [HTTP_BAD_ANSWER] = "bad_answer"
    };
    char code[16];

    snprintf(code, sizeof(code), "%d", answer->status);
    count(w, F_REQUESTS, t->name, route,
          answer->failure == HTTP_OK ? code : failures[answer->failure]);
    metric_observe(series(w, F_REQUEST_SECONDS, (const char *[]){ t->name, route }),
                   (double)answer->duration_ms / 1000.0);
}

void meters_attempt_ended(struct worker *w, const struct work *work)
{
    const struct attempt *a = &work->attempt;
    const char *result = !work->end_charged  ? "not_started"
                         : a->cls == EC_NONE ? "succeeded"
                                             : "failed";
    double seconds = (double)(clock_boot_ms() - a->started_ms) / 1000.0;

    count(w, F_ATTEMPTS, a->target->name, result, error_row(a->cls)->name);
    if (work->end_charged)
        metric_observe(series(w, F_BUILD_SECONDS, (const char *[]){ a->target->name, result }),
                       seconds);
}

void meters_item_ended(struct worker *w, const char *app_mode, const char *outcome, double queue_s,
                       int lane)
{
    count(w, F_FINISHED, app_mode == NULL ? "" : app_mode, outcome, NULL);
    metric_observe(series(w, F_QUEUE_SECONDS, (const char *[]){ lane == 1 ? "high" : "normal" }),
                   queue_s);
}

void meters_access(struct worker *w, const struct target *t, const char *verdict)
{
    count(w, F_ACCESS, t->name, verdict, NULL);
}

void meters_adopted(struct worker *w)
{
    count(w, F_ADOPTED, "ledger", NULL, NULL);
}

void meters_handed_off(struct worker *w)
{
    count(w, F_HANDED_OFF, "ledger", NULL, NULL);
}

void meters_published(struct worker *w, const char *type, double n)
{
    metric_add(series(w, F_PUBLISHED, &type), n);
}

void meters_publish_error(struct worker *w, const char *what)
{
    count(w, F_PUBLISH_ERRORS, what, NULL, NULL);
}

void meters_dead_letter(struct worker *w, const char *error_class)
{
    count(w, F_DLQ, error_class, NULL, NULL);
}

void meters_rebalance(struct worker *w)
{
    metric_add(series(w, F_REBALANCES, NULL), 1);
}

void meters_db_error(struct worker *w, const char *what)
{
    count(w, F_DB_ERRORS, what, NULL, NULL);
}

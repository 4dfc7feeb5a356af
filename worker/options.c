#include "worker/options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/str.h"
#include "common/base/uuid.h"

#define WORKER_ID_MAX_BYTES 128 /* a label of metrics, a part of transactional.id */
#define HOST_MAX_BYTES      100 /* leaves room for the suffix */
#define ID_CHARS            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static const char *const drain_modes[] = { "handoff", "finish", NULL };
static const char *const healthchecks[] = { "none", "live", "ready", NULL };

const char *const worker_known_elsewhere[] = {
    "content-table", "confirm-above", "metrics-file", "output", "color", "no-progress", NULL,
};

static const char *check_worker_id(const char *text)
{
    size_t len = strlen(text);

    if (len > 0 && len <= WORKER_ID_MAX_BYTES && strspn(text, ID_CHARS) == len)
        return NULL;
    return "a worker id (letters, digits, '.', '_' and '-', at most 128)";
}

/* What stands before the port is the HTTP server's business: a name, an address, or nothing. */
static const char *check_listen(const char *text)
{
    const char *colon = strrchr(text, ':');
    int64_t port;

    if (colon != NULL && str_to_i64(colon + 1, 0, 65535, &port) && strpbrk(text, " /") == NULL)
        return NULL;
    return "an address to listen on, such as :9464 or 127.0.0.1:9464";
}

#define AT(field) .offset = offsetof(struct worker_config, field)

const struct option_row worker_rows[] = {
    { .name = "worker-id",
      .type = OPT_TEXT,
      AT(worker_id),
      .metavar = "NAME",
      .check = check_worker_id,
      .help = "name of this worker; else the host's name and a random suffix" },
    { .name = "admin-listen",
      .type = OPT_TEXT,
      AT(admin_listen),
      .metavar = "[HOST]:PORT",
      .fallback = ":9464",
      .check = check_listen,
      .help = "where /metrics, /livez and /readyz answer; port 0 takes a free one and logs it" },
    { .name = "max-inflight",
      .type = OPT_INT,
      AT(max_inflight),
      .metavar = "N",
      .fallback = "1000",
      .min = 1,
      .max = 100000,
      .help = "requests that this worker drives at once, over all replicas" },
    { .name = "kafka-session-timeout",
      .type = OPT_DURATION,
      AT(kafka_session_timeout_ms),
      .metavar = "DURATION",
      .fallback = "20s",
      .min = 3000,
      .max = 300000,
      .unit_ms = 1000,
      .help = "after this silence of a worker the others take over its partitions" },
    { .name = "database-timeout",
      .type = OPT_DURATION,
      AT(database_timeout_ms),
      .metavar = "DURATION",
      .fallback = "30s",
      .min = 1000,
      .max = 600000,
      .unit_ms = 1000,
      .help = "a statement that takes longer is given up; a PostgreSQL that is silent for 5 s more "
              "is lost" },
    { .name = "build-timeout",
      .type = OPT_DURATION,
      AT(build_timeout_ms),
      .env_also = "CONNECT_TASK_TIMEOUT",
      .metavar = "DURATION",
      .fallback = "2h",
      .min = 1000,
      .max = 604800000,
      .unit_ms = 1000,
      .help = "a build that takes longer has failed; a bare number is seconds" },
    { .name = "access-timeout",
      .type = OPT_DURATION,
      AT(access_timeout_ms),
      .metavar = "DURATION",
      .fallback = "90s",
      .min = 1000,
      .max = 3600000,
      .unit_ms = 1000,
      .help = "one request of the access validation, cold start of the content included" },
    { .name = "replica-max-validations",
      .type = OPT_INT,
      AT(replica_max_validations),
      .metavar = "N",
      .fallback = "0",
      .max = 10000,
      .help = "validations on one replica at once; 0 is as many as builds" },
    { .name = "lost-after",
      .type = OPT_DURATION,
      AT(lost_after_ms),
      .metavar = "DURATION",
      .fallback = "60s",
      .min = 1000,
      .max = 3600000,
      .unit_ms = 1000,
      .help = "a build that Connect knows nothing of for this long is lost, and started anew" },
    { .name = "lost-after-replica",
      .type = OPT_DURATION,
      AT(lost_after_replica_ms),
      .metavar = "DURATION",
      .fallback = "5m",
      .min = 1000,
      .max = 86400000,
      .unit_ms = 1000,
      .help =
          "a replica that cannot be reached for this long is gone, and its builds are looked up "
          "elsewhere" },
    { .name = "replica-lookup",
      .type = OPT_DURATION,
      AT(replica_lookup_ms),
      .metavar = "DURATION",
      .fallback = "30s",
      .min = 1000,
      .max = 3600000,
      .unit_ms = 1000,
      .help = "how often replicas are looked for: the name of dns+http://NAME, or an ingress" },
    { .name = "task-wait",
      .type = OPT_DURATION,
      AT(task_wait_ms),
      .metavar = "DURATION",
      .fallback = "30s",
      .min = 1000,
      .max = 60000,
      .unit_ms = 1000,
      .help = "how long Connect holds a long poll open" },
    { .name = "drain-mode",
      .type = OPT_CHOICE,
      AT(drain_mode),
      .choices = drain_modes,
      .fallback = "handoff",
      .help = "what SIGTERM does: hand running builds to other workers, or finish them first" },
    { .name = "drain-timeout",
      .type = OPT_DURATION,
      AT(drain_timeout_ms),
      .metavar = "DURATION",
      .fallback = "45s",
      .min = 1000,
      .max = 86400000,
      .unit_ms = 1000,
      .help = "with --drain-mode finish: after this long the rest is handed over" },
};
const size_t worker_rows_n = sizeof(worker_rows) / sizeof(worker_rows[0]);

static const struct option_row general_rows[] = {
    { .name = "healthcheck",
      .type = OPT_CHOICE,
      AT(healthcheck),
      .metavar = "PROBE",
      .choices = healthchecks,
      .fallback = "none",
      .help = "ask the worker at --admin-listen whether it is well, and exit 0 or 1" },
    { .name = "version", .type = OPT_FLAG, AT(version), .help = "print the version, and exit" },
    { .name = "help", .letter = 'h', .type = OPT_FLAG, AT(help), .help = "print this, and exit" },
};

/* The host's name as far as an id may hold it, and eight random digits: pods may share a name. */
static int make_worker_id(struct worker_config *c, struct err *err)
{
    char host[HOST_MAX_BYTES + 1] = "", id[WORKER_ID_MAX_BYTES + 1];

    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        str_copy(host, sizeof(host), "worker");
    for (char *p = host; *p != '\0'; p++)
        if (strchr(ID_CHARS, *p) == NULL)
            *p = '-';
    snprintf(id, sizeof(id), "%s-%08x", host, (unsigned)(random_u64() & 0xffffffff));
    c->worker_id = str_dup(id);
    return c->worker_id != NULL ? 0 : err_set(err, ERR_INTERNAL, "no memory for the worker's id");
}

int worker_options_load(struct options *o, struct worker_config *c, int argc, char *const *argv,
                        struct err *err)
{
    *o = (struct options){
        .tables = {
            { .title = "Worker", .rows = worker_rows, .n = worker_rows_n, .base = c },
            { .title = "Database, Kafka, Connect, log", .rows = shared_rows, .n = shared_rows_n,
              .base = &c->shared },
            { .title = "General", .rows = general_rows,
              .n = sizeof(general_rows) / sizeof(general_rows[0]), .base = c,
              .command_line_only = true },
        },
        .tables_n = 3,
        .known_elsewhere = worker_known_elsewhere,
    };
    if (options_load(o, argc, argv, NULL, err) != 0)
        return -1;
    if (c->help || c->version)
        return 0;
    if (o->positional_n > 0) {
        err_set(err, ERR_CONFIG, "unexpected argument \"%.80s\"; rebuild-worker has only options",
                o->positional[0]);
        goto fail;
    }
    if (shared_finish(&c->shared, err) != 0)
        goto fail;
    if (c->worker_id == NULL && make_worker_id(c, err) != 0)
        goto fail;
    return 0;
fail:
    options_done(o);
    return -1;
}

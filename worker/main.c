/* rebuild-worker: consumes rebuild requests, drives the rebuilds, validates access, publishes the
 * results. No verbs, only options. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/version.h"
#include "worker/admin.h"
#include "worker/options.h"
#include "worker/run.h"

static void usage(const struct options *options)
{
    puts(
        "usage: rebuild-worker [OPTIONS]\n\n"
        "Consumes rebuild requests from Kafka, drives the rebuilds against Connect replicas, validates\n"
        "access and publishes the results. Start as many as you like; each may die at any moment.\n");
    options_help(options, stdout, 100);
    puts(
        "\nexamples:\n"
        "  REBUILD_REPLICAS=a=http://connect-0:3939,b=http://connect-1:3939 rebuild-worker\n"
        "  rebuild-worker --config /etc/rebuild/rebuild.conf --log-level debug\n\n"
        "exit codes: 0 after a hand-off or drain, 1 fatal, 2 configuration, 3 a dependency was not\n"
        "reached within 60 s of the start, 6 the key was refused, 75 Kafka made no progress");
}

/* Ten thousand builds are ten thousand connections. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Until the loop takes the signals: nothing was begun, nothing is handed over. The default action
 * is not enough, because it spares process 1, which the worker of a container is. */
static void leave_early(int signum)
{
    (void)signum;
    _exit(0);
}

int main(int argc, char **argv)
{
    struct options options = { 0 };
    struct worker_config config = { 0 };
    struct err err = { 0 };
    int code = 0;

    if (worker_options_load(&options, &config, argc - 1, argv + 1, &err) != 0) {
        fprintf(stderr, "rebuild-worker: %s\n", err.msg);
        options_done(&options);
        return err_exit_code(&err);
    }
    if (config.help) {
        usage(&options);
    } else if (config.version) {
        printf("rebuild-worker %s (%s)\n", rebuild_version, rebuild_revision);
    } else if (config.healthcheck != HEALTHCHECK_NONE) {
        code = admin_healthcheck(config.admin_listen,
                                 config.healthcheck == HEALTHCHECK_LIVE ? "livez" : "readyz");
    } else {
        signal(SIGPIPE, SIG_IGN);
        signal(SIGTERM, leave_early);
        signal(SIGINT, leave_early);
        raise_file_limit();
        log_init("worker", config.worker_id, (enum log_format)config.shared.log_format,
                 (enum log_level)config.shared.log_level);
        code = worker_run(&config);
    }
    options_done(&options);
    return code;
}

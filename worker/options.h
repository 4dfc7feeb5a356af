/* The worker's options: no verbs, only rows. */
#ifndef WORKER_OPTIONS_H
#define WORKER_OPTIONS_H

#include "common/config/shared.h"

enum drain_mode { DRAIN_HANDOFF, DRAIN_FINISH }; /* what SIGTERM does with running builds */
enum healthcheck { HEALTHCHECK_NONE, HEALTHCHECK_LIVE, HEALTHCHECK_READY };

struct worker_config {
    struct shared_config shared;
    char *worker_id;    /* never NULL after loading: host name + random suffix when not given */
    char *admin_listen; /* "[host]:port"; port 0: a free one */
    int64_t max_inflight;
    int64_t kafka_session_timeout_ms;
    int64_t database_timeout_ms; /* of one statement */
    int64_t build_timeout_ms;
    int64_t access_timeout_ms;
    int64_t replica_max_validations; /* 0: as many as builds */
    int64_t lost_after_ms;
    int64_t lost_after_replica_ms;
    int64_t replica_lookup_ms;
    int64_t task_wait_ms;
    int drain_mode; /* enum drain_mode */
    int64_t drain_timeout_ms;
    int healthcheck; /* enum healthcheck: ask the running worker at admin_listen, and exit */
    bool help, version;
};

/* argv without the program's name. With help or version set, nothing else of *c counts. o is zero
 * before; options_done(o) frees what *c points to. *c must outlive o. */
int worker_options_load(struct options *o, struct worker_config *c, int argc, char *const *argv,
                        struct err *err);

/* The rows, for a table with base = struct worker_config (the shared ones are not among them). */
extern const struct option_row worker_rows[];
extern const size_t worker_rows_n;

/* Settings of the producer that may stand in a file which both read; NULL terminated. */
extern const char *const worker_known_elsewhere[];

#endif

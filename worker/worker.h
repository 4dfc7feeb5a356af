/* The worker's wiring: one struct that every wiring module of this folder works on. Policy modules
 * (tracker, waiting, flow, admit, retry, breaker) do not know it. Single threaded: the loop owns
 * all of it; the publisher thread has its own state behind worker/publisher.h. */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/config/shared.h"
#include "worker/external.h"
#include "worker/options.h"
#include "worker/parts.h"
#include "worker/targets.h"
#include "worker/waiting.h"
#include "worker/work.h"

enum run_mode {
    RUN_STARTING,
    RUN_NORMAL,  /* take new requests */
    RUN_HANDOFF, /* first SIGTERM: start none, publish what is finished, leave the group; others
                    adopt */
    RUN_DRAIN,   /* the same, but finish what is in flight first, until the deadline */
    RUN_STOP,    /* leave now */
};

struct adopt;
struct ask;
struct claims;
struct consumer;
struct db;
struct discovery;
struct event_loop;
struct event_timer;
struct front;
struct feeder;
struct http;
struct meters;
struct presence;
struct readback;
struct recover;
struct results;
struct server;
struct writes;

enum leaving { /* steps of leave.c */
               LEAVE_NOT,
               LEAVE_DRAIN,   /* running builds end, until leave_until_ms */
               LEAVE_LEDGER,  /* claims and ends under way get into the ledger */
               LEAVE_RESULTS, /* the last batch */
               LEAVE_CLOSING, /* the group is being left */
};

struct event_signal;

struct worker {
    const struct worker_config *config;
    const char *version;
    char id[128];
    char channel[64]; /* NOTIFY channel of this process */
    char source[512]; /* of our events: names the installation */
    char user_agent[64];
    struct topic_names topics;
    struct event_loop *loop;
    struct db *db;    /* questions and claims; listens */
    struct db *facts; /* task ids, outcomes, marks, presence */
    struct http *http;
    struct kafka_props *props;
    struct consumer *consumer;
    struct parts parts;
    struct waiting *waiting;
    struct works works;
    struct targets targets;
    struct discovery *discovery; /* worker/discovery.c; NULL: no name */
    struct front *front; /* worker/front.c; NULL: the replicas have addresses of their own */
    struct ask *ask;
    struct claims *claims;
    struct adopt *adopting; /* take-overs being collected; worker/adopt.c */
    struct writes *writes;
    struct results *results;
    struct externals externals;
    struct feeder *feeder;
    struct presence *presence;
    struct recover *recover;
    struct readback *readback;
    struct meters *meters;
    struct server *server;
    struct event_timer *tick, *heartbeat, *exit_timer;
    struct event_signal *sigterm, *sigint;
    enum run_mode mode;
    enum leaving leaving;
    int leave_code;
    int64_t leave_until_ms;
    bool closed;                      /* the group was left in order */
    bool crowded[2];                  /* per lane: memory is full, nothing is read; intake.c */
    bool member, was_member;          /* assigned, even to nothing, since the last revoke; ever */
    bool deaf;                        /* without LISTEN, and it was said */
    bool policies_in_flight, telling; /* worker/campaigns.c */
    bool key_refused;                 /* being confirmed */
    int64_t register_again_ms;        /* the replicas' registration failed; 0: it did not */
    int exit_code;
};

/* Ends the loop with this exit code; the first one stays. */
void worker_exit(struct worker *w, int code);
/* May a new build start now? Mode, bounds of builds and validations, publisher and ledger healthy.
 */
bool worker_may_start(const struct worker *w);

#endif

/* One request that this worker is busy with: from the question to the ledger until its result is
 * out. Its state is the list it is in; work_enter() is the only writer, through a table of what may
 * follow, and the length of the list is the metric. */
#ifndef WORKER_WORK_H
#define WORKER_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/list.h"
#include "common/base/uuid.h"
#include "common/connect/access.h"
#include "common/connect/api.h"
#include "common/connect/errors.h"
#include "worker/flow.h"
#include "worker/req.h"
#include "worker/targets.h"

enum work_state {
    WORK_ASKING,   /* list: asked about in a read that is under way, or about to be */
    WORK_READING,  /* its content is read from Connect, before the claim */
    WORK_READY,    /* may run when a slot is free */
    WORK_CLAIMING, /* proposed to the ledger, not answered yet */
    WORK_POSTING,  /* granted: the POST is under way */
    WORK_POLLING,  /* Connect runs it */
    WORK_LOOKING,  /* the task or the POST's answer is lost: the jobs look-up */
    WORK_ENDING,   /* the build ended, the ledger is being told */
    WORK_CHECKING, /* its access is validated */
    WORK_SETTLING, /* its outcome is being written */
    WORK_RESULT,   /* its result waits for, or is in, a Kafka transaction */
    WORK_STATES
};

#define WORK_GROUPS_MAX 4
#define WORK_JUDGED_MAX 16 /* job keys of earlier builds: a content has a few jobs per build */

struct tail {                    /* the last lines of a build's log, clean UTF-8 */
    char *lines[LOG_TAIL_LINES]; /* ring */
    size_t n;                    /* lines seen */
    bool cut;
};

struct attempt {
    struct uuid id;
    uint64_t token;
    int n;
    struct target *target;
    char task_id[API_ID_BYTES]; /* "": not known */
    char *cookies;              /* NULL: none */
    bool let;                   /* its POST was let through once */
    bool adopted;
    bool doubt; /* the ledger may have lost its row: it is inserted again before it is ended */
    int64_t claimed_ms;      /* when the claim was sent */
    int64_t started_ms;      /* loop clock; for the build time-out */
    int64_t content_date_ms; /* Connect's clock: Date of the content read; 0: unknown */
    char *judged[WORK_JUDGED_MAX];
    size_t judged_n;
    int64_t first;    /* next line asked for */
    bool log_skipped; /* first is beyond the log: only its end is wanted */
    struct tail tail;
    bool has_code;
    int code;
    enum error_class cls;
    char message[TEXT_FIELD_MAX_BYTES + 1];
};

struct policy { /* the campaign's, as read with the item */
    int max_attempts;
    int64_t backoff_min_ms, backoff_max_ms;
    int warm_up;
    int limit; /* -1: none */
    int open;
    double start_interval_ms;
    int64_t start_wait_ms;
    enum access_mode validate;
};

struct worker;

struct work {
    struct list_node node; /* in the list of its state */
    enum work_state state;
    struct req *req; /* owned */
    char guid[UUID_TEXT_BYTES];
    char bundle_id[API_ID_BYTES]; /* as enqueued; after the content read: the active one */
    char app_mode[32];
    char access_type[16];
    char *groups[WORK_GROUPS_MAX];
    size_t groups_n;
    char **paths; /* access paths, owned */
    size_t paths_n;
    struct api_content *content; /* as read before the claim; NULL: not read or given up */
    int64_t content_ms;          /* when it was read (loop clock) */
    struct target *reading_from; /* the replica asked about the content or its jobs */
    int64_t asked_ms;
    bool in_ask; /* ASKING: in the question that is under way */
    bool taking; /* ASKING: being adopted or inserted, not asked about meanwhile */
    struct item_facts facts;
    struct policy policy;
    int attempts;                /* charged so far, as read */
    bool content_conflict;       /* another request's build of this content is open */
    enum error_class last_class; /* how its previous attempt ended */
    char last_replica[64];       /* where; "": none */
    bool restored;               /* the attempt got as far as a restore */
    struct attempt attempt;
    /* one request at a time is under way for a work */
    struct http_call *call;
    void *call_arg; /* freed with a call that is cancelled */
    struct event_timer *timer;
    void (*later)(struct worker *w, struct work *work); /* what the timer does */
    struct worker *worker;                              /* for the timer */
    int tries;                /* of the step under way, for its back-off */
    int unreadable;           /* answers in a row that could not be read; api_verdict */
    int refused;              /* claims in a row that the ledger did not grant */
    int64_t lost_since_ms;    /* the look-up began; 0: not looking */
    struct check_run *checks; /* worker/checks.c */
    bool end_sent;            /* ENDING: takes part in the turn that is under way */
    bool end_charged;         /* counts as an attempt */
    int64_t end_delay_ms;     /* until it is due again, when it is tried again */
    /* outcome, as it will be written; after an attempt also RUNNING (built) and WAITING (again) */
    enum item_state outcome;
    enum error_class outcome_class;
    char outcome_message[TEXT_FIELD_MAX_BYTES + 1];
    enum access_verdict access;
    char *access_checks;  /* JSON text; NULL: [] */
    int settle;           /* SETTLING: how; worker/writes.c */
    bool settle_sent;     /* SETTLING: in the unit that is under way */
    bool outcome_written; /* the ledger has the outcome; the result row follows */
};

struct works {
    struct list lists[WORK_STATES];
    struct work_index *index; /* by request id */
};

void works_init(struct works *w);
/* Takes the request into ASKING. NULL: no memory (the request stays the caller's), or one with this
 * id is there already. */
struct work *works_add(struct works *w, struct req *req);
struct work *works_find(struct works *w, const struct uuid *request_id);
size_t works_n(const struct works *w);
/* Open builds of this worker: POSTING, POLLING, LOOKING, ENDING. */
size_t works_builds(const struct works *w);
const char *work_state_name(enum work_state s);
/* The only writer of a state. An impossible change aborts with a log line: it is a bug. */
void work_enter(struct works *w, struct work *work, enum work_state to);
/* Takes it out of lists and index and frees everything but the request, which it returns. The call
 * and the timer must be stopped already (work_stop). */
struct req *works_remove(struct works *w, struct work *work);
void work_stop(struct work *work); /* cancels its call, stops its timer, forgets its checks */
void work_forget_attempt(struct work *work); /* before another attempt */
void work_forget_facts(struct work *work);   /* before the ledger's answer is filled in again */

void tail_add(struct tail *t, const char *text, size_t len);
void tail_done(struct tail *t);
/* The lines in order, borrowed; out has LOG_TAIL_LINES; returns how many. */
size_t tail_lines(const struct tail *t, const char **out);

#endif

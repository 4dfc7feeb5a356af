/* A verb of the command line: its row in the table, and one call of it. */
#ifndef PRODUCER_VERB_H
#define PRODUCER_VERB_H

#include "producer/options.h"
#include "producer/session.h"

/* Exit codes that no error stands for (conventions.md section 2). */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_EMPTY = 4,        /* nothing is selected, and --fail-empty was given */
    EXIT_PARTLY = 7,       /* partly enqueued: the same campaign id resumes it */
    EXIT_ITEMS_FAILED = 8, /* the campaign ended, and some of its items failed */
    EXIT_FINDINGS = 9,     /* results verify: ledger and topic do not say the same */
    EXIT_WAITED = 124,     /* the time to wait is over, the campaign goes on */
};

/* Tables of options that a verb takes besides its own and the general ones. */
#define TAKES_SELECT   1u
#define TAKES_CAMPAIGN 2u
#define TAKES_ENQUEUE  4u
#define TAKES_REASON   8u /* it acts: --reason and --actor, for the row in the table of acts */

struct act_config {
    char *actor;  /* NULL: the login name, see call_actor */
    char *reason; /* may be NULL */
};

struct call {
    const struct verb *verb;
    struct options options; /* operands are its positional ones */
    struct producer_config config;
    struct select_config select;
    struct campaign_config campaign;
    struct enqueue_config enqueue;
    struct act_config act;
    void *own; /* the struct of the verb's own rows */
    struct session session;
};

struct verb {
    const char *name;
    const char *operands;    /* as shown in its usage line; "" if it has none */
    const char *help;        /* one line, lower case */
    const char *examples[2]; /* what stands behind program and verb */
    unsigned takes;
    const struct option_row *rows; /* its own; NULL: none */
    size_t rows_n;
    size_t own_bytes; /* of the struct that they fill */
    size_t operands_min, operands_max;
    /* The exit code, or -1 with err. */
    int (*run)(struct call *c, struct err *err);
};

/* All of them, in the order of --help. */
extern const struct verb *const verbs[];
extern const size_t verbs_n;

/* What the verb was told to do, from argv without program and verb. The exit code. */
int call_run(const struct verb *verb, int argc, char *const *argv);

/* Writes one row into the table of acts. details is JSON text. */
struct act {
    const char *name;   /* "enqueue", "topics.apply" */
    const char *target; /* may be NULL */
    const char *details;
};
int call_act(struct call *c, const struct act *act, struct err *err);
/* Who acts: --actor, else the login name. Borrowed; NULL and err: no memory. */
const char *call_actor(struct call *c, struct err *err);

/* One file each. */
extern const struct verb migrate_verb;
extern const struct verb topics_verb;
extern const struct verb doctor_verb;
extern const struct verb config_verb;
extern const struct verb list_verb;
extern const struct verb enqueue_verb;
extern const struct verb pause_verb;
extern const struct verb resume_verb;
extern const struct verb cancel_verb;
extern const struct verb limit_verb;
extern const struct verb retry_verb;
extern const struct verb requeue_verb;
extern const struct verb campaigns_verb;
extern const struct verb status_verb;
extern const struct verb items_verb;
extern const struct verb history_verb;
extern const struct verb workers_verb;
extern const struct verb replicas_verb;
extern const struct verb acts_verb;
extern const struct verb results_verb;
extern const struct verb dlq_verb;
extern const struct verb prune_verb;

#endif

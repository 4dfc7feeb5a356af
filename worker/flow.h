/* The item's states and the one order of answers (DESIGN.md section 5). Pure. */
#ifndef WORKER_FLOW_H
#define WORKER_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/record/campaign_state.h"

enum item_state {
    ITEM_WAITING,
    ITEM_RUNNING, /* an attempt is open, or it is built and not validated */
    ITEM_PARKED,
    ITEM_SUCCEEDED,
    ITEM_BUILD_FAILED,
    ITEM_ACCESS_FAILED,
    ITEM_SKIPPED,
    ITEM_CANCELLED,
    ITEM_EXPIRED,
    ITEM_REJECTED,
    ITEM_STATES
};

const char *item_state_name(enum item_state s);
bool item_state_parse(const char *name, enum item_state *ret);
bool item_state_ended(enum item_state s);
bool item_may_follow(enum item_state from, enum item_state to); /* the table */
/* For statements: the states from which `to` may follow, as a PostgreSQL array literal. */
const char *item_states_before(enum item_state to);

struct item_facts {
    enum item_state state;
    enum campaign_state campaign;
    bool published;  /* published_at is set: the result is out */
    bool placed;     /* it has a place ... */
    bool place_mine; /* ... and it is the record that asks */
    bool attempt_open;
    bool attempt_mine; /* by attempt id and token */
    bool built;        /* the last attempt ended with code 0 and the item has no outcome */
    bool deadline_passed;
    int64_t due_in_ms; /* 0 or less: due */
};

enum answer {
    ANSWER_DROP,      /* mark the offset done without a result */
    ANSWER_REPUBLISH, /* the outcome is known: render, publish */
    ANSWER_RESUME,    /* my own open attempt */
    ANSWER_ADOPT,
    ANSWER_VALIDATE,
    ANSWER_CANCEL,
    ANSWER_EXPIRE,
    ANSWER_PARK,
    ANSWER_DUE,       /* wait until due */
    ANSWER_CANDIDATE, /* admit() decides: run, or wait for what */
    ANSWERS
};
const char *answer_name(enum answer a);
enum answer flow_answer(const struct item_facts *f);

#endif

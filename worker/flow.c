#include "worker/flow.h"

#include <stddef.h>
#include <string.h>

#include "common/base/limits.h"

#define BIT(s)  (1u << (s))
#define WAITING BIT(ITEM_WAITING)
#define RUNNING BIT(ITEM_RUNNING)
#define PARKED  BIT(ITEM_PARKED)

/* What may follow what, seen from the state that is written. The text says the same to PostgreSQL;
 * a test compares the two. Straight from `waiting`, without an attempt, an item ends as
 * `build_failed` when its content cannot be read for good (content.not_found), as `skipped` when
 * there is nothing to restore, as `rejected` when its record is broken. `succeeded` and
 * `access_failed` speak of a build, so they follow `running` only. `running` is never parked: an
 * attempt may be open. End states are final. */
static const struct {
    const char *name;
    unsigned before;
    const char *before_text;
} item_states[ITEM_STATES] = {
    [ITEM_WAITING] = { "waiting", RUNNING | PARKED, "{running,parked}" },
    [ITEM_RUNNING] = { "running", WAITING, "{waiting}" },
    [ITEM_PARKED] = { "parked", WAITING, "{waiting}" },
    [ITEM_SUCCEEDED] = { "succeeded", RUNNING, "{running}" },
    [ITEM_BUILD_FAILED] = { "build_failed", WAITING | RUNNING, "{waiting,running}" },
    [ITEM_ACCESS_FAILED] = { "access_failed", RUNNING, "{running}" },
    [ITEM_SKIPPED] = { "skipped", WAITING | RUNNING | PARKED, "{waiting,running,parked}" },
    [ITEM_CANCELLED] = { "cancelled", WAITING | RUNNING | PARKED, "{waiting,running,parked}" },
    [ITEM_EXPIRED] = { "expired", WAITING | RUNNING | PARKED, "{waiting,running,parked}" },
    [ITEM_REJECTED] = { "rejected", WAITING | RUNNING, "{waiting,running}" },
};

static const char *const answers[ANSWERS] = {
    [ANSWER_DROP] = "drop",           [ANSWER_REPUBLISH] = "republish", [ANSWER_RESUME] = "resume",
    [ANSWER_ADOPT] = "adopt",         [ANSWER_VALIDATE] = "validate",   [ANSWER_CANCEL] = "cancel",
    [ANSWER_EXPIRE] = "expire",       [ANSWER_PARK] = "park",           [ANSWER_DUE] = "due",
    [ANSWER_CANDIDATE] = "candidate",
};

const char *item_state_name(enum item_state s)
{
    return item_states[s].name;
}

bool item_state_parse(const char *name, enum item_state *ret)
{
    for (int s = 0; s < ITEM_STATES; s++) {
        if (strcmp(item_states[s].name, name) == 0) {
            *ret = (enum item_state)s;
            return true;
        }
    }
    return false;
}

bool item_state_ended(enum item_state s)
{
    return (BIT(s) & (WAITING | RUNNING | PARKED)) == 0;
}

bool item_may_follow(enum item_state from, enum item_state to)
{
    return (item_states[to].before & BIT(from)) != 0;
}

const char *item_states_before(enum item_state to)
{
    return item_states[to].before_text;
}

const char *answer_name(enum answer a)
{
    return answers[a];
}

static bool cancelled(const struct item_facts *f)
{
    return f->campaign == CAMPAIGN_CANCELLING || f->campaign == CAMPAIGN_CANCELLED;
}

/* An item that reads `parked` is asked about by an old copy only: its own record is not out yet. */
static bool parks(const struct item_facts *f)
{
    return f->state == ITEM_PARKED || f->campaign == CAMPAIGN_PAUSED ||
           f->due_in_ms > PARK_AFTER_MS;
}

enum answer flow_answer(const struct item_facts *f)
{
    if (f->published || (f->placed && !f->place_mine))
        return ANSWER_DROP;
    if (item_state_ended(f->state))
        return ANSWER_REPUBLISH;
    if (f->attempt_open)
        return f->attempt_mine ? ANSWER_RESUME : ANSWER_ADOPT;
    if (f->built)
        return ANSWER_VALIDATE;
    if (cancelled(f))
        return ANSWER_CANCEL;
    if (f->deadline_passed)
        return ANSWER_EXPIRE;
    if (parks(f))
        return ANSWER_PARK;
    return f->due_in_ms > 0 ? ANSWER_DUE : ANSWER_CANDIDATE;
}

/* The transactional outbox: publishes a campaign's items from its cursor, in rank order, and moves
 * the cursor after the delivery reports. Used by `enqueue`, which holds the campaign's publishing
 * lease while it runs, and by the workers' feeder afterwards. Two publishers at once are harmless:
 * copies of a request are told apart by their place (DESIGN.md sections 3 and 5).
 *
 * One turn is a bounded step on one campaign: take or renew the lease, read its state, publish what
 * is `unsent`, what is parked and due (or to be ended), then from the cursor as far as the valve
 * allows, wait for the deliveries, write cursor, last offsets and marks, and close the campaign if
 * everything is out. It never ends an item: it publishes it, the claim ends it. */
#ifndef COMMON_OUTBOX_OUTBOX_H
#define COMMON_OUTBOX_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/broker/props.h"

#define OUTBOX_TURN_ITEMS   10000 /* one turn's items: about 20 MB of records in memory */
#define OUTBOX_VALVE_FACTOR 4  /* a limited campaign is published this often its limit ahead ... */
#define OUTBOX_VALVE_MIN    64 /* ... and at least this many */

struct db;
struct event_loop;
struct outbox;

struct outbox_config {
    struct event_loop *loop; /* borrowed for the outbox's life, like db */
    struct db *db;
    const struct kafka_props *props; /* borrowed, too: the idempotent producer is made at the first
                                      * need, and made again after a fatal error */
    const char *client_id;
    const char *holder; /* lease holder: worker id, or "enqueue@host:pid" */
    const char *topic_normal, *topic_high;
};

struct outbox_report {
    bool lease;          /* we hold the lease (else nothing was done: another one does) */
    char state[16];      /* campaign state */
    int64_t published;   /* records delivered in this turn */
    int64_t cursor_rank; /* after the turn */
    int64_t selected;
    bool more;       /* something may be published at once: take another turn */
    bool at_end;     /* the cursor is at the end, nothing is unsent */
    int64_t wait_ms; /* when something becomes due (parked, not-before); -1: nothing known */
    bool completed;  /* the campaign was closed by this turn, or was closed before */
};

/* done runs once from the loop, not after outbox_free. err: report is NULL. */
typedef void outbox_done_fn(void *arg, const struct outbox_report *report, const struct err *err);

struct outbox *outbox_new(
    const struct outbox_config *config); /* NULL: no memory; texts are copied */
void outbox_free(struct outbox *o);      /* NULL is fine */
/* One turn at a time per outbox; -1 and err: a turn is under way, or no memory. */
int outbox_turn(struct outbox *o, const struct uuid *campaign_id, outbox_done_fn *done, void *arg,
                struct err *err);
/* Gives the lease back, so that a feeder may take it at once. done with report NULL. */
int outbox_release(struct outbox *o, const struct uuid *campaign_id, outbox_done_fn *done,
                   void *arg, struct err *err);

/* The valve, pure: how many items beyond the cursor may be published now. limit -1: none; open:
 * published and not ended; due: the not-before time has come; over: the deadline has passed. */
struct outbox_valve {
    const char *state;
    bool due;
    int64_t limit;
    int64_t open;
    int64_t left; /* selected - 1 - cursor */
    bool over;
};
int64_t outbox_valve_allows(const struct outbox_valve *v);

#endif

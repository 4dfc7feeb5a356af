/* The state of an outbox and of its turn under way. Private to common/outbox. */
#ifndef COMMON_OUTBOX_TURN_H
#define COMMON_OUTBOX_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/list.h"
#include "common/base/uuid.h"
#include "common/outbox/message.h"
#include "common/outbox/outbox.h"
#include "common/outbox/progress.h"

#define OUTBOX_PAGE_ITEMS \
    500 /* rows of one answer: some ms of rendering, then the loop has its turn */

struct db_reply;
struct db_unit;
struct event_timer;
struct producer;

struct outbox {
    struct event_loop *loop;
    struct db *db;
    const struct kafka_props *props;
    char *client_id, *holder;
    char *topics[2];           /* by lane */
    struct producer *producer; /* NULL: not needed yet, or given up after a fatal error */
    struct event_timer *step;  /* what a delivery report must not do itself */
    struct event_timer *renew;
    struct list calls; /* units under way: struct call */
    bool renewing;

    /* the turn; busy: there is one, or a release */
    bool busy;
    outbox_done_fn *done;
    void *arg;
    char id[UUID_TEXT_BYTES];
    struct outbox_about about;
    int64_t lane;      /* of the campaign */
    int64_t allowed;   /* by the valve, and not yet taken */
    int64_t budget;    /* of this turn, and not yet taken */
    int64_t next_rank; /* the next page begins after it */
    bool paging;       /* a page is on its way */
    bool stopped;      /* no further record in this turn */
    bool ending;       /* everything was reported; the last unit is under way */
    struct err err;    /* the first one; what was delivered is still written */
    struct outbox_progress progress;
    struct outbox_report report;
    struct buf value;
};

typedef void outbox_then_fn(struct outbox *o, const struct db_reply *reply, const struct err *err);

/* The turn's steps, in turn.c. */
int turn_begin(struct outbox *o, struct err *err);
void turn_go_on(struct outbox *o); /* after a page, a report: the next page, the end, or wait */
void turn_finish(struct outbox *o, const struct err *err); /* calls done; o may be gone then */
void turn_fail(struct outbox *o, const struct err *err); /* keeps the first error, sends no more */
void turn_renew(struct outbox *o);

/* In outbox.c: takes the unit; then runs once from the loop, not after outbox_free. -1: no memory.
 */
int outbox_submit(struct outbox *o, struct db_unit *unit, outbox_then_fn *then);

/* In send.c: sends the rows of a page, or as many as the producer takes. */
void send_rows(struct outbox *o, const struct db_reply *reply, size_t statement, bool unsent);
void send_step(void *outbox); /* after reports: gives a broken producer up, and goes on */

#endif

#include "common/outbox/outbox.h"

#include <stdlib.h>

#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/broker/producer.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "common/outbox/sql.h"
#include "common/outbox/turn.h"

/* A unit under way. It outlives its outbox, because the answer comes all the same. */
struct call {
    struct list_node node;
    struct outbox *outbox; /* NULL: freed meanwhile */
    outbox_then_fn *then;
};

static void on_reply(void *arg, const struct db_reply *reply, const struct err *err,
                     const char *sqlstate)
{
    struct call *call = arg;
    struct outbox *o = call->outbox;
    outbox_then_fn *then = call->then;

    (void)sqlstate;
    if (o != NULL)
        list_remove(&o->calls, &call->node);
    free(call);
    if (o != NULL)
        then(o, reply, err);
}

int outbox_submit(struct outbox *o, struct db_unit *unit, outbox_then_fn *then)
{
    struct call *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        db_unit_free(unit);
        return -1;
    }
    call->outbox = o;
    call->then = then;
    list_push(&o->calls, &call->node);
    if (db_submit(o->db, unit, on_reply, call) == 0)
        return 0;
    list_remove(&o->calls, &call->node);
    free(call);
    return -1;
}

/* ---- life ---- */

static void on_renew(void *arg)
{
    turn_renew(arg);
}

struct outbox *outbox_new(const struct outbox_config *config)
{
    struct outbox *o = calloc(1, sizeof(*o));

    if (o == NULL)
        return NULL;
    o->loop = config->loop;
    o->db = config->db;
    o->props = config->props;
    list_init(&o->calls);
    buf_init(&o->value, OUTBOX_VALUE_CEILING);
    o->client_id = str_dup(config->client_id);
    o->holder = str_dup(config->holder);
    o->topics[0] = str_dup(config->topic_normal);
    o->topics[1] = str_dup(config->topic_high);
    o->step = event_timer_new(o->loop, send_step, o);
    o->renew = event_timer_new(o->loop, on_renew, o);
    if (o->client_id == NULL || o->holder == NULL || o->topics[0] == NULL || o->topics[1] == NULL ||
        o->step == NULL || o->renew == NULL) {
        outbox_free(o);
        return NULL;
    }
    return o;
}

void outbox_free(struct outbox *o)
{
    if (o == NULL)
        return;
    for (struct list_node *n = list_first(&o->calls); n != NULL; n = list_next(&o->calls, n))
        list_entry(n, struct call, node)->outbox = NULL; /* it stays linked to nothing */
    producer_free(o->producer);
    event_timer_free(o->step);
    event_timer_free(o->renew);
    progress_done(&o->progress);
    outbox_about_done(&o->about);
    buf_done(&o->value);
    free(o->client_id);
    free(o->holder);
    free(o->topics[0]);
    free(o->topics[1]);
    free(o);
}

/* ---- what may be asked of it ---- */

static int take(struct outbox *o, const struct uuid *campaign_id, outbox_done_fn *done, void *arg,
                struct err *err)
{
    if (o->busy)
        return err_set(err, ERR_REFUSED, "the outbox is at work for campaign %s", o->id);
    o->busy = true;
    o->done = done;
    o->arg = arg;
    o->err = (struct err){ .kind = ERR_NONE };
    o->report = (struct outbox_report){ .wait_ms = -1 };
    o->about.campaign_id = *campaign_id;
    uuid_format(campaign_id, o->id);
    return 0;
}

int outbox_turn(struct outbox *o, const struct uuid *campaign_id, outbox_done_fn *done, void *arg,
                struct err *err)
{
    if (take(o, campaign_id, done, arg, err) != 0)
        return -1;
    if (turn_begin(o, err) == 0) {
        event_timer_start(o->renew, LEASE_MS / 3, LEASE_MS / 3);
        return 0;
    }
    o->busy = false;
    return -1;
}

static void on_released(struct outbox *o, const struct db_reply *reply, const struct err *err)
{
    (void)reply;
    o->busy = false;
    o->done(o->arg, NULL, err);
}

int outbox_release(struct outbox *o, const struct uuid *campaign_id, outbox_done_fn *done,
                   void *arg, struct err *err)
{
    struct db_unit *unit;

    if (take(o, campaign_id, done, arg, err) != 0)
        return -1;
    unit = db_unit_new();
    if (unit != NULL) {
        db_add(unit, OUTBOX_SQL_RELEASE, 2, (const char *const[]){ o->id, o->holder });
        checkpoint("outbox.release");
        if (outbox_submit(o, unit, on_released) == 0)
            return 0;
    }
    o->busy = false;
    return err_set(err, ERR_INTERNAL, "no memory to give a lease back");
}

#include "worker/feeder.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/log.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "common/outbox/outbox.h"
#include "worker/worker.h"

#define ROUND_MS      1000 /* between two looks for campaigns that owe something */
#define CAMPAIGNS_MAX 64   /* in one round; the rest follows in the next */

/* Campaigns that may owe something (an external one, what it parked): the cursor is not at the end,
 * or something is unsent, or parked and due, or to be ended, or it could be closed; and nobody else
 * holds the lease. */
static const char SQL_OWING[] =
    "select c.campaign_id from @campaign c where c.state in ('open', 'paused', 'cancelling')"
    " and (c.lease_until is null or c.lease_until < now()"
    "   or c.lease_holder = $1)"
    " and (c.not_before is null or c.not_before <= now() or c.state = 'cancelling'"
    "   or c.deadline <= now())"
    " and ((not c.external and c.cursor_rank < c.selected - 1"
    "     and (c.state <> 'paused' or c.deadline <= now()))"
    "   or exists (select 1 from @item i where i.campaign_id = c.campaign_id and i.unsent)"
    "   or exists (select 1 from @item i where i.campaign_id = c.campaign_id and i.state = 'parked'"
    "     and ((i.due <= now() and c.state = 'open') or c.state = 'cancelling'"
    "       or c.deadline <= now()))"
    "   or (not c.external and c.cursor_rank >= c.selected - 1 and not exists (select 1 from @item i"
    "     where i.campaign_id = c.campaign_id and i.published_at is null)))"
    " order by c.lane desc, c.created_at limit 64";

struct feeder {
    struct db *db;
    struct outbox *outbox;
    struct event_timer *timer;
    struct uuid campaigns[CAMPAIGNS_MAX];
    size_t n, at;
    bool kicked; /* the next round begins at once */
    bool stopped;
};

static void round_begins(void *arg);
static void next_turn(struct worker *w);

static void wait_a_round(struct worker *w)
{
    struct feeder *f = w->feeder;

    if (f->stopped)
        return;
    event_timer_start(f->timer, f->kicked ? 0 : ROUND_MS, 0);
    f->kicked = false;
}

void feeder_kick(struct worker *w)
{
    struct feeder *f = w->feeder;

    if (f == NULL || f->stopped)
        return;
    if (event_timer_active(f->timer))
        event_timer_start(f->timer, 0, 0);
    else
        f->kicked = true;
}

static void on_turn(void *arg, const struct outbox_report *report, const struct err *err)
{
    struct worker *w = arg;
    struct feeder *f = w->feeder;
    char id[UUID_TEXT_BYTES];

    uuid_format(&f->campaigns[f->at], id);
    if (err != NULL) {
        log_warn("feeder.failed", LOG_FIELDS(LOG_S("campaign_id", id)), "%s", err->msg);
        f->at++; /* one campaign does not hold up those behind it */
        next_turn(w);
        return;
    }
    if (report->published > 0)
        log_info("feeder.published",
                 LOG_FIELDS(LOG_S("campaign_id", id), LOG_I("requests", report->published)),
                 "requests of a campaign went to Kafka");
    if (report->completed)
        log_info("campaign.completed", LOG_FIELDS(LOG_S("campaign_id", id)),
                 "every result of the campaign is out");
    if (!report->more || report->published == 0)
        f->at++;
    next_turn(w);
}

static void next_turn(struct worker *w)
{
    struct feeder *f = w->feeder;
    struct err err;

    if (f->stopped)
        return;
    if (f->at >= f->n) {
        wait_a_round(w);
        return;
    }
    if (outbox_turn(f->outbox, &f->campaigns[f->at], on_turn, w, &err) != 0) {
        log_warn("feeder.failed", NULL, "%s", err.msg);
        wait_a_round(w);
    }
}

static void on_owing(void *arg, const struct db_reply *reply, const struct err *err,
                     const char *sqlstate)
{
    struct worker *w = arg;
    struct feeder *f = w->feeder;

    (void)sqlstate;
    f->n = f->at = 0;
    for (size_t row = 0; err == NULL && row < db_rows(reply, 0) && f->n < CAMPAIGNS_MAX; row++)
        if (uuid_parse(db_text(reply, 0, row, 0), &f->campaigns[f->n]))
            f->n++;
    next_turn(w);
}

static void round_begins(void *arg)
{
    struct worker *w = arg;
    struct db_unit *unit;
    const char *params[1] = { w->id };

    if (w->feeder->stopped)
        return;
    if (w->mode != RUN_NORMAL || !db_is_up(w->feeder->db)) {
        wait_a_round(w);
        return;
    }
    unit = db_unit_new();
    if (unit != NULL)
        db_add(unit, SQL_OWING, 1, params);
    checkpoint("ledger.owing");
    if (unit == NULL || db_submit(w->feeder->db, unit, on_owing, w) != 0)
        worker_exit(w, 1);
}

int feeder_start(struct worker *w, struct err *err)
{
    struct feeder *f = w->feeder = calloc(1, sizeof(*f));
    const struct db_config config = { .conninfo = w->config->shared.database_url,
                                      .application_name = "rebuild-worker feeder",
                                      .schema = w->config->shared.schema,
                                      .statement_timeout_ms = (int)w->config->database_timeout_ms };

    if (f == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the feeder");
    f->db = db_new(w->loop, &config, &(struct db_handlers){ 0 });
    f->outbox = outbox_new(&(struct outbox_config){ .loop = w->loop,
                                                    .db = f->db,
                                                    .props = w->props,
                                                    .client_id = w->id,
                                                    .holder = w->id,
                                                    .topic_normal = w->topics.requests,
                                                    .topic_high = w->topics.requests_high });
    f->timer = event_timer_new(w->loop, round_begins, w);
    if (f->db == NULL || f->outbox == NULL || f->timer == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the feeder");
    event_timer_start(f->timer, ROUND_MS, 0);
    return 0;
}

void feeder_stop(struct worker *w)
{
    if (w->feeder == NULL)
        return;
    w->feeder->stopped = true;
    event_timer_stop(w->feeder->timer);
}

void feeder_free(struct worker *w)
{
    struct feeder *f = w->feeder;

    if (f == NULL)
        return;
    outbox_free(f->outbox);
    db_free(f->db);
    event_timer_free(f->timer);
    free(f);
    w->feeder = NULL;
}

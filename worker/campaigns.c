#include "worker/campaigns.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/connect/http.h"
#include "common/ledger/db.h"
#include "worker/retry.h"
#include "worker/worker.h"

#define TELL_TIMEOUT_MS     30000
#define TELL_TRIES          20 /* with the back-off below: about a day */
#define TELL_BACKOFF_MIN_MS 5000
#define TELL_BACKOFF_MAX_MS (2 * 60 * 60 * 1000)
#define TELL_LEASE_MS       120000 /* another worker tries when this one died in the middle */
#define TELL_REPLY_BYTES    1024

/* Campaigns whose window opened or closed change their state; what people paused stays paused. */
static const char SQL_WINDOWS[] =
    "with turned as (update @campaign c set"
    "   state = case when c.state = 'open' then 'paused' else 'open' end,"
    "   state_reason = case when c.state = 'open' then 'outside --window' end"
    "   where c.open_window is not null and ((c.state = 'open'"
    "     and not @window_is_open(c.open_window, now())) or (c.state = 'paused'"
    "     and c.state_reason = 'outside --window' and @window_is_open(c.open_window, now())))"
    "   returning c.campaign_id, c.state)"
    " insert into @act (act, target, actor, reason) select case when state = 'paused' then 'pause'"
    "   else 'resume' end, campaign_id::text, 'connect-rebuild', '--window' from turned";

/* $1 tries, $2 lease in ms: one campaign that has ended and whose URL was not told */
static const char SQL_UNTOLD[] =
    "update @campaign c set on_complete_tries = c.on_complete_tries + 1,"
    " on_complete_due = now() + $2::bigint * interval '1 ms'"
    " where c.campaign_id = (select campaign_id from @campaign where ended_at is not null"
    "   and on_complete is not null and on_complete_at is null and on_complete_tries < $1::int"
    "   and coalesce(on_complete_due, now()) <= now() order by ended_at limit 1"
    "   for update skip locked)"
    " returning c.campaign_id, c.on_complete, c.on_complete_tries, json_build_object("
    "   'campaign_id', c.campaign_id, 'name', c.name, 'reason', c.reason, 'actor', c.actor,"
    "   'state', c.state, 'selected', c.selected, 'ended_at', @rfc3339(c.ended_at),"
    "   'outcomes', (select json_object_agg(x.state, x.n) from (select state, count(*) as n"
    "     from @item i where i.campaign_id = c.campaign_id group by state) x))::text";

/* $1 campaign, $2 told, $3 answer, $4 ms until the next try */
static const char SQL_TOLD[] =
    "update @campaign set on_complete_at = case when $2::bool then now() end,"
    " on_complete_status = $3, on_complete_due = now() + $4::bigint * interval '1 ms'"
    " where campaign_id = $1::uuid and on_complete_at is null";
/* $1 campaign, $2 answer */
static const char SQL_TOLD_ACT[] = "insert into @act (act, target, actor, reason) values"
                                   " ('on-complete', $1, 'connect-rebuild', $2)";

/* One URL being told. */
struct telling {
    struct worker *w;
    char campaign[UUID_TEXT_BYTES];
    int tries;
};

static void on_written(void *arg, const struct db_reply *reply, const struct err *err,
                       const char *sqlstate)
{
    (void)arg;
    (void)reply;
    if (err != NULL)
        log_warn("campaign.policy", LOG_FIELDS(LOG_S("sqlstate", sqlstate)), "%s", err->msg);
}

static void record_answer(const struct telling *t, bool told, const char *words)
{
    struct db_unit *unit = db_unit_new();
    int64_t delay =
        backoff_delay_ms(TELL_BACKOFF_MIN_MS, TELL_BACKOFF_MAX_MS, t->tries, random_u64());
    char ms[24];
    const char *params[4] = { t->campaign, told ? "t" : "f", words, ms };

    if (unit == NULL)
        return; /* the lease ends and it is told once more */
    snprintf(ms, sizeof(ms), "%lld", (long long)delay);
    db_unit_transaction(unit);
    db_add(unit, SQL_TOLD, 4, params);
    if (told || t->tries >= TELL_TRIES)
        db_add(unit, SQL_TOLD_ACT, 2, (const char *[]){ t->campaign, words });
    checkpoint("ledger.told");
    db_submit(t->w->facts, unit, on_written, t->w);
}

static void on_told(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct telling *t = arg;
    bool told = answer->failure == HTTP_OK && answer->status >= 200 && answer->status < 300;
    char words[300];

    t->w->telling = false;
    if (answer->failure == HTTP_OK)
        snprintf(words, sizeof(words), "answered with %d", answer->status);
    else
        str_copy(words, sizeof(words), err->msg);
    if (told)
        log_info("campaign.told", LOG_FIELDS(LOG_S("campaign_id", t->campaign)), "--on-complete %s",
                 words);
    else
        log_warn("campaign.not_told",
                 LOG_FIELDS(LOG_S("campaign_id", t->campaign), LOG_I("tries", t->tries)),
                 "--on-complete %s; it is tried %s", words,
                 t->tries >= TELL_TRIES ? "no more" : "again");
    record_answer(t, told, words);
    free(t);
}

static void tell(struct worker *w, const struct db_reply *reply)
{
    struct telling *t = calloc(1, sizeof(*t));
    char key[80];
    const char *headers[] = { "Content-Type: application/json", key, NULL };
    struct err err;

    if (t == NULL)
        return; /* the lease ends and it is told later */
    t->w = w;
    t->tries = (int)db_int(reply, 0, 0, 2);
    str_copy(t->campaign, sizeof(t->campaign), db_text(reply, 0, 0, 0));
    snprintf(key, sizeof(key), "Idempotency-Key: %s", t->campaign);
    w->telling = true;
    checkpoint("http.tell");
    if (http_start(w->http,
                   &(struct http_request){ .method = "POST",
                                           .url = db_text(reply, 0, 0, 1),
                                           .headers = headers,
                                           .body = db_text(reply, 0, 0, 3),
                                           .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                           .timeout_ms = TELL_TIMEOUT_MS,
                                           .max_body_bytes = TELL_REPLY_BYTES },
                   on_told, t, &err) == NULL) {
        w->telling = false;
        record_answer(t, false, err.msg);
        free(t);
    }
}

static void on_untold(void *arg, const struct db_reply *reply, const struct err *err,
                      const char *sqlstate)
{
    struct worker *w = arg;

    w->policies_in_flight = false;
    if (err != NULL)
        log_warn("campaign.policy", LOG_FIELDS(LOG_S("sqlstate", sqlstate)), "%s", err->msg);
    else if (db_rows(reply, 0) == 1)
        tell(w, reply);
}

void campaigns_tick(struct worker *w)
{
    struct db_unit *windows, *untold;
    char tries[16], lease[24];
    const char *params[2] = { tries, lease };

    if (w->policies_in_flight || w->telling || !db_is_up(w->facts))
        return;
    windows = db_unit_new();
    untold = db_unit_new();
    if (windows == NULL || untold == NULL) {
        db_unit_free(windows);
        db_unit_free(untold);
        return; /* the next tick tries again */
    }
    snprintf(tries, sizeof(tries), "%d", TELL_TRIES);
    snprintf(lease, sizeof(lease), "%d", TELL_LEASE_MS);
    db_add(windows, SQL_WINDOWS, 0, NULL);
    checkpoint("ledger.windows");
    db_submit(w->facts, windows, on_written, w);
    db_add(untold, SQL_UNTOLD, 2, params);
    checkpoint("ledger.untold");
    w->policies_in_flight = db_submit(w->facts, untold, on_untold, w) == 0;
}

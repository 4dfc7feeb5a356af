/* prune: deletes old campaigns from the ledger, and with --trim-requests what is done from the
 * request topics. A row must outlive its record: a group that reads its topics again from their
 * beginning would meet requests that nobody knows. So a campaign goes only when all of its records
 * are below the starts of the logs. */
#include "producer/prune.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/str.h"
#include "common/broker/admin.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "producer/confirm.h"
#include "producer/output.h"
#include "producer/progress.h"
#include "producer/query.h"

#define BATCH_ITEMS    5000 /* deleted in one transaction: a second at most */
#define NUMBER_BYTES   24
#define SENTENCE_BYTES 256

struct prune_config {
    int64_t older_than_ms;
    bool trim, dry_run;
};

#define AT(field) .offset = offsetof(struct prune_config, field)

static const struct option_row rows[] = {
    { .name = "older-than",
      .type = OPT_DURATION,
      AT(older_than_ms),
      .metavar = "DURATION",
      .fallback = "180d",
      .min = 3600000,
      .help = "campaigns that have ended before that" },
    { .name = "trim-requests",
      .type = OPT_FLAG,
      AT(trim),
      .help = "also delete records of the request topics whose results are out" },
    { .name = "dry-run",
      .type = OPT_FLAG,
      AT(dry_run),
      .help = "say what would be done; change nothing" },
};

/* $1 age in ms; k is the logs as they are, or will be. In a log that was made again an offset
 * beyond its end is of the old one. */
static const char SQL_CAMPAIGNS[] =
    " select c.campaign_id, n.items, n.attempts, not exists (select 1 from k where k.lane = c.lane"
    "     and coalesce(c.last_offset[k.part + 1], -1) between k.low and k.high - 1)"
    "   and not exists (select 1 from @item i join k on k.lane = i.place_lane"
    "     and k.part = i.place_partition where i.campaign_id = c.campaign_id"
    "     and i.place_offset between k.low and k.high - 1)"
    " from @campaign c cross join lateral (select count(*) as items,"
    "   coalesce(sum((select count(*) from @attempt a where a.request_id = i.request_id)), 0)"
    "     as attempts,"
    "   count(*) filter (where i.published_at is null) as unpublished from @item i"
    "   where i.campaign_id = c.campaign_id) n"
    " where c.state in ('completed', 'cancelled') and not c.external and n.unpublished = 0"
    " and c.ended_at < now() - $1::bigint * interval '1 ms'"
    " and not exists (select 1 from @attempt a where a.campaign_id = c.campaign_id"
    "   and a.ended_at is null) order by c.ended_at";

/* $1 campaign, $2 how many, $3 actor, $4 reason -> items and attempts that went */
static const char SQL_ITEMS[] =
    "with v as materialized (select i.request_id from @item i where i.campaign_id = $1::uuid"
    "   and i.published_at is not null and not exists (select 1 from @attempt a"
    "     where a.request_id = i.request_id and a.ended_at is null) limit $2::bigint),"
    " a as (delete from @attempt a using v where a.request_id = v.request_id returning 1),"
    " i as (delete from @item i using v where i.request_id = v.request_id returning 1),"
    " n as (select (select count(*) from i) as items, (select count(*) from a) as attempts),"
    " deed as (insert into @act (act, target, details, actor, reason) select 'prune', $1,"
    "   jsonb_build_object('name', c.name, 'items', n.items, 'attempts', n.attempts), $3, $4"
    "   from n, @campaign c where c.campaign_id = $1::uuid)"
    " select items, attempts from n";
/* $1 campaign: with its last items it goes, too */
static const char SQL_GROUPS[] =
    "delete from @runtime_group where campaign_id = $1::uuid"
    " and not exists (select 1 from @item where campaign_id = $1::uuid)";
static const char SQL_CAMPAIGN[] =
    "delete from @campaign where campaign_id = $1::uuid"
    " and not exists (select 1 from @item where campaign_id = $1::uuid)";
/* $1 age in ms, $2 actor, $3 reason -> workers that went */
static const char SQL_WORKERS[] =
    "with w as (delete from @worker where last_seen < now() - $1::bigint * interval '1 ms'"
    "   returning 1), n as (select count(*) as n from w),"
    " deed as (insert into @act (act, target, details, actor, reason) select 'prune', 'workers',"
    "   jsonb_build_object('workers', n), $2, $3 from n where n > 0) select n from n";

enum { CAMPAIGN_ID, CAMPAIGN_ITEMS, CAMPAIGN_ATTEMPTS, CAMPAIGN_GONE };

struct prune {
    struct call *call;
    const struct prune_config *config;
    struct lost logs;
    struct trims trims;
    struct db_reply *old; /* campaigns */
    int64_t campaigns, items, attempts;
    int64_t in_log; /* campaigns that are old enough, and whose requests can still be read */
    int64_t workers;
    struct progress progress;
};

/* ---- what would go ---- */

static int read_campaigns(struct prune *p, struct err *err)
{
    struct query q;
    int rc;

    query_init(&q);
    query_param_int(&q, p->config->older_than_ms);
    query_add(&q, "with k as (select * from ");
    lost_add_logs(&q, &p->logs);
    query_add(&q, ")%s", SQL_CAMPAIGNS);
    rc = query_run(&q, &p->call->session, &p->old, err);
    query_done(&q);
    return rc;
}

static bool goes(const struct prune *p, size_t row)
{
    return db_bool(p->old, 0, row, CAMPAIGN_GONE);
}

/* The logs are looked at as they are after the trimming. */
static int plan(struct prune *p, struct err *err)
{
    struct call *c = p->call;

    if (lost_read_logs(&c->session, &p->logs, err) != 0 ||
        (p->config->trim && trims_plan(c, &p->logs, &p->trims, err) != 0))
        return -1;
    for (size_t i = 0; i < p->trims.n; i++)
        p->trims.items[i].log->low = p->trims.items[i].to;
    if (read_campaigns(p, err) != 0)
        return -1;
    for (size_t row = 0; row < db_rows(p->old, 0); row++) {
        if (!goes(p, row)) {
            p->in_log++;
            continue;
        }
        p->campaigns++;
        p->items += db_int(p->old, 0, row, CAMPAIGN_ITEMS);
        p->attempts += db_int(p->old, 0, row, CAMPAIGN_ATTEMPTS);
    }
    return 0;
}

static int ask(const struct prune *p, struct err *err)
{
    char what[SENTENCE_BYTES];

    snprintf(what, sizeof(what),
             "%" PRId64 " campaigns with %" PRId64 " items and %" PRId64
             " attempts are deleted, and %" PRId64 " records of the request topics",
             p->campaigns, p->items, p->attempts, p->trims.records);
    return confirm_act(&p->call->session, what, err);
}

/* ---- doing ---- */

/* One transaction: some items with their attempts, the act, and in the end the campaign. */
static int delete_batch(struct prune *p, const char *id, int64_t *ret_items, struct err *err)
{
    struct db_unit *unit = db_unit_new();
    struct db_reply *reply = NULL;
    char most[NUMBER_BYTES];
    const char *params[] = { id, most, call_actor(p->call, err), p->call->act.reason };

    if (unit == NULL || params[2] == NULL) {
        db_unit_free(unit);
        return err_set(err, ERR_INTERNAL, "no memory for a statement");
    }
    snprintf(most, sizeof(most), "%d", BATCH_ITEMS);
    db_add(unit, SQL_ITEMS, 4, params);
    db_add(unit, SQL_GROUPS, 1, params);
    db_add(unit, SQL_CAMPAIGN, 1, params);
    checkpoint("prune.campaign");
    if (session_run(&p->call->session, unit, &reply, err) != 0)
        return -1;
    *ret_items = db_int(reply, 0, 0, 0);
    p->items += *ret_items;
    p->attempts += db_int(reply, 0, 0, 1);
    p->campaigns += (int64_t)db_changed(reply, 2);
    db_reply_free(reply);
    return 0;
}

static int delete_campaign(struct prune *p, const char *id, int64_t total, struct err *err)
{
    int64_t n = BATCH_ITEMS;

    while (n == BATCH_ITEMS) {
        if (delete_batch(p, id, &n, err) != 0)
            return -1;
        progress_show(&p->progress, p->items, total, "items deleted",
                      event_now_ms(p->call->session.loop));
    }
    return 0;
}

static int delete_workers(struct prune *p, struct err *err)
{
    char age[NUMBER_BYTES];
    const char *params[] = { age, call_actor(p->call, err), p->call->act.reason };
    struct db_reply *reply = NULL;

    if (params[1] == NULL)
        return -1;
    snprintf(age, sizeof(age), "%" PRId64, p->config->older_than_ms);
    checkpoint("prune.workers");
    if (session_query(&p->call->session, &(struct statement){ SQL_WORKERS, 3, params }, &reply,
                      err) != 0)
        return -1;
    p->workers = db_int(reply, 0, 0, 0);
    db_reply_free(reply);
    return 0;
}

/* Records first: rows whose records are still there would be the ones that must not go. */
static int delete_all(struct prune *p, struct err *err)
{
    int64_t total = p->items;
    int rc = 0;

    if (trims_do(p->call, &p->trims, err) != 0)
        return -1;
    p->campaigns = p->items = p->attempts = 0;
    progress_init(&p->progress, &p->call->config);
    for (size_t row = 0; rc == 0 && row < db_rows(p->old, 0); row++)
        if (goes(p, row))
            rc = delete_campaign(p, db_text(p->old, 0, row, CAMPAIGN_ID), total, err);
    progress_end(&p->progress);
    return rc == 0 ? delete_workers(p, err) : -1;
}

/* ---- the verb ---- */

static int print(const struct prune *p, struct err *err)
{
    char number[6][NUMBER_BYTES];
    const struct output_field fields[] = {
        { "dry_run", CELL_BOOL, p->config->dry_run ? "t" : "f" },
        { "campaigns", CELL_INT, number[0] },
        { "items", CELL_INT, number[1] },
        { "attempts", CELL_INT, number[2] },
        { "still_in_topics", CELL_INT, number[3] },
        { "records", CELL_INT, number[4] },
        { "workers", CELL_INT, number[5] },
    };

    snprintf(number[0], NUMBER_BYTES, "%" PRId64, p->campaigns);
    snprintf(number[1], NUMBER_BYTES, "%" PRId64, p->items);
    snprintf(number[2], NUMBER_BYTES, "%" PRId64, p->attempts);
    snprintf(number[3], NUMBER_BYTES, "%" PRId64, p->in_log);
    snprintf(number[4], NUMBER_BYTES, "%" PRId64, p->trims.records);
    snprintf(number[5], NUMBER_BYTES, "%" PRId64, p->workers);
    if (p->in_log > 0)
        session_say(&p->call->session,
                    "%" PRId64
                    " more campaigns are old enough, but their requests are still in the "
                    "request topics%s",
                    p->in_log, p->config->trim ? "" : "; --trim-requests deletes what is done");
    return output_object(&p->call->config, fields, sizeof(fields) / sizeof(fields[0]), err);
}

static int check_installation(struct call *c, struct err *err)
{
    struct installation is;
    char cluster[64];
    int brokers;

    if (session_ledger(&c->session, err) != 0 || session_admin(&c->session, err) != 0 ||
        installation_read(&c->session, &is, err) != 0 ||
        admin_cluster(c->session.admin, cluster, &brokers, err) != 0)
        return -1;
    return installation_check(&c->session, &is, cluster, err);
}

static int prune(struct prune *p, struct err *err)
{
    if (check_installation(p->call, err) != 0 || plan(p, err) != 0)
        return -1;
    if (!p->config->dry_run && (ask(p, err) != 0 || delete_all(p, err) != 0))
        return -1;
    return print(p, err);
}

static int run(struct call *c, struct err *err)
{
    struct prune p = { .call = c, .config = c->own };
    int rc;

    if (!p.config->dry_run && confirm_possible(&c->session, "prune", err) != 0)
        return -1;
    rc = prune(&p, err);
    db_reply_free(p.old);
    trims_done(&p.trims);
    lost_done(&p.logs);
    return rc;
}

const struct verb prune_verb = {
    .name = "prune",
    .operands = "",
    .help = "deletes old campaigns from the ledger, and what is done from the request topics",
    .examples = { "--older-than 180d --dry-run", "--older-than 365d --trim-requests -y" },
    .takes = TAKES_REASON,
    .rows = rows,
    .rows_n = sizeof(rows) / sizeof(rows[0]),
    .own_bytes = sizeof(struct prune_config),
    .run = run,
};

/* One statement makes a campaign: what is selected is judged, ranked, and written together with the
 * campaign's row, its runtime groups and the act. */
#include <stdio.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/ledger/db.h"
#include "producer/enqueue.h"
#include "producer/given.h"

#define MISSING_SAID  5    /* guids named in the sentence */
#define ROW_MAX_BYTES 4096 /* names and numbers of the campaign's row */

/* Two enqueues at once would select the same content twice. */
static const char SQL_LOCK[] =
    "select pg_advisory_xact_lock(hashtext('connect-rebuild enqueue ' || $1))";

/* The rows are sorted three times; on disk that takes longer than all the rest. */
static const char SQL_MEMORY[] = "set local work_mem = '128MB'";

#define ITEM_TEXTS                                                                          \
    "bundle_id, app_mode, title, name, owner_guid, owner_username, access_type, r_version," \
    " py_version, quarto_version, image_name, access_paths"

/* ---- selection ---- */

/* What --reprocess lets through, as a condition over found (alias f). */
static void add_reprocess(struct query *q, const struct campaign_config *c)
{
    int since = query_param_time(q, c->since_ms);

    if (c->reprocess == REPROCESS_MISSING)
        query_add(q,
                  " not exists (select 1 from @item i where i.content_guid = f.guid"
                  " and i.state = 'succeeded'"
                  " and coalesce(i.bundle_built, i.bundle_id) is not distinct from f.bundle_id"
                  " and i.image_name is not distinct from f.image_name"
                  " and ($%d::timestamptz is null or i.ended_at >= $%d::timestamptz))",
                  since, since);
    else
        query_add(q,
                  " coalesce((select i.state in ('build_failed', 'access_failed') from @item i"
                  " where i.content_guid = f.guid and i.ended_at is not null"
                  " and i.state not in ('cancelled', 'expired', 'rejected')"
                  " and ($%d::timestamptz is null or i.ended_at >= $%d::timestamptz)"
                  " order by i.ended_at desc limit 1), false)",
                  since, since);
}

static void add_judged(struct query *q, const struct enqueue *e)
{
    const struct campaign_config *c = &e->call->campaign;

    query_add(q, ", busy as materialized (select i.content_guid from @item i"
                 " join @campaign c on c.campaign_id = i.campaign_id"
                 " where i.published_at is null and c.state in ('open', 'paused', 'cancelling'))"
                 ", judged as materialized (select f.*, case"
                 " when f.guid in (select content_guid from busy) then 'open'");
    if (c->reprocess != REPROCESS_ALL) {
        query_add(q, " when not");
        add_reprocess(q, c);
        query_add(q, " then 'reprocess'");
    }
    query_add(q, " end as left_out from found f)");
}

static void add_chosen(struct query *q, const struct enqueue *e)
{
    int64_t limit = e->call->select.limit;
    int most = query_param_int(q, limit > 0 ? limit : INT64_MAX);

    query_add(q,
              ", chosen as materialized (select j.*, row_number() over (order by place) - 1 as"
              " rank, array_remove(array[coalesce(image_name, 'Local') || '/r/' || r_version,"
              " coalesce(image_name, 'Local') || '/py/' || py_version], null) as groups"
              " from judged j where left_out is null order by place limit $%d::bigint)",
              most);
}

int enqueue_choose(struct enqueue *e, struct query *q, struct err *err)
{
    struct selection s = { .config = &e->call->select, .table = &e->table, .list = &e->list };

    if (select_build(&s, q, err) != 0)
        return -1;
    if (s.usage_missing && !e->usage_said)
        session_say(&e->call->session,
                    "the content table %s has no column usage: ordered by last deployment instead",
                    e->table.said);
    e->usage_said = s.usage_missing;
    add_judged(q, e);
    add_chosen(q, e);
    return query_check(q, err);
}

/* ---- counts ---- */

static void add_counts(struct query *q, const struct enqueue *e)
{
    query_add(q,
              " select 'selected', count(*) from chosen union all select left_out, count(*)"
              " from judged where left_out is not null group by 1 union all select 'malformed',"
              " count(*) from %s t where ",
              e->table.name);
    select_no_guid(&e->table, q);
}

static void read_counts(struct enqueue *e, const struct db_reply *reply, size_t statement)
{
    e->selected = e->left_open = e->left_reprocess = e->malformed = 0;
    for (size_t i = 0; i < db_rows(reply, statement); i++) {
        const char *name = db_text(reply, statement, i, 0);
        int64_t n = db_int(reply, statement, i, 1);

        if (str_equal(name, "selected"))
            e->selected = n;
        else if (str_equal(name, "open"))
            e->left_open = n;
        else if (str_equal(name, "reprocess"))
            e->left_reprocess = n;
        else if (str_equal(name, "created"))
            e->created = n > 0;
        else
            e->malformed = n;
    }
}

int enqueue_count(struct enqueue *e, struct err *err)
{
    struct db_reply *reply = NULL;
    struct query q;
    int rc = -1;

    query_init(&q);
    query_add(&q, "with ");
    if (enqueue_choose(e, &q, err) == 0) {
        add_counts(&q, e);
        rc = query_run(&q, &e->call->session, &reply, err);
    }
    if (rc == 0)
        read_counts(e, reply, 0);
    db_reply_free(reply);
    query_done(&q);
    return rc;
}

/* ---- the campaign ---- */

/* The campaign's row as it grows: names, and the parameters that are their values. */
struct row {
    struct query *q;
    struct buf names, values;
};

static void put(struct row *r, const char *name, const char *value, const char *cast)
{
    buf_printf(&r->names, ", %s", name);
    buf_printf(&r->values, ", $%d%s", query_param(r->q, value), cast);
}

static void put_int(struct row *r, const char *name, int64_t value)
{
    buf_printf(&r->names, ", %s", name);
    buf_printf(&r->values, ", $%d::bigint", query_param_int(r->q, value));
}

static void put_number(struct row *r, const char *name, double value)
{
    char text[40];

    snprintf(text, sizeof(text), "%.6f", value);
    put(r, name, text, "::float8");
}

static void put_time(struct row *r, const char *name, int64_t value)
{
    buf_printf(&r->names, ", %s", name);
    buf_printf(&r->values, ", $%d::timestamptz", query_param_time(r->q, value));
}

static void put_given(struct row *r, const char *name, const struct call *c, const void *base)
{
    struct buf b;

    buf_init(&b, GIVEN_MAX_BYTES);
    given_json(&c->options, base, base == &c->campaign, &b);
    r->q->failed = r->q->failed || b.failed;
    put(r, name, buf_str(&b), "::jsonb");
    buf_done(&b);
}

static void put_limits(struct row *r, const struct campaign_config *c)
{
    int64_t items = 0;
    double percent = 0;

    if (c->max_inflight > 0)
        put_int(r, "max_inflight", c->max_inflight);
    if (c->start_rate > 0)
        put_number(r, "start_interval_ms", 1000.0 / c->start_rate);
    if (c->max_failures == NULL || !campaign_max_failures(c->max_failures, &items, &percent))
        return;
    if (items > 0)
        put_int(r, "max_failures", items);
    if (percent > 0)
        put_number(r, "max_failures_percent", percent);
}

/* Outside its window a campaign begins paused; the workers resume it when the window opens. */
static void put_window(struct row *r, const char *window)
{
    int w;

    if (window == NULL)
        return;
    w = query_param(r->q, window);
    buf_str_add(&r->names, ", open_window, state, state_reason");
    buf_printf(&r->values,
               ", $%d, case when @window_is_open($%d, now()) then 'open' else 'paused' end,"
               " case when not @window_is_open($%d, now()) then 'outside --window' end",
               w, w, w);
}

static void put_policy(struct row *r, const struct campaign_config *c)
{
    static const char *const validates[] = { "auto", "strict", "off" };

    put_int(r, "lane", c->lane);
    put_int(r, "max_attempts", c->max_attempts);
    put_int(r, "backoff_min_ms", c->backoff.from_ms);
    put_int(r, "backoff_max_ms", c->backoff.to_ms);
    put_int(r, "warm_up", c->warm_up);
    put(r, "validate", validates[c->validate], "");
    put_time(r, "not_before", c->not_before_ms);
    put_time(r, "deadline", c->deadline_ms);
    put(r, "on_complete", c->on_complete, "");
    put_window(r, c->window);
    put_limits(r, c);
}

static void fill(struct row *r, const struct enqueue *e)
{
    const struct call *c = e->call;

    put(r, "campaign_id", e->campaign_text, "::uuid");
    put(r, "name", c->campaign.name, "");
    put(r, "reason", c->campaign.reason, "");
    put(r, "actor", c->campaign.actor, "");
    put_given(r, "selection", c, &c->select);
    put_given(r, "options", c, &c->campaign);
    put_policy(r, &c->campaign);
    put(r, "lease_holder", e->holder, "");
    if (e->parent[0] != '\0')
        put(r, "parent", e->parent, "::uuid");
}

/* The lease goes with the row, so that no feeder is quicker. */
static void add_campaign(struct query *q, const struct enqueue *e)
{
    struct row r = { .q = q };
    int may_be_empty = query_param(q, e->call->enqueue.fail_empty ? "false" : "true");

    buf_init(&r.names, ROW_MAX_BYTES);
    buf_init(&r.values, ROW_MAX_BYTES);
    fill(&r, e);
    q->failed = q->failed || r.names.failed || r.values.failed;
    query_add(q,
              ", camp as (insert into @campaign (lease_until, selected, left_out%s)"
              " select now() + %d * interval '1 ms', (select count(*) from chosen),"
              " (select count(*) from judged where left_out is not null)%s"
              " where $%d::bool or exists (select 1 from chosen)"
              " on conflict (campaign_id) do nothing"
              " returning campaign_id, warm_up, lane, actor, reason, name, selected, left_out,"
              " parent)",
              buf_str(&r.names), LEASE_MS, buf_str(&r.values), may_be_empty);
    buf_done(&r.names);
    buf_done(&r.values);
}

static void add_inserts(struct query *q, const struct enqueue *e)
{
    int act = query_param(q, e->narrow != NULL ? "retry" : "enqueue");

    query_add(
        q,
        ", ins as (insert into @item (request_id, campaign_id, rank, lane, content_guid, " ITEM_TEXTS
        ", groups) select @request_id(camp.campaign_id, guid),"
        " camp.campaign_id, rank, camp.lane, guid, bundle_id, app_mode, title, c.name,"
        " owner_guid, owner_username, access_type, r_version, py_version, quarto_version,"
        " image_name, access_paths, groups from chosen c, camp)"
        ", grp as (insert into @runtime_group (campaign_id, key) select distinct"
        " camp.campaign_id, k from camp, chosen, unnest(groups) k where camp.warm_up > 0)"
        ", deed as (insert into @act (act, target, details, actor, reason)"
        " select $%d, campaign_id::text, jsonb_build_object('name', name,"
        " 'selected', selected, 'left_out', left_out) || case when parent is null then '{}'"
        " else jsonb_build_object('parent', parent) end, actor, reason from camp)",
        act);
}

static int build_insert(struct enqueue *e, struct query *q, struct err *err)
{
    query_add(q, "with ");
    if (enqueue_choose(e, q, err) != 0)
        return -1;
    add_campaign(q, e);
    add_inserts(q, e);
    add_counts(q, e);
    query_add(q, " union all select 'created', count(*) from camp");
    return query_check(q, err);
}

/* When the answer is lost, nobody knows whether the campaign is there; its id tells. */
static int insert(struct enqueue *e, const struct query *q, struct db_reply **ret, struct err *err)
{
    struct db_unit *unit = db_unit_new();
    const char *schema = e->call->config.shared.schema;

    if (unit == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a statement");
    db_add(unit, SQL_LOCK, 1, &schema);
    db_add(unit, SQL_MEMORY, 0, NULL);
    if (query_put(q, unit, err) != 0) {
        db_unit_free(unit);
        return -1;
    }
    checkpoint("enqueue.insert");
    if (session_run(&e->call->session, unit, ret, err) == 0)
        return 0;
    if (err->kind == ERR_UNREACHABLE)
        err_prefix(err, "the same command with --campaign-id %s goes on", e->campaign_text);
    return -1;
}

int enqueue_insert(struct enqueue *e, struct err *err)
{
    struct db_reply *reply = NULL;
    struct query q;
    int rc = -1;

    query_init(&q);
    if (build_insert(e, &q, err) == 0)
        rc = insert(e, &q, &reply, err);
    if (rc == 0)
        read_counts(e, reply, 2);
    db_reply_free(reply);
    query_done(&q);
    return rc;
}

int enqueue_look_up(struct enqueue *e, struct err *err)
{
    static const char SQL[] =
        "select external, state, selected, left_out,"
        " least(cursor_rank + 1, selected), name from @campaign where campaign_id = $1::uuid";
    const char *params[] = { e->campaign_text };
    struct db_reply *reply = NULL;
    int rc = 0;

    if (session_query(&e->call->session, &(struct statement){ SQL, 1, params }, &reply, err) != 0)
        return -1;
    e->resumed = db_rows(reply, 0) > 0;
    if (db_bool(reply, 0, 0, 0))
        rc = err_set(err, ERR_REFUSED, "the campaign %s holds requests that others made",
                     e->campaign_text);
    str_copy(e->state, sizeof(e->state), db_text(reply, 0, 0, 1));
    e->selected = db_int(reply, 0, 0, 2);
    e->left_open = db_int(reply, 0, 0, 3);
    e->published = db_int(reply, 0, 0, 4);
    str_copy(e->name, sizeof(e->name), db_text(reply, 0, 0, 5));
    db_reply_free(reply);
    return rc;
}

int enqueue_say_missing(struct enqueue *e, struct err *err)
{
    struct db_reply *reply = NULL;
    struct query q;
    char names[MISSING_SAID * (UUID_TEXT_BYTES + 2)] = "";
    size_t len = 0;
    int rc;

    if (!e->list.given || e->list.n == 0)
        return 0;
    query_init(&q);
    select_list_param(&q, &e->list);
    query_add(&q,
              "select l.g, count(*) over () from unnest($1::text[]) l(g) where not exists (select 1"
              " from %s t where lower(btrim(t.guid::text)) = l.g) limit %d",
              e->table.name, MISSING_SAID);
    rc = query_run(&q, &e->call->session, &reply, err);
    if (rc != 0 && err->kind == ERR_INPUT)
        err->kind = ERR_CONFIG; /* what PostgreSQL refuses here, an unknown zone say, are the
                                   operator's words */
    query_done(&q);
    if (rc != 0)
        return -1;
    e->not_found = db_int(reply, 0, 0, 1);
    for (size_t i = 0; i < db_rows(reply, 0); i++)
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i == 0 ? "" : ", ",
                                db_text(reply, 0, i, 0));
    if (e->not_found > 0)
        session_say(&e->call->session, "%lld of %zu guids are not in the content table %s: %s%s",
                    (long long)e->not_found, e->list.n, e->table.said, names,
                    e->not_found > MISSING_SAID ? ", ..." : "");
    db_reply_free(reply);
    return 0;
}

/* status CAMPAIGN: where it stands, once. */
#include "producer/status.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/ledger/db.h"
#include "producer/output.h"
#include "producer/verb.h"

#define JSON_MAX_BYTES (64 * 1024)
#define NUMBER_BYTES   32
#define LINE_BYTES     512

static const char SQL_ABOUT[] =
    "select name, reason, actor, state_reason, case lane when 1 then 'high' else 'normal' end,"
    " @rfc3339(created_at), @rfc3339(ended_at), @rfc3339(not_before), @rfc3339(deadline),"
    " options::text, selection::text, parent::text,"
    " extract(epoch from coalesce(ended_at, now()) - created_at)"
    " from @campaign where campaign_id = $1::uuid";
static const char SQL_FAILURES[] =
    "select error_class, count(*) from @item where campaign_id = $1::uuid"
    " and error_class is not null and ended_at is not null group by 1 order by 2 desc, 1";
static const char SQL_BUILDS[] =
    "select percentile_cont(0.5) within group (order by s), percentile_cont(0.95) within group"
    " (order by s), count(*) filter (where open) from (select extract(epoch from ended_at -"
    "   intent_at) as s, ended_at is null as open from @attempt where campaign_id = $1::uuid"
    "   and request_id in (select request_id from @item where campaign_id = $1::uuid)) a";

enum about {
    ABOUT_NAME,
    ABOUT_REASON,
    ABOUT_ACTOR,
    ABOUT_STATE_REASON,
    ABOUT_LANE,
    ABOUT_CREATED,
    ABOUT_ENDED,
    ABOUT_NOT_BEFORE,
    ABOUT_DEADLINE,
    ABOUT_OPTIONS,
    ABOUT_SELECTION,
    ABOUT_PARENT,
    ABOUT_SECONDS,
};

struct view {
    struct call *call;
    struct campaign_status status;
    struct db_reply *reply; /* about, failures, builds */
    struct buf items, failures;
};

static const char *about(const struct view *v, enum about column)
{
    return db_text(v->reply, 0, 0, column);
}

static int read_view(struct view *v, const char *id, struct err *err)
{
    struct db_unit *unit;

    if (status_read(&v->call->session, id, &v->status, err) != 0)
        return -1;
    unit = db_unit_new();
    if (unit == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a statement");
    db_add(unit, SQL_ABOUT, 1, &id);
    db_add(unit, SQL_FAILURES, 1, &id);
    db_add(unit, SQL_BUILDS, 1, &id);
    return session_run(&v->call->session, unit, &v->reply, err);
}

static void make_json(struct view *v)
{
    buf_char_add(&v->items, '{');
    for (int i = 0; i < ITEM_STATES; i++)
        buf_printf(&v->items, "%s\"%s\":%" PRId64, i == 0 ? "" : ",", item_state_names[i],
                   v->status.items[i]);
    buf_char_add(&v->items, '}');
    buf_char_add(&v->failures, '{');
    for (size_t i = 0; i < db_rows(v->reply, 1); i++) {
        buf_str_add(&v->failures, i == 0 ? "" : ",");
        output_json_text(&v->failures, db_text(v->reply, 1, i, 0));
        buf_printf(&v->failures, ":%s", db_text(v->reply, 1, i, 1));
    }
    buf_char_add(&v->failures, '}');
}

static int print_object(const struct view *v, struct err *err)
{
    const struct campaign_status *st = &v->status;
    char number[6][NUMBER_BYTES];
    const struct output_field fields[] = {
        { "campaign_id", CELL_TEXT, st->id },
        { "name", CELL_TEXT, about(v, ABOUT_NAME) },
        { "reason", CELL_TEXT, about(v, ABOUT_REASON) },
        { "actor", CELL_TEXT, about(v, ABOUT_ACTOR) },
        { "state", CELL_STATE, st->state },
        { "state_reason", CELL_TEXT, about(v, ABOUT_STATE_REASON) },
        { "lane", CELL_TEXT, about(v, ABOUT_LANE) },
        { "created_at", CELL_TEXT, about(v, ABOUT_CREATED) },
        { "ended_at", CELL_TEXT, about(v, ABOUT_ENDED) },
        { "not_before", CELL_TEXT, about(v, ABOUT_NOT_BEFORE) },
        { "deadline", CELL_TEXT, about(v, ABOUT_DEADLINE) },
        { "selected", CELL_INT, number[0] },
        { "left_out", CELL_INT, number[1] },
        { "published", CELL_INT, number[2] },
        { "results", CELL_INT, number[3] },
        { "in_flight", CELL_INT, db_text(v->reply, 2, 0, 2) },
        { "rate_per_min", CELL_NUM, number[4] },
        { "eta_s", CELL_NUM, st->eta_s >= 0 ? number[5] : NULL },
        { "build_p50_s", CELL_NUM, db_text(v->reply, 2, 0, 0) },
        { "build_p95_s", CELL_NUM, db_text(v->reply, 2, 0, 1) },
        { "elapsed_s", CELL_NUM, about(v, ABOUT_SECONDS) },
        { "items", CELL_JSON, buf_str(&v->items) },
        { "failures", CELL_JSON, buf_str(&v->failures) },
        { "options", CELL_JSON, about(v, ABOUT_OPTIONS) },
        { "selection", CELL_JSON, about(v, ABOUT_SELECTION) },
        { "parent", CELL_TEXT, about(v, ABOUT_PARENT) },
    };

    snprintf(number[0], NUMBER_BYTES, "%" PRId64, st->selected);
    snprintf(number[1], NUMBER_BYTES, "%" PRId64, st->left_out);
    snprintf(number[2], NUMBER_BYTES, "%" PRId64, st->published);
    snprintf(number[3], NUMBER_BYTES, "%" PRId64, st->results);
    snprintf(number[4], NUMBER_BYTES, "%.2f", st->rate_per_min);
    snprintf(number[5], NUMBER_BYTES, "%.0f", st->eta_s);
    return output_object(&v->call->config, fields, sizeof(fields) / sizeof(fields[0]), err);
}

/* ---- for people ---- */

static void failures_text(const struct view *v, char *out, size_t out_bytes)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < db_rows(v->reply, 1) && len < out_bytes; i++)
        len += (size_t)snprintf(out + len, out_bytes - len, "%s%s %s", i == 0 ? "" : ", ",
                                db_text(v->reply, 1, i, 1), db_text(v->reply, 1, i, 0));
}

static void items_text(const struct campaign_status *st, char out[LINE_BYTES])
{
    snprintf(out, LINE_BYTES,
             "%" PRId64 " of %" PRId64 " ended, %" PRId64 " results out, %" PRId64
             " running, %" PRId64 " waiting, %" PRId64 " parked",
             st->ended, st->selected, st->results, st->items[ITEM_RUNNING], st->items[ITEM_WAITING],
             st->items[ITEM_PARKED]);
}

static int print_table(const struct view *v, struct err *err)
{
    const struct campaign_status *st = &v->status;
    char items[LINE_BYTES], outcomes[LINE_BYTES], failures[LINE_BYTES];
    const struct output_field fields[] = {
        { "campaign", CELL_TEXT, st->id },
        { "name", CELL_TEXT, about(v, ABOUT_NAME) },
        { "state", CELL_STATE, st->state },
        { "because", CELL_TEXT, about(v, ABOUT_STATE_REASON) },
        { "by", CELL_TEXT, about(v, ABOUT_ACTOR) },
        { "reason", CELL_TEXT, about(v, ABOUT_REASON) },
        { "started", CELL_TEXT, about(v, ABOUT_CREATED) },
        { "ended", CELL_TEXT, about(v, ABOUT_ENDED) },
        { "items", CELL_TEXT, items },
        { "outcomes", CELL_TEXT, st->ended > 0 ? outcomes : NULL },
        { "failures", CELL_TEXT, db_rows(v->reply, 1) > 0 ? failures : NULL },
    };

    items_text(st, items);
    status_line(st, outcomes, sizeof(outcomes));
    failures_text(v, failures, sizeof(failures));
    return output_object(&v->call->config, fields, sizeof(fields) / sizeof(fields[0]), err);
}

static int run(struct call *c, struct err *err)
{
    struct view v = { .call = c };
    char id[UUID_TEXT_BYTES];
    int rc = -1;

    buf_init(&v.items, JSON_MAX_BYTES);
    buf_init(&v.failures, JSON_MAX_BYTES);
    if (session_ledger(&c->session, err) == 0 &&
        campaign_find(&c->session, c->options.positional[0], id, err) == 0 &&
        read_view(&v, id, err) == 0) {
        make_json(&v);
        rc = c->config.output == OUTPUT_TABLE ? print_table(&v, err) : print_object(&v, err);
    }
    db_reply_free(v.reply);
    buf_done(&v.items);
    buf_done(&v.failures);
    return rc;
}

const struct verb status_verb = {
    .name = "status",
    .operands = "CAMPAIGN",
    .help = "where a campaign stands: its state, its items, what failed and why",
    .examples = { "0197c2a4-2b1e-7c40-9b0a-5d2f6a1c00e1", "\"R 4.4\" -o json" },
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};

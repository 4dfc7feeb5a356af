/* items CAMPAIGN: what became of each, in the order of their rank. */
#include <string.h>

#include "common/ledger/db.h"
#include "producer/output.h"
#include "producer/query.h"
#include "producer/status.h"
#include "producer/verb.h"

struct items_config {
    struct option_list states, errors, guids;
    int64_t limit;
};

static const char *check_state(const char *text)
{
    for (int i = 0; i < ITEM_STATES; i++)
        if (strcmp(text, item_state_names[i]) == 0)
            return NULL;
    return "a state of an item: waiting, running, parked, succeeded, build_failed, access_failed, "
           "skipped, cancelled, expired or rejected";
}

#define AT(field) .offset = offsetof(struct items_config, field)

static const struct option_row rows[] = {
    { .name = "state",
      .type = OPT_LIST,
      AT(states),
      .metavar = "STATE,...",
      .check = check_state,
      .help = "only in these states" },
    { .name = "error",
      .type = OPT_LIST,
      AT(errors),
      .metavar = "CLASS,...",
      .help = "only with these error classes; build is every class that starts with build." },
    { .name = "guid",
      .letter = 'g',
      .type = OPT_LIST,
      AT(guids),
      .metavar = "GUID,...",
      .help = "only this content" },
    { .name = "limit",
      .type = OPT_INT,
      AT(limit),
      .metavar = "N",
      .min = 1,
      .max = 1000000000,
      .help = "at most this many" },
};

static const struct output_column columns[] = {
    { .name = "rank", .type = CELL_INT },
    { .name = "content_guid", .type = CELL_TEXT },
    { .name = "title", .type = CELL_TEXT },
    { .name = "app_mode", .type = CELL_TEXT },
    { .name = "state", .type = CELL_STATE },
    { .name = "attempts", .type = CELL_INT },
    { .name = "replica", .type = CELL_TEXT },
    { .name = "build_s", .type = CELL_NUM },
    { .name = "access_verdict", .type = CELL_TEXT },
    { .name = "error_class", .type = CELL_TEXT },
    { .name = "error_message", .type = CELL_TEXT },
    { .name = "request_id", .type = CELL_TEXT, .extra = true },
    { .name = "bundle_id", .type = CELL_TEXT, .extra = true },
    { .name = "bundle_built", .type = CELL_TEXT, .extra = true },
    { .name = "owner_username", .type = CELL_TEXT, .extra = true },
    { .name = "r_version", .type = CELL_TEXT, .extra = true },
    { .name = "py_version", .type = CELL_TEXT, .extra = true },
    { .name = "image_name", .type = CELL_TEXT, .extra = true },
    { .name = "access_type", .type = CELL_TEXT, .extra = true },
    { .name = "access_paths", .type = CELL_JSON, .extra = true },
    { .name = "groups", .type = CELL_JSON, .extra = true },
    { .name = "lane", .type = CELL_TEXT, .extra = true },
    { .name = "requested_at", .type = CELL_TEXT, .extra = true },
    { .name = "due", .type = CELL_TEXT, .extra = true },
    { .name = "ended_at", .type = CELL_TEXT, .extra = true },
    { .name = "published_at", .type = CELL_TEXT, .extra = true },
    { .name = "task_id", .type = CELL_TEXT, .extra = true },
};

static const char SQL[] =
    "select i.rank, i.content_guid, i.title, i.app_mode, i.state, i.attempts, a.replica,"
    " round(extract(epoch from coalesce(a.ended_at, now()) - a.intent_at), 3), i.access_verdict,"
    " i.error_class, i.error_message, i.request_id, i.bundle_id, i.bundle_built,"
    " i.owner_username, i.r_version, i.py_version, i.image_name, i.access_type,"
    " to_json(i.access_paths), to_json(i.groups), case i.lane when 1 then 'high' else 'normal' end,"
    " @rfc3339(i.requested_at), @rfc3339(i.due), @rfc3339(i.ended_at), @rfc3339(i.published_at),"
    " a.task_id from @item i left join lateral (select * from @attempt l"
    "   where l.request_id = i.request_id order by l.n desc, l.intent_at desc limit 1) a on true"
    " where i.campaign_id = $1::uuid and (cardinality($2::text[]) = 0 or i.state = any($2::text[]))"
    " and (cardinality($3::text[]) = 0 or i.error_class = any($3::text[])"
    "   or split_part(i.error_class, '.', 1) = any($3::text[]))"
    " and (cardinality($4::text[]) = 0 or i.content_guid::text = any(lower($4::text[]::text)::text[]))"
    " order by i.rank limit $5::bigint";

static int print(struct call *c, const char *id, struct err *err)
{
    const struct items_config *config = c->own;
    struct db_reply *reply = NULL;
    struct query q;
    int rc;

    query_init(&q);
    query_add(&q, "%s", SQL);
    query_param(&q, id);
    query_param_list(&q, config->states.items, config->states.n);
    query_param_list(&q, config->errors.items, config->errors.n);
    query_param_list(&q, config->guids.items, config->guids.n);
    query_param_int(&q, config->limit > 0 ? config->limit : INT64_MAX);
    rc = query_run(&q, &c->session, &reply, err);
    if (rc == 0)
        rc = output_reply(&c->config, columns, sizeof(columns) / sizeof(columns[0]), reply, err);
    db_reply_free(reply);
    query_done(&q);
    return rc;
}

static int run(struct call *c, struct err *err)
{
    char id[UUID_TEXT_BYTES];

    if (session_ledger(&c->session, err) != 0 ||
        campaign_find(&c->session, c->options.positional[0], id, err) != 0)
        return -1;
    return print(c, id, err);
}

const struct verb items_verb = {
    .name = "items",
    .operands = "CAMPAIGN",
    .help = "the items of a campaign, and what became of each",
    .examples = { "0197c2a4 --state build_failed,access_failed", "\"R 4.4\" --error build -o csv" },
    .rows = rows,
    .rows_n = sizeof(rows) / sizeof(rows[0]),
    .own_bytes = sizeof(struct items_config),
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};

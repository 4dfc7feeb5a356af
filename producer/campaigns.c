/* campaigns: the newest ones, with what became of their items. */
#include "common/ledger/db.h"
#include "producer/output.h"
#include "producer/query.h"
#include "producer/verb.h"

enum state_filter {
    STATE_ANY,
    STATE_LIVE,
    STATE_OPEN,
    STATE_PAUSED,
    STATE_CANCELLING,
    STATE_COMPLETED,
    STATE_CANCELLED
};

struct campaigns_config {
    int state; /* enum state_filter */
    int64_t since_ms;
    int64_t limit;
};

static const char *const states[] = {
    "any", "live", "open", "paused", "cancelling", "completed", "cancelled", NULL,
};

#define AT(field) .offset = offsetof(struct campaigns_config, field)

static const struct option_row rows[] = {
    { .name = "state",
      .type = OPT_CHOICE,
      AT(state),
      .choices = states,
      .fallback = "any",
      .help = "only in this state; live is whatever has not ended" },
    { .name = "since",
      .type = OPT_TIME,
      AT(since_ms),
      .relative = -1,
      .metavar = "TIME",
      .help = "only those that were started since then" },
    { .name = "limit",
      .type = OPT_INT,
      AT(limit),
      .metavar = "N",
      .fallback = "100",
      .min = 1,
      .max = 100000,
      .help = "at most this many, the newest ones" },
};

static const struct output_column columns[] = {
    { .name = "campaign_id", .type = CELL_TEXT },
    { .name = "name", .type = CELL_TEXT },
    { .name = "state", .type = CELL_STATE },
    { .name = "selected", .type = CELL_INT },
    { .name = "ended", .type = CELL_INT },
    { .name = "failed", .type = CELL_INT },
    { .name = "actor", .type = CELL_TEXT },
    { .name = "created_at", .type = CELL_TEXT },
    { .name = "ended_at", .type = CELL_TEXT },
    { .name = "reason", .type = CELL_TEXT, .extra = true },
    { .name = "lane", .type = CELL_TEXT, .extra = true },
    { .name = "left_out", .type = CELL_INT, .extra = true },
    { .name = "published", .type = CELL_INT, .extra = true },
    { .name = "results", .type = CELL_INT, .extra = true },
    { .name = "external", .type = CELL_BOOL, .extra = true },
    { .name = "state_reason", .type = CELL_TEXT, .extra = true },
    { .name = "parent", .type = CELL_TEXT, .extra = true },
};

static const char SQL[] =
    "select c.campaign_id, c.name, c.state, greatest(c.selected, n.items), n.ended, n.failed,"
    " c.actor, @rfc3339(c.created_at), @rfc3339(c.ended_at), c.reason,"
    " case c.lane when 1 then 'high' else 'normal' end, c.left_out,"
    " least(c.cursor_rank + 1, c.selected), n.results, c.external, c.state_reason, c.parent"
    " from (select * from @campaign where ($1 = 'any' or state = $1"
    "   or ($1 = 'live' and state in ('open', 'paused', 'cancelling')))"
    "   and ($2::timestamptz is null or created_at >= $2::timestamptz)"
    "   order by created_at desc limit $3::bigint) c"
    " cross join lateral (select count(*) as items, count(ended_at) as ended,"
    "   count(published_at) as results, count(*) filter (where ended_at is not null"
    "     and state not in ('succeeded', 'skipped')) as failed"
    "   from @item i where i.campaign_id = c.campaign_id) n order by c.created_at desc";

static int run(struct call *c, struct err *err)
{
    const struct campaigns_config *config = c->own;
    struct db_reply *reply = NULL;
    struct query q;
    int rc = -1;

    query_init(&q);
    query_add(&q, "%s", SQL);
    query_param(&q, states[config->state]);
    query_param_time(&q, config->since_ms);
    query_param_int(&q, config->limit);
    if (session_ledger(&c->session, err) == 0 && query_run(&q, &c->session, &reply, err) == 0)
        rc = output_reply(&c->config, columns, sizeof(columns) / sizeof(columns[0]), reply, err);
    db_reply_free(reply);
    query_done(&q);
    return rc;
}

const struct verb campaigns_verb = {
    .name = "campaigns",
    .operands = "",
    .help = "the campaigns, newest first",
    .examples = { "--state live", "--since 7d -o json" },
    .rows = rows,
    .rows_n = sizeof(rows) / sizeof(rows[0]),
    .own_bytes = sizeof(struct campaigns_config),
    .run = run,
};

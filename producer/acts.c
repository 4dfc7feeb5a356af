/* acts: who did what, and why; newest first. */
#include "common/ledger/db.h"
#include "producer/output.h"
#include "producer/query.h"
#include "producer/verb.h"

struct acts_config {
    char *act, *target;
    int64_t since_ms;
    int64_t limit;
};

#define AT(field) .offset = offsetof(struct acts_config, field)

static const struct option_row rows[] = {
    { .name = "act",
      .type = OPT_TEXT,
      AT(act),
      .metavar = "NAME",
      .help = "only these, such as enqueue, pause or topics.apply" },
    { .name = "target",
      .type = OPT_TEXT,
      AT(target),
      .metavar = "TEXT",
      .help = "only on this campaign, replica or topic" },
    { .name = "since",
      .type = OPT_TIME,
      AT(since_ms),
      .relative = -1,
      .metavar = "TIME",
      .help = "only since then" },
    { .name = "limit",
      .type = OPT_INT,
      AT(limit),
      .metavar = "N",
      .fallback = "1000",
      .min = 1,
      .max = 1000000,
      .help = "at most this many" },
};

static const struct output_column columns[] = {
    { .name = "at", .type = CELL_TEXT },
    { .name = "act", .type = CELL_TEXT },
    { .name = "target", .type = CELL_TEXT },
    { .name = "actor", .type = CELL_TEXT },
    { .name = "reason", .type = CELL_TEXT },
    { .name = "details", .type = CELL_JSON },
    { .name = "act_id", .type = CELL_INT, .extra = true },
};

static int run(struct call *c, struct err *err)
{
    static const char SQL[] = "select @rfc3339(at), act, target, actor, reason, details, act_id"
                              " from @act where ($1::text is null or act = $1)"
                              " and ($2::text is null or target = $2)"
                              " and ($3::timestamptz is null or at >= $3::timestamptz)"
                              " order by act_id desc limit $4::bigint";
    const struct acts_config *config = c->own;
    struct db_reply *reply = NULL;
    struct query q;
    int rc = -1;

    query_init(&q);
    query_add(&q, "%s", SQL);
    query_param(&q, config->act);
    query_param(&q, config->target);
    query_param_time(&q, config->since_ms);
    query_param_int(&q, config->limit);
    if (session_ledger(&c->session, err) == 0 && query_run(&q, &c->session, &reply, err) == 0)
        rc = output_reply(&c->config, columns, sizeof(columns) / sizeof(columns[0]), reply, err);
    db_reply_free(reply);
    query_done(&q);
    return rc;
}

const struct verb acts_verb = {
    .name = "acts",
    .operands = "",
    .help = "who did what, when, and why",
    .examples = { "--since 24h", "--act enqueue -o json" },
    .rows = rows,
    .rows_n = sizeof(rows) / sizeof(rows[0]),
    .own_bytes = sizeof(struct acts_config),
    .run = run,
};

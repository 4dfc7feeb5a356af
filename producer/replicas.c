/* replicas: where builds run, how many, and how many may. */
#include "common/ledger/db.h"
#include "producer/output.h"
#include "producer/verb.h"

static const struct output_column columns[] = {
    { .name = "name", .type = CELL_TEXT },
    { .name = "state", .type = CELL_STATE },
    { .name = "in_flight", .type = CELL_INT },
    { .name = "limit_now", .type = CELL_INT },
    { .name = "max_inflight", .type = CELL_INT },
    { .name = "start_rate", .type = CELL_NUM },
    { .name = "url", .type = CELL_TEXT },
    { .name = "set_by", .type = CELL_TEXT, .extra = true },
    { .name = "seen_s", .type = CELL_NUM, .extra = true },
};

static const char SQL[] =
    "select r.name, r.state, (select count(*) from @attempt a where a.replica = r.name"
    "   and a.ended_at is null), r.limit_now, r.max_inflight,"
    " case when r.start_interval_ms > 0 then round((1000 / r.start_interval_ms)::numeric, 3) end,"
    " r.url, r.set_by, round(extract(epoch from now() - r.seen_at), 1)"
    " from @replica r order by r.name";

static int run(struct call *c, struct err *err)
{
    struct db_reply *reply = NULL;
    int rc = -1;

    if (session_ledger(&c->session, err) == 0 &&
        session_query(&c->session, &(struct statement){ SQL, 0, NULL }, &reply, err) == 0)
        rc = output_reply(&c->config, columns, sizeof(columns) / sizeof(columns[0]), reply, err);
    db_reply_free(reply);
    return rc;
}

const struct verb replicas_verb = {
    .name = "replicas",
    .operands = "",
    .help = "the Connect replicas: builds that run, and limits",
    .examples = { "", "-o json" },
    .run = run,
};

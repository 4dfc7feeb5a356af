/* workers: the processes that have a row, and how lately they were seen. */
#include <stdio.h>

#include "common/base/limits.h"
#include "common/ledger/db.h"
#include "producer/output.h"
#include "producer/verb.h"

static const struct output_column columns[] = {
    { .name = "worker_id", .type = CELL_TEXT },
    { .name = "state", .type = CELL_STATE },
    { .name = "in_flight", .type = CELL_INT },
    { .name = "waiting", .type = CELL_INT },
    { .name = "partitions", .type = CELL_INT },
    { .name = "version", .type = CELL_TEXT },
    { .name = "started_at", .type = CELL_TEXT },
    { .name = "last_seen_s", .type = CELL_NUM },
    { .name = "listens", .type = CELL_BOOL, .extra = true },
};

/* One that has not been heard of for long is dead, whatever it said last. */
static const char SQL[] =
    "select worker_id, case when state <> 'stopped' and last_seen < now() - $1::bigint *"
    "   interval '1 ms' then 'dead' else state end, in_flight, waiting, partitions, version,"
    " @rfc3339(started_at), round(extract(epoch from now() - last_seen), 1), channel is not null"
    " from @worker order by state = 'stopped', worker_id";

static int run(struct call *c, struct err *err)
{
    char dead_ms[16];
    const char *params[] = { dead_ms };
    struct db_reply *reply = NULL;
    int rc = -1;

    snprintf(dead_ms, sizeof(dead_ms), "%d", WORKER_DEAD_MS);
    if (session_ledger(&c->session, err) == 0 &&
        session_query(&c->session, &(struct statement){ SQL, 1, params }, &reply, err) == 0)
        rc = output_reply(&c->config, columns, sizeof(columns) / sizeof(columns[0]), reply, err);
    db_reply_free(reply);
    return rc;
}

const struct verb workers_verb = {
    .name = "workers",
    .operands = "",
    .help = "the workers: their state, what they have in flight, when they were last seen",
    .examples = { "", "-o json" },
    .run = run,
};

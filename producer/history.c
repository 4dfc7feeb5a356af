/* history GUID: every attempt of one content, in all campaigns, newest first. */
#include "common/base/uuid.h"
#include "common/ledger/db.h"
#include "producer/output.h"
#include "producer/verb.h"

static const struct output_column columns[] = {
    { .name = "started_at", .type = CELL_TEXT },
    { .name = "campaign_id", .type = CELL_TEXT, .extra = true },
    { .name = "campaign", .type = CELL_TEXT },
    { .name = "attempt", .type = CELL_INT },
    { .name = "outcome", .type = CELL_STATE },
    { .name = "code", .type = CELL_INT },
    { .name = "build_s", .type = CELL_NUM },
    { .name = "replica", .type = CELL_TEXT },
    { .name = "task_id", .type = CELL_TEXT },
    { .name = "adopted", .type = CELL_INT },
    { .name = "error_class", .type = CELL_TEXT },
    { .name = "error_message", .type = CELL_TEXT },
    { .name = "request_id", .type = CELL_TEXT, .extra = true },
    { .name = "attempt_id", .type = CELL_TEXT, .extra = true },
    { .name = "bundle_id", .type = CELL_TEXT, .extra = true },
    { .name = "worker", .type = CELL_TEXT, .extra = true },
    { .name = "ended_at", .type = CELL_TEXT, .extra = true },
    { .name = "charged", .type = CELL_BOOL, .extra = true },
    { .name = "log_tail", .type = CELL_JSON, .extra = true },
};

static const char SQL[] =
    "select @rfc3339(a.intent_at), a.campaign_id, c.name, a.n, case when a.ended_at is null then"
    "   'running' when a.code = 0 then 'succeeded' when not a.charged then 'not_started'"
    "   else 'build_failed' end, a.code,"
    " round(extract(epoch from coalesce(a.ended_at, now()) - a.intent_at), 3), a.replica,"
    " a.task_id, a.adopted, a.error_class, a.error_message, a.request_id, a.attempt_id,"
    " a.bundle_id, a.worker_id, @rfc3339(a.ended_at), a.charged, to_json(a.log_tail)"
    " from @attempt a left join @campaign c on c.campaign_id = a.campaign_id"
    " where a.content_guid = $1::uuid order by a.intent_at desc, a.n desc";

static int run(struct call *c, struct err *err)
{
    const char *guid = c->options.positional[0];
    struct db_reply *reply = NULL;
    struct uuid parsed;
    int rc = -1;

    if (!uuid_parse(guid, &parsed))
        return err_set(err, ERR_CONFIG, "history: \"%.80s\" is not a content guid", guid);
    if (session_ledger(&c->session, err) == 0 &&
        session_query(&c->session, &(struct statement){ SQL, 1, &guid }, &reply, err) == 0)
        rc = output_reply(&c->config, columns, sizeof(columns) / sizeof(columns[0]), reply, err);
    db_reply_free(reply);
    return rc;
}

const struct verb history_verb = {
    .name = "history",
    .operands = "GUID",
    .help = "every attempt to build one content, in all campaigns",
    .examples = { "4ffc819c-065c-420c-88eb-332db1133317",
                  "4ffc819c-065c-420c-88eb-332db1133317 -o json" },
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};

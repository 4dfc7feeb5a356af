#include "worker/result_row.h"

#include <stdlib.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "worker/sql.h"
#include "worker/worker.h"

static char *text(const struct result_row *r, size_t col)
{
    return str_dup(db_text(r->reply, r->statement, r->row, col));
}

static int number(const struct result_row *r, size_t col)
{
    return (int)db_int(r->reply, r->statement, r->row, col);
}

static bool null(const struct result_row *r, size_t col)
{
    return db_null(r->reply, r->statement, r->row, col);
}

static void read_content(const struct result_row *r, struct content *c)
{
    c->guid = text(r, RES_GUID);
    c->bundle_id = text(r, RES_BUNDLE);
    c->app_mode = text(r, RES_APP_MODE);
    c->title = text(r, RES_TITLE);
    c->name = text(r, RES_NAME);
    c->owner_guid = text(r, RES_OWNER_GUID);
    c->owner_username = text(r, RES_OWNER);
    c->access_type = text(r, RES_ACCESS_TYPE);
    c->r_version = text(r, RES_R);
    c->py_version = text(r, RES_PY);
    c->quarto_version = text(r, RES_QUARTO);
    c->image_name = text(r, RES_IMAGE);
}

static void read_log(const struct result_row *r, struct result *res)
{
    ptrdiff_t n = -1;

    if (!null(r, RES_LOG))
        n = array_parse(db_text(r->reply, r->statement, r->row, RES_LOG), LOG_TAIL_LINES,
                        &res->log_tail);
    res->log_tail_n = n < 0 ? 0 : (size_t)n;
    res->log_truncated = db_bool(r->reply, r->statement, r->row, RES_LOG_CUT);
}

static void read_build(const struct result_row *r, struct result *res)
{
    res->attempt = number(r, RES_ATTEMPT);
    res->max_attempts = number(r, RES_MAX_ATTEMPTS);
    res->adopted = db_bool(r->reply, r->statement, r->row, RES_ADOPTED);
    res->replica = text(r, RES_REPLICA);
    res->task_id = text(r, RES_TASK);
    res->bundle_built = text(r, RES_BUNDLE_BUILT);
    res->requested_at = text(r, RES_REQUESTED_AT);
    res->started_at = text(r, RES_STARTED_AT);
    res->finished_at = text(r, RES_FINISHED_AT);
    res->queue_s = db_num(r->reply, r->statement, r->row, RES_QUEUE_S);
    res->build_s = db_num(r->reply, r->statement, r->row, RES_BUILD_S);
    res->has_code = !null(r, RES_CODE);
    res->code = number(r, RES_CODE);
    read_log(r, res);
}

/* A result without its checks is better than none. */
static void read_outcome(struct worker *w, const struct result_row *r, struct result *res)
{
    const struct part *part =
        parts_at(&w->parts, number(r, RES_PLACE_LANE), (int32_t)number(r, RES_PLACE_PARTITION));

    res->outcome = text(r, RES_STATE);
    res->access_verdict = text(r, RES_ACCESS);
    res->error_class = text(r, RES_CLASS);
    res->error_message = text(r, RES_MESSAGE);
    res->error_retryable = db_bool(r->reply, r->statement, r->row, RES_RETRYABLE);
    res->worker = text(r, RES_WORKER);
    res->worker_version = text(r, RES_WORKER_VERSION);
    res->server = str_dup(w->config->shared.connect_server);
    res->source = str_dup(w->source);
    if (part != NULL && !null(r, RES_PLACE_OFFSET)) {
        res->topic = str_dup(part->topic);
        res->partition = part->partition;
        res->offset = db_int(r->reply, r->statement, r->row, RES_PLACE_OFFSET);
    }
    if (access_checks_decode(db_text(r->reply, r->statement, r->row, RES_CHECKS), &res->checks,
                             &res->checks_n) != 0)
        log_error(
            "result.access_checks",
            LOG_FIELDS(LOG_S("request_id", db_text(r->reply, r->statement, r->row, RES_REQUEST))),
            "access_checks of this item is not what a worker writes there; its result goes out "
            "without them");
}

int result_row_read(struct worker *w, const struct result_row *row, struct result *ret,
                    struct err *err)
{
    struct result res = { .attempt = 0 };

    if (!uuid_parse(db_text(row->reply, row->statement, row->row, RES_REQUEST), &res.request_id) ||
        !uuid_parse(db_text(row->reply, row->statement, row->row, RES_CAMPAIGN), &res.campaign_id))
        return err_set(err, ERR_INTERNAL, "a result row without ids");
    res.campaign_name = text(row, RES_CAMPAIGN_NAME);
    res.reason = text(row, RES_REASON);
    res.actor = text(row, RES_ACTOR);
    read_content(row, &res.content);
    read_build(row, &res);
    read_outcome(w, row, &res);
    *ret = res;
    return 0;
}

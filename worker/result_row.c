#include "worker/result_row.h"

#include <stdlib.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "worker/sql.h"
#include "worker/worker.h"

/* A text that could not be copied must not look like one that the row does not have. */
struct reader {
    const struct db_reply *reply;
    size_t statement, row;
    bool no_memory;
};

static char *copy(struct reader *r, const char *text)
{
    char *copied = str_dup(text);

    if (text != NULL && copied == NULL)
        r->no_memory = true;
    return copied;
}

static const char *cell(const struct reader *r, size_t col)
{
    return db_text(r->reply, r->statement, r->row, col);
}

static char *text(struct reader *r, size_t col)
{
    return copy(r, cell(r, col));
}

static int number(const struct reader *r, size_t col)
{
    return (int)db_int(r->reply, r->statement, r->row, col);
}

static bool null(const struct reader *r, size_t col)
{
    return db_null(r->reply, r->statement, r->row, col);
}

static void read_content(struct reader *r, struct content *c)
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

static void read_log(struct reader *r, struct result *res)
{
    ptrdiff_t n = -1;

    if (!null(r, RES_LOG))
        n = array_parse(cell(r, RES_LOG), LOG_TAIL_LINES, &res->log_tail);
    res->log_tail_n = n < 0 ? 0 : (size_t)n;
    /* Lines that cannot be read are lines that are left out. */
    res->log_truncated =
        db_bool(r->reply, r->statement, r->row, RES_LOG_CUT) || (n < 0 && !null(r, RES_LOG));
}

static void read_build(struct reader *r, struct result *res)
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
static void read_checks(struct reader *r, struct result *res)
{
    struct err err = { .kind = ERR_NONE };

    if (access_checks_decode(cell(r, RES_CHECKS), &res->checks, &res->checks_n, &err) == 0)
        return;
    if (err.kind == ERR_INTERNAL)
        r->no_memory = true;
    else
        log_error(
            "result.access_checks", LOG_FIELDS(LOG_S("request_id", cell(r, RES_REQUEST))),
            "access_checks of this item is not what a worker writes there; its result goes out "
            "without them");
}

static void read_outcome(struct worker *w, struct reader *r, struct result *res)
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
    res->server = copy(r, w->config->shared.connect_server);
    res->source = copy(r, w->source);
    if (part != NULL && !null(r, RES_PLACE_OFFSET)) {
        res->topic = copy(r, part->topic);
        res->partition = part->partition;
        res->offset = db_int(r->reply, r->statement, r->row, RES_PLACE_OFFSET);
    }
    read_checks(r, res);
}

int result_row_read(struct worker *w, const struct result_row *row, struct result *ret,
                    struct err *err)
{
    struct reader r = { .reply = row->reply, .statement = row->statement, .row = row->row };
    struct result res = { .attempt = 0 };

    if (!uuid_parse(cell(&r, RES_REQUEST), &res.request_id) ||
        !uuid_parse(cell(&r, RES_CAMPAIGN), &res.campaign_id))
        return err_set(err, ERR_INTERNAL, "a result row without ids");
    res.campaign_name = text(&r, RES_CAMPAIGN_NAME);
    res.reason = text(&r, RES_REASON);
    res.actor = text(&r, RES_ACTOR);
    read_content(&r, &res.content);
    read_build(&r, &res);
    read_outcome(w, &r, &res);
    if (r.no_memory) {
        result_done(&res);
        return err_set(err, ERR_INTERNAL, "no memory for a result");
    }
    *ret = res;
    return 0;
}

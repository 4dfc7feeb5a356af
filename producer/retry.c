/* retry CAMPAIGN: items of a campaign once more, in a new one whose parent it is. What is selected
 * is a list, the parent's items in the order of their ranks and with their access paths; the rest
 * is `enqueue`. Policies that are not given are the parent's. */
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "producer/confirm.h"
#include "producer/enqueue.h"
#include "producer/given.h"
#include "producer/status.h"

struct retry_config {
    bool failed;
    struct option_list errors;
};

#define AT(field) .offset = offsetof(struct retry_config, field)

static const struct option_row rows[] = {
    { .name = "failed",
      .type = OPT_FLAG,
      AT(failed),
      .help = "what ended as build_failed or access_failed" },
    { .name = "error",
      .type = OPT_LIST,
      AT(errors),
      .metavar = "CLASS,...",
      .help = "what ended with these error classes; build is every class that starts with build." },
};

/* $1 campaign, $2 failed ones only, $3 error classes */
static const char SQL_ITEMS[] =
    "select content_guid, access_paths from @item where campaign_id = $1::uuid"
    " and ended_at is not null"
    " and (not $2::bool or state in ('build_failed', 'access_failed'))"
    " and (cardinality($3::text[]) = 0 or error_class = any($3::text[])"
    "   or split_part(error_class, '.', 1) = any($3::text[])) order by rank";

/* --max-failures as it was asked for: resuming raises what stands in the columns. */
static const char SQL_PARENT[] =
    "select name, lane, max_attempts, backoff_min_ms, backoff_max_ms, warm_up,"
    " coalesce(max_inflight, 0), case when start_interval_ms > 0 then 1000 / start_interval_ms"
    " else 0 end, options->>'max_failures', validate, on_complete, open_window"
    " from @campaign where campaign_id = $1::uuid";
enum {
    PARENT_NAME,
    PARENT_LANE,
    PARENT_ATTEMPTS,
    PARENT_BACKOFF_MIN,
    PARENT_BACKOFF_MAX,
    PARENT_WARM_UP,
    PARENT_INFLIGHT,
    PARENT_RATE,
    PARENT_FAILURES,
    PARENT_VALIDATE,
    PARENT_ON_COMPLETE,
    PARENT_WINDOW,
};

/* ---- policies ---- */

static bool given(const struct call *c, const char *option)
{
    return options_origin(&c->options, option) != ORIGIN_DEFAULT;
}

static void inherit_int(const struct call *c, const char *option, int64_t *field, int64_t value)
{
    if (!given(c, option))
        *field = value;
}

static bool inherit_text(const struct call *c, const char *option, char **field, const char *value)
{
    if (given(c, option) || value == NULL)
        return true;
    free(*field);
    *field = str_dup(value);
    return *field != NULL;
}

static void inherit_validate(struct call *c, const char *value)
{
    if (!given(c, "validate"))
        c->campaign.validate = str_equal(value, "off")      ? VALIDATE_OFF
                               : str_equal(value, "strict") ? VALIDATE_STRICT
                                                            : VALIDATE_AUTO;
}

static int inherit(struct call *c, const struct db_reply *reply, struct err *err)
{
    struct campaign_config *p = &c->campaign;

    if (!given(c, "lane"))
        p->lane = db_int(reply, 0, 0, PARENT_LANE) != 0 ? LANE_HIGH : LANE_NORMAL;
    if (!given(c, "backoff"))
        p->backoff = (struct option_span){ db_int(reply, 0, 0, PARENT_BACKOFF_MIN),
                                           db_int(reply, 0, 0, PARENT_BACKOFF_MAX) };
    if (!given(c, "start-rate"))
        p->start_rate = db_num(reply, 0, 0, PARENT_RATE);
    inherit_int(c, "max-attempts", &p->max_attempts, db_int(reply, 0, 0, PARENT_ATTEMPTS));
    inherit_int(c, "warm-up", &p->warm_up, db_int(reply, 0, 0, PARENT_WARM_UP));
    inherit_int(c, "max-inflight", &p->max_inflight, db_int(reply, 0, 0, PARENT_INFLIGHT));
    inherit_validate(c, db_text(reply, 0, 0, PARENT_VALIDATE));
    if (inherit_text(c, "name", &p->name, db_text(reply, 0, 0, PARENT_NAME)) &&
        inherit_text(c, "max-failures", &p->max_failures, db_text(reply, 0, 0, PARENT_FAILURES)) &&
        inherit_text(c, "on-complete", &p->on_complete, db_text(reply, 0, 0, PARENT_ON_COMPLETE)) &&
        inherit_text(c, "window", &p->window, db_text(reply, 0, 0, PARENT_WINDOW)))
        return 0;
    return err_set(err, ERR_INTERNAL, "no memory for the policies of the campaign");
}

static int read_policies(struct call *c, const char *id, struct err *err)
{
    struct db_reply *reply = NULL;
    int rc;

    if (session_query(&c->session, &(struct statement){ SQL_PARENT, 1, &id }, &reply, err) != 0)
        return -1;
    rc = inherit(c, reply, err);
    db_reply_free(reply);
    return rc;
}

/* ---- which items ---- */

static int add_item(struct select_list *l, const struct db_reply *reply, size_t row,
                    struct err *err)
{
    struct listed entry = { .bundle = NULL };
    char **paths = NULL;
    ptrdiff_t n = array_parse(db_text(reply, 0, row, 1), ACCESS_PATHS_MAX, &paths);
    int rc = uuid_parse(db_text(reply, 0, row, 0), &entry.guid)
                 ? 0
                 : err_set(err, ERR_INTERNAL, "the ledger holds a bad content guid");

    for (ptrdiff_t i = 0; rc == 0 && i < n; i++)
        if (paths[i] != NULL)
            rc = listed_path(&entry, paths[i], strlen(paths[i]), err);
    if (n > 0)
        array_free(paths, (size_t)n);
    if (rc == 0)
        return select_list_add(l, &entry, err);
    listed_done(&entry);
    return -1;
}

static int read_items(struct enqueue *e, struct select_list *ret, struct err *err)
{
    const struct retry_config *config = e->call->own;
    struct db_reply *reply = NULL;
    struct query q;
    int rc;

    query_init(&q);
    query_add(&q, "%s", SQL_ITEMS);
    query_param(&q, e->parent);
    query_param(&q, config->failed ? "true" : "false");
    query_param_list(&q, config->errors.items, config->errors.n);
    rc = query_run(&q, &e->call->session, &reply, err);
    for (size_t row = 0; rc == 0 && row < db_rows(reply, 0); row++)
        rc = add_item(ret, reply, row, err);
    db_reply_free(reply);
    query_done(&q);
    return rc;
}

static int by_guid(const void *a, const void *b)
{
    return memcmp(&((const struct listed *)a)->guid, &((const struct listed *)b)->guid,
                  sizeof(struct uuid));
}

static void take_paths(struct listed *entry, struct listed *from)
{
    entry->paths = from->paths;
    entry->paths_n = from->paths_n;
    from->paths = NULL;
    from->paths_n = 0;
}

/* Of the content that was named only what the campaign has, in the order in which it was named. */
static void keep_common(struct select_list *named, struct select_list *items)
{
    size_t kept = 0;

    qsort(items->items, items->n, sizeof(*items->items), by_guid);
    for (size_t i = 0; i < named->n; i++) {
        struct listed *entry = &named->items[i];
        struct listed *item =
            items->n == 0 ? NULL : bsearch(entry, items->items, items->n, sizeof(*entry), by_guid);

        if (item == NULL) {
            listed_done(entry);
            continue;
        }
        if (entry->paths_n == 0)
            take_paths(entry, item);
        named->items[kept++] = *entry;
    }
    named->n = kept;
}

static int narrow(struct enqueue *e, struct err *err)
{
    struct select_list items = { .given = true };

    if (read_items(e, &items, err) != 0) {
        select_list_done(&items);
        return -1;
    }
    if (e->list.given) {
        keep_common(&e->list, &items);
        select_list_done(&items);
    } else {
        select_list_done(&e->list);
        e->list = items;
    }
    return 0;
}

/* ---- the verb ---- */

static bool filters(const struct call *c)
{
    struct buf b;
    bool any;

    buf_init(&b, GIVEN_MAX_BYTES);
    given_json(&c->options, &c->select, false, &b);
    any = strcmp(buf_str(&b), "{}") != 0;
    buf_done(&b);
    return any;
}

static int check(const struct call *c, struct err *err)
{
    const struct retry_config *config = c->own;

    if (!config->failed && config->errors.n == 0 && !filters(c))
        return err_set(
            err, ERR_CONFIG,
            "retry: say what of the campaign is built again: --failed, --error CLASS, or "
            "filters");
    return c->enqueue.dry_run ? 0 : confirm_possible(&c->session, "retry", err);
}

static int run(struct call *c, struct err *err)
{
    struct enqueue e = { .call = c, .narrow = narrow };

    if (check(c, err) != 0 || session_ledger(&c->session, err) != 0 ||
        campaign_find(&c->session, c->options.positional[0], e.parent, err) != 0 ||
        read_policies(c, e.parent, err) != 0)
        return -1;
    return enqueue_run(&e, err);
}

const struct verb retry_verb = {
    .name = "retry",
    .operands = "CAMPAIGN",
    .help = "builds items of a campaign again, in a new campaign with the same policies",
    .examples = { "\"R 4.4\" --failed --reason \"the repository is up again\" --wait",
                  "0197c2a4 --error build.timeout,replica --content-type shiny -y -o json" },
    .takes = TAKES_SELECT | TAKES_CAMPAIGN | TAKES_ENQUEUE,
    .rows = rows,
    .rows_n = sizeof(rows) / sizeof(rows[0]),
    .own_bytes = sizeof(struct retry_config),
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};

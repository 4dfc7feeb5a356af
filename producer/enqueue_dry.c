/* --dry-run: what would be done, and how long it may take. Changes nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "common/record/json_out.h"
#include "common/record/request.h"
#include "producer/enqueue.h"
#include "producer/output.h"

#define BREAKDOWN_MAX_BYTES (1024 * 1024) /* counts of ten thousand owners */
#define NUMBER_BYTES        24

static const char *const kinds[] = { "app_modes", "runtimes", "owners", "skips" };
#define KINDS_N (sizeof(kinds) / sizeof(kinds[0]))

/* What a worker would find nothing to do for; the item then ends as skipped. */
static const char SQL_BREAKDOWN[] =
    " select 'app_modes', coalesce(app_mode, 'unknown'), count(*) from chosen group by 2"
    " union all select 'runtimes', g, count(*) from chosen, unnest(groups) g group by 2"
    " union all select 'owners', coalesce(owner_username, owner_guid, '-'), count(*) from chosen"
    "   group by 2"
    " union all select 'skips', case when bundle_id is null then 'no_bundle' when locked then"
    "   'locked' else 'nothing_to_restore' end, count(*) from chosen where bundle_id is null"
    "   or locked or coalesce(app_mode, 'unknown') in ('static', 'unknown') group by 2"
    " order by 1, 3 desc, 2";

/* Builds at once at present, and the mean of the newest good builds. */
static const char SQL_SPEED[] =
    "select (select coalesce(sum(limit_now), 0) from @replica where state = 'active'),"
    " (select coalesce(avg(extract(epoch from ended_at - intent_at)), 0) from (select ended_at,"
    "   intent_at from @attempt where ended_at is not null and code = 0"
    "   order by ended_at desc limit 1000) a)";

struct dry {
    struct enqueue *e;
    struct db_reply *rows; /* kind, name, count */
    int64_t slots;
    double build_s;
    double estimate_s; /* -1: not known */
};

static int64_t skips(const struct dry *d)
{
    int64_t n = 0;

    for (size_t i = 0; i < db_rows(d->rows, 0); i++)
        if (str_equal(db_text(d->rows, 0, i, 0), "skips"))
            n += db_int(d->rows, 0, i, 2);
    return n;
}

/* Before the first worker has come, the limits are those of the configuration. */
static void configured_slots(const struct call *c, struct dry *d)
{
    struct replica_address *list = NULL;
    size_t n = 0;
    bool dns = false;

    if (shared_replicas(&c->config.shared, &list, &n, &dns, NULL) != 0)
        return;
    d->slots = dns ? 0 : (int64_t)n * c->config.shared.replica_max_inflight;
    free(list);
}

static int estimate(struct dry *d, struct err *err)
{
    struct call *c = d->e->call;
    struct db_reply *reply = NULL;
    int64_t builds = d->e->selected - skips(d), slots;

    if (session_query(&c->session, &(struct statement){ SQL_SPEED, 0, NULL }, &reply, err) != 0)
        return -1;
    d->slots = db_int(reply, 0, 0, 0);
    d->build_s = db_num(reply, 0, 0, 1);
    db_reply_free(reply);
    if (d->slots == 0)
        configured_slots(c, d);
    slots = d->slots;
    if (c->campaign.max_inflight > 0 && c->campaign.max_inflight < slots)
        slots = c->campaign.max_inflight;
    d->estimate_s = slots > 0 && d->build_s > 0 ? (double)builds * d->build_s / (double)slots : -1;
    return 0;
}

static int break_down(struct dry *d, struct err *err)
{
    struct query q;
    int rc = -1;

    query_init(&q);
    query_add(&q, "with ");
    if (enqueue_choose(d->e, &q, err) == 0) {
        query_add(&q, "%s", SQL_BREAKDOWN);
        rc = query_run(&q, &d->e->call->session, &d->rows, err);
    }
    query_done(&q);
    return rc;
}

/* ---- telling ---- */

static void breakdown_json(const struct dry *d, const char *kind, struct buf *out)
{
    bool first = true;

    buf_char_add(out, '{');
    for (size_t i = 0; i < db_rows(d->rows, 0); i++) {
        if (!str_equal(db_text(d->rows, 0, i, 0), kind))
            continue;
        buf_str_add(out, first ? "" : ",");
        output_json_text(out, db_text(d->rows, 0, i, 1));
        buf_printf(out, ":%s", db_text(d->rows, 0, i, 2));
        first = false;
    }
    buf_char_add(out, '}');
}

static int print_object(const struct dry *d, struct err *err)
{
    const struct enqueue *e = d->e;
    struct buf json[KINDS_N];
    char number[7][NUMBER_BYTES];
    struct output_field fields[12] = {
        { "dry_run", CELL_BOOL, "t" },        { "selected", CELL_INT, number[0] },
        { "left_out", CELL_INT, number[1] },  { "left_out_open", CELL_INT, number[2] },
        { "not_found", CELL_INT, number[3] }, { "slots", CELL_INT, number[4] },
        { "build_s", CELL_NUM, number[5] },   { "estimate_s", CELL_NUM, number[6] },
    };
    int rc;

    snprintf(number[0], NUMBER_BYTES, "%" PRId64, e->selected);
    snprintf(number[1], NUMBER_BYTES, "%" PRId64, e->left_open + e->left_reprocess);
    snprintf(number[2], NUMBER_BYTES, "%" PRId64, e->left_open);
    snprintf(number[3], NUMBER_BYTES, "%" PRId64, e->not_found);
    snprintf(number[4], NUMBER_BYTES, "%" PRId64, d->slots);
    snprintf(number[5], NUMBER_BYTES, "%.1f", d->build_s);
    snprintf(number[6], NUMBER_BYTES, "%.0f", d->estimate_s);
    if (d->estimate_s < 0)
        fields[6].text = fields[7].text = NULL;
    for (size_t i = 0; i < KINDS_N; i++) {
        buf_init(&json[i], BREAKDOWN_MAX_BYTES);
        breakdown_json(d, kinds[i], &json[i]);
        fields[8 + i] = (struct output_field){ kinds[i], CELL_JSON, buf_str(&json[i]) };
    }
    rc = output_object(&e->call->config, fields, 12, err);
    for (size_t i = 0; i < KINDS_N; i++)
        buf_done(&json[i]);
    return rc;
}

static int print_table(const struct dry *d, struct err *err)
{
    static const struct output_column columns[] = {
        { .name = "kind", .type = CELL_TEXT },
        { .name = "name", .type = CELL_TEXT },
        { .name = "items", .type = CELL_INT },
    };
    const struct enqueue *e = d->e;

    printf("%" PRId64 " items would be enqueued, %" PRId64
           " of them with nothing to rebuild; %" PRId64 " are left out, %" PRId64
           " because a request for them is open\n",
           e->selected, skips(d), e->left_open + e->left_reprocess, e->left_open);
    if (d->estimate_s >= 0)
        printf("about %.0f min at %" PRId64 " builds at once, %.1f s each\n", d->estimate_s / 60,
               d->slots, d->build_s);
    else
        printf("how long it takes is not known: no build has ended yet, or no replica is known\n");
    return output_reply(&e->call->config, columns, 3, d->rows, err);
}

/* ---- -o jsonl: the messages themselves ---- */

static const char SQL_MESSAGES[] =
    " select @request_id($1::uuid, guid), rank, guid, bundle_id, app_mode, title, name,"
    " owner_guid, owner_username, access_type, r_version, py_version, quarto_version, image_name,"
    " access_paths from chosen order by rank";

static void read_content(struct content *c, const struct db_reply *rows, size_t row)
{
    char **const texts[] = {
        &c->guid,      &c->bundle_id,  &c->app_mode,       &c->title,
        &c->name,      &c->owner_guid, &c->owner_username, &c->access_type,
        &c->r_version, &c->py_version, &c->quarto_version, &c->image_name,
    };
    ptrdiff_t n;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        *texts[i] = str_dup(db_text(rows, 0, row, 2 + i));
    n = array_parse(db_text(rows, 0, row, 14), ACCESS_PATHS_MAX, &c->access_paths);
    c->access_paths_n = n < 0 ? 0 : (size_t)n;
}

static int print_message(const struct enqueue *e, const struct db_reply *rows, size_t row,
                         struct err *err)
{
    const struct campaign_config *config = &e->call->campaign;
    char now[CLOCK_RFC3339_BYTES];
    struct request r = { .campaign_id = e->campaign_id,
                         .source = str_dup(e->source),
                         .campaign_name = str_dup(config->name),
                         .reason = str_dup(config->reason),
                         .actor = str_dup(config->actor),
                         .rank = db_int(rows, 0, row, 1),
                         .high_lane = config->lane == LANE_HIGH,
                         .requested_at = str_dup(clock_format_rfc3339(clock_wall_ms(), now)) };
    struct buf b;
    int rc;

    if (!uuid_parse(db_text(rows, 0, row, 0), &r.request_id))
        r.request_id = (struct uuid){ .b = { 0 } };
    read_content(&r.content, rows, row);
    buf_init(&b, REQUEST_MAX_BYTES);
    rc = request_encode(&r, &b, err);
    if (rc == 0)
        puts(buf_str(&b));
    buf_done(&b);
    request_done(&r);
    return rc;
}

static int print_messages(struct enqueue *e, struct err *err)
{
    struct db_reply *rows = NULL;
    struct query q;
    int rc = -1;

    query_init(&q);
    query_param(&q, e->campaign_text);
    query_add(&q, "with ");
    if (enqueue_choose(e, &q, err) == 0) {
        query_add(&q, "%s", SQL_MESSAGES);
        rc = query_run(&q, &e->call->session, &rows, err);
    }
    for (size_t i = 0; rc == 0 && i < db_rows(rows, 0); i++)
        rc = print_message(e, rows, i, err);
    db_reply_free(rows);
    query_done(&q);
    return rc;
}

int enqueue_dry_run(struct enqueue *e, struct err *err)
{
    struct dry d = { .e = e };
    int rc = -1;

    if (e->call->config.output == OUTPUT_JSONL)
        return print_messages(e, err);
    if (enqueue_count(e, err) == 0 && break_down(&d, err) == 0 && estimate(&d, err) == 0)
        rc = e->call->config.output == OUTPUT_TABLE ? print_table(&d, err) : print_object(&d, err);
    db_reply_free(d.rows);
    return rc;
}

/* limit: how much may run at once, and how fast builds may start; of one campaign, or of replicas,
 * for all workers and from now on. What a person sets on a replica counts before the workers'
 * configuration (SQL_REPLICA_REGISTER of worker/sql.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/str.h"
#include "common/ledger/db.h"
#include "producer/output.h"
#include "producer/status.h"
#include "producer/steer.h"

#define OPERANDS_MAX         64 /* REPLICA=N each */
#define REPLICA_INFLIGHT_MAX 1000
#define NUMBER_BYTES         32

struct limit_config {
    int64_t max_inflight;
    double start_rate;
    bool drain, reset;
};

#define AT(field) .offset = offsetof(struct limit_config, field)

static const struct option_row rows[] = {
    { .name = "max-inflight",
      .type = OPT_INT,
      AT(max_inflight),
      .metavar = "N",
      .max = 100000,
      .help = "builds at once; 0: of a campaign as many as there are slots, on a replica none" },
    { .name = "start-rate",
      .type = OPT_RATE,
      AT(start_rate),
      .metavar = "N/s",
      .help = "builds that start per s, m or h; 0 is unlimited" },
    { .name = "drain",
      .type = OPT_FLAG,
      AT(drain),
      .help = "a replica gets no new builds until its next `limit`" },
    { .name = "reset",
      .type = OPT_FLAG,
      AT(reset),
      .help =
          "a replica's limits are those of the configuration with which the next worker starts" },
};

static const struct output_column columns[] = {
    { .name = "kind", .type = CELL_TEXT },
    { .name = "name", .type = CELL_TEXT },
    { .name = "state", .type = CELL_STATE },
    { .name = "max_inflight", .type = CELL_INT },
    { .name = "start_rate", .type = CELL_NUM },
    { .name = "was_max_inflight", .type = CELL_INT },
    { .name = "was_start_rate", .type = CELL_NUM },
};

/* The shared part of both statements: builds per second of an interval in ms. */
#define RATE(interval) \
    "case when " interval " > 0 then round((1000 / " interval ")::numeric, 3) end"

/* $1 name, $2 max (null: as it is), $3 start interval in ms (the same), $4 drain, $5 reset,
 * $6 actor, $7 reason. Limits of people count at once, so a back-off begins anew from there. */
static const char SQL_REPLICA[] =
    "with was as (select * from @replica where name = $1 for update),"
    " done as (update @replica r set max_inflight = coalesce($2::int, r.max_inflight),"
    "   limit_now = coalesce($2::int, r.limit_now), limit_changed_at = now(),"
    "   start_interval_ms = coalesce($3::float8, r.start_interval_ms),"
    "   next_start = least(r.next_start, now() + coalesce($3::float8, r.start_interval_ms)"
    "     * interval '1 ms'),"
    "   state = case when $4::bool then 'draining' when r.state = 'draining' then 'active'"
    "     else r.state end,"
    "   set_by = case when $5::bool then null else $6 end from was where r.name = was.name"
    "   returning r.*),"
    " deed as (insert into @act (act, target, details, actor, reason) select 'limit', d.name,"
    "   jsonb_build_object('max_inflight', d.max_inflight, 'was_max_inflight', w.max_inflight,"
    "   'start_rate', " RATE(
        "d.start_interval_ms") ", 'state', d.state, 'reset', $5::bool),"
                               "   $6, $7 from done d join was w using (name))"
                               " select 'replica', d.name, d.state, d.max_inflight, " RATE(
                                   "d.start_interval_ms") ","
                                                          " w.max_inflight, " RATE(
                                                              "w.start_interval_ms") " from done d join was w using (name)";

/* $1 campaign, $2 and $3 as above, with $2 = 0 for no limit, $4 actor, $5 reason */
static const char SQL_CAMPAIGN[] =
    "with was as (select * from @campaign where campaign_id = $1::uuid"
    "   and state in ('open', 'paused') for update),"
    " done as (update @campaign c set"
    "   max_inflight = case when $2::int is null then c.max_inflight else nullif($2::int, 0) end,"
    "   start_interval_ms = coalesce($3::float8, c.start_interval_ms),"
    "   next_start = least(c.next_start, now() + coalesce($3::float8, c.start_interval_ms)"
    "     * interval '1 ms') from was where c.campaign_id = was.campaign_id returning c.*),"
    " deed as (insert into @act (act, target, details, actor, reason) select 'limit',"
    "   d.campaign_id::text, jsonb_build_object('name', d.name, 'max_inflight', d.max_inflight,"
    "   'was_max_inflight', w.max_inflight, 'start_rate', " RATE(
        "d.start_interval_ms") "),"
                               "   $4, $5 from done d join was w using (campaign_id))"
                               " select 'campaign', coalesce(d.name, d.campaign_id::text), d.state, d.max_inflight,"
                               " " RATE("d.start_interval_ms") ", w.max_inflight, " RATE(
                                   "w.start_interval_ms") " from done d join was w using (campaign_id)";

/* What one operand means. */
struct aim {
    const char *text;
    char replica[64]; /* "": a campaign */
    bool sets_max;    /* REPLICA=N */
    int64_t max;
};

/* ---- what is meant ---- */

/* NAME=N. A campaign's name may have a "=" in it, too. */
static bool split(const char *text, struct aim *ret)
{
    const char *equals = strrchr(text, '=');
    size_t len = equals == NULL ? 0 : (size_t)(equals - text);

    if (len == 0 || len >= sizeof(ret->replica) ||
        !str_to_i64(equals + 1, 0, REPLICA_INFLIGHT_MAX, &ret->max))
        return false;
    memcpy(ret->replica, text, len);
    ret->replica[len] = '\0';
    ret->sets_max = true;
    return true;
}

static int replica_exists(struct call *c, const char *name, bool *ret, struct err *err)
{
    static const char SQL[] = "select 1 from @replica where name = $1";
    struct db_reply *reply = NULL;

    if (session_query(&c->session, &(struct statement){ SQL, 1, &name }, &reply, err) != 0)
        return -1;
    *ret = db_rows(reply, 0) > 0;
    db_reply_free(reply);
    return 0;
}

static int aim_at(struct call *c, const char *text, struct aim *ret, struct err *err)
{
    bool exists;

    *ret = (struct aim){ .text = text };
    if (split(text, ret)) {
        if (replica_exists(c, ret->replica, &exists, err) != 0)
            return -1;
        if (exists)
            return 0;
        return err_set(err, ERR_CONFIG,
                       "there is no replica \"%s\": `rebuild-producer replicas` lists them",
                       ret->replica);
    }
    if (replica_exists(c, text, &exists, err) != 0)
        return -1;
    if (exists)
        str_copy(ret->replica, sizeof(ret->replica), text);
    return 0;
}

static bool given(const struct call *c, const char *option)
{
    return options_origin(&c->options, option) != ORIGIN_DEFAULT;
}

static bool any_given(const struct call *c)
{
    const struct limit_config *config = c->own;

    return given(c, "max-inflight") || given(c, "start-rate") || config->drain || config->reset;
}

static int check_aim(const struct call *c, const struct aim *aim, struct err *err)
{
    const struct limit_config *config = c->own;

    if (aim->sets_max && given(c, "max-inflight"))
        return err_set(err, ERR_CONFIG, "limit: \"%.80s\" and --max-inflight contradict each other",
                       aim->text);
    if (!aim->sets_max && !any_given(c))
        return err_set(err, ERR_CONFIG,
                       "limit: say what \"%.80s\" may: --max-inflight N, --start-rate N/s, or "
                       "REPLICA=N",
                       aim->text);
    if (aim->replica[0] == '\0' && (config->drain || config->reset))
        return err_set(err, ERR_CONFIG,
                       "limit: --drain and --reset are for replicas, and \"%.80s\" is none",
                       aim->text);
    if (aim->replica[0] != '\0' && config->max_inflight > REPLICA_INFLIGHT_MAX)
        return err_set(err, ERR_CONFIG, "option --max-inflight: of a replica it is from 0 to %d",
                       REPLICA_INFLIGHT_MAX);
    return 0;
}

static int check_options(const struct call *c, struct err *err)
{
    const struct limit_config *config = c->own;

    if (config->reset && (config->drain || given(c, "max-inflight") || given(c, "start-rate")))
        return err_set(err, ERR_CONFIG, "limit: --reset stands alone");
    return 0;
}

/* ---- what is written ---- */

/* NULL, which leaves it as it is, or the interval between two starts in ms. */
static const char *interval(const struct call *c, char out[NUMBER_BYTES])
{
    const struct limit_config *config = c->own;

    if (!given(c, "start-rate"))
        return NULL;
    snprintf(out, NUMBER_BYTES, "%.6f", config->start_rate > 0 ? 1000.0 / config->start_rate : 0);
    return out;
}

static const char *most(const struct call *c, const struct aim *aim, char out[NUMBER_BYTES])
{
    const struct limit_config *config = c->own;

    if (!aim->sets_max && !given(c, "max-inflight"))
        return NULL;
    snprintf(out, NUMBER_BYTES, "%" PRId64, aim->sets_max ? aim->max : config->max_inflight);
    return out;
}

static int add_replica(struct call *c, const struct aim *aim, struct db_unit *unit, struct err *err)
{
    const struct limit_config *config = c->own;
    char max[NUMBER_BYTES], start[NUMBER_BYTES];
    const char *params[] = { aim->replica,
                             most(c, aim, max),
                             interval(c, start),
                             config->drain ? "true" : "false",
                             config->reset ? "true" : "false",
                             call_actor(c, err),
                             c->act.reason };

    if (params[5] == NULL)
        return -1;
    db_add(unit, SQL_REPLICA, 7, params);
    return 0;
}

static int add_campaign(struct call *c, const struct aim *aim, struct db_unit *unit,
                        struct err *err)
{
    char id[UUID_TEXT_BYTES], max[NUMBER_BYTES], start[NUMBER_BYTES];
    const char *params[] = { id, most(c, aim, max), interval(c, start), call_actor(c, err),
                             c->act.reason };

    if (params[3] == NULL || campaign_find(&c->session, aim->text, id, err) != 0)
        return -1;
    db_add(unit, SQL_CAMPAIGN, 5, params);
    return 0;
}

static int add_operand(struct call *c, const char *text, struct db_unit *unit, struct err *err)
{
    struct aim aim;

    if (aim_at(c, text, &aim, err) != 0 || check_aim(c, &aim, err) != 0)
        return -1;
    return aim.replica[0] != '\0' ? add_replica(c, &aim, unit, err)
                                  : add_campaign(c, &aim, unit, err);
}

static int print(const struct call *c, const struct db_reply *reply, struct err *err)
{
    const size_t n = sizeof(columns) / sizeof(columns[0]);
    const char *cells[sizeof(columns) / sizeof(columns[0])];
    struct output *out = output_open(&c->config, columns, n, err);

    if (out == NULL)
        return -1;
    for (size_t i = 0; i < c->options.positional_n; i++) {
        for (size_t col = 0; col < n; col++)
            cells[col] = db_text(reply, i, 0, col);
        output_row(out, cells);
    }
    return output_close(out, err);
}

/* A campaign that has ended is the one thing that the statements leave alone. */
static int judge(const struct call *c, const struct db_reply *reply, struct err *err)
{
    for (size_t i = 0; i < c->options.positional_n; i++)
        if (db_rows(reply, i) == 0)
            return err_set(err, ERR_REFUSED,
                           "the campaign \"%.80s\" is cancelled or has ended: it has no limits any "
                           "more",
                           c->options.positional[i]);
    return 0;
}

static int run(struct call *c, struct err *err)
{
    struct db_reply *reply = NULL;
    struct db_unit *unit;
    int rc = 0;

    if (check_options(c, err) != 0 || session_ledger(&c->session, err) != 0)
        return -1;
    unit = db_unit_new();
    if (unit == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a statement");
    for (size_t i = 0; rc == 0 && i < c->options.positional_n; i++)
        rc = add_operand(c, c->options.positional[i], unit, err);
    if (rc != 0) {
        db_unit_free(unit);
        return -1;
    }
    steer_tell(unit);
    checkpoint("limit.write");
    if (session_run(&c->session, unit, &reply, err) != 0)
        return -1;
    rc = judge(c, reply, err);
    if (rc == 0)
        rc = print(c, reply, err);
    db_reply_free(reply);
    return rc;
}

const struct verb limit_verb = {
    .name = "limit",
    .operands = "CAMPAIGN|REPLICA[=N]...",
    .help = "how many builds of a campaign, or on a replica, run at once, from now on",
    .examples = { "connect-0=2 connect-1=2 --reason \"people are at work\"",
                  "\"R 4.4\" --max-inflight 10 --start-rate 30/m" },
    .takes = TAKES_REASON,
    .rows = rows,
    .rows_n = sizeof(rows) / sizeof(rows[0]),
    .own_bytes = sizeof(struct limit_config),
    .operands_min = 1,
    .operands_max = OPERANDS_MAX,
    .run = run,
};

/* pause, resume, cancel: the state of one campaign, or of all that are live. What state may follow
 * which stands in common/record/campaign_state.c. */
#include "producer/steer.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/checkpoint.h"
#include "common/base/str.h"
#include "common/ledger/db.h"
#include "common/ledger/notify.h"
#include "common/record/campaign_state.h"
#include "producer/confirm.h"
#include "producer/output.h"
#include "producer/status.h"

#define SENTENCE_BYTES 512

struct steer_config {
    bool all;
};

/* What differs between the three. */
struct change {
    const char *name; /* the verb */
    const char *done; /* "paused" */
    enum campaign_state to;
    const char *set;   /* SQL: what is written; w is the row before, f its failures */
    const char *again; /* SQL: rows that are in the state already and are written all the same */
};

/* Who paused it is the reason, so that a window that opens does not take a person's word back. */
static const struct change pause_change = {
    .name = "pause",
    .done = "paused",
    .to = CAMPAIGN_PAUSED,
    .set = "state = 'paused', state_reason = 'paused by ' || $4 || coalesce(': ' || $5, '')",
    .again = "w.state = 'paused' and coalesce(w.state_reason, '') not like 'paused by %'",
};

/* Outside its window it stays paused and opens by itself. Failures so far are forgiven: as many as
 * --max-failures says may come again. */
#define OPENS "(c.open_window is null or @window_is_open(c.open_window, now()))"
static const struct change resume_change = {
    .name = "resume",
    .done = "open",
    .to = CAMPAIGN_OPEN,
    .set = "state = case when " OPENS " then 'open' else 'paused' end,"
           " state_reason = case when not " OPENS " then 'outside --window' end,"
           " max_failures = c.max_failures"
           "   + case when f.n >= c.max_failures then f.n else 0 end,"
           " max_failures_percent = c.max_failures_percent"
           "   + case when f.n >= c.max_failures_percent / 100.0 * c.selected"
           "     then 100.0 * f.n / greatest(c.selected, 1) else 0 end",
    .again = "false",
};

static const struct change cancel_change = {
    .name = "cancel",
    .done = "cancelled",
    .to = CAMPAIGN_CANCELLING,
    .set = "state = 'cancelling', state_reason = 'cancelled by ' || $4 || coalesce(': ' || $5, '')",
    .again = "false",
};

static const struct output_column columns[] = {
    { .name = "campaign_id", .type = CELL_TEXT }, { .name = "name", .type = CELL_TEXT },
    { .name = "was", .type = CELL_STATE },        { .name = "state", .type = CELL_STATE },
    { .name = "changed", .type = CELL_BOOL },     { .name = "because", .type = CELL_TEXT },
};
enum { COLUMN_ID, COLUMN_NAME, COLUMN_WAS, COLUMN_STATE, COLUMN_CHANGED };

#define AT(field) .offset = offsetof(struct steer_config, field)

static const struct option_row rows[] = {
    { .name = "all",
      .type = OPT_FLAG,
      AT(all),
      .help = "every campaign that has not ended, in place of one" },
};

/* ---- the transaction ---- */

void steer_tell(struct db_unit *unit)
{
    db_add(unit,
           "select pg_notify(channel, '" NOTIFY_STEER "') from @worker where channel is not null",
           0, NULL);
}

int steer_run(struct call *c, const struct query *q, struct db_reply **ret, struct err *err)
{
    struct db_unit *unit = db_unit_new();

    if (unit == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a statement");
    if (query_put(q, unit, err) != 0) {
        db_unit_free(unit);
        return -1;
    }
    steer_tell(unit);
    checkpoint("steer.write");
    return session_run(&c->session, unit, ret, err);
}

/* $1 campaign (null: all that are live), $2 states before, $3 act, $4 actor, $5 reason */
static void add_statement(struct query *q, const struct change *ch)
{
    query_add(q,
              "with was as (select campaign_id, name, state, state_reason from @campaign"
              "   where campaign_id = $1::uuid"
              "   or ($1::uuid is null and state in ('open', 'paused', 'cancelling'))"
              "   order by campaign_id for update),"
              " done as (update @campaign c set %s from was w"
              "   cross join lateral (select count(*)::int as n from @item i"
              "     where i.campaign_id = w.campaign_id"
              "     and i.state in ('build_failed', 'access_failed')) f"
              "   where c.campaign_id = w.campaign_id"
              "   and (w.state = any($2::text[]) or (%s))"
              "   returning c.campaign_id, c.state, c.state_reason),",
              ch->set, ch->again);
    query_add(q, " deed as (insert into @act (act, target, details, actor, reason) select $3,"
                 "   w.campaign_id::text, jsonb_build_object('name', w.name, 'was', w.state,"
                 "   'state', d.state), $4, $5 from was w join done d using (campaign_id))"
                 " select w.campaign_id, w.name, w.state, coalesce(d.state, w.state),"
                 " d.campaign_id is not null, coalesce(d.state_reason, w.state_reason)"
                 " from was w left join done d using (campaign_id) order by w.campaign_id");
}

static int write_state(struct call *c, const struct change *ch, const char *id,
                       struct db_reply **ret, struct err *err)
{
    const char *actor = call_actor(c, err);
    struct query q;
    int rc;

    if (actor == NULL)
        return -1;
    query_init(&q);
    query_param(&q, id);
    query_param(&q, campaign_states_before(ch->to));
    query_param(&q, ch->name);
    query_param(&q, actor);
    query_param(&q, c->act.reason);
    add_statement(&q, ch);
    rc = steer_run(c, &q, ret, err);
    query_done(&q);
    return rc;
}

/* ---- before and after ---- */

/* What a cancel ends, in a sentence. */
static int ask(struct call *c, const char *id, struct err *err)
{
    static const char SQL[] =
        "select count(distinct i.campaign_id), count(*) filter (where i.state <> 'running'),"
        " count(*) filter (where i.state = 'running') from @item i"
        " join @campaign c on c.campaign_id = i.campaign_id"
        " where c.state in ('open', 'paused') and i.ended_at is null"
        " and ($1::uuid is null or c.campaign_id = $1::uuid)";
    struct db_reply *reply = NULL;
    char what[SENTENCE_BYTES];

    if (c->config.yes)
        return 0;
    if (session_query(&c->session, &(struct statement){ SQL, 1, &id }, &reply, err) != 0)
        return -1;
    snprintf(what, sizeof(what),
             "%" PRId64 " items of %" PRId64
             " campaign%s end as cancelled and are not built; the %" PRId64
             " that run end as they will",
             db_int(reply, 0, 0, 1), db_int(reply, 0, 0, 0), db_int(reply, 0, 0, 0) == 1 ? "" : "s",
             db_int(reply, 0, 0, 2));
    db_reply_free(reply);
    return confirm_act(&c->session, what, err);
}

/* Nothing was written: it is so already, or it cannot be. */
static int judge_unchanged(const struct call *c, const struct change *ch,
                           const struct db_reply *reply, struct err *err)
{
    const char *is = db_text(reply, 0, 0, COLUMN_STATE);
    enum campaign_state state;

    if (!campaign_state_parse(is, &state))
        return err_set(err, ERR_INTERNAL, "the ledger holds the campaign state \"%s\"", is);
    if (state == ch->to || (ch->to == CAMPAIGN_CANCELLING && state == CAMPAIGN_CANCELLED)) {
        session_say(&c->session, "the campaign %s is %s already", db_text(reply, 0, 0, COLUMN_ID),
                    is);
        return 0;
    }
    return err_set(err, ERR_REFUSED, "the campaign %s is %s: it cannot be %s",
                   db_text(reply, 0, 0, COLUMN_ID), is,
                   ch->to == CAMPAIGN_OPEN ? "resumed" : ch->done);
}

static int judge(const struct call *c, const struct change *ch, const struct db_reply *reply,
                 struct err *err)
{
    const struct steer_config *config = c->own;

    if (config->all) {
        if (db_rows(reply, 0) == 0)
            session_say(&c->session, "no campaign is live");
        return 0;
    }
    if (!db_bool(reply, 0, 0, COLUMN_CHANGED))
        return judge_unchanged(c, ch, reply, err);
    if (ch->to == CAMPAIGN_OPEN && str_equal(db_text(reply, 0, 0, COLUMN_STATE), "paused"))
        session_say(&c->session, "it is outside its window, and goes on when that opens");
    return 0;
}

static int find(struct call *c, char id[UUID_TEXT_BYTES], const char **ret, struct err *err)
{
    const struct steer_config *config = c->own;
    size_t n = c->options.positional_n;

    *ret = NULL;
    if (config->all == (n == 1))
        return err_set(err, ERR_CONFIG, "%s takes a campaign, or --all: rebuild-producer %s %s",
                       c->verb->name, c->verb->name, c->verb->operands);
    if (session_ledger(&c->session, err) != 0)
        return -1;
    if (config->all)
        return 0;
    *ret = id;
    return campaign_find(&c->session, c->options.positional[0], id, err);
}

static int steer(struct call *c, const struct change *ch, struct err *err)
{
    bool asks = ch->to == CAMPAIGN_CANCELLING;
    struct db_reply *reply = NULL;
    char text[UUID_TEXT_BYTES];
    const char *id;
    int rc;

    if (asks && confirm_possible(&c->session, ch->name, err) != 0)
        return -1;
    if (find(c, text, &id, err) != 0 || (asks && ask(c, id, err) != 0) ||
        write_state(c, ch, id, &reply, err) != 0)
        return -1;
    rc = judge(c, ch, reply, err);
    if (rc == 0)
        rc = output_reply(&c->config, columns, sizeof(columns) / sizeof(columns[0]), reply, err);
    db_reply_free(reply);
    return rc;
}

/* ---- the verbs ---- */

static int run_pause(struct call *c, struct err *err)
{
    return steer(c, &pause_change, err);
}

static int run_resume(struct call *c, struct err *err)
{
    return steer(c, &resume_change, err);
}

static int run_cancel(struct call *c, struct err *err)
{
    return steer(c, &cancel_change, err);
}

#define STEERS                                                                          \
    .operands = "CAMPAIGN|--all", .takes = TAKES_REASON, .rows = rows,                  \
    .rows_n = sizeof(rows) / sizeof(rows[0]), .own_bytes = sizeof(struct steer_config), \
    .operands_max = 1

const struct verb pause_verb = {
    .name = "pause",
    .help = "starts no more builds of a campaign; what runs ends as it will",
    .examples = { "\"R 4.4\" --reason \"the server is slow\"", "--all --reason CHG-4412" },
    .run = run_pause,
    STEERS,
};

const struct verb resume_verb = {
    .name = "resume",
    .help = "goes on with a campaign that is paused",
    .examples = { "\"R 4.4\"", "0197c2a4 --reason CHG-4412" },
    .run = run_resume,
    STEERS,
};

const struct verb cancel_verb = {
    .name = "cancel",
    .help = "ends what has not started; every item gets its result, what runs ends as it will",
    .examples = { "\"R 4.4\" --reason \"wrong filter\"", "0197c2a4 -y -o json" },
    .run = run_cancel,
    STEERS,
};

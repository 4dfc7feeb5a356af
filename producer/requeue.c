/* requeue CAMPAIGN --lost: what is in the ledger and not in Kafka any more is published again by
 * whoever holds the campaign's lease. Only while nobody reads the request topics: a request that a
 * worker holds in memory is not lost, and committed offsets can be forgotten. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/checkpoint.h"
#include "common/base/str.h"
#include "common/broker/admin.h"
#include "common/broker/reader.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "common/record/result.h"
#include "producer/confirm.h"
#include "producer/lost.h"
#include "producer/output.h"
#include "producer/status.h"
#include "producer/steer.h"

#define POLL_MS       250
#define QUIET_MAX_MS  60000              /* an open transaction ends by then */
#define IDS_MAX_BYTES (64 * 1024 * 1024) /* a million request ids */
#define NUMBER_BYTES  24
#define DETAILS_BYTES 256

struct requeue_config {
    bool lost;
};

#define AT(field) .offset = offsetof(struct requeue_config, field)

static const struct option_row rows[] = {
    { .name = "lost",
      .type = OPT_FLAG,
      AT(lost),
      .help =
          "requests that are not in Kafka any more, because somebody deleted a topic or records "
          "of it" },
};

struct found { /* a result of a lost request that is out */
    const struct lost_item *item;
    char outcome[32], error_class[64];
};

struct requeue {
    struct call *call;
    char id[UUID_TEXT_BYTES];
    struct lost lost;
    struct found *found;
    size_t found_n;
    size_t forgotten; /* partitions whose committed offset is of another log */
    int64_t fast;     /* sent in the fast lane */
};

/* Takes the last offsets back that are beyond their logs. k is the logs. */
static const char SQL_CAMPAIGN[] =
    " update @campaign c set last_offset = coalesce((select array_agg("
    "   case when l.off >= k.high then -1 else l.off end order by l.n)"
    "   from unnest(c.last_offset) with ordinality l(off, n)"
    "   left join k on k.lane = c.lane and k.part = l.n - 1), '{}') where c.campaign_id = $1::uuid";

/* $1 request ids, $2 outcomes, $3 error classes: their results are out. An outcome that the ledger
 * lost is taken from there, and its open attempt holds no slot any more. */
static const char SQL_CLOSE[] =
    "update @attempt a set ended_at = now(), charged = false,"
    " error_message = 'the result is out; the ledger had lost the outcome'"
    " from unnest($1::uuid[], $2::text[], $3::text[]) w(request_id, outcome, class)"
    " where a.request_id = w.request_id and a.ended_at is null";
static const char SQL_FOUND[] =
    "update @item i set published_at = now(), unsent = false, due = null,"
    " state = case when i.ended_at is null then w.outcome else i.state end,"
    " error_class = case when i.ended_at is null then w.class else i.error_class end,"
    " ended_at = coalesce(i.ended_at, now())"
    " from unnest($1::uuid[], $2::text[], $3::text[]) w(request_id, outcome, class)"
    " where i.request_id = w.request_id and i.published_at is null";

/* $1 request ids. What runs must be adopted at once, and not behind what waits for its slot. */
static const char SQL_UNSENT[] =
    "update @item i set unsent = true, place_lane = null, place_partition = null,"
    " place_offset = null, lane = case when exists (select 1 from @attempt a"
    "   where a.request_id = i.request_id and a.ended_at is null) then 1 else i.lane end"
    " from unnest($1::uuid[]) w(request_id) where i.request_id = w.request_id"
    " and i.published_at is null and i.state <> 'parked' returning i.lane = 1";

/* $1 campaign, $2 details, $3 actor, $4 reason */
static const char SQL_ACT[] = "insert into @act (act, target, details, actor, reason)"
                              " values ('requeue', $1, $2::jsonb, $3, $4)";

/* ---- before ---- */

static int check_group(struct call *c, struct err *err)
{
    const char *group = c->config.shared.kafka_group_id;
    int members;

    if (session_admin(&c->session, err) != 0 ||
        admin_group_members(c->session.admin, group, &members, err) != 0)
        return -1;
    if (members == 0)
        return 0;
    return err_set(err, ERR_REFUSED,
                   "the consumer group %s has %d member%s: stop the workers first (one that was "
                   "killed counts until its session time-out)",
                   group, members, members == 1 ? "" : "s");
}

static int check_installation(struct call *c, struct err *err)
{
    struct installation is;
    char cluster[64];
    int brokers;

    if (installation_read(&c->session, &is, err) != 0 || session_admin(&c->session, err) != 0 ||
        admin_cluster(c->session.admin, cluster, &brokers, err) != 0)
        return -1;
    return installation_check(&c->session, &is, cluster, err);
}

/* ---- results that are out ---- */

static int by_id(const void *a, const void *b)
{
    return memcmp(&((const struct lost_item *)a)->request_id,
                  &((const struct lost_item *)b)->request_id, sizeof(struct uuid));
}

/* A record that is no result is passed over: `results tail` names it. */
static void take(struct requeue *r, const struct kafka_record *record)
{
    struct result_brief brief;
    struct lost_item key = { .has_result = false };
    struct lost_item *item;
    struct found *f = &r->found[r->found_n];

    if (result_read(record->value, record->value_len, &brief, NULL) != 0)
        return;
    key.request_id = brief.request_id;
    item = bsearch(&key, r->lost.items, r->lost.n, sizeof(key), by_id);
    if (item == NULL || item->has_result)
        return;
    item->has_result = true;
    *f = (struct found){ .item = item };
    str_copy(f->outcome, sizeof(f->outcome), brief.outcome);
    str_copy(f->error_class, sizeof(f->error_class), brief.error_class);
    r->found_n++;
}

static int read_to_end(struct requeue *r, struct reader *reader, struct err *err)
{
    struct kafka_record record;
    int64_t quiet_ms = 0;

    while (!reader_at_end(reader)) {
        int rc = reader_next(reader, POLL_MS, &record, err);

        if (rc < 0)
            return -1;
        if (rc == 1)
            take(r, &record);
        quiet_ms = rc == 1 ? 0 : quiet_ms + POLL_MS;
        if (quiet_ms >= QUIET_MAX_MS)
            return err_set(err, ERR_UNREACHABLE, "the end of the result topic was not reached");
    }
    return 0;
}

static int find_results(struct requeue *r, struct err *err)
{
    struct session *s = &r->call->session;
    struct reader *reader;
    int rc;

    r->found = calloc(r->lost.n + 1, sizeof(*r->found));
    if (r->found == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for results");
    if (r->lost.n == 0)
        return 0;
    qsort(r->lost.items, r->lost.n, sizeof(*r->lost.items), by_id);
    session_say(s, "looking for results of %zu lost requests in %s", r->lost.n, s->topics.results);
    reader = reader_open(s->props, s->topics.results, READER_BEGINNING, SESSION_KAFKA_WAIT_MS, err);
    rc = reader == NULL ? -1 : read_to_end(r, reader, err);
    reader_close(reader);
    return rc;
}

/* ---- what is written ---- */

static size_t remade(const struct requeue *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->lost.logs_n; i++)
        n += r->lost.logs[i].remade && r->lost.logs[i].base != KAFKA_OFFSET_NONE;
    return n;
}

/* Offsets of a log that is not there any more: the new one is read from its start. What it holds
 * that has its result is known to the ledger. */
static int forget_offsets(struct requeue *r, struct err *err)
{
    struct session *s = &r->call->session;

    for (size_t i = 0; i < r->lost.logs_n; i++) {
        const struct lost_log *log = &r->lost.logs[i];
        const struct admin_partition p = { log->topic, log->partition };

        if (!log->remade || log->base == KAFKA_OFFSET_NONE)
            continue;
        checkpoint("requeue.forget");
        if (admin_forget_offset(s->admin, s->config->shared.kafka_group_id, &p, err) != 0)
            return -1;
        session_say(
            s, "%s/%" PRId32 ": the committed offset %" PRId64 " is of another log, and forgotten",
            log->topic, log->partition, log->base);
        r->forgotten++;
    }
    return 0;
}

static void put_found(const struct requeue *r, struct query *q)
{
    struct buf column[3];
    char id[UUID_TEXT_BYTES];

    for (size_t c = 0; c < 3; c++) {
        buf_init(&column[c], IDS_MAX_BYTES);
        array_open(&column[c]);
    }
    for (size_t i = 0; i < r->found_n; i++) {
        const struct found *f = &r->found[i];

        array_add(&column[0], uuid_format(&f->item->request_id, id));
        array_add(&column[1], f->outcome);
        array_add(&column[2], f->error_class[0] != '\0' ? f->error_class : NULL);
    }
    for (size_t c = 0; c < 3; c++) {
        array_close(&column[c]);
        q->failed = q->failed || column[c].failed;
        query_param(q, buf_str(&column[c]));
        buf_done(&column[c]);
    }
}

static void put_unsent(const struct requeue *r, struct query *q)
{
    struct buf ids;
    char id[UUID_TEXT_BYTES];

    buf_init(&ids, IDS_MAX_BYTES);
    array_open(&ids);
    for (size_t i = 0; i < r->lost.n; i++)
        if (!r->lost.items[i].has_result)
            array_add(&ids, uuid_format(&r->lost.items[i].request_id, id));
    array_close(&ids);
    q->failed = q->failed || ids.failed;
    query_param(q, buf_str(&ids));
    buf_done(&ids);
}

static void put_logs(const struct requeue *r, struct query *q)
{
    query_param(q, r->id);
    query_add(q, "with k as (select * from ");
    lost_add_logs(q, &r->lost);
    query_add(q, ")%s", SQL_CAMPAIGN);
}

static int add_statement(struct requeue *r, struct db_unit *unit, const char *sql,
                         void (*put)(const struct requeue *r, struct query *q), struct err *err)
{
    struct query q;
    int rc;

    query_init(&q);
    put(r, &q);
    if (sql != NULL)
        query_add(&q, "%s", sql);
    rc = query_put(&q, unit, err);
    query_done(&q);
    return rc;
}

static int add_act(struct requeue *r, struct db_unit *unit, struct err *err)
{
    char details[DETAILS_BYTES];
    const char *params[] = { r->id, details, call_actor(r->call, err), r->call->act.reason };

    if (params[2] == NULL)
        return -1;
    snprintf(details, sizeof(details),
             "{\"lost\":%zu,\"marked\":%zu,\"requeued\":%zu,\"offsets_forgotten\":%zu}", r->lost.n,
             r->found_n, r->lost.n - r->found_n, r->forgotten);
    db_add(unit, SQL_ACT, 4, params);
    return 0;
}

/* The campaign before its items, as claims lock them. */
static int write_all(struct requeue *r, struct err *err)
{
    enum { CAMPAIGN, CLOSE, FOUND, UNSENT };
    struct db_unit *unit = db_unit_new();
    struct db_reply *reply = NULL;

    if (unit == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a statement");
    if (add_statement(r, unit, NULL, put_logs, err) != 0 ||
        add_statement(r, unit, SQL_CLOSE, put_found, err) != 0 ||
        add_statement(r, unit, SQL_FOUND, put_found, err) != 0 ||
        add_statement(r, unit, SQL_UNSENT, put_unsent, err) != 0 || add_act(r, unit, err) != 0) {
        db_unit_free(unit);
        return -1;
    }
    steer_tell(unit);
    checkpoint("requeue.write");
    if (session_run(&r->call->session, unit, &reply, err) != 0)
        return -1;
    for (size_t row = 0; row < db_rows(reply, UNSENT); row++)
        r->fast += db_bool(reply, UNSENT, row, 0);
    db_reply_free(reply);
    return 0;
}

/* ---- the verb ---- */

static int ask(const struct requeue *r, struct err *err)
{
    char what[DETAILS_BYTES];

    snprintf(what, sizeof(what),
             "%zu requests are lost: %zu have their result and are marked, %zu are sent again; %zu "
             "committed offsets of other logs are forgotten",
             r->lost.n, r->found_n, r->lost.n - r->found_n, remade(r));
    return confirm_act(&r->call->session, what, err);
}

static int print(const struct requeue *r, struct err *err)
{
    char number[5][NUMBER_BYTES];
    const struct output_field fields[] = {
        { "campaign_id", CELL_TEXT, r->id },  { "lost", CELL_INT, number[0] },
        { "marked", CELL_INT, number[1] },    { "requeued", CELL_INT, number[2] },
        { "fast_lane", CELL_INT, number[3] }, { "offsets_forgotten", CELL_INT, number[4] },
    };

    snprintf(number[0], NUMBER_BYTES, "%zu", r->lost.n);
    snprintf(number[1], NUMBER_BYTES, "%zu", r->found_n);
    snprintf(number[2], NUMBER_BYTES, "%zu", r->lost.n - r->found_n);
    snprintf(number[3], NUMBER_BYTES, "%" PRId64, r->fast);
    snprintf(number[4], NUMBER_BYTES, "%zu", r->forgotten);
    return output_object(&r->call->config, fields, sizeof(fields) / sizeof(fields[0]), err);
}

/* Offsets first: when this stops half-way, the same command finds all the rest again. */
static int act(struct requeue *r, struct err *err)
{
    if (lost_find(&r->call->session, r->id, &r->lost, err) != 0 || find_results(r, err) != 0)
        return -1;
    if (r->lost.n == 0 && remade(r) == 0) {
        session_say(&r->call->session, "nothing is lost");
        return print(r, err);
    }
    if (ask(r, err) != 0 || check_group(r->call, err) != 0 || forget_offsets(r, err) != 0 ||
        write_all(r, err) != 0)
        return -1;
    return print(r, err);
}

static int run(struct call *c, struct err *err)
{
    const struct requeue_config *config = c->own;
    struct requeue r = { .call = c };
    int rc = -1;

    if (!config->lost)
        return err_set(
            err, ERR_CONFIG,
            "requeue needs --lost: it sends again what is not in Kafka any more (`retry` "
            "builds again what failed)");
    if (confirm_possible(&c->session, "requeue", err) != 0 ||
        session_ledger(&c->session, err) != 0 ||
        campaign_find(&c->session, c->options.positional[0], r.id, err) != 0)
        return -1;
    if (check_installation(c, err) == 0 && check_group(c, err) == 0)
        rc = act(&r, err);
    lost_done(&r.lost);
    free(r.found);
    return rc;
}

const struct verb requeue_verb = {
    .name = "requeue",
    .operands = "CAMPAIGN",
    .help = "sends again the requests of a campaign that are not in Kafka any more",
    .examples = { "\"R 4.4\" --lost --reason \"the topic was deleted\"",
                  "0197c2a4 --lost -y -o json" },
    .takes = TAKES_REASON,
    .rows = rows,
    .rows_n = sizeof(rows) / sizeof(rows[0]),
    .own_bytes = sizeof(struct requeue_config),
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};

#include "producer/lost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/broker/admin.h"
#include "common/broker/reader.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "producer/query.h"

#define COLUMN_MAX_BYTES (1024 * 1024) /* numbers of 20,000 partitions */
#define LAST_MAX_BYTES   32            /* one number of last_offset */

enum {
    ROW_REQUEST,
    ROW_CAMPAIGN,
    ROW_GUID,
    ROW_LANE,
    ROW_CAMPAIGN_LANE,
    ROW_LAST,
    ROW_PLACE_LANE,
    ROW_PLACE_PARTITION,
    ROW_PLACE_OFFSET,
};

/* What may be lost by what is known of the logs so far; each is judged again by itself, with its
 * own partition. k is the logs, $1 the campaign or null. */
static const char SQL_SUSPECTS[] =
    ", live as (select c.*, exists (select 1 from k where k.lane = c.lane"
    "   and (k.base > coalesce(c.last_offset[k.part + 1], -1)"
    "     or coalesce(c.last_offset[k.part + 1], -1) not between k.low and k.high - 1)) as odd"
    "   from @campaign c where c.state in ('open', 'paused', 'cancelling')"
    "   and ($1::uuid is null or c.campaign_id = $1::uuid))"
    " select i.request_id, i.campaign_id, i.content_guid, i.lane, c.lane, c.last_offset::text,"
    " i.place_lane, i.place_partition, i.place_offset from live c"
    " join @item i on i.campaign_id = c.campaign_id where i.published_at is null"
    " and ((i.place_offset is not null and not exists (select 1 from k"
    "     where k.lane = i.place_lane and k.part = i.place_partition"
    "     and i.place_offset >= k.low and i.place_offset < k.high))"
    "   or (i.place_offset is null and i.state <> 'parked' and not i.unsent and not c.external"
    "     and i.rank <= c.cursor_rank and (c.odd or i.lane <> c.lane)))"
    " order by i.campaign_id, i.rank";

/* ---- the logs ---- */

static const char *topic_of(const struct session *s, int lane)
{
    return lane == 0 ? s->topics.requests : s->topics.requests_high;
}

static int read_ends(struct session *s, struct lost *l, struct err *err)
{
    for (size_t i = 0; i < l->logs_n; i++) {
        struct lost_log *log = &l->logs[i];
        const struct admin_partition p = { log->topic, log->partition };

        if (admin_watermarks(s->admin, &p, &log->low, &log->high, err) != 0)
            return -1;
    }
    return 0;
}

static int read_bases(struct session *s, struct lost *l, struct err *err)
{
    const char *group = s->config->shared.kafka_group_id;

    for (size_t i = 0; i < l->logs_n; i++) {
        struct lost_log *log = &l->logs[i];
        const struct admin_partition p = { log->topic, log->partition };

        log->base = admin_group_offset(s->admin, group, &p, err);
        if (log->base == -1)
            return -1;
    }
    return 0;
}

static int find_topics(struct session *s, struct lost *l, struct err *err)
{
    int replication;

    for (int lane = 0; lane < 2; lane++) {
        if (admin_topic_partitions(s->admin, topic_of(s, lane), &l->partitions[lane], &replication,
                                   err) != 0)
            return -1;
        if (l->partitions[lane] == 0)
            return err_set(err, ERR_CONFIG, "the topic %s does not exist", topic_of(s, lane));
        l->logs_n += (size_t)l->partitions[lane];
    }
    l->logs = calloc(l->logs_n, sizeof(*l->logs));
    if (l->logs == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the partitions");
    for (size_t i = 0; i < l->logs_n; i++) {
        int lane = i < (size_t)l->partitions[0] ? 0 : 1;

        l->logs[i] = (struct lost_log){ .lane = lane, .topic = topic_of(s, lane) };
        l->logs[i].partition = (int32_t)i - (lane == 0 ? 0 : l->partitions[0]);
    }
    return 0;
}

/* The bases come first: what they say is done was done before anything else is looked at. */
int lost_read_logs(struct session *s, struct lost *ret, struct err *err)
{
    *ret = (struct lost){ .n = 0 };
    if (session_admin(s, err) != 0 || find_topics(s, ret, err) != 0 ||
        read_bases(s, ret, err) != 0 || read_ends(s, ret, err) != 0)
        return -1;
    for (size_t i = 0; i < ret->logs_n; i++)
        ret->logs[i].remade = ret->logs[i].base > ret->logs[i].high;
    return 0;
}

void lost_done(struct lost *l)
{
    free(l->logs);
    free(l->items);
    *l = (struct lost){ .n = 0 };
}

static int64_t lane_of(const struct lost_log *log)
{
    return log->lane;
}

static int64_t partition_of(const struct lost_log *log)
{
    return log->partition;
}

static int64_t base_of(const struct lost_log *log)
{
    return log->base;
}

static int64_t low_of(const struct lost_log *log)
{
    return log->low;
}

static int64_t high_of(const struct lost_log *log)
{
    return log->high;
}

void lost_add_logs(struct query *q, const struct lost *l)
{
    static int64_t (*const columns[])(const struct lost_log *) = { lane_of, partition_of, base_of,
                                                                   low_of, high_of };

    query_add(q, "unnest(");
    for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++) {
        struct buf b;

        buf_init(&b, COLUMN_MAX_BYTES);
        array_open(&b);
        for (size_t i = 0; i < l->logs_n; i++)
            array_add_int(&b, columns[c](&l->logs[i]));
        array_close(&b);
        q->failed = q->failed || b.failed;
        query_add(q, "%s$%d::%s[]", c == 0 ? "" : ", ", query_param(q, buf_str(&b)),
                  c < 2 ? "int" : "bigint");
        buf_done(&b);
    }
    query_add(q, ") as k(lane, part, base, low, high)");
}

/* ---- the judgement ---- */

/* Element n of "{5,-1,7}", or -1. */
static int64_t last_offset(const char *literal, int32_t n)
{
    const char *at = literal;
    char number[LAST_MAX_BYTES];
    int64_t value;
    size_t len;

    for (; at != NULL && n > 0; n--)
        at = strchr(at + 1, ',');
    if (at == NULL || *at == '\0')
        return -1;
    len = strcspn(at + 1, ",}");
    if (len == 0 || len >= sizeof(number))
        return -1;
    memcpy(number, at + 1, len);
    number[len] = '\0';
    return str_to_i64(number, INT64_MIN, INT64_MAX, &value) ? value : -1;
}

static struct lost_log *log_at(struct lost *l, int64_t lane, int64_t partition)
{
    if (lane < 0 || lane > 1 || partition < 0 || partition >= l->partitions[lane])
        return NULL;
    return &l->logs[(lane == 0 ? 0 : l->partitions[0]) + partition];
}

/* The place is below the log's start, or at or beyond its end. */
static bool place_lost(struct lost *l, const struct db_reply *reply, size_t row)
{
    int64_t offset = db_int(reply, 0, row, ROW_PLACE_OFFSET);
    struct lost_log *log = log_at(l, db_int(reply, 0, row, ROW_PLACE_LANE),
                                  db_int(reply, 0, row, ROW_PLACE_PARTITION));

    if (log == NULL)
        return true;
    log->remade = log->remade || offset >= log->high;
    return offset < log->low || offset >= log->high;
}

/* No worker has it and none will: it was published, and everything that its campaign published to
 * the partition is done, or gone. In another lane than its campaign's (requeued with an open
 * attempt) the last offsets do not speak of it: there the whole log must be done. */
static bool record_lost(struct lost *l, const struct db_reply *reply, size_t row)
{
    int64_t lane = db_int(reply, 0, row, ROW_LANE), last;
    const char *guid = db_text(reply, 0, row, ROW_GUID);
    int32_t partition;
    struct lost_log *log;

    if (lane < 0 || lane > 1)
        return false;
    partition = reader_partition_of(guid, strlen(guid), l->partitions[lane]);
    log = log_at(l, lane, partition);
    if (log == NULL)
        return false;
    if (lane != db_int(reply, 0, row, ROW_CAMPAIGN_LANE))
        return log->base >= log->high || log->low == log->high;
    last = last_offset(db_text(reply, 0, row, ROW_LAST), partition);
    log->remade = log->remade || last >= log->high;
    return log->base > last || last < log->low || last >= log->high;
}

static int judge(struct lost *l, const struct db_reply *reply, struct err *err)
{
    l->items = calloc(db_rows(reply, 0) + 1, sizeof(*l->items));
    if (l->items == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for lost requests");
    for (size_t row = 0; row < db_rows(reply, 0); row++) {
        struct lost_item *item = &l->items[l->n];
        bool placed = !db_null(reply, 0, row, ROW_PLACE_OFFSET);

        if (!(placed ? place_lost(l, reply, row) : record_lost(l, reply, row)))
            continue;
        if (!uuid_parse(db_text(reply, 0, row, ROW_REQUEST), &item->request_id))
            return err_set(err, ERR_INTERNAL, "the ledger holds a bad request id");
        str_copy(item->campaign, sizeof(item->campaign), db_text(reply, 0, row, ROW_CAMPAIGN));
        l->n++;
    }
    return 0;
}

static int read_suspects(struct session *s, const char *campaign, const struct lost *l,
                         struct db_reply **ret, struct err *err)
{
    struct query q;
    int rc;

    query_init(&q);
    query_param(&q, campaign);
    query_add(&q, "with k as (select * from ");
    lost_add_logs(&q, l);
    query_add(&q, ")%s", SQL_SUSPECTS);
    rc = query_run(&q, s, ret, err);
    query_done(&q);
    return rc;
}

size_t lost_campaigns(const struct lost *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        n += i == 0 || strcmp(l->items[i].campaign, l->items[i - 1].campaign) != 0;
    return n;
}

/* The ends are asked for once more after the ledger: what was produced and claimed meanwhile is in
 * the log. */
int lost_find(struct session *s, const char *campaign, struct lost *ret, struct err *err)
{
    struct db_reply *reply = NULL;
    int rc = -1;

    if (lost_read_logs(s, ret, err) == 0 && read_suspects(s, campaign, ret, &reply, err) == 0)
        rc = db_rows(reply, 0) == 0 || read_ends(s, ret, err) == 0 ? judge(ret, reply, err) : -1;
    db_reply_free(reply);
    return rc;
}

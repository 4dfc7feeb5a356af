#include "worker/recover.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/broker/consumer.h"
#include "common/event/event.h"
#include "common/ledger/columns.h"
#include "common/ledger/db.h"
#include "worker/ask.h"
#include "worker/readback.h"
#include "worker/results.h"
#include "worker/sql.h"
#include "worker/worker.h"
#include "worker/writes.h"

#define LOOK_TIMEOUT_MS 10000 /* one try at committed offsets or watermarks, on a helper thread */
#define AGAIN_MS        300   /* between tries: a broker that comes back is met soon */
#define LEDGER_AGAIN_MS 5000  /* after PostgreSQL refused a statement, not only the connection */
#define MARKS_MAX       1000  /* results marked in one unit */

struct recover {
    struct event_timer *timer;
    struct kafka_offset *parts; /* of the assignment; topics point into w->topics */
    char **maps;                /* committed metadata, owned */
    struct kafka_watermark *marks;
    size_t n;
    unsigned generation;
    bool have_committed;
    struct event_timer *retry; /* the ledger is asked again */
    bool asking;               /* the ledger */
    unsigned replies;          /* of the ledger, so far */
    bool again;
};

static void look(void *arg);
static void ask_ledger(void *arg);

int recover_init(struct worker *w)
{
    struct recover *r = w->recover = calloc(1, sizeof(*r));

    if (r == NULL)
        return -1;
    r->parts = calloc(w->parts.n, sizeof(*r->parts));
    r->maps = calloc(w->parts.n, sizeof(*r->maps));
    r->marks = calloc(w->parts.n, sizeof(*r->marks));
    r->timer = event_timer_new(w->loop, look, w);
    r->retry = event_timer_new(w->loop, ask_ledger, w);
    return r->parts == NULL || r->maps == NULL || r->marks == NULL || r->timer == NULL ||
                   r->retry == NULL
               ? -1
               : 0;
}

static void forget(struct recover *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->maps[i]);
        r->maps[i] = NULL;
    }
    r->n = 0;
    r->have_committed = false;
    event_timer_stop(r->timer);
}

void recover_done(struct worker *w)
{
    struct recover *r = w->recover;

    if (r == NULL)
        return;
    forget(r);
    event_timer_free(r->timer);
    event_timer_free(r->retry);
    free(r->parts);
    free(r->maps);
    free(r->marks);
    free(r);
    w->recover = NULL;
}

void recover_revoked(struct worker *w)
{
    forget(w->recover);
}

void recover_assigned(struct worker *w, const struct kafka_offset *parts, size_t n)
{
    struct recover *r = w->recover;

    forget(r);
    for (size_t i = 0; i < n; i++) {
        struct part *part = parts_find(&w->parts, parts[i].topic, parts[i].partition);

        if (part == NULL) {
            log_error(
                "kafka.more_partitions",
                LOG_FIELDS(LOG_S("topic", parts[i].topic), LOG_I("partition", parts[i].partition)),
                "the topic has more partitions than when this worker started; only a new "
                "start reads them");
            worker_exit(w, 1);
            return;
        }
        r->parts[r->n++] = (struct kafka_offset){ .topic = part->topic,
                                                  .partition = part->partition,
                                                  .offset = KAFKA_OFFSET_NONE };
    }
    r->generation = consumer_generation(w->consumer);
    look(w);
}

/* ---- the ledger ---- */

struct marks {
    struct uuid ids[MARKS_MAX];
    size_t n;
};

static void mark(struct worker *w, struct marks *m, const struct uuid *id, bool has_outcome)
{
    if (!has_outcome) {
        readback_add(w, id);
        return;
    }
    m->ids[m->n++] = *id;
    if (m->n == MARKS_MAX) {
        writes_mark(w, m->ids, m->n);
        m->n = 0;
    }
}

static void refuse(struct part *part, const char *why)
{
    part->refused = true;
    log_error("partition.refused",
              LOG_FIELDS(LOG_S("topic", part->topic), LOG_I("partition", part->partition)),
              "this partition is not worked on: %s; README, \"When a request topic was lost\"",
              why);
}

/* A place beyond the end of the log: it may have grown since its end was asked for. If it still is
 * at the next look, after the first fetch, the records are not those that the ledger speaks of:
 * what waits is forgotten, builds are orphans. */
static void doubt(struct worker *w, struct part *part, int64_t offset)
{
    int64_t low, high;
    bool known = consumer_watermarks(w->consumer, part->topic, part->partition, &low, &high);

    if (known && offset < high) {
        part->log_end = high;
        recover_later(w); /* takes it */
        return;
    }
    if (!known || part->doubted_in == 0 || part->doubted_in == w->recover->replies) {
        if (part->doubted_in == 0)
            part->doubted_in = w->recover->replies;
        recover_later(w);
        return;
    }
    part_revoke(part);
    refuse(part, "the ledger has places beyond the end of its log; was the topic re-created?");
    consumer_pause(w->consumer, part->topic, part->partition);
}

/* An item that only waits is met by its record, if the log still has it: that is read again, or it
 * waits here already. So is one that is rejected: the record goes to the dead letters with its
 * result. */
static void attach(struct worker *w, struct part *part, struct req *row, bool waits)
{
    struct work *work = works_find(&w->works, &row->id);
    struct req *req;

    if (work != NULL) {
        if (work->req->part == part && work->req->offset == row->offset)
            work->req->epoch = part->epoch; /* an orphan is home again */
        return;
    }
    if (waits)
        return;
    req = malloc(sizeof(*req));
    if (req == NULL) {
        worker_exit(w, 1);
        return;
    }
    *req = *row;
    req->epoch = part->epoch;
    ask_request(w, req);
}

static void take_row(struct worker *w, const struct db_reply *reply, size_t row, struct marks *m)
{
    struct part *part =
        parts_at(&w->parts, (int)db_int(reply, 0, row, 3), (int32_t)db_int(reply, 0, row, 4));
    struct req req = { .part = part,
                       .offset = db_int(reply, 0, row, 5),
                       .rank = db_int(reply, 0, row, 2),
                       .lane = (uint8_t)db_int(reply, 0, row, 3) };

    if (part == NULL || !part->owned || !uuid_parse(db_text(reply, 0, row, 0), &req.id) ||
        !uuid_parse(db_text(reply, 0, row, 1), &req.campaign_id))
        return;
    if (req.offset >= part->log_end && req.offset >= tracker_next(part->tracker))
        doubt(w, part, req.offset);
    else if (tracker_is_done(part->tracker, req.offset))
        mark(w, m, &req.id, db_bool(reply, 0, row, 6));
    else
        attach(w, part, &req, db_bool(reply, 0, row, 7) && req.offset >= part->trimmed_to);
}

/* What was begun is owed its result, also where its record was deleted: no gap in the log may count
 * it as done. From here on records may come. */
static void settle_trimmed(struct worker *w, struct part *part, const struct db_reply *reply)
{
    int64_t *owed = calloc(db_rows(reply, 0) + 1, sizeof(*owed));
    size_t n = 0;

    if (owed == NULL) {
        worker_exit(w, 1);
        return;
    }
    for (size_t row = 0; row < db_rows(reply, 0); row++)
        if (db_int(reply, 0, row, 3) == part->lane && db_int(reply, 0, row, 4) == part->partition)
            owed[n++] = db_int(reply, 0, row, 5);
    tracker_trimmed(part->tracker, part->trimmed_to, owed, n);
    part->trimmed_to = 0;
    free(owed);
}

/* Builds of partitions that went elsewhere: the new owner adopts them. */
static void drop_orphans(struct worker *w)
{
    static const enum work_state states[] = { WORK_POLLING, WORK_LOOKING, WORK_CHECKING };

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        struct list *list = &w->works.lists[states[i]];
        struct list_node *node = list_first(list);

        while (node != NULL) {
            struct work *work = list_entry(node, struct work, node);

            node = list_next(list, node);
            if (part_holds(work->req))
                continue;
            if (states[i] != WORK_CHECKING && work->attempt.target->builds > 0)
                work->attempt.target->builds--;
            ask_forget(w, work, 0);
        }
    }
}

static void on_rows(void *arg, const struct db_reply *reply, const struct err *err,
                    const char *sqlstate)
{
    struct worker *w = arg;
    struct marks *m;

    w->recover->asking = false;
    if (err != NULL) {
        log_warn("ledger.not_recovered", LOG_FIELDS(LOG_S("sqlstate", sqlstate)), "%s", err->msg);
        recover_later(w);
        return;
    }
    if (w->recover->again) {
        recover_again(w);
        return;
    }
    m = calloc(1, sizeof(*m));
    if (m == NULL) {
        worker_exit(w, 1);
        return;
    }
    w->recover->replies++;
    for (size_t row = 0; row < db_rows(reply, 0); row++)
        take_row(w, reply, row, m);
    for (size_t i = 0; i < w->parts.n; i++)
        if (w->parts.items[i].owned && w->parts.items[i].trimmed_to > 0)
            settle_trimmed(w, &w->parts.items[i], reply);
    writes_mark(w, m->ids, m->n);
    if (db_rows(reply, 0) > 0)
        log_info("ledger.recovered", LOG_FIELDS(LOG_I("items", db_rows(reply, 0))),
                 "items of my partitions that were begun before");
    free(m);
    if (w->member) /* between a revoke and the next assignment every build is an orphan */
        drop_orphans(w);
}

static void ask_ledger(void *arg)
{
    recover_again(arg);
}

void recover_later(struct worker *w)
{
    if (!event_timer_active(w->recover->retry))
        event_timer_start(w->recover->retry, LEDGER_AGAIN_MS, 0);
}

void recover_again(struct worker *w)
{
    struct db_unit *unit;
    struct columns c;
    bool good;

    if (!w->member || !db_is_up(w->db) || !db_is_up(w->facts))
        return;
    if (w->recover->asking) {
        w->recover->again = true;
        return;
    }
    w->recover->again = false;
    unit = db_unit_new();
    columns_open(&c, 2);
    for (size_t i = 0; i < w->parts.n; i++)
        if (w->parts.items[i].owned) {
            columns_int(&c, 0, w->parts.items[i].lane);
            columns_int(&c, 1, w->parts.items[i].partition);
        }
    good = columns_close(&c) && unit != NULL;
    if (good)
        db_add(unit, SQL_RECOVER, 2, c.params);
    else
        db_unit_free(unit);
    columns_done(&c);
    checkpoint("ledger.recover");
    /* behind the facts that were kept: they may end what looks begun */
    w->recover->asking = good && db_submit(w->facts, unit, on_rows, w) == 0;
    if (!w->recover->asking)
        worker_exit(w, 1);
}

/* ---- the assignment ---- */

/* Fills *ret and takes the partition, or refuses it. */
static bool take_partition(struct worker *w, size_t i, struct kafka_offset *ret)
{
    struct recover *r = w->recover;
    const struct kafka_watermark *mark = &r->marks[i];
    struct part *part = parts_find(&w->parts, r->parts[i].topic, r->parts[i].partition);
    int64_t base = r->parts[i].offset;
    struct tracker *tracker;
    struct err err;

    if (base > mark->high) {
        refuse(part,
               "its committed offset is beyond the end of the log; was the topic re-created?");
        return false;
    }
    tracker = tracker_new(base < 0 ? mark->low : base, base < 0 ? NULL : r->maps[i], &err);
    if (tracker == NULL) {
        refuse(part, err.msg);
        return false;
    }
    if (tracker_reach(tracker) > mark->high && base >= 0) {
        tracker_free(tracker);
        refuse(part, "its done map reaches beyond the end of the log; was the topic re-created?");
        return false;
    }
    if (base >= 0 && base < mark->low)
        log_error("partition.trimmed",
                  LOG_FIELDS(LOG_S("topic", part->topic), LOG_I("partition", part->partition)),
                  "records between the committed offset and the start of the log are gone; "
                  "rebuild-producer requeue --lost finds their requests");
    if (base < 0)
        tracker_mark_dirty(tracker); /* the base of every partition is committed at once */
    part_assign(part, tracker);
    if (base >= 0 && base < mark->low)
        part->trimmed_to = mark->low;
    part->log_end = mark->high;
    *ret = (struct kafka_offset){ .topic = part->topic, .partition = part->partition };
    ret->offset = base > mark->low ? base : mark->low;
    return true;
}

static void assign(struct worker *w)
{
    struct recover *r = w->recover;
    struct kafka_offset *list = calloc(r->n + 1, sizeof(*list));
    struct err err;
    size_t n = 0;

    if (list == NULL) {
        worker_exit(w, 1);
        return;
    }
    for (size_t i = 0; i < r->n; i++)
        n += take_partition(w, i, &list[n]);
    checkpoint("group.assign");
    if (consumer_assign(w->consumer, list, n, &err) != 0) {
        log_warn("kafka.assign", NULL, "%s", err.msg); /* superseded: its own event follows */
    } else {
        w->member = w->was_member = true;
        results_assigned(w);
        recover_again(w);
        ask_kick(w);
    }
    free(list);
    forget(r);
}

static bool any_failed(const struct kafka_watermark *marks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (marks[i].failed)
            return true;
    return false;
}

static void on_watermarks(void *arg, const struct kafka_watermark *marks, size_t n,
                          unsigned generation, const struct err *err)
{
    struct worker *w = arg;
    struct recover *r = w->recover;

    if (generation != r->generation || n != r->n)
        return;
    if (err != NULL || any_failed(marks, n)) {
        event_timer_start(r->timer, AGAIN_MS, 0);
        return;
    }
    memcpy(r->marks, marks, n * sizeof(*marks));
    assign(w);
}

/* An error is not "none": it is asked again, as long as it takes. */
static bool take_committed(struct recover *r, const struct kafka_offset *offsets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (offsets[i].failed)
            return false;
    for (size_t i = 0; i < n; i++) {
        r->parts[i].offset = offsets[i].offset;
        r->maps[i] = str_dup(offsets[i].metadata);
    }
    r->have_committed = true;
    return true;
}

static void on_committed(void *arg, const struct kafka_offset *offsets, size_t n,
                         unsigned generation, const struct err *err)
{
    struct worker *w = arg;
    struct recover *r = w->recover;

    if (generation != r->generation || n != r->n)
        return;
    if (err != NULL || !take_committed(r, offsets, n)) {
        log_warn("kafka.committed", NULL, "committed offsets are not known yet: %s",
                 err == NULL ? "a partition has an error" : err->msg);
        event_timer_start(r->timer, AGAIN_MS, 0);
        return;
    }
    look(w);
}

static void look(void *arg)
{
    struct worker *w = arg;
    struct recover *r = w->recover;
    const struct consumer_lookup what = { r->parts, r->n, LOOK_TIMEOUT_MS };
    int rc;

    if (r->n == 0) {
        assign(w);
        return;
    }
    if (r->have_committed) {
        checkpoint("group.watermarks");
        rc = consumer_query_watermarks(w->consumer, &what, on_watermarks, w);
    } else {
        checkpoint("group.committed");
        rc = consumer_committed(w->consumer, &what, on_committed, w);
    }
    if (rc != 0)
        event_timer_start(r->timer, AGAIN_MS, 0);
}

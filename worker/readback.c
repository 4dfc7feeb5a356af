#include "worker/readback.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/base/checkpoint.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/broker/reader.h"
#include "common/event/event.h"
#include "common/ledger/columns.h"
#include "common/ledger/db.h"
#include "common/record/result.h"
#include "worker/recover.h"
#include "worker/sql.h"
#include "worker/worker.h"
#include "worker/writes.h"

#define READBACK_MAX    4096  /* outcomes looked for at once: 8 MB */
#define WRITE_MAX       256   /* outcomes written in one unit */
#define GATHER_MS       200   /* one recovery finds many: they are read together */
#define AGAIN_MS        5000  /* after a broker or PostgreSQL did not answer */
#define OPEN_TIMEOUT_MS 10000 /* to find the partitions and where to begin */
#define SLICE_MS        100   /* between two looks whether the process leaves */
#define SILENT_MS                                                                        \
    30000                  /* no record for so long: asked again later; over the longest \
                              transaction time-out */
#define EARLIER_MS 3600000 /* the brokers' clocks may differ from PostgreSQL's by so much */

struct lost {
    struct uuid id;
    bool found;
    struct writes_found what;
    UT_hash_handle hh;
};

/* One reading: its thread has it for itself. */
struct reading {
    struct readback *owner; /* NULL: the worker has gone on without it */
    struct worker *w;
    struct lost *lost; /* uthash head, by id; owned */
    int64_t since_ms;
    atomic_bool stop;
    bool complete; /* every partition was read to its end */
    struct err err;
};

struct readback {
    struct event_timer *timer;
    struct lost *lost; /* waits for the next reading */
    struct reading *reading;
    bool asking; /* since when to read */
};

static void begin(void *arg);

static void free_lost(struct lost *first)
{
    struct lost *l = first, *next;

    HASH_CLEAR(hh, first); /* the table, not the elements; first is NULL now */
    for (; l != NULL; l = next) {
        next = l->hh.next;
        free(l);
    }
}

int readback_init(struct worker *w)
{
    w->readback = calloc(1, sizeof(*w->readback));
    if (w->readback == NULL)
        return -1;
    w->readback->timer = event_timer_new(w->loop, begin, w);
    return w->readback->timer == NULL ? -1 : 0;
}

void readback_done(struct worker *w)
{
    struct readback *r = w->readback;

    if (r == NULL)
        return;
    if (r->reading != NULL) {
        r->reading->owner = NULL;
        atomic_store(&r->reading->stop, true);
    }
    event_timer_free(r->timer);
    free_lost(r->lost);
    free(r);
    w->readback = NULL;
}

static struct lost *find(struct lost *first, const struct uuid *id)
{
    struct lost *l;

    HASH_FIND(hh, first, id, sizeof(*id), l);
    return l;
}

void readback_add(struct worker *w, const struct uuid *request_id)
{
    struct readback *r = w->readback;
    struct lost *l;

    if (find(r->lost, request_id) != NULL || HASH_COUNT(r->lost) >= READBACK_MAX)
        return;
    l = calloc(1, sizeof(*l));
    if (l != NULL) {
        l->id = *request_id;
        HASH_ADD(hh, r->lost, id, sizeof(l->id), l);
    }
    if (l == NULL || l->hh.tbl == NULL) {
        free(l);
        worker_exit(w, 1);
        return;
    }
    if (r->reading == NULL && !r->asking && !event_timer_active(r->timer))
        event_timer_start(r->timer, GATHER_MS, 0);
}

/* ---- the thread ---- */

static void take(struct reading *r, const struct result_brief *b, size_t *left)
{
    struct lost *l = find(r->lost, &b->request_id);
    struct writes_found *f;

    if (l == NULL || l->found)
        return;
    f = &l->what;
    if (!item_state_parse(b->outcome, &f->outcome) || !item_state_ended(f->outcome))
        return;
    l->found = true;
    f->request_id = b->request_id;
    f->error_retryable = b->error_retryable;
    str_copy(f->finished_at, sizeof(f->finished_at), b->finished_at);
    str_copy(f->error_class, sizeof(f->error_class), b->error_class);
    str_copy(f->error_message, sizeof(f->error_message), b->error_message);
    str_copy(f->access_verdict, sizeof(f->access_verdict),
             b->access_verdict[0] == '\0' ? "not_checked" : b->access_verdict);
    (*left)--;
}

static void read_on(struct reading *r, struct reader *reader)
{
    size_t left = HASH_COUNT(r->lost);
    int silent_ms = 0;

    while (left > 0 && !reader_at_end(reader) && !atomic_load(&r->stop)) {
        struct kafka_record record;
        struct result_brief *brief;
        int got = reader_next(reader, SLICE_MS, &record, &r->err);

        if (got < 0)
            return;
        silent_ms = got > 0 ? 0 : silent_ms + SLICE_MS;
        if (silent_ms >= SILENT_MS) {
            err_set(&r->err, ERR_UNREACHABLE, "no record comes");
            return;
        }
        brief = got > 0 && record.value != NULL ? calloc(1, sizeof(*brief)) : NULL;
        if (brief != NULL && result_read(record.value, record.value_len, brief, NULL) == 0)
            take(r, brief, &left);
        free(brief);
    }
    r->complete = left == 0 || reader_at_end(reader);
}

static void read_topic(void *arg)
{
    struct reading *r = arg;
    struct reader *reader =
        reader_open_since(r->w->props, r->w->topics.results, r->since_ms, OPEN_TIMEOUT_MS, &r->err);

    if (reader == NULL)
        return;
    read_on(r, reader);
    reader_close(reader);
}

/* ---- what becomes of it ---- */

static void write_found(struct worker *w, struct lost *first)
{
    struct writes_found *found = calloc(WRITE_MAX, sizeof(*found));
    size_t n = 0;

    if (found == NULL) {
        worker_exit(w, 1);
        return;
    }
    for (const struct lost *l = first; l != NULL; l = l->hh.next) {
        if (!l->found)
            continue;
        found[n++] = l->what;
        if (n < WRITE_MAX)
            continue;
        writes_take_back(w, found, n);
        n = 0;
    }
    writes_take_back(w, found, n);
    free(found);
}

static void mark_gone(struct worker *w, struct lost *first)
{
    char text[UUID_TEXT_BYTES];

    for (const struct lost *l = first; l != NULL; l = l->hh.next) {
        if (l->found)
            continue;
        log_error("ledger.outcome_gone", LOG_FIELDS(LOG_S("request_id", uuid_format(&l->id, text))),
                  "the result of this request is out, but neither the ledger nor the result topic "
                  "has it any more; it is marked and not built again");
        writes_mark_lost(w, &l->id, 1);
    }
}

static void on_read(void *arg)
{
    struct reading *r = arg;
    struct readback *owner = r->owner;
    struct worker *w = r->w;

    if (owner != NULL) {
        owner->reading = NULL;
        write_found(w, r->lost);
        if (r->complete) {
            mark_gone(w, r->lost);
        } else {
            log_warn("results.not_read_back", NULL, "outcomes that the ledger lost: %s",
                     r->err.msg);
            recover_later(w); /* finds again what is still missing */
        }
        if (owner->lost != NULL)
            event_timer_start(owner->timer, AGAIN_MS, 0);
    }
    free_lost(r->lost);
    free(r);
}

static void read_back(struct worker *w, int64_t since_ms)
{
    struct readback *owner = w->readback;
    struct reading *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        worker_exit(w, 1);
        return;
    }
    r->owner = owner;
    r->w = w;
    r->since_ms = since_ms > EARLIER_MS ? since_ms - EARLIER_MS : 0;
    r->lost = owner->lost;
    owner->lost = NULL;
    log_error("ledger.lost_outcomes", LOG_FIELDS(LOG_I("items", HASH_COUNT(r->lost))),
              "results are out whose outcomes the ledger lost; they are read back from the result "
              "topic; was there a failover to a standby that is not synchronous?");
    owner->reading = r;
    checkpoint("kafka.read_back");
    if (event_work(w->loop, read_topic, on_read, r) != 0)
        on_read(r);
}

static void on_since(void *arg, const struct db_reply *reply, const struct err *err,
                     const char *sqlstate)
{
    struct worker *w = arg;

    w->readback->asking = false;
    if (err != NULL) {
        log_warn("ledger.lost_since", LOG_FIELDS(LOG_S("sqlstate", sqlstate)), "%s", err->msg);
        event_timer_start(w->readback->timer, AGAIN_MS, 0);
        return;
    }
    read_back(w, db_int(reply, 0, 0, 0));
}

static void begin(void *arg)
{
    struct worker *w = arg;
    struct readback *r = w->readback;
    struct db_unit *unit;
    struct columns c;
    bool good;

    if (r->lost == NULL || r->reading != NULL || r->asking)
        return;
    unit = db_unit_new();
    columns_open(&c, 1);
    for (const struct lost *l = r->lost; l != NULL; l = l->hh.next)
        columns_uuid(&c, 0, &l->id);
    good = columns_close(&c) && unit != NULL;
    if (unit != NULL)
        db_add(unit, SQL_LOST_SINCE, 1, c.params);
    columns_done(&c);
    checkpoint("ledger.lost_since");
    r->asking = good && db_submit(w->facts, unit, on_since, w) == 0;
    if (!r->asking)
        worker_exit(w, 1);
}

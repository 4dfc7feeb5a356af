#include "worker/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "worker/ask.h"
#include "worker/donemap.h"
#include "worker/meters.h"
#include "worker/outgoing.h"
#include "worker/publisher.h"
#include "worker/result_row.h"
#include "worker/sql.h"
#include "worker/worker.h"
#include "worker/writes.h"

#define COMMITTED_TIMEOUT_MS 10000
#define COMMITTED_AGAIN_MS 500
#define BROKER_CHECK_MS 5000

struct results {
    struct publisher *publisher;
    struct event_timer *timer;      /* the next batch */
    struct event_timer *flush_timer;
    struct event_timer *lookup_timer;
    struct list pending;            /* struct outgoing, oldest first */
    struct list batch;              /* under way, or its outcome is being looked up */
    struct kafka_offset *offsets;   /* of the batch */
    char (*maps)[DONEMAP_TEXT_BYTES];
    struct part **offset_parts;
    size_t offsets_n;
    struct txn_message *messages;
    struct group_ref *group;        /* of the present assignment */
    struct group_ref *batch_group;
    bool looking;                   /* the outcome of the batch is being looked up */
    int64_t success_ms;             /* last committed transaction, or nothing was pending */
    results_flushed_fn *flushed;
    bool checking_brokers;
};

static void send_batch(void *arg);
static void look_up(void *arg);
static void on_published(void *arg, enum publish_verdict verdict, const struct err *err);

/* ---- life ---- */

static void flush_timed_out(void *arg)
{
    struct worker *w = arg;
    results_flushed_fn *done = w->results->flushed;

    w->results->flushed = NULL;
    if (done != NULL)
        done(w);
}

static struct publisher *start_publisher(struct worker *w, struct err *err)
{
    char id[256];
    const char *topics[] = {w->topics.results, w->topics.dlq};
    int64_t half = w->config->kafka_session_timeout_ms / 2;
    struct publisher_config config = {
        .loop = w->loop,
        .txn = {.props = w->props,
                .transactional_id = id,
                .transaction_timeout_ms = (int)(half < 10000 ? half : 10000),
                .client_id = w->id},
        .topics = topics,
        .topics_n = 2,
        .on_done = on_published,
        .arg = w};

    snprintf(id, sizeof(id), "%s-%s-%08llx", w->config->shared.kafka_group_id, w->id,
             (unsigned long long)(random_u64() & 0xffffffffu));
    return publisher_new(&config, err);
}

int results_init(struct worker *w)
{
    struct results *r = w->results = calloc(1, sizeof(*r));
    struct err err = {0};

    if (r == NULL)
        return -1;
    list_init(&r->pending);
    list_init(&r->batch);
    r->success_ms = clock_boot_ms();
    r->timer = event_timer_new(w->loop, send_batch, w);
    r->flush_timer = event_timer_new(w->loop, flush_timed_out, w);
    r->lookup_timer = event_timer_new(w->loop, look_up, w);
    r->offsets = calloc(w->parts.n, sizeof(*r->offsets));
    r->maps = calloc(w->parts.n, sizeof(*r->maps));
    r->offset_parts = calloc(w->parts.n, sizeof(struct part *));
    r->messages = calloc(PUBLISH_BATCH_RESULTS, sizeof(*r->messages));
    if (r->timer == NULL || r->flush_timer == NULL || r->lookup_timer == NULL || r->offsets == NULL || r->maps == NULL ||
        r->offset_parts == NULL || r->messages == NULL)
        return -1;
    r->publisher = start_publisher(w, &err);
    if (r->publisher == NULL) {
        log_error("kafka.transactions", NULL, "%s", err.msg);
        return -1;
    }
    event_timer_start(r->timer, PUBLISH_EVERY_MS, PUBLISH_EVERY_MS);
    return 0;
}

bool results_stop(struct worker *w, int wait_ms)
{
    return w->results == NULL || w->results->publisher == NULL ||
           publisher_stop(w->results->publisher, wait_ms);
}

void results_done(struct worker *w)
{
    struct results *r = w->results;

    if (r == NULL)
        return;
    publisher_free(r->publisher);
    event_timer_free(r->timer);
    event_timer_free(r->flush_timer);
    event_timer_free(r->lookup_timer);
    outgoing_free_all(&r->pending);
    outgoing_free_all(&r->batch);
    group_ref_drop(r->group);
    group_ref_drop(r->batch_group);
    free(r->offsets);
    free(r->maps);
    free(r->offset_parts);
    free(r->messages);
    free(r);
    w->results = NULL;
}

/* ---- what is to be published ---- */

static void queue(struct worker *w, struct outgoing *out)
{
    if (out == NULL) {
        worker_exit(w, 1);
        return;
    }
    list_push(&w->results->pending, &out->node);
    if (w->results->pending.n >= PUBLISH_BATCH_RESULTS)
        send_batch(w);
}

static struct work *waits_for_row(struct worker *w, const struct db_reply *reply, size_t statement,
                                  size_t row)
{
    struct uuid id;
    struct work *work;

    if (!uuid_parse(db_text(reply, statement, row, RES_REQUEST), &id))
        return NULL;
    work = works_find(&w->works, &id);
    return work != NULL && work->state == WORK_SETTLING && work->outcome_written ? work : NULL;
}

static void log_ended(struct worker *w, const struct work *work, const struct result *res)
{
    char id[UUID_TEXT_BYTES], campaign[UUID_TEXT_BYTES];
    const struct log_field fields[] = {
        LOG_S("campaign_id", uuid_format(&res->campaign_id, campaign)),
        LOG_S("request_id", uuid_format(&res->request_id, id)),
        LOG_S("content_guid", res->content.guid),
        LOG_S("outcome", res->outcome),
        LOG_I("attempt", res->attempt),
        LOG_S("replica", res->replica),
        LOG_S("error_class", res->error_class),
        LOG_S("access", res->access_verdict),
        LOG_D("build_s", res->build_s),
        {.type = LOG_FIELD_END}};

    meters_item_ended(w, res->content.app_mode, res->outcome, res->queue_s, work->req->lane);
    log_info("item.ended", fields, "%s", res->error_message != NULL ? res->error_message : "done");
}

static void take_row(struct worker *w, struct work *work, const struct db_reply *reply,
                     size_t statement, size_t row)
{
    struct result res;
    struct err err;

    if (result_row_read(w, reply, statement, row, &res, &err) != 0) {
        log_error("result.row", NULL, "%s", err.msg);
        worker_exit(w, 1);
        return;
    }
    if (!part_holds(work->req)) {
        ask_forget(w, work, 0); /* the next owner of the partition publishes it */
    } else {
        log_ended(w, work, &res);
        work_enter(&w->works, work, WORK_RESULT);
        queue(w, outgoing_result(work->req, &res, w->topics.results));
    }
    result_done(&res);
}

void results_take_rows(struct worker *w, const struct db_reply *reply, size_t statement)
{
    for (size_t row = 0; row < db_rows(reply, statement); row++) {
        struct work *work = waits_for_row(w, reply, statement, row);

        if (work != NULL)
            take_row(w, work, reply, statement, row);
    }
}

void results_offset_done(struct worker *w, struct part *part, int64_t offset)
{
    (void)w;
    if (part->tracker != NULL)
        tracker_done(part->tracker, offset);
}

void results_dead_letter(struct worker *w, struct part *part, const struct kafka_record *record,
                         const struct dead_letter_why *why)
{
    meters_dead_letter(w, why->error_class);
    queue(w, outgoing_dead_letter(part, record, why, w->topics.dlq, w->id));
}

size_t results_waiting(const struct worker *w)
{
    return w->results->pending.n + w->results->batch.n;
}

static const struct outgoing *oldest(const struct results *r)
{
    struct list_node *node = list_first(&r->batch);

    if (node == NULL)
        node = list_first(&r->pending);
    return node == NULL ? NULL : list_entry(node, struct outgoing, node);
}

double results_oldest_s(const struct worker *w)
{
    const struct outgoing *out = oldest(w->results);

    return out == NULL ? 0 : (double)(clock_boot_ms() - out->since_ms) / 1000.0;
}

bool results_healthy(const struct worker *w)
{
    const struct results *r = w->results;

    if (r->pending.n >= PUBLISH_QUEUE_RESULTS)
        return false;
    return oldest(r) == NULL || clock_boot_ms() - r->success_ms < TXN_STALL_ADMISSION_MS;
}

/* ---- batches ---- */

/* Moves what is pending and still owned into the batch; its offsets count as done from here on, since
 * the map travels in the same transaction. */
static void fill_messages(struct worker *w)
{
    struct results *r = w->results;

    while (r->pending.n > 0 && r->batch.n < PUBLISH_BATCH_RESULTS) {
        struct outgoing *out = list_entry(list_pop(&r->pending), struct outgoing, node);

        if (out->epoch != out->part->epoch || !out->part->owned) {
            outgoing_free(out);
            continue;
        }
        tracker_done(out->part->tracker, out->offset);
        r->messages[r->batch.n] = out->message;
        list_push(&r->batch, &out->node);
    }
}

static void fill_offsets(struct worker *w)
{
    struct results *r = w->results;

    r->offsets_n = 0;
    for (size_t i = 0; i < w->parts.n; i++) {
        struct part *part = &w->parts.items[i];
        struct kafka_offset *o = &r->offsets[r->offsets_n];

        if (!part->owned || !tracker_dirty(part->tracker))
            continue;
        *o = (struct kafka_offset){.topic = part->topic, .partition = part->partition};
        o->offset = tracker_commit_text(part->tracker, r->maps[r->offsets_n]);
        o->metadata = r->maps[r->offsets_n];
        r->offset_parts[r->offsets_n++] = part;
    }
}

static void send_batch(void *arg)
{
    struct worker *w = arg;
    struct results *r = w->results;
    struct publish_batch batch;

    if (!publisher_idle(r->publisher) || r->looking || r->batch.n > 0 || r->group == NULL)
        return;
    fill_messages(w);
    fill_offsets(w);
    if (r->batch.n == 0 && r->offsets_n == 0) {
        r->success_ms = clock_boot_ms();
        return;
    }
    batch = (struct publish_batch){.messages = r->messages,
                                   .messages_n = r->batch.n,
                                   .offsets = r->offsets,
                                   .offsets_n = r->offsets_n,
                                   .group = r->group->group};
    r->batch_group = group_ref_take(r->group);
    publisher_send(r->publisher, &batch);
}

static void free_work_of(struct worker *w, const struct outgoing *out)
{
    struct work *work = works_find(&w->works, &out->request_id);

    if (work != NULL && work->state == WORK_RESULT && work->req->part == out->part &&
        work->req->offset == out->offset)
        ask_forget(w, work, 0);
}

/* Results that are out, by the commit or by the committed map. */
static void settle_out(struct worker *w, bool (*is_out)(const struct outgoing *out))
{
    struct results *r = w->results;
    struct uuid marks[PUBLISH_BATCH_RESULTS];
    size_t n = 0;
    struct list again;

    list_init(&again);
    for (struct list_node *node = list_pop(&r->batch); node != NULL; node = list_pop(&r->batch)) {
        struct outgoing *out = list_entry(node, struct outgoing, node);

        if (!is_out(out)) {
            list_push(&again, node);
            continue;
        }
        meters_published(w, out->dead_letter ? "dead_letter" : "result", 1);
        if (!out->dead_letter) {
            marks[n++] = out->request_id;
            free_work_of(w, out);
        }
        outgoing_free(out);
    }
    writes_mark(w, marks, n);
    for (struct list_node *node = again.head.prev; again.n > 0; node = again.head.prev) {
        list_remove(&again, node);
        list_insert_after(&r->pending, &r->pending.head, node); /* oldest first again */
    }
}

static bool all_out(const struct outgoing *out)
{
    (void)out;
    return true;
}

static bool map_says_out(const struct outgoing *out)
{
    return out->out;
}

static void batch_settled(struct worker *w)
{
    struct results *r = w->results;
    results_flushed_fn *done = r->flushed;

    group_ref_drop(r->batch_group);
    r->batch_group = NULL;
    r->looking = false;
    if (r->pending.n > 0 || done != NULL)
        send_batch(w);
    if (done != NULL && r->batch.n == 0 && publisher_idle(r->publisher)) {
        r->flushed = NULL;
        event_timer_stop(r->flush_timer);
        done(w);
    }
    ask_kick(w);
}

static void on_published(void *arg, enum publish_verdict verdict, const struct err *err)
{
    struct worker *w = arg;

    if (verdict == PUBLISH_COMMITTED) {
        w->results->success_ms = clock_boot_ms();
        settle_out(w, all_out);
        batch_settled(w);
        return;
    }
    meters_publish_error(w, "unknown");
    log_warn("results.commit_unknown", NULL,
             "whether a batch of results was committed is looked up: %s", err->msg);
    look_up(w);
}

/* Which results of the batch does the committed map of this partition say are out? */
static void judge_partition(struct worker *w, const struct kafka_offset *committed)
{
    struct part *part = parts_find(&w->parts, committed->topic, committed->partition);
    struct tracker *seen = NULL;
    struct err err;

    if (part == NULL)
        return;
    if (committed->offset >= 0)
        seen = tracker_new(committed->offset, committed->metadata, &err);
    for (struct list_node *n = list_first(&w->results->batch); n != NULL;
         n = list_next(&w->results->batch, n)) {
        struct outgoing *out = list_entry(n, struct outgoing, node);

        if (out->part == part)
            out->out = seen != NULL && tracker_is_done(seen, out->offset);
    }
    if (part->owned)
        tracker_mark_dirty(part->tracker);
    tracker_free(seen);
}

static bool any_failed(const struct kafka_offset *offsets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (offsets[i].failed)
            return true;
    return false;
}

static void on_committed(void *arg, const struct kafka_offset *offsets, size_t n,
                         unsigned generation, const struct err *err)
{
    struct worker *w = arg;
    struct results *r = w->results;

    (void)generation; /* what is out is out, whoever owns the partition now */
    if (err != NULL || any_failed(offsets, n)) {
        event_timer_start(r->lookup_timer, COMMITTED_AGAIN_MS, 0);
        return;
    }
    for (size_t i = 0; i < n; i++)
        judge_partition(w, &offsets[i]);
    settle_out(w, map_says_out);
    batch_settled(w);
}

static void look_up(void *arg)
{
    struct worker *w = arg;
    struct results *r = w->results;

    r->looking = true;
    if (r->offsets_n == 0) {
        settle_out(w, map_says_out);
        batch_settled(w);
        return;
    }
    if (consumer_committed(w->consumer, r->offsets, r->offsets_n, COMMITTED_TIMEOUT_MS,
                           on_committed, w) != 0)
        event_timer_start(r->lookup_timer, COMMITTED_AGAIN_MS, 0);
}

void results_flush(struct worker *w, int64_t wait_ms, results_flushed_fn *done)
{
    struct results *r = w->results;

    r->flushed = done;
    send_batch(w);
    if (publisher_idle(r->publisher) && !r->looking && r->batch.n == 0) {
        r->flushed = NULL;
        done(w);
        return;
    }
    event_timer_start(r->flush_timer, wait_ms, 0);
}

/* ---- assignments ---- */

void results_assigned(struct worker *w)
{
    struct results *r = w->results;

    group_ref_drop(r->group);
    r->group = group_ref_new(consumer_group(w->consumer));
}

void results_revoked(struct worker *w)
{
    struct results *r = w->results;

    group_ref_drop(r->group);
    r->group = NULL;
    for (struct list_node *n = list_pop(&r->pending); n != NULL; n = list_pop(&r->pending))
        outgoing_free(list_entry(n, struct outgoing, node));
}

/* ---- the 120 s rule ---- */

struct broker_check {
    struct worker *w;
    const struct kafka_props *props;
    int answer;
};

static void check_work(void *arg)
{
    struct broker_check *c = arg;

    c->answer = txn_brokers_answer(c->props, BROKER_CHECK_MS);
}

static void check_done(void *arg)
{
    struct broker_check *c = arg;
    struct worker *w = c->w;
    int64_t since = publisher_call_since_ms(w->results->publisher);

    w->results->checking_brokers = false;
    if (c->answer && since != 0 && clock_boot_ms() - since >= TXN_STALL_EXIT_MS) {
        log_error("results.stuck", NULL,
                  "brokers answer, but the producer of results has been in one call for %lld s",
                  (long long)(clock_boot_ms() - since) / 1000);
        worker_exit(w, 75);
    }
    free(c);
}

void results_watch(struct worker *w)
{
    struct results *r = w->results;
    int64_t since = publisher_call_since_ms(r->publisher);
    struct broker_check *c;

    if (since == 0 || clock_boot_ms() - since < TXN_STALL_EXIT_MS || r->checking_brokers)
        return;
    c = malloc(sizeof(*c));
    if (c == NULL)
        return;
    *c = (struct broker_check){.w = w, .props = w->props};
    r->checking_brokers = event_work(w->loop, check_work, check_done, c) == 0;
    if (!r->checking_brokers)
        free(c);
}

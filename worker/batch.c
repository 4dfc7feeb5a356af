#include "worker/batch.h"

#include "common/base/checkpoint.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/event/event.h"
#include "worker/ask.h"
#include "worker/meters.h"
#include "worker/outgoing.h"
#include "worker/worker.h"
#include "worker/writes.h"

#define COMMITTED_TIMEOUT_MS 10000
#define COMMITTED_AGAIN_MS   500
#define TOO_SMALL_PAUSE_MS   5000   /* only an operator can help */
#define LIMIT_BEGIN_BYTES    262144 /* what our topics allow: more is not what the broker refused */

static void free_work_of(struct worker *w, const struct outgoing *out)
{
    struct work *work = works_find(&w->works, &out->request_id);

    if (work != NULL && work->state == WORK_RESULT && work->req->part == out->part &&
        work->req->offset == out->offset)
        ask_forget(w, work, 0);
}

enum place { PLACE_SEND, PLACE_LEAVE, PLACE_COPY, PLACE_OVER };

/* What becomes of a pending message now. One that went with a batch that did not commit is counted
 * already, and goes again although its offset is done, below the base even. */
static enum place place_of(const struct outgoing *out)
{
    if (!out->part->owned || out->epoch != out->part->epoch)
        return PLACE_OVER;
    if (out->counted)
        return PLACE_SEND;
    if (tracker_is_done(out->part->tracker, out->offset))
        return PLACE_COPY; /* the request was met twice: its result is out already */
    /* adopted from beyond the window: it waits until the window gets there */
    return tracker_holds(out->part->tracker, out->offset) ? PLACE_SEND : PLACE_LEAVE;
}

void batch_drop(struct worker *w, struct outgoing *out)
{
    w->results->bytes -= out->bytes;
    outgoing_free(out);
}

/* A broker that takes less than our topics do gets less: texts are cut, nothing is left out. */
static void fit(struct results *r, struct outgoing *out)
{
    size_t before = out->bytes;

    if (r->limit_bytes == 0 || before <= r->limit_bytes)
        return;
    outgoing_cut(out, r->limit_bytes);
    r->bytes -= before - out->bytes;
}

static void add_message(struct results *r, const struct outgoing *out)
{
    r->messages[r->messages_n++] = out->message;
    if (out->letter != NULL)
        r->messages[r->messages_n++] = out->letter->message;
}

/* Moves what is pending and still owned into the batch; its offsets count as done from here on,
 * since the map travels in the same transaction. */
static void fill_messages(struct worker *w)
{
    struct results *r = w->results;
    struct list_node *node = list_first(&r->pending);
    size_t bytes = 0;

    r->messages_n = 0;
    while (node != NULL && r->batch.n < PUBLISH_BATCH_RESULTS) {
        struct outgoing *out = list_entry(node, struct outgoing, node);
        enum place place = place_of(out);

        node = list_next(&r->pending, node);
        if (place == PLACE_LEAVE)
            continue;
        fit(r, out);
        if (bytes > 0 && r->limit_bytes > 0 && bytes + out->bytes > r->limit_bytes)
            break; /* a broker's limit is one of what a transaction brings a partition at once */
        list_remove(&r->pending, &out->node);
        if (place != PLACE_SEND) {
            if (place == PLACE_COPY && !out->dead_letter)
                free_work_of(w, out);
            batch_drop(w, out);
            continue;
        }
        bytes += out->bytes;
        tracker_done(out->part->tracker, out->offset);
        out->counted = true;
        add_message(r, out);
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
        *o = (struct kafka_offset){ .topic = part->topic, .partition = part->partition };
        o->offset = tracker_commit_text(part->tracker, r->maps[r->offsets_n]);
        o->metadata = r->maps[r->offsets_n];
        r->offset_parts[r->offsets_n++] = part;
    }
}

void batch_send(void *arg)
{
    struct worker *w = arg;
    struct results *r = w->results;
    struct publish_batch batch;

    /* eager: the generation stays what it was at the assignment until our answer to a revoke */
    if (r->group == NULL && w->member && parts_owned(&w->parts) > 0)
        results_assigned(w);
    if (!publisher_idle(r->publisher) || r->looking || r->batch.n > 0 || r->group == NULL ||
        clock_boot_ms() < r->pause_until_ms)
        return;
    fill_messages(w);
    fill_offsets(w);
    if (r->batch.n == 0 && r->offsets_n == 0) {
        r->success_ms = clock_boot_ms();
        return;
    }
    batch = (struct publish_batch){ .messages = r->messages,
                                    .messages_n = r->messages_n,
                                    .offsets = r->offsets,
                                    .offsets_n = r->offsets_n,
                                    .group = r->group->group };
    r->batch_group = group_ref_take(r->group);
    publisher_send(r->publisher, &batch);
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
        if (out->letter != NULL)
            meters_published(w, "dead_letter", 1);
        if (!out->dead_letter) {
            marks[n++] = out->request_id;
            free_work_of(w, out);
        }
        batch_drop(w, out);
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
    if (r->pending.n >= PUBLISH_BATCH_RESULTS || done != NULL)
        batch_send(w);
    if (done != NULL && r->batch.n == 0 && publisher_idle(r->publisher)) {
        r->flushed = NULL;
        event_timer_stop(r->flush_timer);
        done(w);
    }
    ask_kick(w);
}

/* Half of what did not go, until it does. */
static void lower_limit(struct results *r, const struct err *err)
{
    size_t tried = r->limit_bytes, batch = 0;

    for (struct list_node *n = list_first(&r->batch); n != NULL; n = list_next(&r->batch, n))
        batch += list_entry(n, struct outgoing, node)->bytes;
    if (tried == RESULT_CUT_MIN_BYTES)
        r->pause_until_ms = clock_boot_ms() + TOO_SMALL_PAUSE_MS;
    if (tried == 0)
        tried = batch < LIMIT_BEGIN_BYTES ? batch : LIMIT_BEGIN_BYTES;
    r->limit_bytes = tried / 2 > RESULT_CUT_MIN_BYTES ? tried / 2 : RESULT_CUT_MIN_BYTES;
    log_error("results.too_large", LOG_FIELDS(LOG_I("limit_bytes", r->limit_bytes)),
              "the broker refuses a message for its size: %s; from now on results and dead letters "
              "are cut to what it takes; see max.message.bytes of their topics and "
              "rebuild-producer topics apply",
              err->msg);
}

void batch_published(void *arg, enum publish_verdict verdict, const struct err *err)
{
    struct worker *w = arg;

    if (verdict == PUBLISH_COMMITTED) {
        w->results->success_ms = clock_boot_ms();
        settle_out(w, all_out);
        batch_settled(w);
        return;
    }
    if (err->kind == ERR_INPUT)
        lower_limit(w->results, err);
    meters_publish_error(w, "unknown");
    log_warn("results.commit_unknown", NULL,
             "whether a batch of results was committed is looked up: %s", err->msg);
    batch_look_up(w);
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

void batch_look_up(void *arg)
{
    struct worker *w = arg;
    struct results *r = w->results;
    struct consumer_lookup what;

    r->looking = true;
    if (r->offsets_n == 0) {
        settle_out(w, map_says_out);
        batch_settled(w);
        return;
    }
    what = (struct consumer_lookup){ r->offsets, r->offsets_n, COMMITTED_TIMEOUT_MS };
    checkpoint("group.look_up");
    if (consumer_committed(w->consumer, &what, on_committed, w) != 0)
        event_timer_start(r->lookup_timer, COMMITTED_AGAIN_MS, 0);
}

void results_flush(struct worker *w, int64_t wait_ms, results_flushed_fn *done)
{
    struct results *r = w->results;

    r->flushed = done;
    batch_send(w);
    if (publisher_idle(r->publisher) && !r->looking && r->batch.n == 0) {
        r->flushed = NULL;
        done(w);
        return;
    }
    event_timer_start(r->flush_timer, wait_ms, 0);
}

#include "worker/results.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "worker/ask.h"
#include "worker/batch.h"
#include "worker/external.h"
#include "worker/meters.h"
#include "worker/outgoing.h"
#include "worker/result_row.h"
#include "worker/sql.h"
#include "worker/worker.h"

#define SEND_OFFSETS_TIMEOUT_MS 10000 /* one try; the coordinator may be moving */

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
    const char *topics[] = { w->topics.results, w->topics.dlq };
    int64_t half = w->config->kafka_session_timeout_ms / 2;
    struct publisher_config config = { .loop = w->loop,
                                       .txn = { .props = w->props,
                                                .transactional_id = id,
                                                .transaction_timeout_ms =
                                                    (int)(half < 10000 ? half : 10000),
                                                .send_offsets_timeout_ms = SEND_OFFSETS_TIMEOUT_MS,
                                                .client_id = w->id },
                                       .topics = topics,
                                       .topics_n = 2,
                                       .on_done = batch_published,
                                       .arg = w };

    snprintf(id, sizeof(id), "%s-%s-%08llx", w->config->shared.kafka_group_id, w->id,
             (unsigned long long)(random_u64() & 0xffffffffu));
    return publisher_new(&config, err);
}

int results_init(struct worker *w)
{
    struct results *r = w->results = calloc(1, sizeof(*r));
    struct err err = { 0 };

    if (r == NULL)
        return -1;
    list_init(&r->pending);
    list_init(&r->batch);
    r->success_ms = clock_boot_ms();
    r->timer = event_timer_new(w->loop, batch_send, w);
    r->flush_timer = event_timer_new(w->loop, flush_timed_out, w);
    r->lookup_timer = event_timer_new(w->loop, batch_look_up, w);
    r->offsets = calloc(w->parts.n, sizeof(*r->offsets));
    r->maps = calloc(w->parts.n, sizeof(*r->maps));
    r->offset_parts = calloc(w->parts.n, sizeof(struct part *));
    r->messages = calloc((size_t)2 * PUBLISH_BATCH_RESULTS, sizeof(*r->messages));
    if (r->timer == NULL || r->flush_timer == NULL || r->lookup_timer == NULL ||
        r->offsets == NULL || r->maps == NULL || r->offset_parts == NULL || r->messages == NULL)
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
    w->results->bytes += out->bytes;
    list_push(&w->results->pending, &out->node);
    if (w->results->pending.n >= PUBLISH_BATCH_RESULTS)
        batch_send(w);
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
    const struct log_field fields[] = { LOG_S("campaign_id",
                                              uuid_format(&res->campaign_id, campaign)),
                                        LOG_S("request_id", uuid_format(&res->request_id, id)),
                                        LOG_S("content_guid", res->content.guid),
                                        LOG_S("outcome", res->outcome),
                                        LOG_I("attempt", res->attempt),
                                        LOG_S("replica", res->replica),
                                        LOG_S("error_class", res->error_class),
                                        LOG_S("access", res->access_verdict),
                                        LOG_D("build_s", res->build_s),
                                        { .type = LOG_FIELD_END } };

    meters_item_ended(w, res->content.app_mode, res->outcome, res->queue_s, work->req->lane);
    log_info("item.ended", fields, "%s", res->error_message != NULL ? res->error_message : "done");
}

/* Not rendered: our own fault, or a row that somebody changed by hand. The others go on; this one
 * is tried again, and said again, every minute. */
static void hold(struct worker *w, struct work *work, const char *why)
{
    char id[UUID_TEXT_BYTES];

    log_error("result.not_rendered",
              LOG_FIELDS(LOG_S("request_id", uuid_format(&work->req->id, id))),
              "the result of this request cannot be made from the ledger and is held: %s", why);
    ask_wait(w, work, WAIT_DUE, "", PARK_AFTER_MS);
}

static void publish(struct worker *w, struct work *work, const struct result *res)
{
    struct err err = { 0 };
    struct outgoing *out = outgoing_result(work->req, res, w->topics.results, &err);
    struct outgoing *letter;
    bool no_memory = false;

    if (out == NULL) {
        hold(w, work, err.msg);
        return;
    }
    letter = external_letter(w, work, &no_memory);
    if (letter != NULL)
        outgoing_add_letter(out, letter);
    if (no_memory)
        worker_exit(w, 1);
    log_ended(w, work, res);
    work_enter(&w->works, work, WORK_RESULT);
    queue(w, out);
}

static void take_row(struct worker *w, struct work *work, const struct db_reply *reply,
                     size_t statement, size_t row)
{
    struct result res;
    struct err err;

    if (!part_holds(work->req)) {
        ask_forget(w, work, 0); /* the next owner of the partition publishes it */
        return;
    }
    if (result_row_read(w, &(struct result_row){ reply, statement, row }, &res, &err) != 0) {
        hold(w, work, err.msg);
        return;
    }
    publish(w, work, &res);
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
    return w->results == NULL ? 0 : w->results->pending.n + w->results->batch.n;
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
    const struct outgoing *out = w->results == NULL ? NULL : oldest(w->results);

    return out == NULL ? 0 : (double)(clock_boot_ms() - out->since_ms) / 1000.0;
}

bool results_full(const struct worker *w, int lane)
{
    const struct results *r = w->results;
    size_t more = lane == 0 ? 1 : 2; /* the fast lane does not wait for the slow one */

    return r->pending.n >= more * PUBLISH_QUEUE_RESULTS || r->bytes >= more * PUBLISH_QUEUE_BYTES;
}

bool results_roomy(const struct worker *w)
{
    const struct results *r = w->results;

    return r->pending.n <= PUBLISH_QUEUE_RESULTS / 2 && r->bytes <= PUBLISH_QUEUE_BYTES / 2;
}

bool results_healthy(const struct worker *w)
{
    const struct results *r = w->results;

    if (results_full(w, 0))
        return false;
    return oldest(r) == NULL || clock_boot_ms() - r->success_ms < TXN_STALL_ADMISSION_MS;
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

    r->flushed = NULL; /* whoever waited for it is answered by the revoke itself */
    event_timer_stop(r->flush_timer);
    group_ref_drop(r->group);
    r->group = NULL;
    for (struct list_node *n = list_pop(&r->pending); n != NULL; n = list_pop(&r->pending))
        batch_drop(w, list_entry(n, struct outgoing, node));
}

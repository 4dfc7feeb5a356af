#include "worker/intake.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/broker/consumer.h"
#include "common/record/request.h"
#include "worker/ask.h"
#include "worker/external.h"
#include "worker/meters.h"
#include "worker/outgoing.h"
#include "worker/recover.h"
#include "worker/results.h"
#include "worker/worker.h"

static void on_assign(void *arg, const struct kafka_offset *parts, size_t n)
{
    struct worker *w = arg;

    log_info("kafka.assigned", LOG_FIELDS(LOG_I("partitions", n)), "%zu partitions were assigned",
             n);
    meters_rebalance(w);
    recover_assigned(w, parts, n);
}

/* Requests that are waiting belong to the log again. Builds go on as orphans: their epoch is over,
 * so they POST no more, publish nothing, and meet their item again if it comes back. */
static void leave_partitions(struct worker *w)
{
    struct req *gone[CLAIM_BATCH];
    size_t n;

    for (size_t i = 0; i < w->parts.n; i++)
        part_revoke(&w->parts.items[i]); /* held records too: they are read again */
    external_done(w);
    do {
        n = waiting_filter(w->waiting, waiting_any, NULL, gone, CLAIM_BATCH);
        for (size_t i = 0; i < n; i++)
            free(gone[i]);
    } while (n > 0);
    for (enum work_state s = WORK_ASKING; s < WORK_STATES; s++) {
        struct list *list = &w->works.lists[s];
        struct list_node *node = list_first(list);

        while (node != NULL) {
            struct work *work = list_entry(node, struct work, node);

            node = list_next(list, node);
            if (s == WORK_ASKING || s == WORK_READING || s == WORK_READY || s == WORK_RESULT)
                ask_forget(w, work, 0);
        }
    }
}

static void revoke_now(struct worker *w)
{
    struct err err;

    w->member = false;
    recover_revoked(w);
    leave_partitions(w);
    results_revoked(w);
    checkpoint("group.unassign");
    if (consumer_unassign(w->consumer, &err) != 0)
        log_error("kafka.revoke", NULL, "%s", err.msg);
}

static void on_revoke(void *arg, const struct kafka_offset *parts, size_t n, bool lost)
{
    struct worker *w = arg;

    (void)parts; /* eager: always all of them */
    log_info("kafka.revoked", LOG_FIELDS(LOG_I("partitions", n)), "%zu partitions were %s", n,
             lost ? "lost" : "revoked");
    meters_rebalance(w);
    if (lost || w->leaving != LEAVE_NOT)
        revoke_now(w);
    else
        results_flush(w, REVOKE_WAIT_MS, revoke_now);
}

/* A record beyond the window must be shown to the tracker again when the window gets there, or the
 * tracker waits for it for ever; also one that needs no work of its own. */
static void hold_place(struct worker *w, struct part *part, int64_t offset)
{
    struct req *req = calloc(1, sizeof(*req)); /* nil id: no request */

    if (req != NULL) {
        req->part = part;
        req->epoch = part->epoch;
        req->offset = offset;
        if (part_hold(part, req) == 0)
            return;
    }
    free(req);
    worker_exit(w, 1);
}

static void reject(struct worker *w, struct part *part, const struct kafka_record *record,
                   const struct err *err)
{
    log_warn("request.rejected",
             LOG_FIELDS(LOG_S("topic", record->topic), LOG_I("partition", record->partition),
                        LOG_I("offset", record->offset)),
             "a record goes to the dead letters: %s", err->msg);
    meters_rejected(w, "request.invalid");
    results_dead_letter(w, part, record,
                        &(struct dead_letter_why){ .error_class = "request.invalid",
                                                   .stage = "decode",
                                                   .message = err->msg });
}

static struct req *new_req(struct part *part, const struct kafka_record *record,
                           const struct request *request)
{
    struct req *req = calloc(1, sizeof(*req));

    if (req == NULL)
        return NULL;
    req->id = request->request_id;
    req->campaign_id = request->campaign_id;
    req->part = part;
    req->epoch = part->epoch;
    req->offset = record->offset;
    req->rank = request->rank;
    req->lane = part->lane == 1 ? 1 : 0;
    return req;
}

/* A recovered item, or an orphan whose item did not look begun to the ledger yet, met its record:
 * it is being worked on already. From here on it is of this assignment, or its end would leave the
 * offset undone. */
static bool known_place(struct worker *w, const struct req *req)
{
    struct work *work = works_find(&w->works, &req->id);

    if (work == NULL || work->req->part != req->part || work->req->offset != req->offset)
        return false;
    work->req->epoch = req->epoch;
    return true;
}

/* Takes the request, if it answers 0. */
static int take_on(struct worker *w, struct req *req, bool beyond)
{
    if (beyond)
        return part_hold(req->part, req);
    if (uuid_is_nil(&req->id) || known_place(w, req)) {
        free(req);
        return 0;
    }
    if (waiting_put(w->waiting, req, WAIT_SLOT, "", 0) != 0)
        return -1;
    ask_kick(w);
    return 0;
}

static int decode(const struct kafka_record *record, struct request *ret, struct err *err)
{
    if (record->value == NULL)
        return err_set(err, ERR_INPUT, "the record has no value");
    return request_decode(record->value, record->value_len, ret, NULL, err);
}

/* A record that is no request. Does it say whose it is, the ledger is asked whether that one is
 * known; else it is a dead letter at once. */
static void take_broken(struct worker *w, struct part *part, const struct kafka_record *record,
                        bool beyond, const struct err *why)
{
    struct request_ids ids;
    struct req *req = NULL;
    int noted = 1;

    if (request_read_ids(record->value, record->value_len, &ids)) {
        req = new_req(part, record, &(struct request){ .request_id = ids.request_id });
        noted = req == NULL ? -1 : external_note_broken(w, req, record, why);
    }
    if (noted == 0 && take_on(w, req, beyond) == 0)
        return;
    free(req);
    if (noted <= 0) {
        worker_exit(w, 1);
        return;
    }
    reject(w, part, record, why);
    if (beyond)
        hold_place(w, part, record->offset);
}

static void take_record(struct worker *w, struct part *part, const struct kafka_record *record,
                        bool beyond)
{
    struct request request = { .rank = 0 };
    struct req *req;
    struct err err;

    meters_received(w, part->lane);
    if (decode(record, &request, &err) != 0) {
        take_broken(w, part, record, beyond, &err);
        return;
    }
    req = new_req(part, record, &request);
    if (req == NULL || (!known_place(w, req) && external_note(w, req, &request, record) != 0) ||
        take_on(w, req, beyond) != 0) {
        free(req);
        worker_exit(w, 1); /* no memory: another owner reads it again */
    }
    request_done(&request);
}

static void pause_part(struct worker *w, struct part *part)
{
    if (part->paused)
        return;
    part->paused = true;
    consumer_pause(w->consumer, part->topic, part->partition);
}

/* Once memory is full, nothing is read until half of it is free again. */
static bool crowded(struct worker *w, int lane)
{
    if (results_full(w, lane) || external_full(w, lane))
        w->crowded[lane] = true;
    else if (results_roomy(w) && external_roomy(w))
        w->crowded[lane] = false;
    return w->crowded[lane];
}

static void on_record(void *arg, const struct kafka_record *record)
{
    struct worker *w = arg;
    struct part *part = parts_find(&w->parts, record->topic, record->partition);

    if (part == NULL || !part->owned)
        return;
    switch (part->trimmed_to > 0 ? TRACKER_BEYOND : tracker_record(part->tracker, record->offset)) {
    case TRACKER_NEW: take_record(w, part, record, false); break;
    case TRACKER_DONE: meters_deduplicated(w, "done"); break;
    case TRACKER_BEYOND:
        take_record(w, part, record, true);
        pause_part(w, part);
        break;
    }
    if (tracker_full(part->tracker) || crowded(w, part->lane))
        pause_part(w, part);
}

static void on_error(void *arg, const struct err *err, bool fatal)
{
    struct worker *w = arg;

    if (!fatal) {
        log_warn("kafka.consumer", NULL, "%s", err->msg);
        return;
    }
    log_error("kafka.fatal", NULL, "%s", err->msg);
    worker_exit(w, 1);
}

/* Nothing comes from it any more until it is assigned again: said, not silently idle. */
static void on_partition_error(void *arg, const char *topic, int32_t partition,
                               const struct err *err)
{
    struct worker *w = arg;
    struct part *part = parts_find(&w->parts, topic, partition);

    if (part == NULL)
        return;
    part->refused = true;
    log_error("partition.refused", LOG_FIELDS(LOG_S("topic", topic), LOG_I("partition", partition)),
              "no more records of this partition are read: %s", err->msg);
}

/* Held records whose offset the window reaches now. */
static void take_held(struct worker *w, struct part *part)
{
    for (struct req *req = part_held(part); req != NULL; req = part_held(part)) {
        enum tracker_take take = tracker_record(part->tracker, req->offset);

        if (take == TRACKER_BEYOND)
            return;
        part_unhold(part);
        if (take == TRACKER_NEW && take_on(w, req, false) == 0)
            continue;
        free(req);
        if (take == TRACKER_NEW)
            worker_exit(w, 1);
    }
}

void intake_flow(struct worker *w)
{
    for (size_t i = 0; i < w->parts.n; i++) {
        struct part *part = &w->parts.items[i];

        if (!part->owned || !part->paused || part->trimmed_to > 0 ||
            !tracker_roomy(part->tracker) || crowded(w, part->lane))
            continue;
        take_held(w, part);
        if (part_held(part) != NULL)
            continue;
        part->paused = false;
        consumer_resume(w->consumer, part->topic, part->partition);
    }
}

int intake_start(struct worker *w, struct err *err)
{
    const char *topics[] = { w->topics.requests, w->topics.requests_high };
    const struct consumer_config config = { .props = w->props,
                                            .group_id = w->config->shared.kafka_group_id,
                                            .client_id = w->id,
                                            .session_timeout_ms =
                                                (int)w->config->kafka_session_timeout_ms,
                                            .topics = topics,
                                            .topics_n = 2 };
    const struct consumer_handlers handlers = { .on_assign = on_assign,
                                                .on_revoke = on_revoke,
                                                .on_record = on_record,
                                                .on_error = on_error,
                                                .on_partition_error = on_partition_error,
                                                .arg = w };

    checkpoint("group.join");
    w->consumer = consumer_new(w->loop, &config, &handlers, err);
    return w->consumer == NULL ? -1 : 0;
}

/* A struct worker without PostgreSQL, Kafka and Connect. Nothing happens by itself: the test takes
 * each unit, batch and request that the worker sent, and says what became of it. */
#ifndef TESTS_SUPPORT_FAKE_WORKER_H
#define TESTS_SUPPORT_FAKE_WORKER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/event/event.h"
#include "tests/support/fake_connect.h"
#include "tests/support/fake_kafka.h"
#include "tests/support/fake_ledger.h"
#include "worker/adopt.h"
#include "worker/ask.h"
#include "worker/claims.h"
#include "worker/intake.h"
#include "worker/meters.h"
#include "worker/presence.h"
#include "worker/readback.h"
#include "worker/recover.h"
#include "worker/results.h"
#include "worker/sql.h"
#include "worker/worker.h"
#include "worker/writes.h"

#define FAKE_WAIT_MS 20000 /* a test that waits this long has failed */

#define FAKE_GUID     "11111111-2222-4333-8444-555555555555"
#define FAKE_CAMPAIGN "0197c2a4-2b1e-7c40-9b0a-5d2f6a1c00e1"
#define FAKE_ID       "5b0b3a7e-7c56-5d1f-9a52-0f7b1f3f9c2" /* and one hexadecimal digit */

static char fake_group_id[] = "workers", fake_key[] = "secret", fake_worker[] = "w1",
            fake_server[] = "https://connect.example.org";
static struct worker_config fake_config;

static inline void fake_worker_parts(struct worker *w)
{
    struct target *t = targets_need(&w->targets, "a", "http://a:3939");

    t->configured = t->active = t->known = true;
    t->limit = t->max_inflight = 2;
    assert_int_equal(parts_init(&w->parts, w->topics.requests, w->topics.requests_high, 2), 0);
    works_init(&w->works);
    w->waiting = waiting_new();
    assert_int_equal(meters_init(w), 0);
    assert_int_equal(ask_init(w), 0);
    assert_int_equal(claims_init(w), 0);
    assert_int_equal(writes_init(w), 0);
    assert_int_equal(presence_init(w), 0);
    assert_int_equal(results_init(w), 0);
    assert_int_equal(recover_init(w), 0);
    assert_int_equal(readback_init(w), 0);
}

/* A member of the group that owns nothing yet; replica "a" has two slots. */
static inline struct worker *fake_worker_new(void)
{
    struct worker *w = calloc(1, sizeof(*w));
    struct err err = { 0 };

    assert_non_null(w);
    list_init(&fake_units);
    list_init(&fake_calls);
    memset(&fake_kafka, 0, sizeof(fake_kafka));
    fake_config = (struct worker_config){ .worker_id = fake_worker,
                                          .max_inflight = 100,
                                          .kafka_session_timeout_ms = 20000,
                                          .build_timeout_ms = 7200000,
                                          .access_timeout_ms = 60000,
                                          .lost_after_ms = 60000,
                                          .lost_after_replica_ms = 300000,
                                          .task_wait_ms = 30000 };
    fake_config.shared.kafka_group_id = fake_group_id;
    fake_config.shared.connect_api_key = fake_key;
    fake_config.shared.connect_server = fake_server;
    fake_config.shared.connect_request_timeout_ms = 30000;
    fake_config.shared.replica_max_inflight = 2;
    w->config = &fake_config;
    w->version = "0";
    str_copy(w->id, sizeof(w->id), fake_worker);
    str_copy(w->source, sizeof(w->source), "https://connect.example.org/rebuild");
    str_copy(w->topics.requests, sizeof(w->topics.requests), "requests");
    str_copy(w->topics.requests_high, sizeof(w->topics.requests_high), "requests.high");
    str_copy(w->topics.results, sizeof(w->topics.results), "results");
    str_copy(w->topics.dlq, sizeof(w->topics.dlq), "dlq");
    w->loop = event_loop_new();
    w->db = db_new(w->loop, NULL, NULL);
    w->facts = db_new(w->loop, NULL, NULL);
    fake_worker_parts(w);
    assert_int_equal(intake_start(w, &err), 0);
    w->mode = RUN_NORMAL;
    w->member = true;
    results_assigned(w);
    return w;
}

static inline void fake_requests_free(struct worker *w)
{
    struct req *out[CLAIM_BATCH];
    size_t n;

    for (enum work_state s = 0; s < WORK_STATES; s++)
        while (w->works.lists[s].n > 0) {
            struct work *work = list_entry(list_first(&w->works.lists[s]), struct work, node);

            work_stop(work);
            free(works_remove(&w->works, work));
        }
    do {
        n = waiting_filter(w->waiting, waiting_any, NULL, out, CLAIM_BATCH);
        for (size_t i = 0; i < n; i++)
            free(out[i]);
    } while (n > 0);
}

static inline void fake_worker_free(struct worker *w)
{
    fake_requests_free(w);
    http_free(NULL);
    recover_done(w);
    readback_done(w);
    results_done(w);
    presence_done(w);
    writes_done(w);
    claims_done(w);
    adopt_done(w);
    ask_done(w);
    db_free(w->db);
    db_free(w->facts);
    meters_done(w);
    waiting_free(w->waiting);
    parts_done(&w->parts);
    event_loop_free(w->loop);
    free(w);
}

/* The partition with this base and map, owned. */
static inline struct part *fake_own(struct worker *w, int32_t partition, int64_t base,
                                    const char *map)
{
    struct part *part = parts_at(&w->parts, 0, partition);
    struct err err;
    struct tracker *t = tracker_new(base, map, &err);

    assert_non_null(t);
    part_assign(part, t);
    return part;
}

static inline struct uuid fake_id(char digit)
{
    char text[UUID_TEXT_BYTES];
    struct uuid id;

    snprintf(text, sizeof(text), "%s%c", FAKE_ID, digit);
    assert_true(uuid_parse(text, &id));
    return id;
}

static inline struct req *fake_req(struct part *part, char digit, int64_t offset)
{
    struct req *req = calloc(1, sizeof(*req));

    assert_non_null(req);
    req->id = fake_id(digit);
    assert_true(uuid_parse(FAKE_CAMPAIGN, &req->campaign_id));
    req->part = part;
    req->epoch = part->epoch;
    req->offset = offset;
    return req;
}

static inline struct work *fake_work(struct worker *w, char digit)
{
    struct uuid id = fake_id(digit);

    return works_find(&w->works, &id);
}

/* Runs the loop until the condition holds. */
#define FAKE_WAIT(w, condition)                                                         \
    do {                                                                                \
        int64_t fake_until_ = event_now_ms((w)->loop) + FAKE_WAIT_MS;                   \
        bool fake_never_ = false;                                                       \
                                                                                        \
        while (!(condition) && event_now_ms((w)->loop) < fake_until_)                   \
            event_loop_run_until((w)->loop, &fake_never_, event_now_ms((w)->loop) + 1); \
        if (!(condition))                                                               \
            fail_msg("waited in vain for: %s", #condition);                             \
    } while (0)

/* The next unit with this statement. */
#define FAKE_UNIT(w, sql) (fake_wait_unit(w, sql))

static inline struct db_unit *fake_wait_unit(struct worker *w, const char *sql)
{
    FAKE_WAIT(w, fake_find(sql) != NULL);
    return fake_find(sql);
}

#endif

/* The consumer and the publisher thread as a test plays them: a batch is under way until the test
 * says what became of it. Replaces common/broker/consumer*.c and worker/publisher.c at link level:
 * exactly one file of a program includes it. */
#ifndef TESTS_SUPPORT_FAKE_KAFKA_H
#define TESTS_SUPPORT_FAKE_KAFKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/broker/consumer.h"
#include "common/broker/txn.h"
#include "worker/publisher.h"

static struct {
    struct publish_batch batch; /* under way while busy */
    bool busy;
    bool too_large; /* why it is unknown */
    publisher_done_fn *on_done;
    void *arg;
    consumer_committed_fn *committed; /* asked and not answered */
    void *committed_arg;
    struct consumer_handlers handlers; /* of consumer_new */
    char paused[64];                   /* "p0" or "r0" per call */
    int64_t call_since_ms;             /* how long the publisher has been in one call; 0: in none */
    int brokers_answer;
} fake_kafka;

struct publisher {
    int one;
};
struct consumer {
    int one;
};
struct kafka_group {
    int one;
};
static struct consumer fake_consumer;

struct publisher *publisher_new(const struct publisher_config *config, struct err *err)
{
    (void)err;
    fake_kafka.on_done = config->on_done;
    fake_kafka.arg = config->arg;
    return calloc(1, sizeof(struct publisher));
}

void publisher_send(struct publisher *p, const struct publish_batch *batch)
{
    (void)p;
    assert_false(fake_kafka.busy);
    fake_kafka.batch = *batch;
    fake_kafka.busy = true;
}

bool publisher_idle(const struct publisher *p)
{
    (void)p;
    return !fake_kafka.busy;
}

int64_t publisher_call_since_ms(const struct publisher *p)
{
    (void)p;
    return fake_kafka.call_since_ms;
}

int txn_brokers_answer(const struct kafka_props *props, int timeout_ms)
{
    (void)props;
    (void)timeout_ms;
    return fake_kafka.brokers_answer;
}

bool publisher_stop(struct publisher *p, int wait_ms)
{
    (void)p;
    (void)wait_ms;
    return true;
}

void publisher_free(struct publisher *p)
{
    free(p);
}

static inline void fake_published(enum publish_verdict verdict)
{
    struct err err = { 0 };

    if (verdict == PUBLISH_UNKNOWN && fake_kafka.too_large)
        err_set(&err, ERR_INPUT, "too large");
    assert_true(fake_kafka.busy);
    fake_kafka.busy = false;
    fake_kafka.on_done(fake_kafka.arg, verdict, &err);
}

struct consumer *consumer_new(struct event_loop *loop, const struct consumer_config *config,
                              const struct consumer_handlers *handlers, struct err *err)
{
    (void)loop;
    (void)config;
    (void)err;
    fake_kafka.handlers = *handlers;
    return &fake_consumer;
}

int consumer_committed(struct consumer *c, const struct consumer_lookup *what,
                       consumer_committed_fn *done, void *arg)
{
    (void)c;
    (void)what;
    fake_kafka.committed = done;
    fake_kafka.committed_arg = arg;
    return 0;
}

unsigned consumer_generation(const struct consumer *c)
{
    (void)c;
    return 1;
}

int consumer_assign(struct consumer *c, const struct kafka_offset *parts, size_t n, struct err *err)
{
    (void)c;
    (void)parts;
    (void)n;
    (void)err;
    return 0;
}

int consumer_unassign(struct consumer *c, struct err *err)
{
    (void)c;
    (void)err;
    return 0;
}

struct kafka_group *consumer_group(struct consumer *c)
{
    (void)c;
    return calloc(1, sizeof(struct kafka_group));
}

void kafka_group_free(struct kafka_group *g)
{
    free(g);
}

static inline void note_flow(char what, int32_t partition)
{
    size_t len = strlen(fake_kafka.paused);

    snprintf(fake_kafka.paused + len, sizeof(fake_kafka.paused) - len, "%c%d", what, partition);
}

void consumer_pause(struct consumer *c, const char *topic, int32_t partition)
{
    (void)c;
    (void)topic;
    note_flow('p', partition);
}

void consumer_resume(struct consumer *c, const char *topic, int32_t partition)
{
    (void)c;
    (void)topic;
    note_flow('r', partition);
}

bool consumer_watermarks(struct consumer *c, const char *topic, int32_t partition, int64_t *ret_low,
                         int64_t *ret_high)
{
    (void)c;
    (void)topic;
    (void)partition;
    *ret_low = *ret_high = 0;
    return false;
}

int consumer_query_watermarks(struct consumer *c, const struct consumer_lookup *what,
                              consumer_watermarks_fn *done, void *arg)
{
    (void)c;
    (void)what;
    (void)done;
    (void)arg;
    return 0;
}

int64_t consumer_last_poll_ms(const struct consumer *c)
{
    (void)c;
    return clock_boot_ms();
}

void consumer_close(struct consumer *c, void (*closed)(void *arg), void *arg)
{
    (void)c;
    closed(arg);
}

void consumer_free(struct consumer *c)
{
    (void)c;
}

#endif

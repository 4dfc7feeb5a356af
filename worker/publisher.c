#include "worker/publisher.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/checkpoint.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/base/uuid.h"
#include "common/event/event.h"
#include "worker/retry.h"

#define TOPICS_MAX      4
#define SAME_CALL_TRIES 20 /* a retriable answer of one call; each waits RETRY_PAUSE_MS */
#define RETRY_PAUSE_MS  100
#define REMAKE_MIN_MS   200 /* a new producer after a fatal error */
#define REMAKE_MAX_MS   5000

struct publisher {
    struct publisher_config config;
    char *transactional_id, *client_id;
    char *topics[TOPICS_MAX];
    struct event_wake *wake;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t change;
    /* under the lock */
    const struct publish_batch *todo; /* given, not taken by the thread yet */
    struct publish_batch batch;
    bool stop, ended, answered;
    enum publish_verdict verdict;
    struct err err;
    /* loop only */
    bool busy;
    /* thread only */
    struct txn *txn;
    atomic_llong call_since_ms;
};

static void call_begins(struct publisher *p)
{
    atomic_store(&p->call_since_ms, clock_boot_ms());
}

static void call_ends(struct publisher *p)
{
    atomic_store(&p->call_since_ms, 0);
}

static struct timespec in_ms(int64_t ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* Waits on the condition, so that a stop ends the wait. True: stop. */
static bool pause_ms(struct publisher *p, int64_t ms)
{
    struct timespec until = in_ms(ms);
    bool stop;

    pthread_mutex_lock(&p->lock);
    while (!p->stop && pthread_cond_timedwait(&p->change, &p->lock, &until) != ETIMEDOUT)
        continue;
    stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    return stop;
}

/* Makes the producer and settles what an earlier one of the same id left. True: there is one. */
static bool ensure_txn(struct publisher *p)
{
    for (int tries = 1; p->txn == NULL; tries++) {
        struct err err = { 0 };
        enum txn_result r = TXN_FAILED;

        call_begins(p);
        checkpoint("txn.new");
        p->txn = txn_new(&p->config.txn, &err);
        if (p->txn != NULL) {
            checkpoint("txn.init");
            r = txn_init(p->txn, p->config.topics, p->config.topics_n, &err);
        }
        call_ends(p);
        if (r == TXN_OK)
            return true;
        log_warn("kafka.transactions", NULL, "the producer of results is not ready: %s", err.msg);
        txn_free(p->txn);
        p->txn = NULL;
        if (pause_ms(p, backoff_delay_ms(REMAKE_MIN_MS, REMAKE_MAX_MS, tries, random_u64())))
            return false;
    }
    return true;
}

enum step { STEP_BEGIN, STEP_MESSAGES, STEP_OFFSETS, STEP_COMMIT, STEPS };

static enum txn_result produce_all(struct publisher *p, const struct publish_batch *b,
                                   struct err *err)
{
    for (size_t i = 0; i < b->messages_n; i++) {
        enum txn_result r = TXN_RETRY;

        for (int tries = 0; r == TXN_RETRY && tries < SAME_CALL_TRIES; tries++) {
            checkpoint("txn.produce");
            r = txn_produce(p->txn, &b->messages[i], err);
            if (r == TXN_RETRY && pause_ms(p, RETRY_PAUSE_MS))
                return TXN_FAILED;
        }
        if (r != TXN_OK)
            return r;
    }
    return TXN_OK;
}

static enum txn_result one_step(struct publisher *p, const struct publish_batch *b, enum step step,
                                struct err *err)
{
    switch (step) {
    case STEP_BEGIN: checkpoint("txn.begin"); return txn_begin(p->txn, err);
    case STEP_MESSAGES: return produce_all(p, b, err);
    case STEP_OFFSETS:
        if (b->offsets_n == 0)
            return TXN_OK;
        checkpoint("txn.offsets");
        return txn_send_offsets(p->txn, b->offsets, b->offsets_n, b->group, err);
    case STEP_COMMIT:
    case STEPS: break;
    }
    checkpoint("txn.commit");
    return txn_commit(p->txn, err);
}

static enum txn_result patient_step(struct publisher *p, const struct publish_batch *b,
                                    enum step step, struct err *err)
{
    enum txn_result r = TXN_RETRY;

    for (int tries = 0; r == TXN_RETRY && tries < SAME_CALL_TRIES; tries++) {
        call_begins(p);
        r = one_step(p, b, step, err);
        call_ends(p);
        if (r == TXN_RETRY && pause_ms(p, RETRY_PAUSE_MS))
            break;
    }
    return r;
}

static void throw_away(struct publisher *p)
{
    call_begins(p);
    txn_free(p->txn);
    call_ends(p);
    p->txn = NULL;
}

/* In the order in which an answer must be looked at: fatal, abort; everything else that is not OK
 * after its retries ends the producer too. Afterwards a producer is there again, so the old
 * transaction is settled before anybody looks the outcome up. */
static enum publish_verdict transact(struct publisher *p, const struct publish_batch *b,
                                     struct err *err)
{
    enum txn_result r = TXN_OK;
    bool too_large;

    for (int step = STEP_BEGIN; r == TXN_OK && step < STEPS; step++)
        r = patient_step(p, b, (enum step)step, err);
    if (r == TXN_OK)
        return PUBLISH_COMMITTED;
    if (r == TXN_ABORT || txn_too_large(p->txn)) {
        struct err abort_err;

        call_begins(p);
        checkpoint("txn.abort");
        r = txn_abort(p->txn, &abort_err);
        call_ends(p);
    }
    too_large =
        txn_too_large(p->txn); /* the broker's word for it comes with the delivery reports */
    if (too_large)
        err->kind = ERR_INPUT;
    if (r != TXN_OK || too_large) /* 2.0.2 skips sequence numbers after the broker's refusal */
        throw_away(p);
    ensure_txn(p);
    return PUBLISH_UNKNOWN;
}

static bool next_batch(struct publisher *p)
{
    bool have;

    pthread_mutex_lock(&p->lock);
    while (!p->stop && p->todo == NULL)
        pthread_cond_wait(&p->change, &p->lock);
    have = !p->stop;
    p->todo = NULL;
    pthread_mutex_unlock(&p->lock);
    return have;
}

static void *run(void *arg)
{
    struct publisher *p = arg;

    ensure_txn(p);
    while (next_batch(p)) {
        struct err err = { 0 };
        enum publish_verdict verdict = PUBLISH_UNKNOWN;

        if (ensure_txn(p))
            verdict = transact(p, &p->batch, &err);
        pthread_mutex_lock(&p->lock);
        p->verdict = verdict;
        p->err = err;
        p->answered = true;
        pthread_mutex_unlock(&p->lock);
        event_wake_signal(p->wake);
    }
    throw_away(p);
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    pthread_cond_broadcast(&p->change);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void on_wake(void *arg)
{
    struct publisher *p = arg;
    enum publish_verdict verdict;
    struct err err;
    bool answered;

    pthread_mutex_lock(&p->lock);
    answered = p->answered;
    p->answered = false;
    verdict = p->verdict;
    err = p->err;
    pthread_mutex_unlock(&p->lock);
    if (!answered)
        return;
    p->busy = false;
    p->config.on_done(p->config.arg, verdict, &err);
}

static bool copy_config(struct publisher *p, const struct publisher_config *config)
{
    p->config = *config;
    p->transactional_id = str_dup(config->txn.transactional_id);
    p->client_id = str_dup(config->txn.client_id);
    p->config.txn.transactional_id = p->transactional_id;
    p->config.txn.client_id = p->client_id;
    for (size_t i = 0; i < config->topics_n && i < TOPICS_MAX; i++)
        p->topics[i] = str_dup(config->topics[i]);
    p->config.topics = (const char *const *)p->topics;
    return p->transactional_id != NULL && p->client_id != NULL;
}

static bool start_thread(struct publisher *p)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->change, &attr);
    pthread_condattr_destroy(&attr);
    p->started = pthread_create(&p->thread, NULL, run, p) == 0;
    return p->started;
}

struct publisher *publisher_new(const struct publisher_config *config, struct err *err)
{
    struct publisher *p = calloc(1, sizeof(*p));

    if (p == NULL || !copy_config(p, config) ||
        (p->wake = event_wake_new(config->loop, on_wake, p)) == NULL || !start_thread(p)) {
        err_set(err, ERR_INTERNAL, "no memory or thread for the producer of results");
        publisher_free(p);
        return NULL;
    }
    return p;
}

void publisher_send(struct publisher *p, const struct publish_batch *batch)
{
    p->busy = true;
    pthread_mutex_lock(&p->lock);
    p->batch = *batch;
    p->todo = &p->batch;
    pthread_cond_broadcast(&p->change);
    pthread_mutex_unlock(&p->lock);
}

bool publisher_idle(const struct publisher *p)
{
    return !p->busy;
}

int64_t publisher_call_since_ms(const struct publisher *p)
{
    return atomic_load(&p->call_since_ms);
}

bool publisher_stop(struct publisher *p, int wait_ms)
{
    struct timespec until = in_ms(wait_ms);
    bool ended;

    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->change);
    while (!p->ended && pthread_cond_timedwait(&p->change, &p->lock, &until) != ETIMEDOUT)
        continue;
    ended = p->ended;
    pthread_mutex_unlock(&p->lock);
    if (ended && p->started) {
        pthread_join(p->thread, NULL);
        p->started = false;
    }
    return ended;
}

void publisher_free(struct publisher *p)
{
    if (p == NULL)
        return;
    event_wake_free(p->wake);
    free(p->transactional_id);
    free(p->client_id);
    for (size_t i = 0; i < TOPICS_MAX; i++)
        free(p->topics[i]);
    free(p);
}

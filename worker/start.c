#include "worker/start.h"

#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/broker/admin.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "common/ledger/version.h"
#include "worker/sql.h"
#include "worker/worker.h"

#define ADMIN_TIMEOUT_MS 5000
#define REACH_TIMEOUT_MS 500 /* a blocking call; the probes have their turn after each */
#define REACH_TURN_MS    50
#define REACH_SAY_EVERY  20 /* tries, about 10 s */

/* What a step of the start needs and finds. */
struct step {
    struct admin *admin;
    int64_t until_ms;
    char cluster[64];
    int partitions;
};

typedef int step_fn(struct worker *w, struct step *s, struct err *err);

/* Takes the step again while a server is not reached, until START_WAIT_MS have passed: it may come
 * up after us, or go down between two steps. */
static int patiently(struct worker *w, step_fn *take, struct step *s, const char *event,
                     struct err *err)
{
    const bool never = false;
    int rc;

    s->until_ms = event_now_ms(w->loop) + START_WAIT_MS;
    for (int tries = 0; (rc = take(w, s, err)) != 0; tries++) {
        if (err->kind != ERR_UNREACHABLE || event_now_ms(w->loop) >= s->until_ms)
            break;
        if (tries % REACH_SAY_EVERY == 0)
            log_warn(event, NULL, "%s; trying again", err->msg);
        event_loop_run_until(w->loop, &never, event_now_ms(w->loop) + REACH_TURN_MS);
    }
    return rc;
}

static int reach_database(struct worker *w, struct step *s, struct err *err)
{
    struct db *both[] = { w->db, w->facts };

    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        int64_t left = s->until_ms - event_now_ms(w->loop);

        if (db_wait_up(both[i], left > 1 ? left : 1, err) != 0)
            return err_prefix(err, "PostgreSQL");
    }
    return ledger_version_check(w->db, LEDGER_VERSION, err);
}

int start_ledger(struct worker *w, struct err *err)
{
    struct step s = { .admin = NULL };

    return patiently(w, reach_database, &s, "postgresql.unreachable", err);
}

static int topic(struct admin *a, const char *name, int *ret_partitions, struct err *err)
{
    int replication;

    checkpoint("start.topic");
    if (admin_topic_partitions(a, name, ret_partitions, &replication, err) != 0)
        return -1;
    if (*ret_partitions == 0)
        return err_set(err, ERR_CONFIG,
                       "topic %s does not exist; run rebuild-producer topics apply", name);
    return 0;
}

static int check_topics(struct worker *w, struct step *s, struct err *err)
{
    struct admin *a = s->admin;
    int high, other;

    if (topic(a, w->topics.requests, &s->partitions, err) != 0 ||
        topic(a, w->topics.requests_high, &high, err) != 0 ||
        topic(a, w->topics.results, &other, err) != 0 || topic(a, w->topics.dlq, &other, err) != 0)
        return -1;
    if (high != s->partitions)
        return err_set(err, ERR_CONFIG, "%s has %d partitions and %s has %d; they must be equal",
                       w->topics.requests, s->partitions, w->topics.requests_high, high);
    return 0;
}

static int check_row(struct worker *w, const struct db_reply *r, const char *cluster,
                     struct err *err)
{
    const char *group = w->config->shared.kafka_group_id;

    if (db_rows(r, 0) == 0)
        return err_set(err, ERR_CONFIG,
                       "this installation is not set up; run rebuild-producer topics apply");
    if (strcmp(db_text(r, 0, 0, 1), group) != 0)
        return err_set(err, ERR_CONFIG,
                       "kafka-group-id is %s, but this installation's group is %s: a renamed group "
                       "would read every request again",
                       group, db_text(r, 0, 0, 1));
    if (strcmp(db_text(r, 0, 0, 2), cluster) != 0)
        return err_set(err, ERR_CONFIG,
                       "the brokers are cluster %s, but this installation belongs to cluster %s",
                       cluster, db_text(r, 0, 0, 2));
    if (strstr(db_text(r, 0, 0, 3), w->topics.requests) == NULL)
        return err_set(err, ERR_CONFIG, "topic-prefix: this installation's topics are %s",
                       db_text(r, 0, 0, 3));
    str_copy(w->source, sizeof(w->source), db_text(r, 0, 0, 0));
    return 0;
}

static int check_installation(struct worker *w, struct step *s, struct err *err)
{
    struct db_unit *unit = db_unit_new();
    struct db_reply *reply = NULL;
    int rc;

    if (unit == NULL)
        return err_set(err, ERR_INTERNAL, "no memory");
    db_add(unit, SQL_INSTALLATION, 0, NULL);
    checkpoint("start.installation");
    if (db_run(w->db, unit, 0, &reply, err) != 0)
        return -1;
    rc = check_row(w, reply, s->cluster, err);
    db_reply_free(reply);
    return rc;
}

static int ask_cluster(struct worker *w, struct step *s, struct err *err)
{
    int brokers;

    (void)w;
    checkpoint("start.cluster");
    return admin_cluster(s->admin, s->cluster, &brokers, err);
}

static int reach_brokers(struct worker *w, struct step *s, struct err *err)
{
    const char *servers = w->config->shared.kafka_bootstrap_servers;
    int rc;

    s->admin = admin_new(w->props, w->id, REACH_TIMEOUT_MS, err);
    if (s->admin == NULL)
        return -1;
    rc = patiently(w, ask_cluster, s, "kafka.unreachable", err);
    admin_free(s->admin);
    if (rc != 0 && servers != NULL)
        err_prefix(err, "%.200s", servers);
    return rc;
}

int start_kafka(struct worker *w, struct err *err)
{
    struct step s = { .admin = NULL };
    int rc = -1;

    if (reach_brokers(w, &s, err) != 0)
        return -1;
    s.admin = admin_new(w->props, w->id, ADMIN_TIMEOUT_MS, err);
    if (s.admin == NULL)
        return -1;
    if (patiently(w, check_topics, &s, "kafka.unreachable", err) != 0 ||
        patiently(w, check_installation, &s, "postgresql.unreachable", err) != 0)
        goto out;
    if (parts_init(&w->parts, w->topics.requests, w->topics.requests_high, s.partitions) != 0) {
        err_set(err, ERR_INTERNAL, "no memory for %d partitions", s.partitions);
        goto out;
    }
    rc = 0;
out:
    admin_free(s.admin);
    return rc;
}

/* doctor: brokers, topics, the bond between them and the ledger, workers. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/broker/admin.h"
#include "common/ledger/db.h"
#include "producer/doctor.h"
#include "producer/lost.h"

#define BROKERS_TO_BE_SAFE 3
#define IN_SYNC_NAME       "min.insync.replicas"

/* ---- topics ---- */

static void say_settings(struct doctor *d, const struct topic_state *t)
{
    for (size_t i = 0; i < t->settings_n; i++) {
        const struct topic_setting_state *s = &t->settings[i];
        /* a compacted or shorter log loses records; the rest is a matter of safety */
        bool loses = strcmp(s->name, IN_SYNC_NAME) != 0;

        if (!topic_setting_fits(s))
            doctor_say(d, loses ? VERDICT_FAIL : VERDICT_WARN, "topics",
                       "%s has %s=%s, not %s: `rebuild-producer topics apply` sets it", t->name,
                       s->name, s->is, s->wanted);
    }
}

static void topic(struct doctor *d, const struct topic_state *t, bool requests)
{
    struct err err;

    if (t->partitions == 0) {
        err_set(&err, ERR_CONFIG,
                "the topic %s does not exist: `rebuild-producer topics apply` creates it", t->name);
        doctor_fail(d, "topics", &err);
        return;
    }
    if (requests && d->installation.partitions > 0 && t->partitions != d->installation.partitions) {
        err_set(&err, ERR_CONFIG, "%s has %d partitions, and the ledger was set up with %d",
                t->name, t->partitions, d->installation.partitions);
        doctor_fail(d, "topics", &err);
        return;
    }
    doctor_say(d, t->replication >= REPLICATION_TO_BE_SAFE ? VERDICT_OK : VERDICT_WARN, "topics",
               "%s: %d partitions, replication %d%s", t->name, t->partitions, t->replication,
               t->replication >= REPLICATION_TO_BE_SAFE
                   ? ""
                   : "; below 3, and min.insync.replicas 2, a lost broker can lose records");
    say_settings(d, t);
}

static void topics(struct doctor *d)
{
    struct topic_state states[TOPICS_N];
    struct err err;

    if (topics_read(&d->call->session, states, &err) != 0) {
        doctor_fail(d, "topics", &err);
        return;
    }
    for (size_t i = 0; i < TOPICS_N; i++)
        topic(d, &states[i], i == TOPIC_REQUESTS || i == TOPIC_REQUESTS_HIGH);
}

static void installation(struct doctor *d, const char *cluster_id)
{
    struct session *s = &d->call->session;
    struct err err;

    if (!d->ledger)
        return;
    if (installation_read(s, &d->installation, &err) != 0) {
        doctor_fail(d, "installation", &err);
        return;
    }
    if (d->installation.partitions == 0) {
        err_set(&err, ERR_CONFIG,
                "the ledger is not bound to topics: `rebuild-producer topics "
                "apply` does it");
        doctor_fail(d, "installation", &err);
        return;
    }
    if (installation_check(s, &d->installation, cluster_id, &err) != 0) {
        doctor_fail(d, "installation", &err);
        return;
    }
    doctor_say(d, VERDICT_OK, "installation", "%s, consumer group %s", d->installation.source,
               d->installation.group_id);
}

/* ---- requests that are in the ledger, and not in Kafka any more ---- */

static void say_remade(struct doctor *d, const struct lost *l)
{
    for (size_t i = 0; i < l->logs_n; i++)
        if (l->logs[i].base > l->logs[i].high)
            doctor_say(d, VERDICT_FAIL, "requests",
                       "the group has committed %" PRId64 " for %s/%" PRId32
                       ", whose log ends at %" PRId64 ": workers refuse it until `rebuild-producer "
                       "requeue CAMPAIGN --lost`",
                       l->logs[i].base, l->logs[i].topic, l->logs[i].partition, l->logs[i].high);
}

static void say_lost(struct doctor *d, const struct lost *l)
{
    size_t campaigns = lost_campaigns(l);

    say_remade(d, l);
    if (l->n == 0)
        doctor_say(d, VERDICT_OK, "requests", "none is lost");
    else
        doctor_say(d, VERDICT_FAIL, "requests",
                   "%zu request%s of %zu campaign%s %s lost: `rebuild-producer requeue %s --lost` "
                   "sends %s again",
                   l->n, l->n == 1 ? "" : "s", campaigns, campaigns == 1 ? "" : "s",
                   l->n == 1 ? "is" : "are", l->items[0].campaign,
                   campaigns == 1 ? "them" : "those of the first one");
}

static void lost(struct doctor *d)
{
    struct lost l;
    struct err err;

    if (!d->ledger || d->installation.partitions == 0)
        return;
    if (lost_find(&d->call->session, NULL, &l, &err) != 0)
        doctor_fail(d, "requests", &err);
    else
        say_lost(d, &l);
    lost_done(&l);
}

void doctor_kafka(struct doctor *d)
{
    struct session *s = &d->call->session;
    char cluster_id[64];
    int brokers;
    struct err err;

    if (session_admin(s, &err) != 0 || admin_cluster(s->admin, cluster_id, &brokers, &err) != 0) {
        doctor_fail(d, "kafka", &err);
        return;
    }
    doctor_say(d, brokers >= BROKERS_TO_BE_SAFE ? VERDICT_OK : VERDICT_WARN, "kafka",
               "cluster %s with %d broker%s%s", cluster_id, brokers, brokers == 1 ? "" : "s",
               brokers >= BROKERS_TO_BE_SAFE ? "" : "; fewer than 3 cannot keep three copies");
    installation(d, cluster_id);
    topics(d);
    lost(d);
}

/* ---- workers ---- */

void doctor_workers(struct doctor *d)
{
    static const char SQL[] = "select count(*) from @worker where state in ('starting', 'running')"
                              " and last_seen > now() - $1::bigint * interval '1 ms'";
    char dead_ms[16];
    const char *params[] = { dead_ms };
    struct db_reply *reply = NULL;
    struct err err;
    int64_t n;

    if (!d->ledger)
        return;
    snprintf(dead_ms, sizeof(dead_ms), "%d", WORKER_DEAD_MS);
    if (session_query(&d->call->session, &(struct statement){ SQL, 1, params }, &reply, &err) !=
        0) {
        doctor_fail(d, "workers", &err);
        return;
    }
    n = db_int(reply, 0, 0, 0);
    db_reply_free(reply);
    if (n > d->installation.partitions && d->installation.partitions > 0)
        doctor_say(d, VERDICT_WARN, "workers",
                   "%" PRId64 " workers and %d partitions: %" PRId64 " of them have nothing to do",
                   n, d->installation.partitions, n - d->installation.partitions);
    else if (n == 0)
        doctor_say(d, VERDICT_OK, "workers", "none is running now");
    else
        doctor_say(d, VERDICT_OK, "workers", "%" PRId64 " running", n);
}

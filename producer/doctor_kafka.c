/* doctor: brokers, topics, the bond between them and the ledger, workers. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/broker/admin.h"
#include "common/ledger/db.h"
#include "producer/doctor.h"

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

static const char SQL_PLACES[] =
    "select place_lane, place_partition, min(place_offset), max(place_offset) from @item"
    " where place_offset is not null and published_at is null group by 1, 2";

static bool lost_in(struct doctor *d, const struct db_reply *reply, size_t row, struct err *err)
{
    struct session *s = &d->call->session;
    const char *name = db_int(reply, 0, row, 0) == 0 ? s->topics.requests : s->topics.requests_high;
    int32_t partition = (int32_t)db_int(reply, 0, row, 1);
    int64_t low, high;

    if (admin_watermarks(s->admin, &(struct admin_partition){ name, partition }, &low, &high,
                         err) != 0)
        return true;
    if (db_int(reply, 0, row, 2) >= low && db_int(reply, 0, row, 3) < high)
        return false;
    err_set(err, ERR_REFUSED,
            "requests of %s/%d are in the ledger and not in the log any more: `rebuild-producer "
            "requeue CAMPAIGN --lost` sends them again",
            name, (int)partition);
    return true;
}

static void lost(struct doctor *d)
{
    struct db_reply *reply = NULL;
    struct err err;

    if (!d->ledger || d->installation.partitions == 0)
        return;
    if (session_query(&d->call->session, &(struct statement){ SQL_PLACES, 0, NULL }, &reply,
                      &err) != 0) {
        doctor_fail(d, "requests", &err);
        return;
    }
    for (size_t row = 0; row < db_rows(reply, 0); row++)
        if (lost_in(d, reply, row, &err)) {
            doctor_fail(d, "requests", &err);
            db_reply_free(reply);
            return;
        }
    db_reply_free(reply);
    doctor_say(d, VERDICT_OK, "requests", "every request that has a place is in the log");
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

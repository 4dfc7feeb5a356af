#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/broker/admin.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "producer/topics.h"

#define NAMES_MAX_BYTES 1200

/* Requests are kept: `prune` trims them to the committed base, time alone must not. Results are
 * never compacted: each is a record of its own. */
static const struct wanted {
    enum topic_which topic;
    struct topic_setting setting;
} wanted[] = {
    { TOPIC_REQUESTS, { "cleanup.policy", "delete" } },
    { TOPIC_REQUESTS, { "retention.ms", "-1" } },
    { TOPIC_REQUESTS, { "retention.bytes", "-1" } },
    { TOPIC_REQUESTS, { "max.message.bytes", "65536" } },
    { TOPIC_REQUESTS_HIGH, { "cleanup.policy", "delete" } },
    { TOPIC_REQUESTS_HIGH, { "retention.ms", "-1" } },
    { TOPIC_REQUESTS_HIGH, { "retention.bytes", "-1" } },
    { TOPIC_REQUESTS_HIGH, { "max.message.bytes", "65536" } },
    { TOPIC_RESULTS, { "cleanup.policy", "delete" } },
    { TOPIC_RESULTS, { "retention.ms", "7776000000" } }, /* 90 days */
    { TOPIC_RESULTS, { "max.message.bytes", "262144" } },
    { TOPIC_DLQ, { "cleanup.policy", "delete" } },
    { TOPIC_DLQ, { "retention.ms", "2592000000" } }, /* 30 days */
    { TOPIC_DLQ, { "max.message.bytes", "262144" } },
};
static const struct topic_setting safe = { "min.insync.replicas", "2" };

static void add_setting(struct topic_state *t, const struct topic_setting *setting)
{
    t->settings[t->settings_n++] =
        (struct topic_setting_state){ .name = setting->name, .wanted = setting->value };
}

static int read_one(struct session *s, struct topic_state *t, struct err *err)
{
    if (admin_topic_partitions(s->admin, t->name, &t->partitions, &t->replication, err) != 0)
        return -1;
    if (t->partitions == 0)
        return 0;
    if (t->replication >= REPLICATION_TO_BE_SAFE)
        add_setting(t, &safe);
    for (size_t i = 0; i < t->settings_n; i++)
        if (admin_topic_setting(s->admin, t->name, t->settings[i].name, t->settings[i].is, err) !=
            0)
            return -1;
    return 0;
}

int topics_read(struct session *s, struct topic_state ret[TOPICS_N], struct err *err)
{
    const char *const names[TOPICS_N] = { s->topics.requests, s->topics.requests_high,
                                          s->topics.results, s->topics.dlq };

    for (size_t i = 0; i < TOPICS_N; i++) {
        ret[i] = (struct topic_state){ .name = names[i] };
        for (size_t w = 0; w < sizeof(wanted) / sizeof(wanted[0]); w++)
            if (wanted[w].topic == (enum topic_which)i)
                add_setting(&ret[i], &wanted[w].setting);
        if (read_one(s, &ret[i], err) != 0)
            return -1;
    }
    return 0;
}

/* More copies than two in sync are as good. */
bool topic_setting_fits(const struct topic_setting_state *setting)
{
    int64_t is, want;

    if (strcmp(setting->name, safe.name) == 0 && str_to_i64(setting->is, 0, INT64_MAX, &is) &&
        str_to_i64(setting->wanted, 0, INT64_MAX, &want))
        return is >= want;
    return strcmp(setting->is, setting->wanted) == 0;
}

/* ---- the installation ---- */

int topics_names(const struct session *s, char *out, size_t out_bytes, struct err *err)
{
    struct buf b;
    bool fits;

    buf_init(&b, NAMES_MAX_BYTES);
    array_open(&b);
    array_add(&b, s->topics.requests);
    array_add(&b, s->topics.requests_high);
    array_add(&b, s->topics.results);
    array_add(&b, s->topics.dlq);
    array_close(&b);
    fits = !b.failed && str_copy(out, out_bytes, buf_str(&b));
    buf_done(&b);
    return fits ? 0 : err_set(err, ERR_INTERNAL, "the topics' names are too long");
}

int installation_read(struct session *s, struct installation *ret, struct err *err)
{
    static const char SQL[] =
        "select source, group_id, cluster_id, topics, partitions from @installation";
    struct db_reply *reply = NULL;

    *ret = (struct installation){ .partitions = 0 };
    if (session_query(s, &(struct statement){ SQL, 0, NULL }, &reply, err) != 0)
        return -1;
    if (db_rows(reply, 0) > 0) {
        str_copy(ret->source, sizeof(ret->source), db_text(reply, 0, 0, 0));
        str_copy(ret->group_id, sizeof(ret->group_id), db_text(reply, 0, 0, 1));
        str_copy(ret->cluster_id, sizeof(ret->cluster_id), db_text(reply, 0, 0, 2));
        str_copy(ret->topics, sizeof(ret->topics), db_text(reply, 0, 0, 3));
        ret->partitions = (int)db_int(reply, 0, 0, 4);
    }
    db_reply_free(reply);
    return 0;
}

/* PostgreSQL quotes an element only where it must. */
static bool same_names(const char *a, const char *b)
{
    for (;;) {
        a += strspn(a, "\"");
        b += strspn(b, "\"");
        if (*a != *b)
            return false;
        if (*a == '\0')
            return true;
        a++;
        b++;
    }
}

int installation_check(struct session *s, const struct installation *is, const char *cluster_id,
                       struct err *err)
{
    char names[NAMES_MAX_BYTES];

    if (is->partitions == 0)
        return 0;
    if (topics_names(s, names, sizeof(names), err) != 0)
        return -1;
    if (strcmp(is->group_id, s->config->shared.kafka_group_id) != 0)
        return err_set(err, ERR_REFUSED,
                       "this ledger belongs to the consumer group %s, not to %s: under another "
                       "group every request would be read again",
                       is->group_id, s->config->shared.kafka_group_id);
    if (strcmp(is->cluster_id, cluster_id) != 0)
        return err_set(err, ERR_REFUSED,
                       "this ledger belongs to the Kafka cluster %s, and the brokers are of %s",
                       is->cluster_id, cluster_id);
    if (!same_names(is->topics, names))
        return err_set(err, ERR_REFUSED,
                       "this ledger belongs to the topics %s, not to those that start with %s",
                       is->topics, s->config->shared.topic_prefix);
    return 0;
}

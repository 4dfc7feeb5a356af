/* topics plan|apply: the four topics with the settings that the protocols rely on, and the row that
 * binds this ledger to them. Nothing is created or changed before everything was looked at. */
#include "producer/topics.h"

#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/checkpoint.h"
#include "common/base/str.h"
#include "common/base/uuid.h"
#include "common/broker/admin.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "producer/output.h"
#include "producer/verb.h"

#define LOOK_AGAIN_MS 50 /* while a new topic does not show yet */

struct topics_config { /* 0: not given */
    int64_t partitions;
    int64_t replication;
};

#define AT(field) .offset = offsetof(struct topics_config, field)

static const struct option_row rows[] = {
    { .name = "partitions",
      .type = OPT_INT,
      AT(partitions),
      .metavar = "N",
      .min = 1,
      .max = 10000,
      .help =
          "partitions of each topic, at least the number of workers; else what the ledger says, "
          "or 12" },
    { .name = "replication",
      .type = OPT_INT,
      AT(replication),
      .metavar = "N",
      .min = 1,
      .max = 100,
      .help = "copies of each partition; else the broker's default" },
};

struct plan {
    struct topic_state topics[TOPICS_N];
    struct installation installation;
    char cluster_id[64];
    int brokers;
    int partitions;  /* that both request topics will have */
    int replication; /* -1: the broker's default */
    struct output *out;
    size_t changes;
};

/* ---- looking ---- */

static bool is_requests(size_t topic)
{
    return topic == TOPIC_REQUESTS || topic == TOPIC_REQUESTS_HIGH;
}

static int choose_partitions(struct plan *p, const struct topics_config *config, struct err *err)
{
    int asked = (int)config->partitions;
    const struct topic_state *low = &p->topics[TOPIC_REQUESTS];
    const struct topic_state *high = &p->topics[TOPIC_REQUESTS_HIGH];
    int is = low->partitions > 0 ? low->partitions : high->partitions;

    if (low->partitions > 0 && high->partitions > 0 && low->partitions != high->partitions)
        return err_set(err, ERR_REFUSED,
                       "%s has %d partitions and %s has %d; they need the same number", low->name,
                       low->partitions, high->name, high->partitions);
    if (asked == 0)
        asked = p->installation.partitions > 0 ? p->installation.partitions : TOPICS_PARTITIONS;
    if (is > 0 && is < asked)
        return err_set(err, ERR_REFUSED,
                       "%s has %d partitions, fewer than the %d asked for; partitions are not "
                       "added to a topic in use, because keys would move: give --partitions %d, or "
                       "another --topic-prefix",
                       low->partitions > 0 ? low->name : high->name, is, asked, is);
    p->partitions = is > 0 ? is : asked;
    return 0;
}

/* A topic that was published to and is gone must not come back empty: places in the ledger and
 * committed offsets would speak of other records. */
static int check_lost(struct session *s, const struct plan *p, struct err *err)
{
    static const char SQL[] =
        "select coalesce(bool_or(lane = 0), false), coalesce(bool_or(lane = 1), false)"
        " from @campaign where cursor_rank >= 0 and not external";
    struct db_reply *reply = NULL;
    const char *lost = NULL;

    if (session_query(s, &(struct statement){ SQL, 0, NULL }, &reply, err) != 0)
        return -1;
    for (size_t i = 0; i < 2; i++)
        if (p->topics[i].partitions == 0 && db_bool(reply, 0, 0, i))
            lost = p->topics[i].name;
    db_reply_free(reply);
    if (lost == NULL)
        return 0;
    return err_set(err, ERR_REFUSED,
                   "the topic %s had requests and is gone; it is not created again under a name "
                   "that was used (README, \"When a request topic was lost\")",
                   lost);
}

static int look(struct call *c, struct plan *p, struct err *err)
{
    const struct topics_config *config = c->own;
    struct session *s = &c->session;

    p->replication = config->replication > 0 ? (int)config->replication : -1;
    if (session_ledger(s, err) != 0 || session_admin(s, err) != 0 ||
        admin_cluster(s->admin, p->cluster_id, &p->brokers, err) != 0 ||
        installation_read(s, &p->installation, err) != 0 ||
        installation_check(s, &p->installation, p->cluster_id, err) != 0 ||
        topics_read(s, p->topics, err) != 0 || choose_partitions(p, config, err) != 0 ||
        check_lost(s, p, err) != 0)
        return -1;
    if (p->replication > p->brokers)
        return err_set(err, ERR_REFUSED, "--replication %d: the cluster has %d broker%s",
                       p->replication, p->brokers, p->brokers == 1 ? "" : "s");
    return 0;
}

/* ---- telling ---- */

static const struct output_column columns[] = {
    { .name = "topic", .type = CELL_TEXT },  { .name = "setting", .type = CELL_TEXT },
    { .name = "is", .type = CELL_TEXT },     { .name = "wanted", .type = CELL_TEXT },
    { .name = "action", .type = CELL_TEXT },
};

static void tell(struct plan *p, const char *topic, const struct topic_setting_state *setting,
                 const char *action)
{
    const char *cells[] = { topic, setting->name, setting->is[0] != '\0' ? setting->is : NULL,
                            setting->wanted, action };

    if (strcmp(action, "keep") != 0)
        p->changes++;
    output_row(p->out, cells);
}

static void number(char out[TOPIC_VALUE_BYTES], int value)
{
    snprintf(out, TOPIC_VALUE_BYTES, "%d", value);
}

static void tell_topic(struct plan *p, size_t i)
{
    const struct topic_state *t = &p->topics[i];
    struct topic_setting_state shape = { .name = "partitions" };
    char wanted[TOPIC_VALUE_BYTES];
    bool there = t->partitions > 0;

    number(wanted, there && !is_requests(i) ? t->partitions : p->partitions);
    shape.wanted = wanted;
    if (there)
        number(shape.is, t->partitions);
    tell(p, t->name, &shape, there ? "keep" : "create");
    shape = (struct topic_setting_state){ .name = "replication", .wanted = "broker's default" };
    if (there)
        number(shape.is, t->replication);
    if (!there && p->replication > 0)
        number(wanted, p->replication);
    if (there || p->replication > 0)
        shape.wanted = there ? shape.is : wanted;
    tell(p, t->name, &shape, there ? "keep" : "create");
    for (size_t k = 0; k < t->settings_n; k++)
        tell(p, t->name, &t->settings[k],
             !there                                ? "create"
             : topic_setting_fits(&t->settings[k]) ? "keep"
                                                   : "alter");
}

static int tell_all(struct call *c, struct plan *p, struct err *err)
{
    p->out = output_open(&c->config, columns, sizeof(columns) / sizeof(columns[0]), err);
    if (p->out == NULL)
        return -1;
    for (size_t i = 0; i < TOPICS_N; i++)
        tell_topic(p, i);
    return output_close(p->out, err);
}

/* ---- doing ---- */

static int create(struct session *s, const struct plan *p, const struct topic_state *t,
                  struct err *err)
{
    struct topic_setting settings[TOPIC_SETTINGS_MAX];
    const struct topic_spec spec = { .name = t->name,
                                     .partitions = p->partitions,
                                     .replication = p->replication,
                                     .settings = settings,
                                     .settings_n = t->settings_n };

    for (size_t k = 0; k < t->settings_n; k++)
        settings[k] = (struct topic_setting){ t->settings[k].name, t->settings[k].wanted };
    checkpoint("topics.create");
    if (admin_create_topic(s->admin, &spec, err) == 0)
        return 0;
    return err->kind == ERR_REFUSED ? 0 : -1; /* another apply was faster */
}

static int alter(struct session *s, const struct topic_state *t, struct err *err)
{
    struct topic_setting settings[TOPIC_SETTINGS_MAX];
    size_t n = 0;

    for (size_t k = 0; k < t->settings_n; k++)
        if (!topic_setting_fits(&t->settings[k]))
            settings[n++] = (struct topic_setting){ t->settings[k].name, t->settings[k].wanted };
    if (n == 0)
        return 0;
    checkpoint("topics.alter");
    return admin_alter_topic(s->admin, t->name, settings, n, err);
}

/* Other brokers, or this one a moment later, may not know a topic that was just created. */
static int read_whole(struct session *s, struct topic_state topics[TOPICS_N], struct err *err)
{
    int64_t deadline_ms = event_now_ms(s->loop) + SESSION_KAFKA_WAIT_MS;
    const char *missing;
    bool never = false;

    for (;;) {
        if (topics_read(s, topics, err) != 0)
            return -1;
        missing = NULL;
        for (size_t i = 0; i < TOPICS_N; i++)
            if (topics[i].partitions == 0)
                missing = topics[i].name;
        if (missing == NULL)
            return 0;
        if (event_now_ms(s->loop) >= deadline_ms)
            return err_set(err, ERR_UNREACHABLE, "the topic %s was created and does not show yet",
                           missing);
        event_loop_run_until(s->loop, &never, event_now_ms(s->loop) + LOOK_AGAIN_MS);
    }
}

/* The broker's default replication shows only once the topics are there, and it decides about
 * min.insync.replicas: so they are read again, and altered. */
static int change_topics(struct session *s, struct plan *p, struct err *err)
{
    for (size_t i = 0; i < TOPICS_N; i++)
        if (p->topics[i].partitions == 0 && create(s, p, &p->topics[i], err) != 0)
            return -1;
    if (read_whole(s, p->topics, err) != 0)
        return -1;
    for (size_t i = 0; i < TOPICS_N; i++) {
        if (is_requests(i) && p->topics[i].partitions != p->partitions)
            return err_set(err, ERR_REFUSED, "%s has %d partitions now, not %d", p->topics[i].name,
                           p->topics[i].partitions, p->partitions);
        if (alter(s, &p->topics[i], err) != 0)
            return -1;
    }
    return 0;
}

/* It names the installation for good, so an address that changes later does not change it. */
static void make_source(const struct call *c, char *out, size_t out_bytes)
{
    const char *server = c->config.shared.connect_server;
    struct uuid random = uuid_v4();
    char text[UUID_TEXT_BYTES];

    if (server != NULL && server[0] != '\0')
        snprintf(out, out_bytes, "%s/rebuild", server);
    else
        snprintf(out, out_bytes, "urn:uuid:%s", uuid_format(&random, text));
}

static int bind(struct call *c, const struct plan *p, struct err *err)
{
    static const char SQL[] =
        "insert into @installation (source, group_id, cluster_id, topics, partitions)"
        " values ($1, $2, $3, $4::text[], $5::int) on conflict (one) do nothing";
    char names[sizeof(p->installation.topics)], source[sizeof(p->installation.source)];
    char partitions[16];
    const char *params[] = { source, c->config.shared.kafka_group_id, p->cluster_id, names,
                             partitions };

    if (p->installation.partitions > 0)
        return 0;
    if (topics_names(&c->session, names, sizeof(names), err) != 0)
        return -1;
    make_source(c, source, sizeof(source));
    snprintf(partitions, sizeof(partitions), "%d", p->partitions);
    checkpoint("topics.bind");
    return session_query(&c->session, &(struct statement){ SQL, 5, params }, NULL, err);
}

static int note_act(struct call *c, const struct plan *p, struct err *err)
{
    char details[128];

    if (p->changes == 0 && p->installation.partitions > 0)
        return 0;
    snprintf(details, sizeof(details), "{\"partitions\":%d,\"changes\":%zu}", p->partitions,
             p->changes);
    return call_act(c, &(struct act){ "topics.apply", c->config.shared.topic_prefix, details },
                    err);
}

static int run(struct call *c, struct err *err)
{
    const char *what = c->options.positional[0];
    bool apply = strcmp(what, "apply") == 0;
    struct plan p = { .changes = 0 };

    if (!apply && strcmp(what, "plan") != 0)
        return err_set(err, ERR_CONFIG, "topics: \"%.80s\" is neither plan nor apply", what);
    if (look(c, &p, err) != 0 || tell_all(c, &p, err) != 0)
        return -1;
    if (!apply)
        return EXIT_DONE;
    if (change_topics(&c->session, &p, err) != 0 || bind(c, &p, err) != 0 ||
        note_act(c, &p, err) != 0)
        return -1;
    session_say(&c->session, "%zu change%s made, the topics are as they must be", p.changes,
                p.changes == 1 ? "" : "s");
    return EXIT_DONE;
}

const struct verb topics_verb = {
    .name = "topics",
    .operands = "plan|apply",
    .help = "creates the four Kafka topics and their settings, or shows what would be done",
    .examples = { "plan", "apply --partitions 24 --replication 3" },
    .takes = TAKES_REASON,
    .rows = rows,
    .rows_n = sizeof(rows) / sizeof(rows[0]),
    .own_bytes = sizeof(struct topics_config),
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};

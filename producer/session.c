#include "producer/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/checkpoint.h"
#include "common/broker/admin.h"
#include "common/broker/props.h"
#include "common/event/event.h"
#include "common/ledger/db.h"
#include "common/ledger/version.h"

#define CLIENT_ID "rebuild-producer"

static void say(const char *fmt, va_list ap)
{
    fputs("rebuild-producer: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

void session_say(const struct session *s, const char *fmt, ...)
{
    va_list ap;

    if (s->config->quiet)
        return;
    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
}

void session_say_more(const struct session *s, const char *fmt, ...)
{
    va_list ap;

    if (!s->config->verbose)
        return;
    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
}

int session_loop(struct session *s, struct err *err)
{
    if (s->loop == NULL)
        s->loop = event_loop_new();
    return s->loop != NULL ? 0 : err_set(err, ERR_INTERNAL, "no memory for the event loop");
}

int session_database(struct session *s, struct err *err)
{
    const struct db_config config = {
        .conninfo = s->config->shared.database_url,
        .application_name = CLIENT_ID,
        .schema = s->config->shared.schema,
        .statement_timeout_ms = SESSION_STATEMENT_MS,
    };

    if (session_loop(s, err) != 0)
        return -1;
    if (s->db == NULL)
        s->db = db_new(s->loop, &config, &(struct db_handlers){ 0 });
    if (s->db == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the database connection");
    if (db_wait_up(s->db, SESSION_DB_WAIT_MS, err) != 0)
        return err_prefix(err, "database");
    return 0;
}

int session_ledger(struct session *s, struct err *err)
{
    if (session_database(s, err) != 0)
        return -1;
    return ledger_version_check(s->db, LEDGER_VERSION, err);
}

/* From the library's threads: one write each. */
static void on_kafka_log(void *arg, int level, const char *facility, const char *text)
{
    const struct session *s = arg;

    (void)level;
    session_say_more(s, "kafka: %s: %s", facility, text);
}

int session_kafka(struct session *s, struct err *err)
{
    if (s->props != NULL)
        return 0;
    if (shared_topics(&s->config->shared, &s->topics, err) != 0)
        return -1;
    s->props = shared_kafka_props(&s->config->shared, err);
    if (s->props == NULL)
        return -1;
    kafka_props_on_log(s->props, on_kafka_log, s);
    return 0;
}

int session_admin(struct session *s, struct err *err)
{
    char cluster[64];
    int brokers;

    if (s->admin != NULL)
        return 0;
    if (session_kafka(s, err) != 0)
        return -1;
    s->admin = admin_new(s->props, CLIENT_ID, SESSION_KAFKA_WAIT_MS, err);
    if (s->admin == NULL)
        return -1;
    return admin_cluster(s->admin, cluster, &brokers, err);
}

void session_done(struct session *s)
{
    admin_free(s->admin);
    kafka_props_free(s->props);
    db_free(s->db);
    if (s->loop != NULL)
        event_loop_free(s->loop);
    s->admin = NULL;
    s->props = NULL;
    s->db = NULL;
    s->loop = NULL;
}

int session_run(struct session *s, struct db_unit *unit, struct db_reply **ret, struct err *err)
{
    checkpoint("producer.statement");
    return db_run(s->db, unit, SESSION_STATEMENT_MS, ret, err);
}

int session_query(struct session *s, const struct statement *st, struct db_reply **ret,
                  struct err *err)
{
    struct db_unit *unit = db_unit_new();

    if (unit == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a statement");
    db_add_copy(unit, st->sql, st->params_n, st->params);
    return session_run(s, unit, ret, err);
}

/* doctor: PostgreSQL, the ledger, its roles, the content table. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/ledger/db.h"
#include "common/ledger/version.h"
#include "producer/doctor.h"
#include "producer/select.h"

#define POSTGRES_LEAST 130000 /* uuid-ossp is a trusted extension from here on */

static const char SQL_SERVER[] =
    "select current_setting('server_version'), current_database(), current_user,"
    " (select rolsuper from pg_roles where rolname = current_user),"
    " (select count(*) from pg_roles where rolname in"
    "   ('rebuild_operator', 'rebuild_worker', 'rebuild_reader')),"
    " current_setting('server_version_num')::int,"
    " (extract(epoch from clock_timestamp()) * 1000)::bigint";

static const char SQL_RIGHTS[] =
    "select n from unnest(array['campaign', 'item', 'runtime_group', 'act']) n"
    " where not has_table_privilege(format('%I.%I', $1::text, n), 'insert') limit 1";

/* ---- the server ---- */

static void roles(struct doctor *d, const struct db_reply *reply)
{
    if (db_bool(reply, 0, 0, 3))
        doctor_say(
            d, VERDICT_WARN, "roles",
            "%s is a superuser: members of rebuild_operator and rebuild_worker need far less",
            db_text(reply, 0, 0, 2));
    else if (db_int(reply, 0, 0, 4) < 3)
        doctor_say(
            d, VERDICT_WARN, "roles",
            "the roles rebuild_operator, rebuild_worker and rebuild_reader are not all there: "
            "`rebuild-producer migrate` prints the statements");
    else
        doctor_say(d, VERDICT_OK, "roles", "%s is no superuser, and the three roles are there",
                   db_text(reply, 0, 0, 2));
}

static void rights(struct doctor *d)
{
    const char *schema = d->call->config.shared.schema;
    struct db_reply *reply = NULL;
    struct err err;

    if (session_query(&d->call->session, &(struct statement){ SQL_RIGHTS, 1, &schema }, &reply,
                      &err) != 0) {
        doctor_fail(d, "rights", &err);
        return;
    }
    if (db_rows(reply, 0) > 0) {
        err_set(&err, ERR_DENIED, "this role may not write %s.%s: grant it rebuild_operator",
                schema, db_text(reply, 0, 0, 0));
        doctor_fail(d, "rights", &err);
    }
    db_reply_free(reply);
}

static void ledger(struct doctor *d)
{
    struct db *db = d->call->session.db;
    struct err err;
    int version, compatible;

    if (ledger_version_check(db, LEDGER_VERSION, &err) != 0 ||
        ledger_version_read(db, &version, &compatible, &err) != 0) {
        doctor_fail(d, "ledger", &err);
        return;
    }
    d->ledger = true;
    doctor_say(d, VERDICT_OK, "ledger", "schema %s is at version %d", d->call->config.shared.schema,
               version);
    rights(d);
}

void doctor_database(struct doctor *d)
{
    struct session *s = &d->call->session;
    struct db_reply *reply = NULL;
    int64_t asked_ms;
    struct err err;

    if (session_database(s, &err) != 0) {
        doctor_fail(d, "database", &err);
        return;
    }
    asked_ms = clock_wall_ms();
    if (session_query(s, &(struct statement){ SQL_SERVER, 0, NULL }, &reply, &err) != 0) {
        doctor_fail(d, "database", &err);
        return;
    }
    d->database_time = true;
    d->database_ahead_ms = db_int(reply, 0, 0, 6) - (asked_ms + clock_wall_ms()) / 2;
    doctor_say(d, db_int(reply, 0, 0, 5) >= POSTGRES_LEAST ? VERDICT_OK : VERDICT_WARN, "database",
               "PostgreSQL %s, database %s, as %s", db_text(reply, 0, 0, 0),
               db_text(reply, 0, 0, 1), db_text(reply, 0, 0, 2));
    roles(d, reply);
    db_reply_free(reply);
    ledger(d);
}

/* ---- the content table ---- */

static void optional_columns(const struct content_table *t, struct buf *missing)
{
    static const char *const optional[] = {
        "title",          "name",       "owner_guid",   "owner_username",
        "access_type",    "locked",     "r_version",    "py_version",
        "quarto_version", "image_name", "created_time", "last_deployed_time",
        "tags",           "usage",
    };

    for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
        if (content_column(t, optional[i]) == NULL)
            buf_printf(missing, "%s%s", missing->len == 0 ? "" : ", ", optional[i]);
}

/* Rows, rows without a guid, and rows whose guid another one has, too. */
static int count_rows(struct doctor *d, const struct content_table *t, struct db_reply **ret,
                      struct err *err)
{
    struct query q;
    int rc;

    query_init(&q);
    query_add(&q, "select count(*), count(*) filter (where ");
    select_no_guid(t, &q);
    query_add(&q, "), count(guid) - count(distinct guid::text) from %s t", t->name);
    rc = query_run(&q, &d->call->session, ret, err);
    query_done(&q);
    return rc;
}

static void judge_rows(struct doctor *d, const struct content_table *t,
                       const struct db_reply *reply)
{
    int64_t rows = db_int(reply, 0, 0, 0), bad = db_int(reply, 0, 0, 1);
    int64_t doubles = db_int(reply, 0, 0, 2);

    if (rows == 0)
        doctor_say(d, VERDICT_WARN, "content table", "%s is empty", t->said);
    if (bad > 0)
        doctor_say(d, VERDICT_WARN, "content table",
                   "%" PRId64 " rows of %s have no valid guid and are never selected", bad,
                   t->said);
    if (doubles > 0)
        doctor_say(d, VERDICT_WARN, "content table",
                   "%" PRId64 " rows of %s repeat a guid; one row of each counts", doubles,
                   t->said);
}

void doctor_content(struct doctor *d)
{
    struct content_table table;
    struct db_reply *reply = NULL;
    struct buf missing;
    struct err err;

    if (!d->database_time)
        return;
    if (content_table_read(&d->call->session, d->call->config.content_table, &table, &err) != 0 ||
        count_rows(d, &table, &reply, &err) != 0) {
        doctor_fail(d, "content table", &err);
        return;
    }
    buf_init(&missing, DOCTOR_DETAIL_BYTES);
    optional_columns(&table, &missing);
    doctor_say(d, VERDICT_OK, "content table", "%s has %" PRId64 " rows%s%s", table.name,
               db_int(reply, 0, 0, 0), missing.len > 0 ? "; no filters on columns it lacks: " : "",
               buf_str(&missing));
    judge_rows(d, &table, reply);
    buf_done(&missing);
    db_reply_free(reply);
}

/* migrate: brings the ledger's schema to this program's version. Each migration is one transaction
 * that first writes its row into schema_version, so of two that run at once one waits, fails on
 * that row, and finds the work done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/checkpoint.h"
#include "common/base/str.h"
#include "common/ledger/db.h"
#include "common/ledger/version.h"
#include "producer/migrations.h"
#include "producer/output.h"
#include "producer/verb.h"

#define STATEMENT_BYTES 1024
#define SUMMARY_BYTES   4096
/* "the oldest version whose programs can still work with this": a comment line of the file. */
#define COMPATIBLE "\n-- compatible-from: "

/* One lock for all ledgers of a database server's database: migrations are rare. */
static const char SQL_LOCK[] = "select pg_advisory_xact_lock(hashtext('connect-rebuild migrate'))";

static const char SQL_VERSIONS[] =
    "create table if not exists @schema_version (version integer primary key, name text not null,"
    " compatible_from integer, applied_at timestamptz not null default now())";

static const char SQL_APPLIED[] =
    "insert into @schema_version (version, name, compatible_from) values ($1::int, $2, $3::int)";

static const char SQL_MAY_ROLES[] =
    "select rolsuper or rolcreaterole or (select count(*) from pg_roles where rolname in"
    " ('rebuild_operator', 'rebuild_worker', 'rebuild_reader')) = 3"
    " from pg_roles where rolname = current_user";

enum roles { ROLES_NONE, ROLES_GRANTED, ROLES_PRINTED };

struct progress {
    int before, after;
    struct buf applied; /* JSON array of names */
    size_t applied_n;
    enum roles roles;
};

/* The schema's name is letters, digits and _ (the option says so). */
static void add_for_schema(struct call *c, struct db_unit *unit, const char *fmt)
{
    char sql[STATEMENT_BYTES];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(sql, sizeof(sql), fmt, c->config.shared.schema, c->config.shared.schema);
#pragma GCC diagnostic pop
    db_add_copy(unit, sql, 0, NULL);
}

static struct db_unit *begin(struct call *c, struct err *err)
{
    struct db_unit *unit = db_unit_new();

    if (unit == NULL) {
        err_set(err, ERR_INTERNAL, "no memory for a migration");
        return NULL;
    }
    db_add(unit, SQL_LOCK, 0, NULL);
    add_for_schema(c, unit, "set local search_path to \"%s\"");
    return unit;
}

/* Only the right to use it is needed where the schema is there already. */
static int create_schema(struct call *c, struct err *err)
{
    struct db_unit *unit = begin(c, err);

    if (unit == NULL)
        return -1;
    add_for_schema(c, unit,
                   "do $do$ begin if to_regnamespace('\"%s\"') is null then"
                   " create schema \"%s\"; end if; end $do$");
    db_add(unit, SQL_VERSIONS, 0, NULL);
    checkpoint("migrate.schema");
    if (session_run(&c->session, unit, NULL, err) != 0)
        return err_prefix(err, "schema %s", c->config.shared.schema);
    return 0;
}

static void compatible_from(const struct migration *m, char out[16])
{
    const char *at = strstr(m->sql, COMPATIBLE);
    size_t len;

    snprintf(out, 16, "%d", m->version);
    if (at == NULL)
        return;
    at += strlen(COMPATIBLE);
    len = strspn(at, "0123456789");
    if (len > 0 && len < 10)
        snprintf(out, 16, "%.*s", (int)len, at);
}

static int apply(struct call *c, const struct migration *m, struct err *err)
{
    struct db_unit *unit = begin(c, err);
    char version[16], compatible[16];
    const char *params[] = { version, m->name, compatible };

    if (unit == NULL)
        return -1;
    snprintf(version, sizeof(version), "%d", m->version);
    compatible_from(m, compatible);
    db_add(unit, SQL_APPLIED, 3, params);
    db_add_script(unit, m->sql);
    checkpoint("migrate.step");
    if (session_run(&c->session, unit, NULL, err) != 0)
        return err_prefix(err, "migration %04d-%s", m->version, m->name);
    return 0;
}

static int read_version(struct call *c, int *ret, struct err *err)
{
    int compatible;

    return ledger_version_read(c->session.db, ret, &compatible, err);
}

static int refuse_newer(int version, struct err *err)
{
    if (version <= LEDGER_VERSION)
        return 0;
    return err_set(err, ERR_CONFIG,
                   "the ledger's schema is version %d, newer than this program, which knows "
                   "version %d: update this program",
                   version, LEDGER_VERSION);
}

/* The migration after p->after; one that another migrate has applied meanwhile counts as done. */
static int step(struct call *c, const struct migration *m, struct progress *p, struct err *err)
{
    struct err why = { .kind = ERR_NONE };
    int version;

    if (apply(c, m, &why) == 0) {
        buf_printf(&p->applied, "%s\"%04d-%s\"", p->applied_n++ == 0 ? "" : ",", m->version,
                   m->name);
        p->after = m->version;
        return 0;
    }
    if (read_version(c, &version, err) != 0)
        return -1;
    if (version < m->version) {
        *err = why;
        return -1;
    }
    p->after = version;
    return refuse_newer(version, err);
}

static int migrate(struct call *c, struct progress *p, struct err *err)
{
    if (read_version(c, &p->before, err) != 0 || refuse_newer(p->before, err) != 0)
        return -1;
    if (p->before == 0 && create_schema(c, err) != 0)
        return -1;
    p->after = p->before;
    for (size_t i = 0; i < migrations_n; i++)
        if (migrations[i].version > p->after && step(c, &migrations[i], p, err) != 0)
            return -1;
    return 0;
}

/* ---- roles ---- */

static int grant_roles(struct call *c, struct progress *p, struct err *err)
{
    struct db_reply *reply = NULL;
    struct db_unit *unit;
    struct err why = { .kind = ERR_NONE };
    bool may;

    if (session_query(&c->session, &(struct statement){ SQL_MAY_ROLES, 0, NULL }, &reply, err) != 0)
        return -1;
    may = db_bool(reply, 0, 0, 0);
    db_reply_free(reply);
    if (may) {
        unit = begin(c, err);
        if (unit == NULL)
            return -1;
        db_add_script(unit, roles_sql);
        checkpoint("migrate.roles");
        if (session_run(&c->session, unit, NULL, &why) == 0) {
            p->roles = ROLES_GRANTED;
            return 0;
        }
        if (why.kind != ERR_DENIED) {
            *err = why;
            return err_prefix(err, "roles");
        }
    }
    p->roles = ROLES_PRINTED;
    session_say(&c->session, "this role may not create the three roles: an administrator of the "
                             "database must run the statements that follow");
    return 0;
}

/* ---- the verb ---- */

static int say(struct call *c, const struct progress *p, struct err *err)
{
    static const char *const roles[] = { "none", "granted", "not allowed" };
    char version[16], applied[SUMMARY_BYTES];
    const char *lead;
    const struct output_field fields[] = {
        { "schema", CELL_TEXT, c->config.shared.schema },
        { "version", CELL_INT, version },
        { "applied", CELL_JSON, applied },
        { "roles", CELL_TEXT, roles[p->roles] },
    };

    snprintf(version, sizeof(version), "%d", p->after);
    snprintf(applied, sizeof(applied), "[%s]", buf_str(&p->applied));
    if (c->config.output != OUTPUT_TABLE)
        return output_object(&c->config, fields, sizeof(fields) / sizeof(fields[0]), err);
    lead = p->roles == ROLES_PRINTED ? "-- " : ""; /* it stands above SQL */
    if (p->applied_n == 0)
        printf("%sschema %s is at version %d, nothing to do\n", lead, c->config.shared.schema,
               p->after);
    else
        printf("%sschema %s is at version %d now, applied %s\n", lead, c->config.shared.schema,
               p->after, buf_str(&p->applied));
    if (p->roles == ROLES_GRANTED)
        printf("the roles rebuild_operator, rebuild_worker and rebuild_reader have their rights\n");
    else
        printf("set search_path to \"%s\";\n%s", c->config.shared.schema, roles_sql);
    return 0;
}

static int note_act(struct call *c, const struct progress *p, struct err *err)
{
    char details[SUMMARY_BYTES];

    if (p->applied_n == 0)
        return 0;
    snprintf(details, sizeof(details), "{\"applied\":[%s],\"version\":%d}", buf_str(&p->applied),
             p->after);
    return call_act(c, &(struct act){ "migrate", c->config.shared.schema, details }, err);
}

static int run(struct call *c, struct err *err)
{
    struct progress p = { 0 };
    int rc = -1;

    buf_init(&p.applied, SUMMARY_BYTES / 2);
    if (migrations_n == 0 || migrations[migrations_n - 1].version != LEDGER_VERSION)
        err_set(err, ERR_INTERNAL, "this program was built with other migrations than it knows");
    else if (session_database(&c->session, err) == 0 && migrate(c, &p, err) == 0 &&
             grant_roles(c, &p, err) == 0 && note_act(c, &p, err) == 0)
        rc = say(c, &p, err);
    buf_done(&p.applied);
    return rc;
}

const struct verb migrate_verb = {
    .name = "migrate",
    .operands = "",
    .help = "creates the ledger in PostgreSQL, or brings it to this version",
    .examples = { "", "--schema rebuild_test --reason CHG-4411" },
    .takes = TAKES_REASON,
    .run = run,
};

/* Which table, and what it has. */
#include <string.h>

#include "common/base/str.h"
#include "common/ledger/db.h"
#include "producer/select.h"
#include "producer/session.h"

#define PLAIN_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$."

/* $1 as SQL reads a name, $2 the same name with its letters as they are */
static const char SQL_TABLE[] =
    "select format('%I.%I', n.nspname, c.relname), has_table_privilege(c.oid, 'select')"
    " or has_any_column_privilege(c.oid, 'select'), current_user, c.oid::text"
    " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where c.oid = coalesce(to_regclass($1), to_regclass($2)) and c.relkind in"
    " ('r', 'v', 'm', 'p', 'f')";
static const char SQL_COLUMNS[] =
    "select attname, format_type(atttypid, null) from pg_attribute"
    " where attrelid = $1::oid and attnum > 0 and not attisdropped order by attnum";

const struct content_column *content_column(const struct content_table *t, const char *name)
{
    for (size_t i = 0; i < t->columns_n; i++)
        if (strcmp(t->columns[i].name, name) == 0)
            return &t->columns[i];
    return NULL;
}

static int read_columns(struct session *s, const char *oid, struct content_table *ret,
                        struct err *err)
{
    struct db_reply *reply = NULL;

    if (session_query(s, &(struct statement){ SQL_COLUMNS, 1, &oid }, &reply, err) != 0)
        return -1;
    ret->columns_n = 0;
    for (size_t i = 0; i < db_rows(reply, 0) && i < CONTENT_COLUMNS_MAX; i++) {
        struct content_column *c = &ret->columns[ret->columns_n++];

        str_copy(c->name, sizeof(c->name), db_text(reply, 0, i, 0));
        str_copy(c->type, sizeof(c->type), db_text(reply, 0, i, 1));
    }
    db_reply_free(reply);
    return 0;
}

static int check_needed(const struct content_table *t, struct err *err)
{
    static const char *const needed[] = { "guid", "bundle_id", "app_mode" };

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (content_column(t, needed[i]) == NULL)
            return err_set(err, ERR_CONFIG,
                           "the content table %s has no column %s, which is needed", t->said,
                           needed[i]);
    return 0;
}

static int no_table(const char *said, const char *why, struct err *err)
{
    return err_set(err, ERR_CONFIG,
                   "the content table %s does not exist%s%s: name it with REBUILD_CONTENT_TABLE or "
                   "--content-table",
                   said, why[0] != '\0' ? ", " : "", why);
}

static int find_table(struct session *s, struct content_table *t, char oid[16], struct err *err)
{
    char exact[CONTENT_NAME_BYTES];
    /* without quotes, SQL would not take it for a name */
    bool odd = strchr(t->said, '"') == NULL && t->said[strspn(t->said, PLAIN_CHARS)] != '\0';
    const char *params[] = { odd ? exact : t->said, exact };
    struct db_reply *reply = NULL;
    struct err why = { .kind = ERR_NONE };
    int rc = 0;

    if (!db_quote_name(t->said, exact, sizeof(exact)))
        return no_table(t->said, "and cannot", err);
    if (session_query(s, &(struct statement){ SQL_TABLE, 2, params }, &reply, &why) != 0) {
        if (why.kind == ERR_INTERNAL && !why.retriable) /* it cannot be a name */
            return no_table(t->said, why.msg, err);
        *err = why;
        return err_prefix(err, "the content table %s", t->said);
    }
    if (db_rows(reply, 0) == 0)
        rc = no_table(t->said, "", err);
    else if (!db_bool(reply, 0, 0, 1))
        rc = err_set(err, ERR_DENIED, "the role %s may not read the content table %s",
                     db_text(reply, 0, 0, 2), t->said);
    else if (!str_copy(t->name, sizeof(t->name), db_text(reply, 0, 0, 0)) ||
             !str_copy(oid, 16, db_text(reply, 0, 0, 3)))
        rc = err_set(err, ERR_INTERNAL, "the name of the content table is too long");
    db_reply_free(reply);
    return rc;
}

int content_table_read(struct session *s, const char *said, struct content_table *ret,
                       struct err *err)
{
    char oid[16];

    ret->said = said;
    if (find_table(s, ret, oid, err) != 0 || read_columns(s, oid, ret, err) != 0)
        return -1;
    return check_needed(ret, err);
}

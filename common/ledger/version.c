#include "common/ledger/version.h"

#include "common/ledger/db.h"

#define ANSWER_MS 15000

/* A row without compatible_from suits only programs of its own version. */
static const char SQL_VERSION[] = "select version, coalesce(compatible_from, version)"
                                  " from @schema_version order by version desc limit 1";

int ledger_version_read(struct db *db, int *ret_version, int *ret_compatible, struct err *err)
{
    struct db_unit *unit = db_unit_new();
    struct db_reply *reply = NULL;
    struct err why = { .kind = ERR_NONE };

    if (unit == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a statement");
    *ret_version = *ret_compatible = 0;
    db_add(unit, SQL_VERSION, 0, NULL);
    if (db_run(db, unit, ANSWER_MS, &reply, &why) == 0) {
        *ret_version = (int)db_int(reply, 0, 0, 0);
        *ret_compatible = (int)db_int(reply, 0, 0, 1);
        db_reply_free(reply);
        return 0;
    }
    if (why.kind == ERR_CONFIG) /* no such schema, no such table */
        return 0;
    if (err != NULL)
        *err = why;
    return err_prefix(err, "the ledger's schema version");
}

int ledger_version_check(struct db *db, int expected, struct err *err)
{
    int version = 0, compatible = 0;

    if (ledger_version_read(db, &version, &compatible, err) != 0)
        return -1;
    if (version == 0)
        return err_set(err, ERR_CONFIG,
                       "this database holds no ledger yet: run `rebuild-producer migrate`");
    if (version < expected)
        return err_set(err, ERR_CONFIG,
                       "the ledger's schema is version %d, older than this program, which needs "
                       "version %d: run `rebuild-producer migrate`",
                       version, expected);
    if (compatible > expected)
        return err_set(err, ERR_CONFIG,
                       "the ledger's schema is version %d, newer than this program, which knows "
                       "version %d: update this program",
                       version, expected);
    return 0;
}

#include "common/ledger/db_state.h"

#include "common/base/limits.h"

void db_keep_or_free(struct db_unit *unit)
{
    if (!list_linked(&unit->kept_node)) {
        db_unit_free(unit);
        return;
    }
    unit->delivered = true;
    unit->fn = NULL;
    unit->hand_over = false;
    db_reply_free(unit->reply);
    unit->reply = NULL;
}

static void forget(struct db *db, struct db_unit *unit)
{
    list_remove(&db->kept, &unit->kept_node);
    db->kept_bytes -= db_unit_bytes(unit);
    if (unit->delivered)
        db_unit_free(unit); /* else its callback still has to run, and frees it */
}

static struct db_unit *oldest(const struct db *db)
{
    struct list_node *node = list_first(&db->kept);

    return node != NULL ? list_entry(node, struct db_unit, kept_node) : NULL;
}

/* Runs when an answer has come, and not by a timer: an answer proves that the server that has the
 * commits was alive at that time. Silence proves nothing, so nothing is forgotten in it. */
void db_keep_purge(struct db *db, int64_t now_ms)
{
    struct db_unit *unit;

    while ((unit = oldest(db)) != NULL &&
           (now_ms - unit->committed_ms >= DB_KEEP_MS || db->kept.n > DB_KEEP_UNITS ||
            db->kept_bytes > DB_KEEP_BYTES))
        forget(db, unit);
}

void db_keep_add(struct db *db, struct db_unit *unit, int64_t now_ms)
{
    unit->committed_ms = now_ms;
    list_push(&db->kept, &unit->kept_node);
    db->kept_bytes += db_unit_bytes(unit);
}

void db_keep_replay(struct db *db)
{
    struct list_node *at = &db->waiting.head;
    struct db_unit *unit;

    while ((unit = oldest(db)) != NULL) {
        list_remove(&db->kept, &unit->kept_node);
        db_unit_rewind(unit);
        unit->replayed = true;
        db->replays++;
        unit->delivered = false;
        list_insert_after(&db->waiting, at, &unit->node);
        at = &unit->node;
    }
    db->kept_bytes = 0;
}

void db_keep_free(struct db *db)
{
    struct db_unit *unit;

    while ((unit = oldest(db)) != NULL)
        forget(db, unit);
}

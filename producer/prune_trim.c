/* The request topics are kept for ever, so somebody must trim them. What is below the committed
 * base is done: its results are out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/checkpoint.h"
#include "common/broker/admin.h"
#include "common/ledger/db.h"
#include "producer/prune.h"

#define DETAILS_BYTES 128

/* A mark follows its commit; until it is there, the place says where the request is. */
static const char SQL_PLACES[] =
    "select place_lane, place_partition, min(place_offset) from @item"
    " where place_offset is not null and published_at is null group by 1, 2";

static int64_t least_place(const struct db_reply *places, const struct lost_log *log)
{
    for (size_t row = 0; row < db_rows(places, 0); row++)
        if (db_int(places, 0, row, 0) == log->lane && db_int(places, 0, row, 1) == log->partition)
            return db_int(places, 0, row, 2);
    return INT64_MAX;
}

/* A log that was made again, or a base beyond its end, is nobody's to trim. */
static void plan_log(struct trims *t, struct lost_log *log, int64_t place)
{
    int64_t to = log->base < place ? log->base : place;

    if (log->remade || to <= log->low)
        return;
    t->items[t->n++] = (struct trim){ log, to };
    t->records += to - log->low;
}

int trims_plan(struct call *c, struct lost *logs, struct trims *ret, struct err *err)
{
    struct db_reply *places = NULL;

    *ret = (struct trims){ .items = calloc(logs->logs_n + 1, sizeof(*ret->items)) };
    if (ret->items == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the partitions");
    if (session_query(&c->session, &(struct statement){ SQL_PLACES, 0, NULL }, &places, err) != 0)
        return -1;
    for (size_t i = 0; i < logs->logs_n; i++)
        plan_log(ret, &logs->logs[i], least_place(places, &logs->logs[i]));
    db_reply_free(places);
    return 0;
}

int trims_do(struct call *c, const struct trims *t, struct err *err)
{
    char details[DETAILS_BYTES];

    if (t->n == 0)
        return 0;
    snprintf(details, sizeof(details), "{\"partitions\":%zu,\"records\":%" PRId64 "}", t->n,
             t->records);
    if (call_act(c, &(struct act){ "prune.trim", c->config.shared.topic_prefix, details }, err) !=
        0)
        return -1;
    for (size_t i = 0; i < t->n; i++) {
        const struct trim *trim = &t->items[i];
        const struct admin_partition p = { trim->log->topic, trim->log->partition };

        checkpoint("prune.trim");
        if (admin_delete_records(c->session.admin, &p, trim->to, err) != 0)
            return -1;
    }
    return 0;
}

void trims_done(struct trims *t)
{
    free(t->items);
    *t = (struct trims){ .n = 0 };
}

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/ledger/db.h"
#include "producer/status.h"

#define PREFIX_MIN 4   /* characters of an id that somebody types */
#define RECENT_S   300 /* the rate is of the last five minutes */

const char *const item_state_names[ITEM_STATES] = {
    "waiting",       "running", "parked",    "succeeded", "build_failed",
    "access_failed", "skipped", "cancelled", "expired",   "rejected",
};

/* ---- which campaign ---- */

static bool is_prefix(const char *said)
{
    size_t len = strlen(said);

    if (len < PREFIX_MIN || len >= UUID_TEXT_BYTES)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isxdigit((unsigned char)said[i]) && said[i] != '-')
            return false;
    return true;
}

int campaign_find(struct session *s, const char *said, char ret[UUID_TEXT_BYTES], struct err *err)
{
    static const char SQL[] =
        "select campaign_id from @campaign where campaign_id::text = lower($1)"
        " or ($2::bool and campaign_id::text like lower($1) || '%') or name = $1"
        " order by campaign_id::text = lower($1) desc, created_at desc limit 2";
    const char *params[] = { said, is_prefix(said) ? "true" : "false" };
    struct db_reply *reply = NULL;
    struct uuid id;
    int rc = 0;

    if (session_query(s, &(struct statement){ SQL, 2, params }, &reply, err) != 0)
        return -1;
    if (db_rows(reply, 0) == 0)
        rc = err_set(err, ERR_CONFIG, "there is no campaign \"%.80s\"", said);
    else if (db_rows(reply, 0) > 1 && !uuid_parse(said, &id))
        rc = err_set(err, ERR_CONFIG, "more than one campaign is called \"%.80s\": give its id",
                     said);
    else
        str_copy(ret, UUID_TEXT_BYTES, db_text(reply, 0, 0, 0));
    db_reply_free(reply);
    return rc;
}

/* ---- numbers ---- */

static const char SQL_CAMPAIGN[] =
    "select campaign_id, state, selected, left_out, least(cursor_rank + 1, selected),"
    " least(extract(epoch from now() - created_at), $2::float8)"
    " from @campaign where campaign_id = $1::uuid";
static const char SQL_ITEMS[] =
    "select state, count(*), count(published_at),"
    " count(*) filter (where ended_at > now() - $2::float8 * interval '1 s')"
    " from @item where campaign_id = $1::uuid group by state";

static void read_items(const struct db_reply *reply, struct campaign_status *st)
{
    for (size_t row = 0; row < db_rows(reply, 1); row++) {
        int64_t n = db_int(reply, 1, row, 1);

        for (int state = 0; state < ITEM_STATES; state++) {
            if (!str_equal(db_text(reply, 1, row, 0), item_state_names[state]))
                continue;
            st->items[state] = n;
            st->ended += state >= ITEM_SUCCEEDED ? n : 0;
        }
        st->results += db_int(reply, 1, row, 2);
        st->recent += db_int(reply, 1, row, 3);
    }
}

static int64_t items_n(const struct campaign_status *st)
{
    int64_t n = 0;

    for (int state = 0; state < ITEM_STATES; state++)
        n += st->items[state];
    return n;
}

static void estimate(struct campaign_status *st)
{
    int64_t left = st->selected - st->ended;

    st->eta_s = left <= 0 ? 0 : -1;
    if (st->recent == 0 || st->recent_s <= 0)
        return;
    st->rate_per_min = (double)st->recent * 60 / st->recent_s;
    if (left > 0 && strcmp(st->state, "open") == 0)
        st->eta_s = (double)left * 60 / st->rate_per_min;
}

int status_read(struct session *s, const char *campaign_id, struct campaign_status *ret,
                struct err *err)
{
    char span[16];
    const char *params[] = { campaign_id, span };
    struct db_unit *unit = db_unit_new();
    struct db_reply *reply = NULL;

    if (unit == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a statement");
    snprintf(span, sizeof(span), "%d", RECENT_S);
    db_add(unit, SQL_CAMPAIGN, 2, params);
    db_add(unit, SQL_ITEMS, 2, params);
    if (session_run(s, unit, &reply, err) != 0)
        return -1;
    *ret = (struct campaign_status){ .selected = db_int(reply, 0, 0, 2),
                                     .left_out = db_int(reply, 0, 0, 3),
                                     .published = db_int(reply, 0, 0, 4),
                                     .recent_s = db_num(reply, 0, 0, 5) };
    str_copy(ret->id, sizeof(ret->id), db_text(reply, 0, 0, 0));
    str_copy(ret->state, sizeof(ret->state), db_text(reply, 0, 0, 1));
    read_items(reply, ret);
    db_reply_free(reply);
    if (ret->selected < items_n(ret))
        ret->selected = items_n(ret); /* requests that others made were not selected */
    estimate(ret);
    return 0;
}

bool status_ended(const struct campaign_status *st)
{
    return strcmp(st->state, "completed") == 0 || strcmp(st->state, "cancelled") == 0;
}

int64_t status_failed(const struct campaign_status *st)
{
    return st->ended - st->items[ITEM_SUCCEEDED] - st->items[ITEM_SKIPPED];
}

void status_line(const struct campaign_status *st, char *out, size_t out_bytes)
{
    size_t len = 0;

    out[0] = '\0';
    for (int state = ITEM_SUCCEEDED; state < ITEM_STATES; state++)
        if (st->items[state] > 0 && len < out_bytes)
            len +=
                (size_t)snprintf(out + len, out_bytes - len, "%s%" PRId64 " %s",
                                 len == 0 ? "" : ", ", st->items[state], item_state_names[state]);
    if (len < out_bytes && st->rate_per_min > 0)
        len += (size_t)snprintf(out + len, out_bytes - len, "%s%.1f/min", len == 0 ? "" : "; ",
                                st->rate_per_min);
    if (len < out_bytes && st->eta_s > 0)
        len += (size_t)snprintf(out + len, out_bytes - len, ", %.0f s left", st->eta_s);
    if (len < out_bytes && strcmp(st->state, "open") != 0)
        snprintf(out + len, out_bytes - len, "%s%s", len == 0 ? "" : ", ", st->state);
}

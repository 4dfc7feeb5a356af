/* The ledger's side of an audit: items in pages, and single ones by their key. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/broker/reader.h"
#include "common/ledger/db.h"
#include "producer/query.h"
#include "producer/verify.h"

#define PAGE_ITEMS 10000

/* What a fact needs, of item i and its last attempt a. */
#define FACT_COLUMNS                                                                        \
    "i.request_id, i.campaign_id, i.content_guid, i.state, coalesce(i.bundle_id, ''),"      \
    " coalesce(i.bundle_built, ''), coalesce(a.n, i.attempts), i.published_at is not null," \
    " coalesce(extract(epoch from coalesce(i.ended_at, i.published_at)), 0)::bigint"

enum fact_column {
    FACT_REQUEST,
    FACT_CAMPAIGN,
    FACT_GUID,
    FACT_STATE,
    FACT_BUNDLE,
    FACT_BUILT,
    FACT_ATTEMPT,
    FACT_PUBLISHED,
    FACT_ENDED,
    FACT_CAMPAIGN_KNOWN, /* of SQL_ASK only */
};

/* What has not ended is always in: a result of it would be a finding. */
#define IN_TIME                                                                                  \
    " ($1::timestamptz is null or coalesce(i.ended_at, i.published_at, 'infinity'::timestamptz)" \
    " >= $1::timestamptz)"

static const char SQL_COUNT[] =
    "select count(*) from @item i where" IN_TIME " and ($2::uuid is null or i.campaign_id = $2)";
static const char SQL_CAMPAIGNS[] =
    "select campaign_id from @campaign where $1::uuid is null or campaign_id = $1 order by 1";
static const char SQL_PAGE[] =
    "select " FACT_COLUMNS ", i.rank from @item i left join @attempt a"
    " on a.attempt_id = i.last_attempt where i.campaign_id = $2::uuid and i.rank > $3::bigint"
    " and" IN_TIME " order by i.rank limit $4::int";
#define PAGE_RANK (FACT_ENDED + 1)
static const char SQL_ASK[] =
    "select " FACT_COLUMNS ", exists (select 1 from @campaign c where c.campaign_id = u.campaign)"
    " from unnest($1::uuid[], $2::uuid[]) with ordinality u(id, campaign, ord)"
    " left join @item i on i.request_id = u.id left join @attempt a on a.attempt_id = i.last_attempt"
    " order by u.ord";

static struct verify_fact fact_of(const struct db_reply *reply, size_t row)
{
    struct verify_fact f = {
        .campaign = db_text(reply, 0, row, FACT_CAMPAIGN),
        .guid = db_text(reply, 0, row, FACT_GUID),
        .outcome = db_text(reply, 0, row, FACT_STATE),
        .bundle = db_text(reply, 0, row, FACT_BUNDLE),
        .built = db_text(reply, 0, row, FACT_BUILT),
        .attempt = (int)db_int(reply, 0, row, FACT_ATTEMPT),
    };

    if (!uuid_parse(db_text(reply, 0, row, FACT_REQUEST), &f.request))
        f.request = (struct uuid){ { 0 } };
    return f;
}

/* ---- all items ---- */

static bool take_item(struct verify *v, const struct db_reply *reply, size_t row)
{
    const struct verify_fact f = fact_of(reply, row);
    struct verify_item item = {
        .id = f.request,
        .digest = verify_digest(&f),
        .ended_s = (uint32_t)db_int(reply, 0, row, FACT_ENDED),
        .partition = (uint16_t)reader_partition_of(f.guid, strlen(f.guid), v->partitions),
        .published = db_bool(reply, 0, row, FACT_PUBLISHED),
    };

    return verify_items_add(&v->items, &item);
}

static int load_page(struct verify *v, const char *campaign, int64_t *rank, struct err *err)
{
    struct db_reply *reply = NULL;
    struct query q;
    bool whole = true;
    size_t n = 0;
    int rc;

    query_init(&q);
    query_add(&q, "%s", SQL_PAGE);
    query_param_time(&q, v->since_ms);
    query_param(&q, campaign);
    query_param_int(&q, *rank);
    query_param_int(&q, PAGE_ITEMS);
    rc = query_run(&q, &v->call->session, &reply, err);
    query_done(&q);
    if (rc == 0) {
        n = db_rows(reply, 0);
        for (size_t i = 0; i < n && whole; i++)
            whole = take_item(v, reply, i);
        *rank = n == 0 ? *rank : db_int(reply, 0, n - 1, PAGE_RANK);
    }
    db_reply_free(reply);
    if (!whole)
        return err_set(err, ERR_INTERNAL, "no memory for the items");
    return rc != 0 ? -1 : n == PAGE_ITEMS;
}

static int count_items(struct verify *v, int64_t *ret, struct err *err)
{
    struct db_reply *reply = NULL;
    struct query q;
    int rc;

    query_init(&q);
    query_add(&q, "%s", SQL_COUNT);
    query_param_time(&q, v->since_ms);
    query_param(&q, v->campaign);
    rc = query_run(&q, &v->call->session, &reply, err);
    query_done(&q);
    if (rc == 0)
        *ret = db_int(reply, 0, 0, 0);
    db_reply_free(reply);
    if (rc == 0 && *ret > VERIFY_ITEMS_MAX)
        return err_set(err, ERR_REFUSED,
                       "%" PRId64 " items are more than the %d that are compared at once, which "
                       "take %d MB: name a campaign, or give --since",
                       *ret, VERIFY_ITEMS_MAX, VERIFY_ITEMS_MAX / 1000000 * VERIFY_ITEM_BYTES);
    if (rc == 0 && !verify_items_reserve(&v->items, (size_t)*ret))
        return err_set(err, ERR_INTERNAL, "no memory for %" PRId64 " items", *ret);
    return rc;
}

int verify_load(struct verify *v, verify_progress_fn *progress, struct err *err)
{
    struct db_reply *campaigns = NULL;
    int64_t total = 0;
    int rc = 0;

    if (count_items(v, &total, err) != 0 ||
        session_query(&v->call->session, &(struct statement){ SQL_CAMPAIGNS, 1, &v->campaign },
                      &campaigns, err) != 0)
        return -1;
    for (size_t i = 0; i < db_rows(campaigns, 0) && rc == 0; i++) {
        int64_t rank = -1;

        while ((rc = load_page(v, db_text(campaigns, 0, i, 0), &rank, err)) == 1)
            progress(v, (int64_t)v->items.n, total);
    }
    db_reply_free(campaigns);
    verify_items_sort(&v->items);
    return rc;
}

/* ---- by key ---- */

static int find(struct verify *v, const struct verify_question *q, enum verify_kind kind,
                const char *why, struct err *err)
{
    struct verify_finding finding = { .kind = kind,
                                      .request = q->request,
                                      .campaign = q->campaign,
                                      .partition = q->partition,
                                      .offset = q->offset };

    str_copy(finding.guid, sizeof(finding.guid), q->guid);
    str_copy(finding.why, sizeof(finding.why), why);
    return verify_findings_add(&v->findings, &finding)
               ? 0
               : err_set(err, ERR_INTERNAL, "no memory for a finding");
}

static int settle(struct verify *v, const struct verify_question *q, const struct db_reply *reply,
                  size_t row, struct err *err)
{
    char campaign[UUID_TEXT_BYTES], why[sizeof(((struct verify_finding *)0)->why)];
    const struct verify_fact result = { .request = q->request,
                                        .campaign = uuid_format(&q->campaign, campaign),
                                        .guid = q->guid,
                                        .outcome = q->outcome,
                                        .bundle = q->bundle,
                                        .built = q->built,
                                        .attempt = q->attempt };
    int64_t ended_s = db_int(reply, 0, row, FACT_ENDED);
    struct verify_fact ledger;

    if (db_null(reply, 0, row, FACT_REQUEST)) {
        if (db_bool(reply, 0, row, FACT_CAMPAIGN_KNOWN))
            return find(v, q, VERIFY_NO_ITEM, "no item of the ledger has this request id", err);
        v->counts.pruned++;
        return 0;
    }
    if (ended_s > 0 && ended_s * 1000 < v->since_ms) {
        v->counts.earlier++;
        return 0;
    }
    ledger = fact_of(reply, row);
    if (!verify_equal(&ledger, &result, why, sizeof(why)))
        return find(v, q, VERIFY_CONTRADICTS, why, err);
    v->counts.matched++;
    return 0;
}

/* Ids and campaigns of the questions, as arrays. */
static int ask(struct verify *v, const struct verify_question *questions, size_t n,
               struct db_reply **ret, struct err *err)
{
    char ids[VERIFY_ASK][UUID_TEXT_BYTES], campaigns[VERIFY_ASK][UUID_TEXT_BYTES];
    char *id_list[VERIFY_ASK], *campaign_list[VERIFY_ASK];
    struct query q;
    int rc;

    for (size_t i = 0; i < n; i++) {
        uuid_format(&questions[i].request, ids[i]);
        uuid_format(&questions[i].campaign, campaigns[i]);
        id_list[i] = ids[i];
        campaign_list[i] = campaigns[i];
    }
    query_init(&q);
    query_add(&q, "%s", SQL_ASK);
    query_param_list(&q, id_list, n);
    query_param_list(&q, campaign_list, n);
    rc = query_run(&q, &v->call->session, ret, err);
    query_done(&q);
    return rc;
}

int verify_settle(struct verify *v, struct err *err)
{
    struct db_reply *reply = NULL;
    int rc;

    if (v->questions_n == 0)
        return 0;
    rc = ask(v, v->questions, v->questions_n, &reply, err);
    for (size_t i = 0; i < v->questions_n && rc == 0; i++)
        rc = settle(v, &v->questions[i], reply, i, err);
    db_reply_free(reply);
    v->questions_n = 0;
    return rc;
}

/* ---- what is missing ---- */

static void name(struct verify_finding *f, const struct db_reply *reply, size_t row)
{
    if (db_null(reply, 0, row, FACT_REQUEST))
        return; /* pruned since */
    str_copy(f->guid, sizeof(f->guid), db_text(reply, 0, row, FACT_GUID));
    if (!uuid_parse(db_text(reply, 0, row, FACT_CAMPAIGN), &f->campaign))
        f->campaign = (struct uuid){ { 0 } };
    snprintf(f->why, sizeof(f->why),
             "the ledger has it as published (%s), and there is no result of it",
             db_text(reply, 0, row, FACT_STATE));
}

int verify_name_missing(struct verify *v, struct err *err)
{
    struct verify_finding *list = v->findings.list;
    size_t at[VERIFY_ASK], n = 0;
    struct db_reply *reply = NULL;
    int rc = 0;

    for (size_t i = 0; i <= v->findings.n && rc == 0; i++) {
        bool last = i == v->findings.n;

        if (!last && list[i].kind == VERIFY_MISSING) {
            v->questions[n] = (struct verify_question){ .request = list[i].request };
            at[n++] = i;
        }
        if (n == 0 || (n < VERIFY_ASK && !last))
            continue;
        rc = ask(v, v->questions, n, &reply, err);
        for (size_t k = 0; k < n && rc == 0; k++)
            name(&list[at[k]], reply, k);
        db_reply_free(reply);
        reply = NULL;
        n = 0;
    }
    return rc;
}

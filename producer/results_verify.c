/* results verify: is there one result for each item, and does it say what the ledger says? */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/broker/admin.h"
#include "common/broker/reader.h"
#include "producer/progress.h"
#include "producer/results.h"
#include "producer/status.h"
#include "producer/topics.h"
#include "producer/verify.h"

#define SHOW_AFTER_MS 2000 /* what takes less needs no progress */
#define SHOW_EVERY    1000 /* records */

struct audit {
    struct verify v;
    struct progress progress;
    int64_t started_ms;
    char campaign[UUID_TEXT_BYTES];
};

/* ---- progress ---- */

static void show(struct audit *a, int64_t done, int64_t total, const char *what)
{
    int64_t now_ms = clock_boot_ms();

    if (now_ms - a->started_ms >= SHOW_AFTER_MS)
        progress_show(&a->progress, done, total, what, now_ms);
}

static void show_items(struct verify *v, int64_t done, int64_t total)
{
    show((struct audit *)((char *)v - offsetof(struct audit, v)), done, total,
         "items read from the ledger");
}

static void show_records(struct audit *a)
{
    const struct reader_span *spans = reader_spans(a->v.reader);
    int64_t left = 0, all = 0;

    for (size_t i = 0; i < reader_partitions(a->v.reader); i++) {
        left += spans[i].to > spans[i].from ? spans[i].to - spans[i].from : 0;
        all += spans[i].to - spans[i].low;
    }
    show(a, all - left, all, "records read from the result topic");
}

/* ---- one record ---- */

static int found(struct audit *a, enum verify_kind kind, const struct kafka_record *r,
                 const struct result_brief *b, const char *why)
{
    struct verify_finding f = { .kind = kind,
                                .request = b->request_id,
                                .campaign = b->campaign_id,
                                .partition = r->partition,
                                .offset = r->offset };

    str_copy(f.guid, sizeof(f.guid), b->guid);
    str_copy(f.why, sizeof(f.why), why);
    return verify_findings_add(&a->v.findings, &f) ? 0 : -1;
}

/* The ledger is asked about it: the item is not among those that are remembered, or it differs. */
static int question(struct audit *a, const struct kafka_record *r, const struct result_brief *b,
                    struct err *err)
{
    struct verify *v = &a->v;
    struct verify_question *q = &v->questions[v->questions_n++];

    *q = (struct verify_question){ .request = b->request_id,
                                   .campaign = b->campaign_id,
                                   .attempt = b->attempt,
                                   .partition = r->partition,
                                   .offset = r->offset };
    str_copy(q->guid, sizeof(q->guid), b->guid);
    str_copy(q->outcome, sizeof(q->outcome), b->outcome);
    str_copy(q->bundle, sizeof(q->bundle), b->bundle_id);
    str_copy(q->built, sizeof(q->built), b->bundle_built);
    return v->questions_n < VERIFY_ASK ? 0 : verify_settle(v, err);
}

static bool seen_before(struct verify_item *item, const struct kafka_record *r)
{
    bool before = item->seen > 0;

    if (!before) {
        item->partition = (uint16_t)r->partition;
        item->offset = r->offset;
    }
    if (item->seen < UINT8_MAX)
        item->seen++;
    return before;
}

static int compare(struct audit *a, struct verify_item *item, const struct kafka_record *r,
                   const struct result_brief *b, struct err *err)
{
    char campaign[UUID_TEXT_BYTES], why[128];
    const struct verify_fact fact = { .request = b->request_id,
                                      .campaign = uuid_format(&b->campaign_id, campaign),
                                      .guid = b->guid,
                                      .outcome = b->outcome,
                                      .bundle = b->bundle_id,
                                      .built = b->bundle_built,
                                      .attempt = b->attempt };
    bool before = seen_before(item, r);

    snprintf(why, sizeof(why), "result %d of this item; the first is at %u:%" PRId64, item->seen,
             item->partition, item->offset);
    if (before && found(a, VERIFY_TWICE, r, b, why) != 0)
        return err_set(err, ERR_INTERNAL, "no memory for a finding");
    if (verify_digest(&fact) != item->digest)
        return question(a, r, b, err);
    a->v.counts.matched += before ? 0 : 1;
    return 0;
}

/* Of another installation, or not of the campaign that was asked for. */
static bool passes_by(struct audit *a, const struct result_brief *b, const struct verify_item *item)
{
    struct verify *v = &a->v;

    if (b->source[0] != '\0' && strcmp(b->source, v->source) != 0) {
        v->counts.foreign++;
        return true;
    }
    if (v->campaign == NULL || item != NULL || uuid_is_nil(&b->campaign_id) ||
        uuid_equal(&b->campaign_id, &v->campaign_id))
        return false;
    v->counts.other++;
    return true;
}

static int take(struct audit *a, const struct kafka_record *r, struct err *err)
{
    struct verify *v = &a->v;
    struct result_brief brief;
    struct verify_item *item;
    struct err why;
    bool valid = verify_record(r, &brief, &why) == 0;

    v->counts.read++;
    if (v->oldest_ms[r->partition] == INT64_MAX)
        v->oldest_ms[r->partition] = r->timestamp_ms;
    item = uuid_is_nil(&brief.request_id) ? NULL : verify_items_find(&v->items, &brief.request_id);
    if (passes_by(a, &brief, item))
        return 0;
    if (valid)
        return item != NULL ? compare(a, item, r, &brief, err) : question(a, r, &brief, err);
    if (item != NULL)
        item->broken = true;
    return found(a, VERIFY_INVALID, r, &brief, why.msg) == 0
               ? 0
               : err_set(err, ERR_INTERNAL, "no memory for a finding");
}

/* ---- the topic ---- */

/* With --since: what the items that are compared can have in the topic. */
static int begin_late(struct verify *v, struct err *err)
{
    size_t n = reader_partitions(v->reader);
    int64_t *from = calloc(n, sizeof(*from));
    int rc;

    if (from == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the offsets");
    rc = reader_offsets_at(v->reader, v->since_ms - VERIFY_CLOCKS_MS, from, err);
    for (size_t i = 0; i < n && rc == 0; i++)
        reader_spans(v->reader)[i].from = from[i];
    free(from);
    return rc;
}

/* The time of a partition's oldest record is learnt from the first that is read, and only where
 * something was deleted; if none is left, all that there was is older than any item. */
static int choose_spans(struct verify *v, struct err *err)
{
    const struct reader_span *spans = reader_spans(v->reader);
    size_t n = reader_partitions(v->reader);

    if (v->since_ms != 0 && begin_late(v, err) != 0)
        return -1;
    v->oldest_ms = calloc(n, sizeof(*v->oldest_ms));
    if (v->oldest_ms == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the partitions");
    for (size_t i = 0; i < n; i++)
        v->oldest_ms[i] = spans[i].low > 0 && spans[i].from == spans[i].low ? INT64_MAX : 0;
    return 0;
}

static int read_topic(struct audit *a, struct err *err)
{
    struct kafka_record record;
    int64_t quiet_ms = 0;

    while (!reader_at_end(a->v.reader)) {
        int rc = reader_next(a->v.reader, RESULTS_POLL_MS, &record, err);

        if (rc < 0 || (rc == 1 && take(a, &record, err) != 0))
            return -1;
        quiet_ms = rc == 1 ? 0 : quiet_ms + RESULTS_POLL_MS;
        if (rc == 0 || a->v.counts.read % SHOW_EVERY == 0)
            show_records(a);
        if (quiet_ms >= RESULTS_QUIET_MAX_MS)
            return err_set(err, ERR_UNREACHABLE, "the end of the result topic was not reached");
    }
    return verify_settle(&a->v, err);
}

static int audit_topic(struct audit *a, struct err *err)
{
    struct session *s = &a->v.call->session;

    a->v.reader = reader_new(s->props, s->topics.results, SESSION_KAFKA_WAIT_MS, err);
    if (a->v.reader == NULL || choose_spans(&a->v, err) != 0 ||
        reader_start(a->v.reader, true, err) != 0)
        return -1;
    return read_topic(a, err);
}

/* ---- what has no result ---- */

static bool may_be_deleted(const struct verify *v, const struct verify_item *item)
{
    size_t n = reader_partitions(v->reader);
    int64_t oldest_ms = 0;

    for (size_t i = 0; i < n; i++)
        if ((v->regrouped || i == item->partition) && v->oldest_ms[i] > oldest_ms)
            oldest_ms = v->oldest_ms[i];
    return oldest_ms > 0 && (int64_t)item->ended_s * 1000 - VERIFY_CLOCKS_MS < oldest_ms;
}

static int look_at_items(struct audit *a, struct err *err)
{
    struct verify *v = &a->v;

    for (size_t i = 0; i < v->items.n; i++) {
        const struct verify_item *item = &v->items.list[i];
        struct verify_finding f = { .kind = VERIFY_MISSING, .request = item->id, .partition = -1 };

        v->counts.published += item->published ? 1 : 0;
        if (!item->published)
            *(item->seen > 0 ? &v->counts.unmarked : &v->counts.open) += 1;
        if (!item->published || item->seen > 0 || item->broken)
            continue;
        if (may_be_deleted(v, item))
            v->counts.beyond++;
        else if (!verify_findings_add(&v->findings, &f))
            return err_set(err, ERR_INTERNAL, "no memory for a finding");
    }
    return verify_name_missing(v, err);
}

/* ---- the whole ---- */

static int prepare(struct audit *a, struct call *c, struct err *err)
{
    const struct results_config *config = c->own;
    struct verify *v = &a->v;
    struct session *s = &c->session;
    struct installation is;
    int replication;

    if (session_ledger(s, err) != 0 || installation_read(s, &is, err) != 0)
        return -1;
    if (is.partitions == 0)
        return err_set(err, ERR_CONFIG, "there is nothing to verify: run `topics apply` first");
    str_copy(v->source, sizeof(v->source), is.source);
    if (config->campaign != NULL) {
        if (campaign_find(s, config->campaign, a->campaign, err) != 0)
            return -1;
        v->campaign = a->campaign;
        uuid_parse(a->campaign, &v->campaign_id);
    }
    if (session_admin(s, err) != 0 ||
        admin_topic_partitions(s->admin, s->topics.results, &v->partitions, &replication, err) != 0)
        return -1;
    if (v->partitions == 0)
        return err_set(err, ERR_CONFIG, "the topic %s does not exist", s->topics.results);
    v->regrouped = v->partitions != is.partitions;
    v->questions = calloc(VERIFY_ASK, sizeof(*v->questions));
    return v->questions != NULL ? 0 : err_set(err, ERR_INTERNAL, "no memory for the look-ups");
}

static int take_operand(struct call *c, struct err *err)
{
    struct results_config *config = c->own;

    if (c->options.positional_n < 2)
        return 0;
    if (config->campaign != NULL)
        return err_set(err, ERR_CONFIG,
                       "results verify: give the campaign once, as an operand or "
                       "as --campaign");
    config->campaign = str_dup(c->options.positional[1]); /* freed with the options */
    return config->campaign != NULL ? 0 : err_set(err, ERR_INTERNAL, "no memory for a name");
}

int results_verify(struct call *c, struct err *err)
{
    const struct results_config *config = c->own;
    struct audit a = { .v = { .call = c, .since_ms = config->since_ms } };
    struct verify *v = &a.v;
    int rc;

    v->findings.max = config->limit > 0 ? (size_t)config->limit : VERIFY_FINDINGS_SHOWN;
    progress_init(&a.progress, &c->config);
    a.started_ms = clock_boot_ms();
    rc = take_operand(c, err) != 0 || prepare(&a, c, err) != 0 ||
                 verify_load(v, show_items, err) != 0 || audit_topic(&a, err) != 0 ||
                 look_at_items(&a, err) != 0
             ? -1
             : 0;
    progress_end(&a.progress);
    if (rc == 0)
        rc = verify_print(v, err);
    if (rc == 0 && verify_findings_total(&v->findings) > 0)
        rc = EXIT_FINDINGS;
    reader_close(v->reader);
    verify_items_done(&v->items);
    verify_findings_done(&v->findings);
    free(v->questions);
    free(v->oldest_ms);
    return rc;
}

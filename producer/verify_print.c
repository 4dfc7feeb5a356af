/* What an audit found, in the four forms: an object as JSON, findings as rows elsewhere. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "producer/output.h"
#include "producer/verify.h"

#define JSON_MAX_BYTES (256 * 1024 * 1024) /* a million findings of 256 bytes */
#define LINE_BYTES     512
#define NUMBER_BYTES   32

static const struct output_column columns[] = {
    { .name = "finding", .type = CELL_TEXT },
    { .name = "request_id", .type = CELL_TEXT },
    { .name = "content_guid", .type = CELL_TEXT },
    { .name = "campaign_id", .type = CELL_TEXT, .extra = true },
    { .name = "partition", .type = CELL_INT },
    { .name = "offset", .type = CELL_INT },
    { .name = "detail", .type = CELL_TEXT },
};
#define COLUMNS_N (sizeof(columns) / sizeof(columns[0]))

/* Texts of one finding's cells. */
struct cells {
    char request[UUID_TEXT_BYTES], campaign[UUID_TEXT_BYTES];
    char partition[NUMBER_BYTES], offset[NUMBER_BYTES];
    const char *list[COLUMNS_N];
};

static void fill(struct cells *c, const struct verify_finding *f)
{
    bool record = f->partition >= 0;

    snprintf(c->partition, sizeof(c->partition), "%" PRId32, f->partition);
    snprintf(c->offset, sizeof(c->offset), "%" PRId64, f->offset);
    uuid_format(&f->request, c->request);
    uuid_format(&f->campaign, c->campaign);
    c->list[0] = verify_kind_names[f->kind];
    c->list[1] = uuid_is_nil(&f->request) ? NULL : c->request;
    c->list[2] = f->guid[0] == '\0' ? NULL : f->guid;
    c->list[3] = uuid_is_nil(&f->campaign) ? NULL : c->campaign;
    c->list[4] = record ? c->partition : NULL;
    c->list[5] = record ? c->offset : NULL;
    c->list[6] = f->why;
}

static int64_t left_out(const struct verify *v)
{
    return verify_findings_total(&v->findings) - (int64_t)v->findings.n;
}

static int print_rows(const struct verify *v, struct err *err)
{
    struct output *o = output_open(&v->call->config, columns, COLUMNS_N, err);
    struct cells cells;

    if (o == NULL)
        return -1;
    for (size_t i = 0; i < v->findings.n; i++) {
        fill(&cells, &v->findings.list[i]);
        output_row(o, cells.list);
    }
    return output_close(o, err);
}

/* ---- for people ---- */

static void items_text(const struct verify_counts *n, char out[LINE_BYTES])
{
    snprintf(out, LINE_BYTES,
             "%" PRId64 " published, of them %" PRId64 " beyond the topic's retention; %" PRId64
             " open%s",
             n->published, n->beyond, n->open + n->unmarked,
             n->unmarked > 0 ? ", some with a result that is not marked yet" : "");
}

static void results_text(const struct verify_counts *n, char out[LINE_BYTES])
{
    snprintf(out, LINE_BYTES,
             "%" PRId64 " read: %" PRId64 " as the ledger says, %" PRId64
             " of pruned campaigns, %" PRId64 " of other installations, %" PRId64
             " that were not asked for",
             n->read, n->matched, n->pruned, n->foreign, n->earlier + n->other);
}

static void findings_text(const struct verify_findings *f, char out[LINE_BYTES])
{
    int64_t total = verify_findings_total(f);
    size_t len = (size_t)snprintf(out, LINE_BYTES, "%s", total == 0 ? "none" : "");

    for (size_t i = 0; i < VERIFY_KINDS; i++)
        if (f->of_kind[i] > 0)
            len += (size_t)snprintf(out + len, LINE_BYTES - len, "%s%" PRId64 " %s",
                                    len == 0 ? "" : ", ", f->of_kind[i], verify_kind_names[i]);
}

static int print_table(const struct verify *v, struct err *err)
{
    struct producer_config config = v->call->config;
    char items[LINE_BYTES], results[LINE_BYTES], findings[LINE_BYTES];
    const struct output_field fields[] = {
        { "topic", CELL_TEXT, v->call->session.topics.results },
        { "campaign", CELL_TEXT, v->campaign },
        { "items", CELL_TEXT, items },
        { "results", CELL_TEXT, results },
        { "findings", CELL_STATE, findings },
    };

    config.columns.n = 0;
    items_text(&v->counts, items);
    results_text(&v->counts, results);
    findings_text(&v->findings, findings);
    if (output_object(&config, fields, sizeof(fields) / sizeof(fields[0]), err) != 0)
        return -1;
    if (v->findings.n == 0)
        return 0;
    printf("\n");
    if (print_rows(v, err) != 0)
        return -1;
    if (left_out(v) > 0)
        printf("and %" PRId64 " more (--limit shows more)\n", left_out(v));
    return 0;
}

/* The counts of a table are on stdout; where rows are, they would be in the way. */
static int print_lines(const struct verify *v, struct err *err)
{
    char items[LINE_BYTES], results[LINE_BYTES], findings[LINE_BYTES];

    if (print_rows(v, err) != 0)
        return -1;
    items_text(&v->counts, items);
    results_text(&v->counts, results);
    findings_text(&v->findings, findings);
    session_say(&v->call->session, "items: %s", items);
    session_say(&v->call->session, "results: %s", results);
    session_say(&v->call->session, "findings: %s", findings);
    if (left_out(v) > 0)
        session_say(&v->call->session, "and %" PRId64 " more", left_out(v));
    return 0;
}

/* ---- JSON ---- */

static void add_counts(struct buf *b, const struct verify *v)
{
    const struct verify_counts *n = &v->counts;

    buf_printf(b,
               ",\"items\":{\"published\":%" PRId64 ",\"beyond_retention\":%" PRId64
               ",\"open\":%" PRId64 ",\"unmarked\":%" PRId64 "}",
               n->published, n->beyond, n->open, n->unmarked);
    buf_printf(b,
               ",\"results\":{\"read\":%" PRId64 ",\"matched\":%" PRId64 ",\"pruned\":%" PRId64
               ",\"foreign\":%" PRId64 ",\"earlier\":%" PRId64 ",\"other_campaigns\":%" PRId64 "}",
               n->read, n->matched, n->pruned, n->foreign, n->earlier, n->other);
    buf_str_add(b, ",\"findings_by_kind\":{");
    for (size_t i = 0; i < VERIFY_KINDS; i++)
        buf_printf(b, "%s\"%s\":%" PRId64, i == 0 ? "" : ",", verify_kind_names[i],
                   v->findings.of_kind[i]);
    buf_printf(b, "},\"findings_left_out\":%" PRId64, left_out(v));
}

static void add_findings(struct buf *b, const struct verify *v)
{
    struct cells cells;

    buf_str_add(b, ",\"findings\":[");
    for (size_t i = 0; i < v->findings.n; i++) {
        fill(&cells, &v->findings.list[i]);
        for (size_t k = 0; k < COLUMNS_N; k++) {
            buf_printf(b, "%s\"%s\":", k > 0 ? "," : i > 0 ? ",\n  {" : "\n  {", columns[k].name);
            if (columns[k].type == CELL_INT)
                buf_str_add(b, cells.list[k] != NULL ? cells.list[k] : "null");
            else
                output_json_text(b, cells.list[k]);
        }
        buf_char_add(b, '}');
    }
    buf_str_add(b, "]}\n");
}

static int print_json(const struct verify *v, struct err *err)
{
    char now[CLOCK_RFC3339_BYTES], since[CLOCK_RFC3339_BYTES];
    struct buf b;
    bool whole;

    buf_init(&b, JSON_MAX_BYTES);
    buf_printf(&b,
               "{\"verified_at\":\"%s\",\"topic\":", clock_format_rfc3339(clock_wall_ms(), now));
    output_json_text(&b, v->call->session.topics.results);
    buf_str_add(&b, ",\"campaign_id\":");
    output_json_text(&b, v->campaign);
    buf_str_add(&b, ",\"since\":");
    output_json_text(&b, v->since_ms == 0 ? NULL : clock_format_rfc3339(v->since_ms, since));
    buf_printf(&b, ",\"well\":%s", verify_findings_total(&v->findings) == 0 ? "true" : "false");
    add_counts(&b, v);
    add_findings(&b, v);
    whole = !b.failed;
    if (whole)
        fwrite(b.data, 1, b.len, stdout);
    buf_done(&b);
    return whole ? 0 : err_set(err, ERR_INTERNAL, "no memory for the findings: give --limit");
}

int verify_print(const struct verify *v, struct err *err)
{
    switch ((enum output_format)v->call->config.output) {
    case OUTPUT_TABLE: return print_table(v, err);
    case OUTPUT_JSON: return print_json(v, err);
    case OUTPUT_JSONL:
    case OUTPUT_CSV: break;
    }
    return print_lines(v, err);
}

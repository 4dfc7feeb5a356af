/* results tail|schema: the audit record as a read_committed consumer sees it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/broker/reader.h"
#include "common/record/result.h"
#include "producer/output.h"
#include "producer/schemas.h"
#include "producer/status.h"
#include "producer/verb.h"

#define POLL_MS      250 /* what was read so far is shown after this long without more */
#define FLUSH_ROWS   500 /* or after this many */
#define NUMBER_BYTES 32
#define QUIET_MAX_MS 60000 /* without a record before the end: an open transaction ends by then */

struct results_config {
    char *campaign;
    bool from_beginning, follow;
    int64_t limit;
};

#define AT(field) .offset = offsetof(struct results_config, field)

static const struct option_row rows[] = {
    { .name = "campaign",
      .type = OPT_TEXT,
      AT(campaign),
      .metavar = "CAMPAIGN",
      .help = "only of this campaign: its id, or its name" },
    { .name = "from-beginning",
      .type = OPT_FLAG,
      AT(from_beginning),
      .help = "everything that is in the topic, and stop at its end" },
    { .name = "follow",
      .letter = 'f',
      .type = OPT_FLAG,
      AT(follow),
      .help = "go on with what comes; this is so without --from-beginning" },
    { .name = "limit",
      .type = OPT_INT,
      AT(limit),
      .metavar = "N",
      .min = 1,
      .max = 1000000000,
      .help = "stop after this many" },
};

static const struct output_column columns[] = {
    { .name = "finished_at", .type = CELL_TEXT, .width = 24 },
    { .name = "outcome", .type = CELL_STATE, .width = 13 },
    { .name = "content_guid", .type = CELL_TEXT, .width = 36 },
    { .name = "title", .type = CELL_TEXT, .width = 24 },
    { .name = "attempt", .type = CELL_INT },
    { .name = "build_s", .type = CELL_NUM },
    { .name = "replica", .type = CELL_TEXT },
    { .name = "error_class", .type = CELL_TEXT },
    { .name = "campaign_id", .type = CELL_TEXT, .extra = true },
    { .name = "request_id", .type = CELL_TEXT, .extra = true },
    { .name = "partition", .type = CELL_INT, .extra = true },
    { .name = "offset", .type = CELL_INT, .extra = true },
};

struct tail {
    struct call *call;
    const struct results_config *config;
    struct reader *reader;
    struct output *out; /* NULL: whole events are printed */
    bool array;
    struct uuid campaign;
    bool one_campaign;
    int64_t shown, unflushed, unreadable;
};

static void print_row(struct tail *t, const struct kafka_record *r, const struct result_brief *b)
{
    char attempt[NUMBER_BYTES], build[NUMBER_BYTES], partition[NUMBER_BYTES], offset[NUMBER_BYTES];
    char campaign[UUID_TEXT_BYTES], request[UUID_TEXT_BYTES];
    const char *cells[] = { b->finished_at,
                            b->outcome,
                            b->guid,
                            b->title[0] != '\0' ? b->title : NULL,
                            attempt,
                            b->build_s > 0 ? build : NULL,
                            b->replica[0] != '\0' ? b->replica : NULL,
                            b->error_class[0] != '\0' ? b->error_class : NULL,
                            uuid_format(&b->campaign_id, campaign),
                            uuid_format(&b->request_id, request),
                            partition,
                            offset };

    snprintf(attempt, sizeof(attempt), "%d", b->attempt);
    snprintf(build, sizeof(build), "%.3f", b->build_s);
    snprintf(partition, sizeof(partition), "%" PRId32, r->partition);
    snprintf(offset, sizeof(offset), "%" PRId64, r->offset);
    output_row(t->out, cells);
}

/* The event as it is. It was read as JSON, so it may stand in an array. */
static void print_event(struct tail *t, const struct kafka_record *r)
{
    if (t->array)
        fputs(t->shown == 0 ? "\n " : ",\n ", stdout);
    fwrite(r->value, 1, r->value_len, stdout);
    if (!t->array)
        fputc('\n', stdout);
}

static void show(struct tail *t, const struct kafka_record *r)
{
    struct result_brief brief;
    struct err err;

    if (result_read(r->value, r->value_len, &brief, &err) != 0) {
        if (t->unreadable++ == 0)
            session_say(&t->call->session, "%s/%" PRId32 "@%" PRId64 " is no result: %s", r->topic,
                        r->partition, r->offset, err.msg);
        return;
    }
    if (t->one_campaign && !uuid_equal(&brief.campaign_id, &t->campaign))
        return;
    if (t->out != NULL)
        print_row(t, r, &brief);
    else
        print_event(t, r);
    t->shown++;
    t->unflushed++;
}

static void flush(struct tail *t)
{
    if (t->unflushed == 0)
        return;
    if (t->out != NULL)
        output_flush(t->out);
    else
        fflush(stdout);
    t->unflushed = 0;
}

static bool over(const struct tail *t)
{
    if (ferror(stdout) || (t->config->limit > 0 && t->shown >= t->config->limit))
        return true;
    return t->config->from_beginning && !t->config->follow && reader_at_end(t->reader);
}

static int read_all(struct tail *t, struct err *err)
{
    struct kafka_record record;
    int64_t quiet_ms = 0;

    while (!over(t)) {
        int rc = reader_next(t->reader, POLL_MS, &record, err);

        if (rc < 0)
            return -1;
        if (rc == 1)
            show(t, &record);
        quiet_ms = rc == 1 ? 0 : quiet_ms + POLL_MS;
        if (rc == 0 || t->unflushed >= FLUSH_ROWS)
            flush(t);
        if (quiet_ms >= QUIET_MAX_MS && t->config->from_beginning && !t->config->follow)
            return err_set(err, ERR_UNREACHABLE, "the end of the result topic was not reached");
    }
    return 0;
}

static int end(struct tail *t, int rc, struct err *err)
{
    if (t->array)
        fputs(t->shown == 0 ? "]\n" : "\n]\n", stdout);
    if (t->out != NULL && output_close(t->out, rc == 0 ? err : NULL) != 0)
        rc = -1;
    if (t->unreadable > 1)
        session_say(&t->call->session, "%" PRId64 " records are no results", t->unreadable);
    return rc;
}

static int find_campaign(struct tail *t, struct err *err)
{
    char id[UUID_TEXT_BYTES];

    if (t->config->campaign == NULL)
        return 0;
    t->one_campaign = true;
    if (uuid_parse(t->config->campaign, &t->campaign))
        return 0; /* the topic remembers longer than the ledger */
    if (session_ledger(&t->call->session, err) != 0 ||
        campaign_find(&t->call->session, t->config->campaign, id, err) != 0)
        return -1;
    return uuid_parse(id, &t->campaign) ? 0 : err_set(err, ERR_INTERNAL, "a bad campaign id");
}

static int tail(struct call *c, struct err *err)
{
    struct tail t = { .call = c, .config = c->own };
    enum output_format format = (enum output_format)c->config.output;
    bool beginning = t.config->from_beginning;
    int rc;

    if (find_campaign(&t, err) != 0 || session_kafka(&c->session, err) != 0)
        return -1;
    if (format == OUTPUT_TABLE || format == OUTPUT_CSV || c->config.columns.n > 0) {
        t.out = output_open(&c->config, columns, sizeof(columns) / sizeof(columns[0]), err);
        if (t.out == NULL)
            return -1;
    }
    t.reader = reader_open(c->session.props, c->session.topics.results,
                           beginning ? READER_BEGINNING : READER_END, SESSION_KAFKA_WAIT_MS, err);
    t.array = t.out == NULL && format == OUTPUT_JSON && t.reader != NULL;
    if (t.array)
        fputc('[', stdout);
    rc = t.reader == NULL ? -1 : read_all(&t, err);
    rc = end(&t, rc, err);
    reader_close(t.reader);
    return rc;
}

static int print_schema(struct err *err)
{
    for (size_t i = 0; i < event_schemas_n; i++)
        if (strcmp(event_schemas[i].name, "result.v1") == 0) {
            fputs(event_schemas[i].json, stdout);
            return EXIT_DONE;
        }
    return err_set(err, ERR_INTERNAL, "this program was built without the schema of results");
}

static int run(struct call *c, struct err *err)
{
    const char *what = c->options.positional[0];

    if (strcmp(what, "tail") == 0)
        return tail(c, err);
    if (strcmp(what, "schema") == 0)
        return print_schema(err);
    return err_set(err, ERR_CONFIG, "results: \"%.80s\" is neither tail nor schema", what);
}

const struct verb results_verb = {
    .name = "results",
    .operands = "tail|schema",
    .help = "the results on Kafka, as an audit consumer reads them",
    .examples = { "tail --from-beginning --campaign \"R 4.4\" -o jsonl", "tail" },
    .rows = rows,
    .rows_n = sizeof(rows) / sizeof(rows[0]),
    .own_bytes = sizeof(struct results_config),
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};

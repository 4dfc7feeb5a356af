/* The stream of results from the topic to an output: what `results tail` and `export` share. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/str.h"
#include "common/broker/reader.h"
#include "common/event/event.h"
#include "producer/output.h"
#include "producer/results.h"
#include "producer/status.h"
#include "producer/wait.h"

#define NUMBER_BYTES 32
#define SIGNAL_MS    1 /* of the event loop's turn in which a signal is seen */

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
    { .name = "app_mode", .type = CELL_TEXT, .extra = true },
    { .name = "bundle_id", .type = CELL_TEXT, .extra = true },
    { .name = "access_verdict", .type = CELL_TEXT, .extra = true },
    { .name = "error_message", .type = CELL_TEXT, .extra = true },
    { .name = "task_id", .type = CELL_TEXT, .extra = true },
    { .name = "source", .type = CELL_TEXT, .extra = true },
};

/* ---- one result ---- */

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void print_row(struct results_stream *t, const struct kafka_record *r,
                      const struct result_brief *b)
{
    char attempt[NUMBER_BYTES], build[NUMBER_BYTES], partition[NUMBER_BYTES], offset[NUMBER_BYTES];
    char campaign[UUID_TEXT_BYTES], request[UUID_TEXT_BYTES];
    const char *cells[] = { b->finished_at,
                            b->outcome,
                            b->guid,
                            or_null(b->title),
                            attempt,
                            b->build_s > 0 ? build : NULL,
                            or_null(b->replica),
                            or_null(b->error_class),
                            uuid_format(&b->campaign_id, campaign),
                            uuid_format(&b->request_id, request),
                            partition,
                            offset,
                            or_null(b->app_mode),
                            or_null(b->bundle_built[0] != '\0' ? b->bundle_built : b->bundle_id),
                            or_null(b->access_verdict),
                            or_null(b->error_message),
                            or_null(b->task_id),
                            or_null(b->source) };

    snprintf(attempt, sizeof(attempt), "%d", b->attempt);
    snprintf(build, sizeof(build), "%.3f", b->build_s);
    snprintf(partition, sizeof(partition), "%" PRId32, r->partition);
    snprintf(offset, sizeof(offset), "%" PRId64, r->offset);
    output_row(t->rows, cells);
}

void results_print_line(FILE *out, const char *json, size_t len)
{
    size_t n;

    for (; len > 0; json += n, len -= n) {
        for (n = 0; n < len && json[n] != '\n' && json[n] != '\r'; n++)
            ;
        fwrite(json, 1, n, out);
        if (n == len)
            break;
        fputc(' ', out); /* no text has it: in a text it would be an escape */
        n++;
    }
}

/* The event as it is. It was read as JSON, so it may stand in an array. */
static void print_event(struct results_stream *t, const struct kafka_record *r)
{
    if (t->array)
        fputs(t->shown == 0 ? "\n " : ",\n ", t->out);
    results_print_line(t->out, r->value, r->value_len);
    if (!t->array)
        fputc('\n', t->out);
}

static bool wanted(const struct results_stream *t, const struct result_brief *b)
{
    const struct option_list *outcomes = &t->config->outcomes;

    if (t->one_campaign && !uuid_equal(&b->campaign_id, &t->campaign))
        return false;
    for (size_t i = 0; i < outcomes->n; i++)
        if (strcmp(outcomes->items[i], b->outcome) == 0)
            return true;
    return outcomes->n == 0;
}

static void show(struct results_stream *t, const struct kafka_record *r)
{
    struct result_brief brief;
    struct err err;

    if (result_read(r->value, r->value_len, &brief, &err) != 0) {
        if (t->unreadable++ == 0)
            session_say(&t->call->session, "%s/%" PRId32 "@%" PRId64 " is no result: %s", r->topic,
                        r->partition, r->offset, err.msg);
        return;
    }
    if (!wanted(t, &brief))
        return;
    if (t->rows != NULL)
        print_row(t, r, &brief);
    else
        print_event(t, r);
    t->shown++;
    t->unflushed++;
}

/* ---- the stream ---- */

int results_campaign(struct call *c, const char *said, struct uuid *ret, struct err *err)
{
    char id[UUID_TEXT_BYTES];

    if (uuid_parse(said, ret))
        return 0; /* the topic remembers longer than the ledger */
    if (session_ledger(&c->session, err) != 0 || campaign_find(&c->session, said, id, err) != 0)
        return -1;
    return uuid_parse(id, ret) ? 0 : err_set(err, ERR_INTERNAL, "a bad campaign id");
}

int results_stream_init(struct results_stream *t, struct call *c, struct err *err)
{
    t->call = c;
    t->config = c->own;
    t->one_campaign = t->config->campaign != NULL;
    if (t->one_campaign && results_campaign(c, t->config->campaign, &t->campaign, err) != 0)
        return -1;
    if (session_loop(&c->session, err) != 0 || session_kafka(&c->session, err) != 0)
        return -1;
    return interrupt_watch(&t->interrupt, c->session.loop, err);
}

int results_stream_form(struct results_stream *t, const struct producer_config *form,
                        struct err *err)
{
    enum output_format format = (enum output_format)form->output;

    if (format == OUTPUT_TABLE || format == OUTPUT_CSV || form->columns.n > 0) {
        t->rows = output_open_on(t->out, form, columns, sizeof(columns) / sizeof(columns[0]), err);
        return t->rows != NULL ? 0 : -1;
    }
    t->array = format == OUTPUT_JSON;
    if (t->array)
        fputc('[', t->out);
    return 0;
}

static int flush(struct results_stream *t, struct err *err)
{
    if (t->rows != NULL && t->unflushed > 0)
        output_flush(t->rows);
    t->unflushed = 0;
    if (fflush(t->out) != 0 || ferror(t->out))
        return err_set(err, ERR_INTERNAL, "%s cannot be written: %s", t->out_name, strerror(errno));
    return t->saved != NULL ? t->saved(t, err) : 0;
}

/* What was read is out, and signals are seen. */
static int catch_up(struct results_stream *t, struct err *err)
{
    struct event_loop *loop = t->call->session.loop;

    event_loop_run_until(loop, &t->interrupt.asked, event_now_ms(loop) + SIGNAL_MS);
    return flush(t, err);
}

static bool over(const struct results_stream *t)
{
    if (t->interrupt.asked || (t->config->limit > 0 && t->shown >= t->config->limit))
        return true;
    return t->to_end && reader_at_end(t->reader);
}

int results_stream_run(struct results_stream *t, struct err *err)
{
    struct kafka_record record;
    int64_t quiet_ms = 0;

    while (!over(t)) {
        int rc = reader_next(t->reader, RESULTS_POLL_MS, &record, err);

        if (rc < 0)
            return -1;
        if (rc == 1)
            show(t, &record);
        quiet_ms = rc == 1 ? 0 : quiet_ms + RESULTS_POLL_MS;
        if ((rc == 0 || t->unflushed >= t->flush_rows) && catch_up(t, err) != 0)
            return -1;
        if (quiet_ms >= RESULTS_QUIET_MAX_MS && t->to_end)
            return err_set(err, ERR_UNREACHABLE, "the end of the result topic was not reached");
    }
    if (flush(t, err) != 0)
        return -1;
    return t->interrupt.asked ? EXIT_INTERRUPTED : EXIT_DONE;
}

int results_stream_done(struct results_stream *t, int rc, struct err *err)
{
    if (t->array)
        fputs(t->shown == 0 ? "]\n" : "\n]\n", t->out);
    if (t->rows != NULL && output_close(t->rows, rc >= 0 ? err : NULL) != 0)
        rc = -1;
    if (t->unreadable > 1)
        session_say(&t->call->session, "%" PRId64 " records are no results", t->unreadable);
    reader_close(t->reader);
    interrupt_done(&t->interrupt);
    return rc;
}

/* Reading dead letters, and two ways to show them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/time_text.h"
#include "common/broker/reader.h"
#include "producer/dlq.h"
#include "producer/output.h"

#define POLL_MS      250
#define QUIET_MAX_MS 60000         /* an open transaction ends by then */
#define LETTER_MAX   (1024 * 1024) /* of one text that is shown; 192 KiB as hexadecimal digits */
#define HEADERS_MAX  (256 * 1024)
#define KEY_SHOWN    64
#define FIRST_BYTES  48 /* of the value, in a list */
#define NUMBER_BYTES 32

/* ---- reading ---- */

static int keep_ends(struct reader *r, struct dlq_reading *what, struct err *err)
{
    struct reader_span *spans = reader_spans(r);
    size_t n = reader_partitions(r);

    if (what->ends == NULL) {
        what->ends = calloc(n, sizeof(*what->ends));
        if (what->ends == NULL)
            return err_set(err, ERR_INTERNAL, "no memory for the partitions");
        for (size_t i = 0; i < n; i++)
            what->ends[i] = spans[i].to;
    }
    for (size_t i = 0; i < n; i++)
        spans[i].to = what->ends[i];
    return 0;
}

/* From the first to the last place of each partition; the others are not read. */
static void aim(struct reader *r, const struct dlq_reading *what)
{
    struct reader_span *spans = reader_spans(r);

    for (size_t i = 0; i < reader_partitions(r) && what->places_n > 0; i++) {
        struct reader_span *s = &spans[i];
        int64_t end = s->to;

        s->from = s->to = s->high;
        for (size_t k = 0; k < what->places_n; k++) {
            const struct letter_place *p = &what->places[k];

            if (p->partition != (int32_t)i || p->offset < s->low || p->offset >= end)
                continue;
            if (s->from > p->offset)
                s->from = p->offset;
            s->to = p->offset + 1;
        }
    }
}

static bool asked_for(const struct dlq_reading *what, const struct letter *letter)
{
    return what->places_n == 0 || bsearch(&letter->place, what->places, what->places_n,
                                          sizeof(*what->places), letter_place_compare) != NULL;
}

static int read_all(struct reader *r, const struct dlq_reading *what, struct err *err)
{
    struct kafka_record record;
    struct letter letter;
    int64_t quiet_ms = 0;
    int rc = 0;

    while (rc == 0 && !reader_at_end(r)) {
        int got = reader_next(r, POLL_MS, &record, err);

        if (got < 0)
            return -1;
        quiet_ms = got == 1 ? 0 : quiet_ms + POLL_MS;
        if (quiet_ms >= QUIET_MAX_MS)
            return err_set(err, ERR_UNREACHABLE, "the end of the dead letters was not reached");
        if (got == 0)
            continue;
        letter_read(&record, &letter);
        if (asked_for(what, &letter))
            rc = what->fn(what->arg, &record, &letter, err);
    }
    return rc;
}

int dlq_read(struct call *c, struct dlq_reading *what, struct err *err)
{
    struct reader *r;
    int rc = -1;

    if (session_kafka(&c->session, err) != 0)
        return -1;
    r = reader_new(c->session.props, c->session.topics.dlq, SESSION_KAFKA_WAIT_MS, err);
    if (r != NULL && keep_ends(r, what, err) == 0) {
        aim(r, what);
        rc = reader_start(r, true, err);
    }
    if (rc == 0)
        rc = read_all(r, what, err);
    reader_close(r);
    return rc;
}

/* ---- ls ---- */

static const struct output_column columns[] = {
    { .name = "place", .type = CELL_TEXT },
    { .name = "time", .type = CELL_TEXT },
    { .name = "class", .type = CELL_TEXT },
    { .name = "message", .type = CELL_TEXT },
    { .name = "key", .type = CELL_TEXT },
    { .name = "value", .type = CELL_TEXT },
    { .name = "bytes", .type = CELL_INT },
    { .name = "redriven", .type = CELL_INT },
    { .name = "stage", .type = CELL_TEXT, .extra = true },
    { .name = "topic", .type = CELL_TEXT, .extra = true },
    { .name = "partition", .type = CELL_INT, .extra = true },
    { .name = "offset", .type = CELL_INT, .extra = true },
    { .name = "worker", .type = CELL_TEXT, .extra = true },
};

struct listing {
    const struct dlq_config *config;
    struct output *out;
    int64_t n;
};

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static int list_letter(void *arg, const struct kafka_record *r, const struct letter *letter,
                       struct err *err)
{
    struct listing *l = arg;
    char place[LETTER_PLACE_BYTES], time[CLOCK_RFC3339_BYTES], bytes[NUMBER_BYTES];
    char redriven[NUMBER_BYTES];
    struct buf key, value;

    (void)err;
    if (!dlq_wanted(l->config, r, letter))
        return 0;
    if (l->config->limit > 0 && l->n == l->config->limit)
        return 1;
    l->n++;
    buf_init(&key, LETTER_MAX);
    buf_init(&value, LETTER_MAX);
    letter_bytes_add(&key, r->key, r->key_len, KEY_SHOWN);
    letter_bytes_add(&value, r->value, r->value_len, FIRST_BYTES);
    snprintf(bytes, sizeof(bytes), "%zu", r->value_len);
    snprintf(redriven, sizeof(redriven), "%d", letter->redriven);
    output_row(l->out,
               (const char *const[]){
                   letter_place_format(&letter->place, place),
                   r->timestamp_ms < 0 ? NULL : clock_format_rfc3339(r->timestamp_ms, time),
                   or_null(letter->error_class), or_null(letter->message),
                   r->key == NULL ? NULL : buf_str(&key), r->value == NULL ? NULL : buf_str(&value),
                   bytes, redriven, or_null(letter->stage), or_null(letter->topic),
                   or_null(letter->partition), or_null(letter->offset), or_null(letter->worker) });
    buf_done(&key);
    buf_done(&value);
    return 0;
}

int dlq_ls(struct call *c, struct err *err)
{
    struct listing l = { .config = c->own };
    struct dlq_reading reading = { .fn = list_letter, .arg = &l };
    int rc;

    if (c->options.positional_n > 1)
        return err_set(err, ERR_CONFIG, "dlq ls takes no operand \"%.80s\"",
                       c->options.positional[1]);
    l.out = output_open(&c->config, columns, sizeof(columns) / sizeof(columns[0]), err);
    if (l.out == NULL)
        return -1;
    rc = dlq_read(c, &reading, err);
    free(reading.ends);
    if (output_close(l.out, rc >= 0 ? err : NULL) != 0)
        rc = -1;
    return rc < 0 ? -1 : EXIT_DONE;
}

/* ---- show ---- */

struct showing {
    struct call *call;
    bool found;
};

static void add_headers(struct buf *b, const struct kafka_record *r)
{
    struct buf value;

    buf_char_add(b, '[');
    for (size_t i = 0; i < r->headers_n; i++) {
        const struct kafka_header *h = &r->headers[i];

        buf_init(&value, LETTER_MAX);
        letter_bytes_add(&value, h->value, h->len, TEXT_FIELD_MAX_BYTES);
        buf_str_add(b, i == 0 ? "{\"name\":" : ",{\"name\":");
        output_json_text(b, h->name);
        buf_str_add(b, ",\"value\":");
        output_json_text(b, h->value == NULL ? NULL : buf_str(&value));
        buf_char_add(b, '}');
        buf_done(&value);
    }
    buf_char_add(b, ']');
}

static int print_letter(struct call *c, const struct kafka_record *r, const struct letter *l,
                        struct err *err)
{
    char place[LETTER_PLACE_BYTES], time[CLOCK_RFC3339_BYTES], bytes[NUMBER_BYTES];
    char redriven[NUMBER_BYTES];
    struct buf key, value, headers;
    const char *shown;
    int rc;

    buf_init(&key, LETTER_MAX);
    buf_init(&value, LETTER_MAX);
    buf_init(&headers, HEADERS_MAX);
    letter_bytes_add(&key, r->key, r->key_len, SIZE_MAX);
    letter_bytes_add(&value, r->value, r->value_len, SIZE_MAX);
    add_headers(&headers, r);
    snprintf(bytes, sizeof(bytes), "%zu", r->value_len);
    snprintf(redriven, sizeof(redriven), "%d", l->redriven);
    shown = r->value == NULL ? NULL : buf_str(&value);
    rc = output_object(
        &c->config,
        (const struct output_field[]){
            { "place", CELL_TEXT, letter_place_format(&l->place, place) },
            { "time", CELL_TEXT,
              r->timestamp_ms < 0 ? NULL : clock_format_rfc3339(r->timestamp_ms, time) },
            { "class", CELL_TEXT, or_null(l->error_class) },
            { "message", CELL_TEXT, or_null(l->message) },
            { "stage", CELL_TEXT, or_null(l->stage) },
            { "topic", CELL_TEXT, or_null(l->topic) },
            { "partition", CELL_INT, or_null(l->partition) },
            { "offset", CELL_INT, or_null(l->offset) },
            { "worker", CELL_TEXT, or_null(l->worker) },
            { "redriven", CELL_INT, redriven },
            { "headers", CELL_JSON, headers.failed ? NULL : buf_str(&headers) },
            { "key", CELL_TEXT, r->key == NULL ? NULL : buf_str(&key) },
            { "bytes", CELL_INT, bytes },
            { "value", CELL_TEXT, shown },
            { "binary", CELL_BOOL, letter_bytes_printable(r->value, r->value_len) ? "f" : "t" },
        },
        15, err);
    buf_done(&key);
    buf_done(&value);
    buf_done(&headers);
    return rc;
}

static int show_letter(void *arg, const struct kafka_record *r, const struct letter *letter,
                       struct err *err)
{
    struct showing *s = arg;
    const struct dlq_config *config = s->call->own;

    s->found = true;
    if (!config->raw)
        return print_letter(s->call, r, letter, err);
    fwrite(r->value, 1, r->value_len, stdout);
    return 0;
}

int dlq_show(struct call *c, struct err *err)
{
    const struct dlq_config *config = c->own;
    struct showing s = { .call = c };
    struct dlq_reading reading = { .fn = show_letter, .arg = &s };
    struct letter_place *places;
    int rc;

    if (c->options.positional_n != 2)
        return err_set(err, ERR_CONFIG, "dlq show needs one PARTITION:OFFSET, as dlq ls shows it");
    if (config->raw && isatty(STDOUT_FILENO))
        return err_set(err, ERR_CONFIG,
                       "dlq show --raw: the bytes may be anything, so they do not "
                       "go to a terminal; give a file or a pipe");
    if (dlq_places(c, &places, &reading.places_n, err) != 0)
        return -1;
    reading.places = places;
    rc = dlq_read(c, &reading, err);
    free(reading.ends);
    free(places);
    if (rc == 0 && !s.found)
        return err_set(err, ERR_CONFIG, "there is no dead letter at %.80s",
                       c->options.positional[1]);
    return rc;
}

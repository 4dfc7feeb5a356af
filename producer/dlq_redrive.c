/* dlq redrive: sends dead letters again to the topic that they came from, as they were.
 *
 * Letters are read twice up to the same ends: to judge and to ask, then to send. They go in chunks;
 * what was taken by the broker of a chunk stands in an act, and --all leaves out what stands in
 * one. A redrive that is killed between the two sends a chunk again: a copy of a request is
 * dropped. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/broker/admin.h"
#include "common/broker/txn.h"
#include "common/ledger/db.h"
#include "producer/confirm.h"
#include "producer/dlq.h"
#include "producer/dlq_send.h"
#include "producer/output.h"
#include "producer/topics.h"

#define CHUNK         200 /* letters: at most 40 MB are under way, and 4 KB of places in an act */
#define DETAILS_BYTES (32 * 1024)
#define LINE_BYTES    256

enum verdict { SEND, GUARDED, CUT, STRANGE, DONE_BEFORE, VERDICTS };
static const char *const verdict_texts[VERDICTS] = {
    [GUARDED] = "was redriven 3 times and died each time; --force sends it again",
    [CUT] = "is too long: its end was cut off when it became a dead letter",
    [STRANGE] = "does not come from a request topic of this installation",
    [DONE_BEFORE] = "was redriven before; --force sends it again",
};

static const struct output_column columns[] = {
    { .name = "place", .type = CELL_TEXT },    { .name = "topic", .type = CELL_TEXT },
    { .name = "redriven", .type = CELL_INT },  { .name = "action", .type = CELL_TEXT },
    { .name = "partition", .type = CELL_INT }, { .name = "offset", .type = CELL_INT },
};

struct chunk_letter {
    struct letter_place place;
    const char *topic;
    int redriven; /* with this time */
    struct sender_receipt receipt;
};

struct redrive {
    struct call *call;
    const struct dlq_config *config;
    struct dlq_reading reading;
    struct letter_place *places; /* that were asked for; none with --all */
    struct letter_place *before; /* that stand in an act; with --all */
    size_t before_n;
    int64_t of_verdict[VERDICTS];
    size_t found;          /* of the places */
    struct sender *sender; /* NULL: nothing is sent */
    struct output *out;
    struct chunk_letter chunk[CHUNK];
    size_t chunk_n;
    int64_t sent;
};

/* ---- judging ---- */

static const char *topic_of(const struct redrive *r, const struct letter *letter)
{
    const struct topic_names *topics = &r->call->session.topics;

    if (strcmp(letter->topic, topics->requests) == 0)
        return topics->requests;
    return strcmp(letter->topic, topics->requests_high) == 0 ? topics->requests_high : NULL;
}

static enum verdict judge(const struct redrive *r, const struct letter *letter)
{
    if (topic_of(r, letter) == NULL)
        return STRANGE;
    if (letter->cut)
        return CUT;
    if (r->config->force)
        return SEND;
    if (letter->redriven >= LETTER_REDRIVES_MAX)
        return GUARDED;
    if (r->before_n > 0 && bsearch(&letter->place, r->before, r->before_n, sizeof(*r->before),
                                   letter_place_compare) != NULL)
        return DONE_BEFORE;
    return SEND;
}

/* Whether the letter counts at all: with --all by its class and time, and up to --limit. */
static bool counts(const struct redrive *r, const struct kafka_record *record,
                   const struct letter *letter)
{
    return !r->config->all || (dlq_wanted(r->config, record, letter) &&
                               (r->config->limit == 0 || r->of_verdict[SEND] < r->config->limit));
}

/* One that was asked for by its place and cannot be sent ends it all, before anything was sent. */
static int look_at(void *arg, const struct kafka_record *record, const struct letter *letter,
                   struct err *err)
{
    struct redrive *r = arg;
    enum verdict verdict = judge(r, letter);
    char place[LETTER_PLACE_BYTES];

    if (!counts(r, record, letter))
        return 0;
    r->of_verdict[verdict]++;
    r->found++;
    if (r->config->all || verdict == SEND)
        return 0;
    return err_set(err, ERR_REFUSED, "the dead letter %s %s",
                   letter_place_format(&letter->place, place), verdict_texts[verdict]);
}

static int look(struct redrive *r, struct err *err)
{
    r->reading.fn = look_at;
    if (dlq_read(r->call, &r->reading, err) != 0)
        return -1;
    if (r->found < r->reading.places_n)
        return err_set(err, ERR_CONFIG, "%zu of the %zu dead letters are not there",
                       r->reading.places_n - r->found, r->reading.places_n);
    for (enum verdict v = GUARDED; v < VERDICTS; v++)
        if (r->of_verdict[v] > 0)
            session_say(&r->call->session, "left out, %" PRId64 ": each %s", r->of_verdict[v],
                        verdict_texts[v]);
    return 0;
}

/* ---- what acts say ---- */

static int read_before(struct redrive *r, struct err *err)
{
    static const char SQL[] =
        "select l from @act a, jsonb_array_elements_text(a.details->'letters') l"
        " where a.act = 'dlq.redrive' and a.target = $1";
    const char *topic = r->call->session.topics.dlq;
    struct db_reply *reply = NULL;

    if (!r->config->all)
        return 0;
    if (session_query(&r->call->session, &(struct statement){ SQL, 1, &topic }, &reply, err) != 0)
        return -1;
    r->before = calloc(db_rows(reply, 0) + 1, sizeof(*r->before));
    for (size_t i = 0; r->before != NULL && i < db_rows(reply, 0); i++)
        if (letter_place_parse(db_text(reply, 0, i, 0), &r->before[r->before_n]))
            r->before_n++;
    db_reply_free(reply);
    if (r->before == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the places");
    qsort(r->before, r->before_n, sizeof(*r->before), letter_place_compare);
    return 0;
}

static int write_act(struct redrive *r, struct err *err)
{
    char place[LETTER_PLACE_BYTES];
    struct buf details;
    int64_t n = 0;
    int rc = 0;

    buf_init(&details, DETAILS_BYTES);
    buf_str_add(&details, "{\"letters\":[");
    for (size_t i = 0; i < r->chunk_n; i++)
        if (r->chunk[i].receipt.taken)
            buf_printf(&details, "%s\"%s\"", n++ == 0 ? "" : ",",
                       letter_place_format(&r->chunk[i].place, place));
    buf_printf(&details, "],\"force\":%s}", r->config->force ? "true" : "false");
    if (n > 0)
        rc = call_act(
            r->call, &(struct act){ "dlq.redrive", r->call->session.topics.dlq, buf_str(&details) },
            err);
    buf_done(&details);
    r->sent += n;
    return rc;
}

/* ---- sending ---- */

static void print_chunk(const struct redrive *r)
{
    char place[LETTER_PLACE_BYTES], redriven[16], partition[16], offset[32];

    for (size_t i = 0; i < r->chunk_n; i++) {
        const struct chunk_letter *l = &r->chunk[i];

        snprintf(redriven, sizeof(redriven), "%d", l->redriven);
        snprintf(partition, sizeof(partition), "%" PRId32, l->receipt.partition);
        snprintf(offset, sizeof(offset), "%" PRId64, l->receipt.offset);
        output_row(r->out,
                   (const char *const[]){ letter_place_format(&l->place, place), l->topic, redriven,
                                          r->config->dry_run ? "would be sent"
                                          : l->receipt.taken ? "sent"
                                                             : "failed",
                                          l->receipt.taken ? partition : NULL,
                                          l->receipt.taken ? offset : NULL });
    }
}

/* Waits for the chunk, and writes down what the broker has of it. */
static int settle(struct redrive *r, struct err *err)
{
    struct err failure = { .kind = ERR_NONE };
    bool all = true;

    if (r->chunk_n == 0)
        return 0;
    if (r->sender != NULL) {
        all = sender_wait(r->sender, &failure) == 0;
        if (write_act(r, err) != 0)
            return -1;
    }
    print_chunk(r);
    r->chunk_n = 0;
    if (all)
        return 0;
    *err = failure;
    return err_prefix(err, "%" PRId64 " sent, the rest is not", r->sent);
}

static int produce(struct redrive *r, const struct kafka_record *record, struct chunk_letter *l,
                   struct err *err)
{
    const char *actor = call_actor(r->call, err);
    struct kafka_header headers[LETTER_HEADERS_MAX];
    char count[16];
    struct txn_message m = { .topic = l->topic,
                             .partition = -1,
                             .key = record->key,
                             .key_len = record->key_len,
                             .value = record->value,
                             .value_len = record->value_len,
                             .headers = headers };

    if (actor == NULL)
        return -1;
    snprintf(count, sizeof(count), "%d", l->redriven);
    m.headers_n = letter_headers(
        record, &(struct letter_again){ count, actor, r->call->act.reason }, headers);
    return sender_send(r->sender, &m, &l->receipt, err);
}

static int send_again(void *arg, const struct kafka_record *record, const struct letter *letter,
                      struct err *err)
{
    struct redrive *r = arg;
    struct chunk_letter *l = &r->chunk[r->chunk_n];

    if (!counts(r, record, letter) || judge(r, letter) != SEND)
        return 0;
    r->of_verdict[SEND]++;
    *l = (struct chunk_letter){ .place = letter->place,
                                .topic = topic_of(r, letter),
                                .redriven = letter->redriven + 1 };
    if (r->sender != NULL && produce(r, record, l, err) != 0)
        return -1;
    r->chunk_n++;
    return r->chunk_n < CHUNK ? 0 : settle(r, err);
}

/* What was taken stands in an act also where reading came to an end by an error. */
static int send_all(struct redrive *r, struct err *err)
{
    struct err late;
    int rc;

    r->of_verdict[SEND] = 0;
    r->reading.fn = send_again;
    rc = dlq_read(r->call, &r->reading, err);
    return settle(r, rc == 0 ? err : &late) != 0 ? -1 : rc;
}

/* ---- the whole ---- */

static int check(const struct call *c, struct err *err)
{
    const struct dlq_config *config = c->own;
    bool named = c->options.positional_n > 1;

    if (config->all == named)
        return err_set(err, ERR_CONFIG,
                       "dlq redrive needs either places, PARTITION:OFFSET as dlq "
                       "ls shows them, or --all");
    if (!config->all &&
        (config->error_class != NULL || config->since_ms != 0 || config->limit != 0))
        return err_set(err, ERR_CONFIG, "dlq redrive: --class, --since and --limit go with --all");
    return 0;
}

/* The topics are those of this ledger, so that an act speaks of what was sent. */
static int reach(struct redrive *r, struct err *err)
{
    struct session *s = &r->call->session;
    struct installation is;
    char cluster[64];
    int brokers;

    if (session_ledger(s, err) != 0 || session_admin(s, err) != 0 ||
        installation_read(s, &is, err) != 0 || admin_cluster(s->admin, cluster, &brokers, err) != 0)
        return -1;
    return installation_check(s, &is, cluster, err);
}

static int ask(const struct redrive *r, struct err *err)
{
    char what[LINE_BYTES];

    snprintf(what, sizeof(what), "%" PRId64 " dead letter%s would be sent again",
             r->of_verdict[SEND], r->of_verdict[SEND] == 1 ? "" : "s");
    return confirm_act(&r->call->session, what, err);
}

/* To somebody who may say no; then what sends is made. */
static int get_ready(struct redrive *r, struct err *err)
{
    struct session *s = &r->call->session;

    if (r->of_verdict[SEND] == 0 || r->config->dry_run)
        return 0;
    if (ask(r, err) != 0)
        return -1;
    r->sender = sender_new(s->loop, s->props, err);
    return r->sender != NULL ? 0 : -1;
}

static int redrive(struct redrive *r, struct err *err)
{
    int rc;

    if (!r->config->dry_run && confirm_possible(&r->call->session, "dlq redrive", err) != 0)
        return -1;
    if (reach(r, err) != 0 || read_before(r, err) != 0 || look(r, err) != 0)
        return -1;
    if (get_ready(r, err) != 0)
        return -1;
    r->out = output_open(&r->call->config, columns, sizeof(columns) / sizeof(columns[0]), err);
    if (r->out == NULL)
        return -1;
    rc = r->of_verdict[SEND] > 0 ? send_all(r, err) : 0;
    if (output_close(r->out, rc == 0 ? err : NULL) != 0)
        rc = -1;
    return rc;
}

int dlq_redrive(struct call *c, struct err *err)
{
    struct redrive r = { .call = c, .config = c->own };
    int rc;

    if (check(c, err) != 0 || dlq_places(c, &r.places, &r.reading.places_n, err) != 0)
        return -1;
    r.reading.places = r.places;
    r.reading.arg = &r;
    rc = redrive(&r, err);
    sender_free(r.sender);
    free(r.reading.ends);
    free(r.places);
    free(r.before);
    return rc;
}

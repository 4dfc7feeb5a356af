#include "worker/outgoing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/event.h"
#include "common/record/result.h"

#define OWN_HEADERS_MAX   10
#define LETTER_HEADERS    9 /* our own of a dead letter */
#define REDRIVE_PREFIX    "rebuild.redrive."
#define REDRIVE_MAX_BYTES 32   /* of a count */
#define HEADER_TEXT_BYTES 1025 /* an error message is cut at 1 KiB */
/* With DLQ_VALUE_MAX_BYTES and our own headers below the topic's 256 KiB: a dead letter that no
 * broker takes would stop everything behind it. */
#define DLQ_HEADERS_MAX_BYTES (32 * 1024)

/* Headers as they are gathered, on the stack, before they are copied to their exact size. */
struct gathered {
    struct kafka_header list[KAFKA_HEADERS_MAX + OWN_HEADERS_MAX];
    size_t n;
    char texts[OWN_HEADERS_MAX][HEADER_TEXT_BYTES];
    size_t texts_n;
};

/* A letter has none of its own. */
static void free_one(struct outgoing *out)
{
    if (out == NULL)
        return;
    free(out->value);
    free(out->copied);
    free(out);
}

void outgoing_free(struct outgoing *out)
{
    if (out != NULL)
        free_one(out->letter);
    free_one(out);
}

void outgoing_free_all(struct list *l)
{
    for (struct list_node *n = list_pop(l); n != NULL; n = list_pop(l))
        outgoing_free(list_entry(n, struct outgoing, node));
}

static struct outgoing *new_outgoing(struct part *part, uint32_t epoch, int64_t offset)
{
    struct outgoing *out = calloc(1, sizeof(*out));

    if (out == NULL)
        return NULL;
    out->part = part;
    out->epoch = epoch;
    out->offset = offset;
    out->since_ms = clock_boot_ms();
    return out;
}

static size_t copied_bytes(const struct gathered *g, size_t key_len)
{
    size_t bytes = g->n * sizeof(struct kafka_header) + key_len;

    for (size_t i = 0; i < g->n; i++)
        bytes += strlen(g->list[i].name) + 1 + g->list[i].len;
    return bytes + 1;
}

static char *put(char **to, const void *from, size_t len)
{
    char *at = *to;

    if (len > 0)
        memcpy(at, from, len);
    *to += len;
    return at;
}

static void weigh(struct outgoing *out)
{
    out->bytes = out->message.value_len + out->message.key_len +
                 (out->letter == NULL ? 0 : out->letter->bytes);
    for (size_t i = 0; i < out->message.headers_n; i++)
        out->bytes += strlen(out->message.headers[i].name) + out->message.headers[i].len;
}

void outgoing_add_letter(struct outgoing *out, struct outgoing *letter)
{
    out->letter = letter;
    weigh(out);
}

/* The header list, its names and values, and the key, in one allocation of the message's own. */
static bool copy_headers(struct outgoing *out, const struct gathered *g, const void *key,
                         size_t key_len)
{
    struct kafka_header *list;
    char *to;

    out->copied = malloc(copied_bytes(g, key_len));
    if (out->copied == NULL)
        return false;
    list = out->copied;
    to = (char *)out->copied + g->n * sizeof(*list);
    for (size_t i = 0; i < g->n; i++) {
        list[i].name = put(&to, g->list[i].name, strlen(g->list[i].name) + 1);
        list[i].value = put(&to, g->list[i].value, g->list[i].len);
        list[i].len = g->list[i].len;
        if (g->list[i].value == NULL)
            list[i].value = NULL;
    }
    out->message.headers = list;
    out->message.headers_n = g->n;
    out->message.key = key == NULL ? NULL : put(&to, key, key_len);
    out->message.key_len = key_len;
    return true;
}

static bool result_headers(struct outgoing *out, const struct result *result)
{
    struct event_header event[EVENT_HEADERS_N];
    struct gathered g = { .n = 0 };
    char trace[64];
    size_t n;

    event_traceparent(trace, &result->request_id);
    n = event_headers(event, &(struct event_about){ .request_id = &result->request_id,
                                                    .type = EVENT_TYPE_RESULT,
                                                    .source = result->source,
                                                    .content_guid = result->content.guid,
                                                    .time = result->finished_at,
                                                    .traceparent = trace });
    for (size_t i = 0; i < n; i++)
        g.list[g.n++] =
            (struct kafka_header){ event[i].name, event[i].value, strlen(event[i].value) };
    return copy_headers(out, &g, result->content.guid, strlen(result->content.guid));
}

struct outgoing *outgoing_result(const struct req *req, const struct result *result,
                                 const char *topic, struct err *err)
{
    struct outgoing *out = new_outgoing(req->part, req->epoch, req->offset);
    struct buf json;

    err_set(err, ERR_INTERNAL, "no memory for a result");
    if (out == NULL)
        return NULL;
    buf_init(&json, RESULT_MAX_BYTES);
    if (result_render(result, &json, err) != 0 ||
        (out->value = buf_take(&json, &out->message.value_len)) == NULL ||
        !result_headers(out, result)) {
        buf_done(&json);
        outgoing_free(out);
        return NULL;
    }
    out->request_id = req->id;
    out->message.topic = topic;
    out->message.partition = -1;
    out->message.value = out->value;
    weigh(out);
    return out;
}

static void add_text(struct gathered *g, const char *name, const char *text)
{
    char *to = g->texts[g->texts_n++];

    str_clean_utf8(to, HEADER_TEXT_BYTES - 1, text, strlen(text), NULL);
    g->list[g->n++] = (struct kafka_header){ name, to, strlen(to) };
}

static void add_number(struct gathered *g, const char *name, int64_t number)
{
    char text[32];

    snprintf(text, sizeof(text), "%lld", (long long)number);
    add_text(g, name, text);
}

/* Ours come first, so that who reads no more than KAFKA_HEADERS_MAX of them has ours, and right
 * behind them the count of redrives, which `dlq redrive` puts before the others. */
static void gather_dead_letter(struct gathered *g, const struct kafka_record *record,
                               const struct dead_letter_why *why, const char *worker_id)
{
    size_t bytes = 0;

    add_text(g, "rebuild.errors.topic", record->topic);
    add_number(g, "rebuild.errors.partition", record->partition);
    add_number(g, "rebuild.errors.offset", record->offset);
    add_number(g, "rebuild.errors.timestamp", record->timestamp_ms);
    add_text(g, "rebuild.errors.stage", why->stage);
    add_text(g, "rebuild.errors.class", why->error_class);
    add_text(g, "rebuild.errors.message", why->message);
    add_text(g, "rebuild.errors.worker", worker_id);
    add_text(g, "x-original-topic", record->topic);
    for (size_t i = 0; i < record->headers_n && i < KAFKA_HEADERS_MAX; i++) {
        bytes += strlen(record->headers[i].name) + record->headers[i].len;
        if (bytes > DLQ_HEADERS_MAX_BYTES)
            break;
        g->list[g->n++] = record->headers[i];
    }
}

static bool copy_value(struct outgoing *out, const struct kafka_record *record)
{
    size_t len = record->value_len < DLQ_VALUE_MAX_BYTES ? record->value_len : DLQ_VALUE_MAX_BYTES;

    if (record->value == NULL)
        return true;
    out->value = malloc(len + 1);
    if (out->value == NULL)
        return false;
    if (len > 0)
        memcpy(out->value, record->value, len);
    out->message.value = out->value;
    out->message.value_len = len;
    return true;
}

struct outgoing *outgoing_dead_letter(struct part *part, const struct kafka_record *record,
                                      const struct dead_letter_why *why, const char *topic,
                                      const char *worker_id)
{
    struct outgoing *out = new_outgoing(part, part->epoch, record->offset);
    struct gathered g = { .n = 0 };
    size_t key_len = record->key_len < DLQ_KEY_MAX_BYTES ? record->key_len : DLQ_KEY_MAX_BYTES;

    gather_dead_letter(&g, record, why, worker_id);
    if (out == NULL || !copy_value(out, record) || !copy_headers(out, &g, record->key, key_len)) {
        outgoing_free(out);
        return NULL;
    }
    out->dead_letter = true;
    out->message.topic = topic;
    out->message.partition = -1;
    out->message.timestamp_ms = record->timestamp_ms > 0 ? record->timestamp_ms : 0;
    weigh(out);
    return out;
}

static void cut_result(struct outgoing *out, size_t max_bytes)
{
    struct buf json;
    char *value;
    size_t len;

    buf_init(&json, RESULT_MAX_BYTES);
    if (result_cut(out->value, out->message.value_len, max_bytes, &json) != 0 ||
        (value = buf_take(&json, &len)) == NULL) {
        buf_done(&json);
        return; /* as it is: it is tried again, and said again */
    }
    free(out->value);
    out->value = value;
    out->message.value = value;
    out->message.value_len = len;
}

/* The count of redrives stands right behind our own headers. */
static size_t headers_to_keep(const struct txn_message *m)
{
    const struct kafka_header *next = &m->headers[LETTER_HEADERS];

    if (m->headers_n <= LETTER_HEADERS)
        return m->headers_n;
    return LETTER_HEADERS +
           (size_t)(strncmp(next->name, REDRIVE_PREFIX, strlen(REDRIVE_PREFIX)) == 0 &&
                    next->len <= REDRIVE_MAX_BYTES);
}

/* The bytes of the record go first, then what else is not ours: its headers stand behind ours. */
static void cut_letter(struct outgoing *out, size_t max_bytes)
{
    struct txn_message *m = &out->message;
    size_t over = out->bytes - max_bytes;
    size_t cut = over < m->value_len ? over : m->value_len;

    m->value_len -= cut;
    if (cut == over)
        return;
    m->key_len = 0;
    m->key = NULL;
    m->headers_n = headers_to_keep(m);
}

static void cut_one(struct outgoing *out, size_t max_bytes)
{
    size_t own = out->bytes - (out->letter == NULL ? 0 : out->letter->bytes);

    if (own > max_bytes && out->dead_letter)
        cut_letter(out, max_bytes);
    else if (own > max_bytes)
        cut_result(out, max_bytes - (own - out->message.value_len));
}

void outgoing_cut(struct outgoing *out, size_t max_bytes)
{
    cut_one(out, max_bytes);
    if (out->letter != NULL) {
        cut_one(out->letter, max_bytes);
        weigh(out->letter);
    }
    weigh(out);
}

struct group_ref *group_ref_new(struct kafka_group *group)
{
    struct group_ref *ref;

    if (group == NULL)
        return NULL;
    ref = malloc(sizeof(*ref));
    if (ref == NULL) {
        kafka_group_free(group);
        return NULL;
    }
    *ref = (struct group_ref){ group, 1 };
    return ref;
}

struct group_ref *group_ref_take(struct group_ref *ref)
{
    ref->refs++;
    return ref;
}

void group_ref_drop(struct group_ref *ref)
{
    if (ref == NULL || --ref->refs > 0)
        return;
    kafka_group_free(ref->group);
    free(ref);
}

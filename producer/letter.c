#include "producer/letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"

#define ERRORS_PREFIX  "rebuild.errors."
#define REDRIVE_PREFIX "rebuild.redrive."
#define ORIGINAL_TOPIC "x-original-topic"
#define REDRIVES_END   1000000 /* a higher count is no count */

/* ---- places ---- */

bool letter_place_parse(const char *text, struct letter_place *ret)
{
    const char *colon = strchr(text, ':');
    char partition[LETTER_PLACE_BYTES];
    int64_t number;

    if (colon == NULL || (size_t)(colon - text) >= sizeof(partition))
        return false;
    memcpy(partition, text, (size_t)(colon - text));
    partition[colon - text] = '\0';
    if (!str_to_i64(partition, 0, INT32_MAX, &number) ||
        !str_to_i64(colon + 1, 0, INT64_MAX - 1, &ret->offset))
        return false;
    ret->partition = (int32_t)number;
    return true;
}

const char *letter_place_format(const struct letter_place *p, char out[LETTER_PLACE_BYTES])
{
    snprintf(out, LETTER_PLACE_BYTES, "%" PRId32 ":%" PRId64, p->partition, p->offset);
    return out;
}

int letter_place_compare(const void *a, const void *b)
{
    const struct letter_place *x = a, *y = b;

    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* ---- headers ---- */

/* The first of that name: the worker's own stand before those of the record. */
static const struct kafka_header *find(const struct kafka_record *r, const char *name)
{
    for (size_t i = 0; i < r->headers_n; i++)
        if (strcmp(r->headers[i].name, name) == 0)
            return &r->headers[i];
    return NULL;
}

static void take(const struct kafka_record *r, const char *name, char *dst, size_t dst_bytes)
{
    const struct kafka_header *h = find(r, name);

    dst[0] = '\0';
    if (h != NULL && h->value != NULL)
        str_clean_utf8(dst, dst_bytes - 1, h->value, h->len, NULL);
}

static int redriven(const struct kafka_record *r)
{
    char text[32];
    int64_t count;

    if (find(r, REDRIVE_PREFIX "count") == NULL)
        return 0;
    take(r, REDRIVE_PREFIX "count", text, sizeof(text));
    return str_to_i64(text, 0, REDRIVES_END, &count) ? (int)count : LETTER_REDRIVES_MAX;
}

void letter_read(const struct kafka_record *r, struct letter *ret)
{
    ret->place = (struct letter_place){ r->partition, r->offset };
    take(r, ERRORS_PREFIX "topic", ret->topic, sizeof(ret->topic));
    take(r, ERRORS_PREFIX "partition", ret->partition, sizeof(ret->partition));
    take(r, ERRORS_PREFIX "offset", ret->offset, sizeof(ret->offset));
    take(r, ERRORS_PREFIX "stage", ret->stage, sizeof(ret->stage));
    take(r, ERRORS_PREFIX "class", ret->error_class, sizeof(ret->error_class));
    take(r, ERRORS_PREFIX "message", ret->message, sizeof(ret->message));
    take(r, ERRORS_PREFIX "worker", ret->worker, sizeof(ret->worker));
    ret->redriven = redriven(r);
    ret->cut = r->value_len >= DLQ_VALUE_MAX_BYTES || r->key_len >= DLQ_KEY_MAX_BYTES;
}

static bool is_ours(const char *name)
{
    return strncmp(name, ERRORS_PREFIX, strlen(ERRORS_PREFIX)) == 0 ||
           strncmp(name, REDRIVE_PREFIX, strlen(REDRIVE_PREFIX)) == 0 ||
           strcmp(name, ORIGINAL_TOPIC) == 0;
}

size_t letter_headers(const struct kafka_record *r, const struct letter_again *again,
                      struct kafka_header out[LETTER_HEADERS_MAX])
{
    size_t n = 0;

    out[n++] = (struct kafka_header){ REDRIVE_PREFIX "count", again->count, strlen(again->count) };
    out[n++] = (struct kafka_header){ REDRIVE_PREFIX "by", again->by, strlen(again->by) };
    if (again->reason != NULL)
        out[n++] =
            (struct kafka_header){ REDRIVE_PREFIX "reason", again->reason, strlen(again->reason) };
    for (size_t i = 0; i < r->headers_n && n < LETTER_HEADERS_MAX; i++)
        if (!is_ours(r->headers[i].name))
            out[n++] = r->headers[i];
    return n;
}

/* ---- bytes ---- */

static bool is_control(uint32_t code)
{
    bool layout = code == '\t' || code == '\n' || code == '\r';

    return (code < 0x20 && !layout) || (code >= 0x7f && code <= 0x9f);
}

bool letter_bytes_printable(const void *bytes, size_t len)
{
    const char *p = bytes;
    uint32_t code;
    size_t n;

    for (; len > 0; p += n, len -= n) {
        n = str_utf8_next(p, len, &code);
        if (n == 0 || is_control(code))
            return false;
    }
    return true;
}

/* At most max bytes, and whole characters. */
static size_t cut_text(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

void letter_bytes_add(struct buf *out, const void *bytes, size_t len, size_t max_bytes)
{
    static const char hex[] = "0123456789abcdef";
    const char *p = bytes;
    size_t n;

    if (letter_bytes_printable(bytes, len)) {
        n = cut_text(p, len, max_bytes);
        buf_add(out, len > 0 ? p : "", n);
    } else {
        n = len < max_bytes ? len : max_bytes;
        buf_str_add(out, "0x");
        for (size_t i = 0; i < n; i++) {
            buf_char_add(out, hex[(unsigned char)p[i] >> 4]);
            buf_char_add(out, hex[p[i] & 15]);
        }
    }
    if (n < len)
        buf_str_add(out, "\xE2\x80\xA6");
}

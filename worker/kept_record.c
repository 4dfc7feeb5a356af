#include "worker/kept_record.h"

#include <stdlib.h>
#include <string.h>

static size_t bytes_of(const struct kafka_record *r)
{
    size_t bytes = sizeof(struct kept_record) + r->headers_n * sizeof(struct kafka_header) +
                   r->key_len + r->value_len;

    for (size_t i = 0; i < r->headers_n; i++)
        bytes += strlen(r->headers[i].name) + 1 + r->headers[i].len;
    return bytes;
}

/* NULL stays NULL: an absent value is another thing than an empty one. */
static const void *put(char **to, const void *from, size_t len)
{
    char *at = *to;

    if (from == NULL)
        return NULL;
    if (len > 0)
        memcpy(at, from, len);
    *to += len;
    return at;
}

struct kept_record *kept_record_new(const struct kafka_record *record, const char *topic)
{
    size_t bytes = bytes_of(record);
    struct kept_record *k = malloc(bytes + 1); /* an empty value at the end points somewhere, too */
    struct kafka_header *headers;
    char *to;

    if (k == NULL)
        return NULL;
    k->bytes = bytes;
    k->record = *record;
    k->record.topic = topic;
    headers = (struct kafka_header *)(k + 1);
    to = (char *)(headers + record->headers_n);
    for (size_t i = 0; i < record->headers_n; i++) {
        const struct kafka_header *h = &record->headers[i];

        headers[i].name = put(&to, h->name, strlen(h->name) + 1);
        headers[i].value = put(&to, h->value, h->len);
        headers[i].len = h->len;
    }
    k->record.headers = headers;
    k->record.key = put(&to, record->key, record->key_len);
    k->record.value = put(&to, record->value, record->value_len);
    return k;
}

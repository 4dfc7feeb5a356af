#include <string.h>

#include "common/record/event.h"
#include "producer/verify.h"

/* Every header of that name says it; some header does, unless it is too long to be sent. */
static int check_header(const struct kafka_record *r, const struct event_header *want,
                        struct err *err)
{
    size_t found = 0;

    for (size_t i = 0; i < r->headers_n; i++) {
        const struct kafka_header *h = &r->headers[i];

        if (strcmp(h->name, want->name) != 0)
            continue;
        if (h->len != strlen(want->value) || memcmp(h->value, want->value, h->len) != 0)
            return err_set(err, ERR_INPUT, "the header %s does not say \"%.120s\" as the body does",
                           want->name, want->value);
        found++;
    }
    if (found == 0)
        return err_set(err, ERR_INPUT, "the header %s is missing", want->name);
    return 0;
}

static int check_headers(const struct kafka_record *r, const struct result_brief *b,
                         struct err *err)
{
    struct event_header want[EVENT_HEADERS_N];
    size_t n = event_headers(want, &(struct event_about){ .request_id = &b->request_id,
                                                          .type = EVENT_TYPE_RESULT,
                                                          .source = b->source,
                                                          .content_guid = b->guid,
                                                          .time = b->finished_at });

    for (size_t i = 0; i < n; i++)
        if (check_header(r, &want[i], err) != 0)
            return -1;
    return 0;
}

int verify_record(const struct kafka_record *r, struct result_brief *ret, struct err *err)
{
    if (r->value == NULL) {
        *ret = (struct result_brief){ .attempt = 0 };
        return err_set(err, ERR_INPUT, "the record has no value");
    }
    if (result_check(r->value, r->value_len, ret, err) != 0 || check_headers(r, ret, err) != 0)
        return -1;
    if (r->key == NULL || r->key_len != strlen(ret->guid) ||
        memcmp(r->key, ret->guid, r->key_len) != 0)
        return err_set(err, ERR_INPUT, "the key is not the content's guid %s", ret->guid);
    return 0;
}

#include <librdkafka/rdkafka.h>
#include <string.h>

#include "common/broker/client.h"

/* The library's macros take pointers to non-const, though it copies what they point at. */
static void *unconst(const void *p)
{
    void *plain;

    memcpy(&plain, &p, sizeof(plain));
    return plain;
}

static rd_kafka_resp_err_t make_headers(const struct txn_message *m, rd_kafka_headers_t **ret)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(m->headers_n);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (size_t i = 0; i < m->headers_n && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        code = rd_kafka_header_add(headers, m->headers[i].name, -1, m->headers[i].value,
                                   (ssize_t)m->headers[i].len);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_headers_destroy(headers);
    else
        *ret = headers;
    return code;
}

int client_produce(const struct client *c, const struct txn_message *m, void *opaque)
{
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_resp_err_t code = make_headers(m, &headers);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    code = rd_kafka_producev(c->rk, RD_KAFKA_V_TOPIC(m->topic), RD_KAFKA_V_PARTITION(m->partition),
                             RD_KAFKA_V_KEY(unconst(m->key), m->key_len),
                             RD_KAFKA_V_VALUE(unconst(m->value), m->value_len),
                             RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_TIMESTAMP(m->timestamp_ms),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(opaque),
                             RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) /* on success the message owns them */
        rd_kafka_headers_destroy(headers);
    return code;
}

int client_warm(const struct client *c, const char *topic, int timeout_ms)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(c->rk, topic, NULL);
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t code;

    if (handle == NULL)
        return rd_kafka_last_error();
    code = rd_kafka_metadata(c->rk, 0, handle, &md, timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(md);
    }
    rd_kafka_topic_destroy(handle);
    return code;
}

static size_t take_headers(const rd_kafka_message_t *m, struct kafka_header *out, size_t *ret_cut)
{
    rd_kafka_headers_t *headers;
    size_t n = 0, total = 0;

    if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        total = rd_kafka_header_cnt(headers);
        while (n < total && n < KAFKA_HEADERS_MAX &&
               rd_kafka_header_get_all(headers, n, &out[n].name, &out[n].value, &out[n].len) ==
                   RD_KAFKA_RESP_ERR_NO_ERROR)
            n++;
    }
    *ret_cut = total - n;
    return n;
}

void record_from_message(const rd_kafka_message_t *m, struct kafka_header *headers,
                         struct kafka_record *ret)
{
    rd_kafka_timestamp_type_t type;

    *ret = (struct kafka_record){
        .topic = rd_kafka_topic_name(m->rkt),
        .partition = m->partition,
        .offset = m->offset,
        .key = m->key,
        .key_len = m->key_len,
        .value = m->payload,
        .value_len = m->len,
        .headers = headers,
    };
    ret->timestamp_ms = rd_kafka_message_timestamp(m, &type);
    if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
        ret->timestamp_ms = -1;
    ret->headers_n = take_headers(m, headers, &ret->headers_cut);
}

#include "common/broker/reader.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/broker/admin_private.h"
#include "common/broker/client.h"

#define READER_CLIENT_ID "connect-rebuild-reader"

struct reader {
    struct client *client;
    struct admin *admin; /* until reader_start */
    char *topic;
    int timeout_ms; /* of all questions before reader_start together, from reader_new on */
    int64_t deadline_ms;
    rd_kafka_message_t *held; /* what the caller's record points into */
    struct kafka_header headers[KAFKA_HEADERS_MAX];
    struct reader_span *parts;
    int parts_n;
    int open_n; /* parts that are not at their end */
    bool bounded;
};

/* A group id is there because the library asks for one; the group is never joined. */
static struct client *open_client(const struct kafka_props *props, struct err *err)
{
    static const struct client_setting defaults[] = {
        { "fetch.wait.max.ms", "100" },
        { "allow.auto.create.topics", "false" },
        /* What is fetched ahead is most of the memory of a verb, and unpacked it is ten times as
         * much and more. */
        { "queued.max.messages.kbytes", "32768" },
        { "fetch.message.max.bytes", "262144" },
        { "fetch.max.bytes", "1048576" },
        { NULL, NULL },
    };
    static const struct client_setting fixed[] = {
        { "group.id", READER_CLIENT_ID },
        { "enable.auto.commit", "false" },
        { "enable.auto.offset.store", "false" },
        { "enable.partition.eof", "true" },
        { "auto.offset.reset", "error" },
        { "isolation.level", "read_committed" },
        { NULL, NULL },
    };
    const struct client_plan plan = {
        .consumer = true,
        .client_id = READER_CLIENT_ID,
        .defaults = defaults,
        .fixed = fixed,
    };

    return client_new(props, &plan, err);
}

static int left_ms(int64_t deadline_ms)
{
    int64_t left = deadline_ms - clock_boot_ms();

    return left > 0 ? (int)left : 0;
}

/* Start and end of all partitions as that client sees them. */
static struct kafka_watermark *ask_marks(const struct reader *r, const struct client *c,
                                         struct err *err)
{
    struct kafka_watermark *marks = calloc((size_t)r->parts_n, sizeof(*marks));
    int code;

    if (marks == NULL) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    for (int i = 0; i < r->parts_n; i++)
        marks[i] = (struct kafka_watermark){ .topic = r->topic, .partition = i };
    code = client_watermarks(c, marks, (size_t)r->parts_n, left_ms(r->deadline_ms));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return marks;
    client_err(err, code, r->topic, NULL);
    free(marks);
    return NULL;
}

/* The ends are asked for with an admin handle, which sees behind transactions that are still open:
 * what they commit is waited for, and not missed. */
static int find_parts(struct reader *r, struct err *err)
{
    struct kafka_watermark *marks;
    int replication;

    if (admin_topic_partitions(r->admin, r->topic, &r->parts_n, &replication, err) != 0)
        return -1;
    if (r->parts_n == 0)
        return err_set(err, ERR_CONFIG, "the topic %s does not exist", r->topic);
    r->parts = calloc((size_t)r->parts_n, sizeof(*r->parts));
    if (r->parts == NULL)
        return err_set(err, ERR_INTERNAL, "out of memory");
    marks = ask_marks(r, r->admin->client, err);
    if (marks == NULL)
        return -1;
    for (int i = 0; i < r->parts_n; i++)
        r->parts[i] = (struct reader_span){
            .low = marks[i].low, .high = marks[i].high, .from = marks[i].low, .to = marks[i].high
        };
    free(marks);
    return 0;
}

struct reader *reader_new(const struct kafka_props *props, const char *topic, int timeout_ms,
                          struct err *err)
{
    struct reader *r = calloc(1, sizeof(*r));

    if (r == NULL || (r->topic = str_dup(topic)) == NULL) {
        free(r);
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    r->deadline_ms = clock_boot_ms() + timeout_ms;
    r->timeout_ms = timeout_ms;
    r->admin = admin_new(props, READER_CLIENT_ID, timeout_ms, err);
    if (r->admin != NULL && find_parts(r, err) == 0 &&
        (r->client = open_client(props, err)) != NULL)
        return r;
    reader_close(r);
    return NULL;
}

size_t reader_partitions(const struct reader *r)
{
    return (size_t)r->parts_n;
}

struct reader_span *reader_spans(struct reader *r)
{
    return r->parts;
}

int32_t reader_partition_of(const void *key, size_t key_len, int partitions)
{
    return rd_kafka_msg_partitioner_murmur2(NULL, key, key_len, partitions, NULL, NULL);
}

static rd_kafka_topic_partition_list_t *list_of(const struct reader *r, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(r->parts_n);

    for (int i = 0; i < r->parts_n; i++)
        rd_kafka_topic_partition_list_add(list, r->topic, i)->offset = offset;
    return list;
}

/* With the admin handle, for the reason of find_parts. */
int reader_offsets_at(struct reader *r, int64_t wall_ms, int64_t *ret, struct err *err)
{
    rd_kafka_topic_partition_list_t *list = list_of(r, wall_ms);
    rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(r->admin->client->rk, list, r->timeout_ms);

    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        const rd_kafka_topic_partition_t *p = &list->elems[i];

        code = p->err;
        ret[i] = p->offset < 0 ? r->parts[i].high : p->offset; /* none is so young */
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : client_err(err, code, r->topic, NULL);
}

/* The start of the log is given by name: it may move on before the first fetch. */
int reader_start(struct reader *r, bool bounded, struct err *err)
{
    rd_kafka_topic_partition_list_t *list = list_of(r, 0);
    rd_kafka_resp_err_t code;

    admin_free(r->admin);
    r->admin = NULL;
    r->bounded = bounded;
    rd_kafka_poll_set_consumer(r->client->rk);
    client_warm(r->client, r->topic, r->timeout_ms); /* else a timer finds the leaders */
    for (int i = 0; i < r->parts_n; i++) {
        const struct reader_span *p = &r->parts[i];

        list->elems[i].offset = p->from == p->low ? RD_KAFKA_OFFSET_BEGINNING : p->from;
        if (p->from < p->to)
            r->open_n++;
    }
    code = rd_kafka_assign(r->client->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : client_err(err, code, r->topic, NULL);
}

/* The end as a read_committed reader sees it, so that a transaction open now is read when it ends.
 */
static int start_at_end(struct reader *r, struct err *err)
{
    struct kafka_watermark *marks = ask_marks(r, r->client, err);

    if (marks == NULL)
        return -1;
    for (int i = 0; i < r->parts_n; i++)
        r->parts[i].from = marks[i].high;
    free(marks);
    return 0;
}

struct reader *reader_open(const struct kafka_props *props, const char *topic,
                           enum reader_start start, int timeout_ms, struct err *err)
{
    struct reader *r = reader_new(props, topic, timeout_ms, err);

    if (r == NULL)
        return NULL;
    if ((start == READER_BEGINNING || start_at_end(r, err) == 0) &&
        reader_start(r, false, err) == 0)
        return r;
    reader_close(r);
    return NULL;
}

static int start_since(struct reader *r, int64_t since_ms, struct err *err)
{
    int64_t *at = calloc((size_t)r->parts_n, sizeof(*at));
    int rc;

    if (at == NULL)
        return err_set(err, ERR_INTERNAL, "out of memory");
    rc = reader_offsets_at(r, since_ms, at, err);
    for (int i = 0; i < r->parts_n && rc == 0; i++)
        r->parts[i].from = at[i];
    free(at);
    return rc;
}

struct reader *reader_open_since(const struct kafka_props *props, const char *topic,
                                 int64_t since_ms, int timeout_ms, struct err *err)
{
    struct reader *r = reader_new(props, topic, timeout_ms, err);

    if (r == NULL)
        return NULL;
    if (start_since(r, since_ms, err) == 0 && reader_start(r, false, err) == 0)
        return r;
    reader_close(r);
    return NULL;
}

static void reach(struct reader *r, int32_t partition, int64_t next)
{
    struct reader_span *p;

    if (partition < 0 || partition >= r->parts_n)
        return;
    p = &r->parts[partition];
    if (r->bounded && next > p->to)
        next = p->to;
    if (p->from < p->to && next >= p->to)
        r->open_n--;
    if (next > p->from)
        p->from = next;
}

static bool behind_end(const struct reader *r, const rd_kafka_message_t *m)
{
    return r->bounded && m->partition >= 0 && m->partition < r->parts_n &&
           m->offset >= r->parts[m->partition].to;
}

/* Other errors pass: the library tries again by itself, and logs. A group that this reader may not
 * look up is one of them. */
static bool stops_reading(int code)
{
    return code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || code == RD_KAFKA_RESP_ERR__FATAL;
}

/* 1: m is a record; 0: it was news about the partition, and is gone; -1: err. */
static int take(struct reader *r, rd_kafka_message_t *m, struct err *err)
{
    int code = m->err, rc = 0;

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        reach(r, m->partition, m->offset + 1);
        if (!behind_end(r, m)) {
            r->held = m;
            return 1;
        }
    } else if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        reach(r, m->partition, m->offset); /* behind the markers at the end of transactions */
    } else if (stops_reading(code)) {
        rc = client_err(err, code, m->rkt != NULL ? rd_kafka_topic_name(m->rkt) : "reading",
                        rd_kafka_message_errstr(m));
    }
    rd_kafka_message_destroy(m);
    return rc;
}

int reader_next(struct reader *r, int timeout_ms, struct kafka_record *ret, struct err *err)
{
    int64_t deadline_ms = clock_boot_ms() + timeout_ms;
    bool at_end = reader_at_end(r);
    rd_kafka_message_t *m;
    int rc = 0;

    if (r->held != NULL)
        rd_kafka_message_destroy(r->held);
    r->held = NULL;
    while (rc == 0 && at_end == reader_at_end(r)) {
        m = rd_kafka_consumer_poll(r->client->rk, left_ms(deadline_ms));
        if (m == NULL)
            break;
        rc = take(r, m, err);
    }
    if (rc == 1)
        record_from_message(r->held, r->headers, ret);
    return rc;
}

bool reader_at_end(const struct reader *r)
{
    return r->open_n == 0;
}

void reader_close(struct reader *r)
{
    if (r == NULL)
        return;
    if (r->held != NULL)
        rd_kafka_message_destroy(r->held);
    admin_free(r->admin);
    client_unref(r->client);
    free(r->parts);
    free(r->topic);
    free(r);
}

#include "common/broker/reader.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/broker/admin_private.h"
#include "common/broker/client.h"

#define READER_CLIENT_ID "connect-rebuild-reader"

struct reader_part {
    int64_t next; /* all below was delivered, or is a marker, aborted, or deleted */
    int64_t end;  /* high watermark at reader_open, open transactions included */
};

/* Where to begin. */
struct reader_from {
    enum reader_start start;
    bool since;
    int64_t since_ms;
};

struct reader {
    struct client *client;
    const char *topic;
    rd_kafka_message_t *held; /* what the caller's record points into */
    struct kafka_header headers[KAFKA_HEADERS_MAX];
    struct reader_part *parts;
    int parts_n;
    int open_n; /* parts that are not at their end */
};

/* A group id is there because the library asks for one; the group is never joined. */
static struct client *open_client(const struct kafka_props *props, struct err *err)
{
    static const struct client_setting defaults[] = {
        { "fetch.wait.max.ms", "100" },
        { "allow.auto.create.topics", "false" },
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
                                         int64_t deadline_ms, struct err *err)
{
    struct kafka_watermark *marks = calloc((size_t)r->parts_n, sizeof(*marks));
    int code;

    if (marks == NULL) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    for (int i = 0; i < r->parts_n; i++)
        marks[i] = (struct kafka_watermark){ .topic = r->topic, .partition = i };
    code = client_watermarks(c, marks, (size_t)r->parts_n, left_ms(deadline_ms));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return marks;
    client_err(err, code, r->topic, NULL);
    free(marks);
    return NULL;
}

/* The ends are asked for with an admin handle, which sees behind transactions that are still open:
 * what they commit is waited for, and not missed. */
static int find_parts(struct reader *r, struct admin *a, int64_t deadline_ms, struct err *err)
{
    struct kafka_watermark *marks;
    int replication;

    if (admin_topic_partitions(a, r->topic, &r->parts_n, &replication, err) != 0)
        return -1;
    if (r->parts_n == 0)
        return err_set(err, ERR_CONFIG, "the topic %s does not exist", r->topic);
    r->parts = calloc((size_t)r->parts_n, sizeof(*r->parts));
    if (r->parts == NULL)
        return err_set(err, ERR_INTERNAL, "out of memory");
    marks = ask_marks(r, a->client, deadline_ms, err);
    if (marks == NULL)
        return -1;
    for (int i = 0; i < r->parts_n; i++)
        r->parts[i] = (struct reader_part){ .next = marks[i].low, .end = marks[i].high };
    free(marks);
    return 0;
}

/* The end as a read_committed reader sees it, so that a transaction open now is read when it ends.
 */
static int start_at_end(struct reader *r, int64_t deadline_ms, struct err *err)
{
    struct kafka_watermark *marks = ask_marks(r, r->client, deadline_ms, err);

    if (marks == NULL)
        return -1;
    for (int i = 0; i < r->parts_n; i++)
        r->parts[i].next = marks[i].high;
    free(marks);
    return 0;
}

/* Nothing as young in a partition: its end. */
static int start_since(struct reader *r, int64_t since_ms, int64_t deadline_ms, struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(r->parts_n);
    rd_kafka_resp_err_t code;

    for (int i = 0; i < r->parts_n; i++)
        rd_kafka_topic_partition_list_add(list, r->topic, i)->offset = since_ms;
    code = rd_kafka_offsets_for_times(r->client->rk, list, left_ms(deadline_ms));
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        int64_t offset = list->elems[i].offset;

        code = list->elems[i].err;
        r->parts[i].next = offset >= 0 ? offset : r->parts[i].end;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : client_err(err, code, r->topic, NULL);
}

/* The start of the log is given by name: it may move on before the first fetch. */
static int assign(struct reader *r, const struct reader_from *from, struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(r->parts_n);
    rd_kafka_resp_err_t code;

    for (int i = 0; i < r->parts_n; i++) {
        rd_kafka_topic_partition_list_add(list, r->topic, i)->offset =
            from->start == READER_BEGINNING && !from->since ? RD_KAFKA_OFFSET_BEGINNING
                                                            : r->parts[i].next;
        if (r->parts[i].next < r->parts[i].end)
            r->open_n++;
    }
    code = rd_kafka_assign(r->client->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : client_err(err, code, r->topic, NULL);
}

static int start_reading(struct reader *r, const struct kafka_props *props,
                         const struct reader_from *from, int64_t deadline_ms, struct err *err)
{
    struct admin *a = admin_new(props, READER_CLIENT_ID, left_ms(deadline_ms), err);
    int rc;

    if (a == NULL)
        return -1;
    rc = find_parts(r, a, deadline_ms, err);
    admin_free(a);
    if (rc != 0)
        return -1;
    r->client = open_client(props, err);
    if (r->client == NULL)
        return -1;
    rd_kafka_poll_set_consumer(r->client->rk);
    client_warm(r->client, r->topic, left_ms(deadline_ms)); /* else a timer finds the leaders */
    if (from->since && start_since(r, from->since_ms, deadline_ms, err) != 0)
        return -1;
    if (from->start == READER_END && start_at_end(r, deadline_ms, err) != 0)
        return -1;
    return assign(r, from, err);
}

static struct reader *open_from(const struct kafka_props *props, const char *topic,
                                const struct reader_from *from, int timeout_ms, struct err *err)
{
    struct reader *r = calloc(1, sizeof(*r));
    int rc;

    if (r == NULL) {
        err_set(err, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    r->topic = topic;
    rc = start_reading(r, props, from, clock_boot_ms() + timeout_ms, err);
    r->topic = NULL; /* the caller's; not needed any more */
    if (rc == 0)
        return r;
    reader_close(r);
    return NULL;
}

struct reader *reader_open(const struct kafka_props *props, const char *topic,
                           enum reader_start start, int timeout_ms, struct err *err)
{
    const struct reader_from from = { .start = start };

    return open_from(props, topic, &from, timeout_ms, err);
}

struct reader *reader_open_since(const struct kafka_props *props, const char *topic,
                                 int64_t since_ms, int timeout_ms, struct err *err)
{
    const struct reader_from from = { .since = true, .since_ms = since_ms };

    return open_from(props, topic, &from, timeout_ms, err);
}

static void reach(struct reader *r, int32_t partition, int64_t next)
{
    struct reader_part *p;

    if (partition < 0 || partition >= r->parts_n)
        return;
    p = &r->parts[partition];
    if (p->next < p->end && next >= p->end)
        r->open_n--;
    if (next > p->next)
        p->next = next;
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
        r->held = m;
        return 1;
    }
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        reach(r, m->partition, m->offset); /* behind the markers at the end of transactions */
    else if (stops_reading(code))
        rc = client_err(err, code, m->rkt != NULL ? rd_kafka_topic_name(m->rkt) : "reading",
                        rd_kafka_message_errstr(m));
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
    client_unref(r->client);
    free(r->parts);
    free(r);
}

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "common/broker/consumer_private.h"

/* One question to the brokers. The helper thread has the client by a reference of its own; c is the
 * loop's and is cut off when the consumer is freed. */
struct query {
    struct list_node node;
    struct consumer *c; /* NULL: freed meanwhile, nobody is told */
    struct client *client;
    rd_kafka_topic_partition_list_t *list;
    struct kafka_watermark *marks; /* NULL: this asks for committed offsets */
    int timeout_ms;
    unsigned generation;
    consumer_committed_fn *on_committed;
    consumer_watermarks_fn *on_watermarks;
    void *arg;
    struct err err; /* kind ERR_NONE: something is known */
};

static void query_free(struct query *q)
{
    rd_kafka_topic_partition_list_destroy(q->list);
    free(q->marks);
    free(q);
}

static struct query *query_new(struct consumer *c, const struct consumer_lookup *what)
{
    struct query *q = calloc(1, sizeof(*q));

    if (q == NULL)
        return NULL;
    q->c = c;
    q->client = c->client;
    q->timeout_ms = what->timeout_ms;
    q->generation = c->generation;
    q->list = rd_kafka_topic_partition_list_new((int)what->n);
    for (size_t i = 0; i < what->n; i++)
        rd_kafka_topic_partition_list_add(q->list, what->parts[i].topic, what->parts[i].partition);
    return q;
}

static int query_start(struct query *q, event_fn *work, event_fn *done)
{
    struct consumer *c = q->c;

    client_ref(q->client);
    if (event_work(c->loop, work, done, q) != 0) {
        client_unref(q->client);
        query_free(q);
        return -1;
    }
    list_push(&c->queries, &q->node);
    return 0;
}

/* NULL: the consumer is gone. */
static struct consumer *query_end(struct query *q)
{
    if (q->c != NULL)
        list_remove(&q->c->queries, &q->node);
    return q->c;
}

/* The list dies with the consumer; a query without one never looks at it again. */
void consumer_queries_cut_off(struct consumer *c)
{
    struct list_node *node;

    for (node = list_first(&c->queries); node != NULL; node = list_next(&c->queries, node))
        list_entry(node, struct query, node)->c = NULL;
}

/* ---- committed offsets ---- */

/* Every partition starts as failed: one that an answer leaves out must not look like "none". */
static void work_committed(void *arg)
{
    struct query *q = arg;
    rd_kafka_resp_err_t code;

    for (int i = 0; i < q->list->cnt; i++)
        q->list->elems[i].err = RD_KAFKA_RESP_ERR__NO_OFFSET;
    code = rd_kafka_committed(q->client->rk, q->list, q->timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        client_err(&q->err, code, "committed offsets", NULL);
        q->err.retriable = true;
        for (int i = 0; i < q->list->cnt; i++)
            q->list->elems[i].err = code;
    }
    client_unref(q->client);
}

static void done_committed(void *arg)
{
    struct query *q = arg;
    struct kafka_offset *offsets;
    size_t n;

    if (query_end(q) != NULL) {
        offsets = offsets_from_list(q->list, &n);
        if (offsets == NULL && n > 0) {
            err_set(&q->err, ERR_INTERNAL, "out of memory");
            q->err.retriable = true;
            n = 0;
        }
        q->on_committed(q->arg, offsets, n, q->generation,
                        q->err.kind == ERR_NONE ? NULL : &q->err);
        free(offsets);
    }
    query_free(q);
}

int consumer_committed(struct consumer *c, const struct consumer_lookup *what,
                       consumer_committed_fn *done, void *arg)
{
    struct query *q = query_new(c, what);

    if (q == NULL)
        return -1;
    q->on_committed = done;
    q->arg = arg;
    return query_start(q, work_committed, done_committed);
}

/* ---- watermarks ---- */

static void work_watermarks(void *arg)
{
    struct query *q = arg;
    size_t n = (size_t)q->list->cnt;
    int code = client_watermarks(q->client, q->marks, n, q->timeout_ms);
    bool known = n == 0;

    for (size_t i = 0; i < n; i++)
        known = known || !q->marks[i].failed;
    if (!known) {
        client_err(&q->err, code, "watermarks", NULL);
        q->err.retriable = true;
    }
    client_unref(q->client);
}

static void done_watermarks(void *arg)
{
    struct query *q = arg;

    if (query_end(q) != NULL)
        q->on_watermarks(q->arg, q->marks, (size_t)q->list->cnt, q->generation,
                         q->err.kind == ERR_NONE ? NULL : &q->err);
    query_free(q);
}

int consumer_query_watermarks(struct consumer *c, const struct consumer_lookup *what,
                              consumer_watermarks_fn *done, void *arg)
{
    struct query *q = query_new(c, what);

    if (q == NULL)
        return -1;
    q->marks = calloc(what->n > 0 ? what->n : 1, sizeof(*q->marks));
    if (q->marks == NULL) {
        query_free(q);
        return -1;
    }
    for (size_t i = 0; i < what->n; i++) /* the list owns the names */
        q->marks[i] = (struct kafka_watermark){ .topic = q->list->elems[i].topic,
                                                .partition = q->list->elems[i].partition };
    q->on_watermarks = done;
    q->arg = arg;
    return query_start(q, work_watermarks, done_watermarks);
}

#include <librdkafka/rdkafka.h>

#include "common/base/clock.h"
#include "common/broker/client.h"

/* rd_kafka_query_watermark_offsets() of 2.0.2 waits for ever, whatever its time-out, when a
 * leader's broker goes away. rd_kafka_offsets_for_times() keeps its time-out, takes many partitions
 * at once, and hands the "times" -2 and -1 on to the broker, which answers with the start and the
 * end. */
static rd_kafka_resp_err_t ask(const struct client *c, rd_kafka_topic_partition_list_t *list,
                               int64_t which, int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - clock_boot_ms();

    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = which;
        list->elems[i].err = RD_KAFKA_RESP_ERR__NO_OFFSET; /* for one that the answer leaves out */
    }
    if (left_ms <= 0)
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    return rd_kafka_offsets_for_times(c->rk, list, (int)left_ms);
}

/* Marks what failed, and returns the code of the first one. After a call that failed, all have. */
static rd_kafka_resp_err_t take(const rd_kafka_topic_partition_list_t *list,
                                struct kafka_watermark *marks, bool high)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &list->elems[i];

        if (high)
            marks[i].high = p->offset;
        else
            marks[i].low = p->offset;
        if (p->err == RD_KAFKA_RESP_ERR_NO_ERROR && p->offset >= 0)
            continue;
        marks[i].failed = true;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            code = p->err != RD_KAFKA_RESP_ERR_NO_ERROR ? p->err : RD_KAFKA_RESP_ERR__NO_OFFSET;
    }
    return code;
}

int client_watermarks(const struct client *c, struct kafka_watermark *marks, size_t n,
                      int timeout_ms)
{
    int64_t deadline_ms = clock_boot_ms() + timeout_ms;
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code, low_code, high_code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (n == 0)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, marks[i].topic, marks[i].partition);
    code = ask(c, list, RD_KAFKA_OFFSET_BEGINNING, deadline_ms);
    low_code = take(list, marks, false);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = ask(c, list, RD_KAFKA_OFFSET_END, deadline_ms);
        high_code = take(list, marks, true);
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    return low_code != RD_KAFKA_RESP_ERR_NO_ERROR ? low_code : high_code;
}

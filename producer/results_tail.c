/* results tail: the results as they come, or all that are there. */
#include "common/broker/reader.h"
#include "producer/results.h"

#define FLUSH_ROWS 500 /* are shown at once, while more come */

int results_tail(struct call *c, struct err *err)
{
    struct results_stream t = { .out = stdout, .out_name = "the output", .flush_rows = FLUSH_ROWS };
    const struct results_config *config = c->own;
    int rc = results_stream_init(&t, c, err);

    t.to_end = config->from_beginning && !config->follow;
    if (rc == 0)
        t.reader = reader_open(c->session.props, c->session.topics.results,
                               config->from_beginning ? READER_BEGINNING : READER_END,
                               SESSION_KAFKA_WAIT_MS, err);
    if (t.reader == NULL || results_stream_form(&t, &c->config, err) != 0)
        rc = -1;
    if (rc == 0)
        rc = results_stream_run(&t, err);
    return results_stream_done(&t, rc, err);
}

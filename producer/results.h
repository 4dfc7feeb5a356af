/* What the files of `results` share: its options, and the stream of results that tail and export
 * read. Nobody else includes it. */
#ifndef PRODUCER_RESULTS_H
#define PRODUCER_RESULTS_H

#include <stdio.h>

#include "common/base/uuid.h"
#include "common/broker/consumer.h"
#include "common/record/result.h"
#include "producer/interrupt.h"
#include "producer/verb.h"

#define RESULTS_POLL_MS 250 /* what was read so far is shown after this long without more */
#define RESULTS_QUIET_MAX_MS                                             \
    60000 /* without a record before the end: a transaction ends by then \
           */

struct reader;
struct output;

struct results_config {
    char *campaign;
    bool from_beginning, follow;
    int64_t limit; /* 0: none */
    struct option_list outcomes;
    int64_t since_ms, until_ms;
    char *file, *state;
};

/* Where results go on their way from the topic. Zeroed, then filled by results_stream_init and the
 * one who uses it. */
struct results_stream {
    struct call *call;
    const struct results_config *config;
    struct reader *reader;
    FILE *out;
    const char *out_name; /* for sentences */
    struct output *rows;  /* NULL: whole events are printed */
    bool array;           /* of events */
    bool to_end;          /* stops at the end that the topic had at the start */
    int64_t flush_rows;
    struct uuid campaign;
    bool one_campaign;
    struct interrupt interrupt;
    int64_t shown, unflushed, unreadable;
    /* After what was printed is with the operating system; NULL: nothing. */
    int (*saved)(struct results_stream *t, struct err *err);
    void *arg;
};

/* Finds the campaign and connects. */
int results_stream_init(struct results_stream *t, struct call *c, struct err *err);
/* The campaign that --campaign names: found in the ledger, unless it is an id. */
int results_campaign(struct call *c, const char *said, struct uuid *ret, struct err *err);
/* Opens t->rows, or decides that events are printed, as the format says. */
int results_stream_form(struct results_stream *t, const struct producer_config *form,
                        struct err *err);
/* Reads until the end, --limit, or an interruption. The exit code, or -1 and err. */
int results_stream_run(struct results_stream *t, struct err *err);
/* Ends the output; rc is what came before. Frees what results_stream_* made. */
int results_stream_done(struct results_stream *t, int rc, struct err *err);

/* A result's bytes as one line: JSON may have line ends between its parts. */
void results_print_line(FILE *out, const char *json, size_t len);

/* One file each; the exit code, or -1 and err. */
int results_tail(struct call *c, struct err *err);
int results_export(struct call *c, struct err *err);
int results_verify(struct call *c, struct err *err);

#endif

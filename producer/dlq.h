/* What the files of `dlq` share. Nobody else includes it. */
#ifndef PRODUCER_DLQ_H
#define PRODUCER_DLQ_H

#include "producer/letter.h"
#include "producer/verb.h"

struct reader;

struct dlq_config {
    char *error_class;
    int64_t since_ms;
    int64_t limit; /* 0: none */
    bool raw, all, force, dry_run;
};

/* Calls fn for each dead letter, or only for those at the places (sorted; n 0: all), until fn gives
 * no 0. *ends is what the topic's partitions end with: NULL is taken from the topic and handed back
 * (the caller frees it), so that a second reading sees the same letters. -1: err, or what fn gave.
 */
typedef int dlq_letter_fn(void *arg, const struct kafka_record *record, const struct letter *letter,
                          struct err *err);
struct dlq_reading {
    const struct letter_place *places;
    size_t places_n;
    int64_t *ends;
    dlq_letter_fn *fn;
    void *arg;
};
int dlq_read(struct call *c, struct dlq_reading *what, struct err *err);

/* --class and --since. */
bool dlq_wanted(const struct dlq_config *config, const struct kafka_record *record,
                const struct letter *letter);
/* The places among the operands, sorted, each once. ERR_CONFIG names one that is none. */
int dlq_places(const struct call *c, struct letter_place **ret, size_t *ret_n, struct err *err);

/* The exit code, or -1 and err. */
int dlq_ls(struct call *c, struct err *err);
int dlq_show(struct call *c, struct err *err);
int dlq_redrive(struct call *c, struct err *err);

#endif

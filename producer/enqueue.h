/* What the files of `enqueue` share. */
#ifndef PRODUCER_ENQUEUE_H
#define PRODUCER_ENQUEUE_H

#include "common/base/uuid.h"
#include "producer/select.h"
#include "producer/verb.h"

#define HOLDER_BYTES 128

struct enqueue {
    struct call *call;
    /* `retry`: narrows the list to items of the parent; NULL: enqueue itself. Called before
     * anything is selected, unless the campaign is there already. */
    int (*narrow)(struct enqueue *e, struct err *err);
    char parent[UUID_TEXT_BYTES]; /* "": none */
    struct content_table table;
    struct select_list list;
    struct uuid campaign_id;
    char campaign_text[UUID_TEXT_BYTES];
    char holder[HOLDER_BYTES]; /* of the publishing lease */
    char source[512];          /* of the installation */
    bool resumed;              /* the campaign was there: nothing is selected again */
    bool created;
    bool usage_said; /* that the order is another one than was asked for */
    int64_t selected;
    int64_t left_open;      /* left out: a request for the content is open */
    int64_t left_reprocess; /* left out: by --reprocess */
    int64_t malformed;      /* rows whose guid is none */
    int64_t not_found;      /* of the list */
    int64_t published;      /* to Kafka, so far */
    char state[16];
    char name[1025]; /* of a resumed campaign */
};

/* ---- what stands in the ledger: enqueue_sql.c ---- */

/* Adds the selection with its judgement: "... judged as (...), chosen as (...)", to stand behind
 * WITH. chosen has what found has, rank (from 0), and groups. */
int enqueue_choose(struct enqueue *e, struct query *q, struct err *err);
/* Campaign, items, groups and act in one transaction; fills the counts. created stays false when
 * nothing was selected and --fail-empty says so, and when the campaign is there already, because
 * the same command runs twice at once. */
int enqueue_insert(struct enqueue *e, struct err *err);
/* The counts alone. */
int enqueue_count(struct enqueue *e, struct err *err);
/* Is it there already? Fills counts and state. */
int enqueue_look_up(struct enqueue *e, struct err *err);
/* Guids of the list that the table does not have: counted, and the first ones named. */
int enqueue_say_missing(struct enqueue *e, struct err *err);

/* ---- the rest ---- */

/* Publishes as far as limits allow. The exit code, or -1. */
int enqueue_publish(struct enqueue *e, struct err *err);
int enqueue_dry_run(struct enqueue *e, struct err *err);
/* From the list of the options on; releases what *e holds. The exit code, or -1. */
int enqueue_run(struct enqueue *e, struct err *err);
int enqueue_print(const struct enqueue *e, struct err *err);

#endif

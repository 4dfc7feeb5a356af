/* What became of the records of one turn: how far the cursor may move, which `unsent` items are
 * out, and the last offset of each partition. Pure. Private to common/outbox. */
#ifndef COMMON_OUTBOX_PROGRESS_H
#define COMMON_OUTBOX_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/uuid.h"

#define OUTBOX_PARTITIONS_MAX 10000 /* of a topic; a higher number is not a partition of ours */

struct outbox_item {
    struct uuid id;
    int64_t rank;
    bool unsent;      /* not from the cursor: its mark is taken away */
    bool of_campaign; /* goes to the campaign's own lane, which last_offset speaks of */
};

struct outbox_entry; /* an item and what became of it */

struct outbox_progress {
    struct outbox_entry *entries; /* in the order of the calls; those of the cursor by rank */
    size_t n, cap;
    size_t pending; /* sent and not reported */
    size_t delivered;
    size_t marks;   /* delivered `unsent` ones */
    int64_t cursor; /* at the start */
    int64_t *last;  /* by partition; -1: none in this turn */
    size_t last_n;
};

void progress_open(struct outbox_progress *p, int64_t cursor);
void progress_done(struct outbox_progress *p);
/* One that is about to be sent. *ret_ticket names it to progress_report. -1: no memory. */
int progress_add(struct outbox_progress *p, const struct outbox_item *item, uint64_t *ret_ticket);
/* One of the cursor that needs no record: it counts as delivered. */
int progress_skip(struct outbox_progress *p, const struct outbox_item *item);
/* offset -1: it was not delivered, or not even sent. Once per ticket; others are ignored. */
void progress_report(struct outbox_progress *p, uint64_t ticket, int32_t partition, int64_t offset);
/* The rank up to which everything from the cursor on is out. */
int64_t progress_cursor(const struct outbox_progress *p);
/* Array literals: the ids of delivered `unsent` items; the last offsets, from partition 0 on. */
void progress_put_sent(const struct outbox_progress *p, struct buf *out);
void progress_put_last(const struct outbox_progress *p, struct buf *out);

#endif

/* An assignment, from committed offsets to owned partitions, and adoption from the ledger: at once,
 * before any record is read again, every item whose place is in my partitions and whose result is
 * not marked is asked about. */
#ifndef WORKER_RECOVER_H
#define WORKER_RECOVER_H

#include <stddef.h>

struct kafka_offset;
struct worker;

int recover_init(struct worker *w); /* -1: no memory */
void recover_done(struct worker *w);
/* An assignment came: read committed offsets and watermarks, decode, assign, ask the ledger. */
void recover_assigned(struct worker *w, const struct kafka_offset *parts, size_t n);
/* Owned partitions again, after a connection to PostgreSQL came back. */
void recover_again(struct worker *w);
void recover_later(struct worker *w);   /* the same in some seconds: a statement was refused */
void recover_revoked(struct worker *w); /* what is under way is obsolete */

#endif

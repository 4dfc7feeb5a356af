/* How far an export came: a small text file that people can read, replaced as a whole. */
#ifndef PRODUCER_EXPORT_STATE_H
#define PRODUCER_EXPORT_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define EXPORT_TEXT_BYTES      1024 /* of one line */
#define EXPORT_PARTITIONS_MAX  10000
#define EXPORT_STATE_MAX_BYTES (1024 * 1024) /* 10,000 partitions are 300 KB */

struct export_state {
    char topic[EXPORT_TEXT_BYTES];
    char cluster[EXPORT_TEXT_BYTES];
    char what[EXPORT_TEXT_BYTES]; /* form and filters: another export must not go on with it */
    int64_t file_bytes;           /* of the file that was appended to, when `next` was so */
    int64_t *next;                /* first offset of each partition that is not exported; owned */
    size_t next_n;
};

void export_state_done(struct export_state *s);
/* ERR_INPUT: it is not such a state; *ret is untouched then. */
int export_state_parse(const char *text, struct export_state *ret, struct err *err);
void export_state_print(const struct export_state *s, struct buf *out);

/* 1: read; 0: there is no such file; -1: err. */
int export_state_load(const char *path, struct export_state *ret, struct err *err);
/* Atomic, and on the disk when it returns: what a crash leaves is the old state or the new one. */
int export_state_save(const char *path, const struct export_state *s, struct err *err);

#endif

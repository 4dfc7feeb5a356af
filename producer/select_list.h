/* Content that is named one by one: --guid, --guids-from, and the prepared list of performance-
 * critical content, --important, with access paths. Kept in the order given; the first of equal
 * guids counts. */
#ifndef PRODUCER_SELECT_LIST_H
#define PRODUCER_SELECT_LIST_H

#include "common/base/uuid.h"
#include "producer/options.h"

#define SELECT_LIST_MAX       1000000            /* entries */
#define SELECT_FILE_MAX_BYTES (64 * 1024 * 1024) /* a list of a million lines */

struct listed {
    struct uuid guid;
    char *bundle; /* NULL: the active one */
    char **paths;
    size_t paths_n;
};

struct select_list {
    bool given; /* an empty file is a list, too */
    struct listed *items;
    size_t n, cap;
    size_t doubles; /* left out */
    struct uuid first_double;
    struct uuid_set *seen; /* private */
};

/* Reads what the options name. ERR_CONFIG with file and line when something is not what it must be;
 * then nothing is left to free. */
int select_list_read(const struct select_config *s, struct select_list *ret, struct err *err);
void select_list_done(struct select_list *l);

/* The same from a text, for the two kinds of file; what stands in `name` is said in errors. They
 * add to *l. */
int select_list_guids(struct select_list *l, const char *name, const char *text, struct err *err);
int select_list_important(struct select_list *l, const char *name, const char *text,
                          struct err *err);

/* For the readers of both: takes bundle and paths in any case. */
int select_list_add(struct select_list *l, struct listed *entry, struct err *err);
void listed_done(struct listed *entry);
/* Adds a path, after a look at it. -1: it is none (ERR_CONFIG), or no memory. */
int listed_path(struct listed *entry, const char *text, size_t len, struct err *err);

#endif

/* SELECT: filters become SQL over the content table, which is only read. The table may be a view,
 * its columns of any type that has a text form; NULL and empty are equal. */
#ifndef PRODUCER_SELECT_H
#define PRODUCER_SELECT_H

#include "producer/query.h"
#include "producer/select_list.h"

#define CONTENT_NAME_BYTES  300 /* schema and table, quoted */
#define CONTENT_COLUMNS_MAX 200

struct content_column {
    char name[64];
    char type[64]; /* as PostgreSQL calls it: "text", "timestamp with time zone" */
};

struct content_table {
    const char *said;              /* as the operator wrote it; borrowed */
    char name[CONTENT_NAME_BYTES]; /* schema and table, quoted for SQL */
    struct content_column columns[CONTENT_COLUMNS_MAX];
    size_t columns_n;
};

/* ERR_CONFIG: there is no such table, or it lacks guid, bundle_id or app_mode; ERR_DENIED: it may
 * not be read. */
int content_table_read(struct session *s, const char *said, struct content_table *ret,
                       struct err *err);
/* NULL: it has no such column. */
const struct content_column *content_column(const struct content_table *t, const char *name);

struct selection {
    const struct select_config *config;
    const struct content_table *table;
    const struct select_list *list;
    bool usage_missing; /* set by select_build: ordered by something else */
};

/* Adds "src as (...), found as (...)": common table expressions, to stand behind WITH. `found` has
 * the content that fits, once each: guid (uuid), the columns of the item table (text, null if
 * empty), locked (boolean), access_paths (text[]) and place (bigint, 1 is first). `src` has every
 * row, its guid as lower-case text. ERR_CONFIG: a filter on a column that the table lacks, a bad
 * expression. */
int select_build(struct selection *s, struct query *q, struct err *err);

/* The guids of a list as one array parameter; its number. */
int select_list_param(struct query *q, const struct select_list *l);

/* Adds the condition that a row of the table (alias t) has no valid guid: it is never selected. */
void select_no_guid(const struct content_table *t, struct query *q);

#endif

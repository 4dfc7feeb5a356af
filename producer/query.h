/* A statement that is put together at run time: text and parameters. What comes from outside is a
 * parameter, always; only names that PostgreSQL itself has quoted go into the text. */
#ifndef PRODUCER_QUERY_H
#define PRODUCER_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define QUERY_PARAMS_MAX    96
#define QUERY_SQL_MAX_BYTES (256 * 1024)

struct db_reply;
struct db_unit;
struct session;

struct query {
    struct buf sql;
    char *params[QUERY_PARAMS_MAX]; /* owned */
    size_t params_n;
    bool failed; /* no memory, or too many parameters: query_run says so */
};

void query_init(struct query *q);
void query_done(struct query *q);
void query_add(struct query *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Copies the value (NULL is null) and returns its number: 3 stands for $3. */
int query_param(struct query *q, const char *value);
int query_param_int(struct query *q, int64_t value);
/* A list as the text of an array: cast it, "$3::text[]". */
int query_param_list(struct query *q, char *const *items, size_t n);
/* Unix milliseconds as RFC 3339; 0 is null. */
int query_param_time(struct query *q, int64_t wall_ms);
/* -1 and err when the statement is not whole. */
int query_check(const struct query *q, struct err *err);
/* Adds it to a unit. */
int query_put(const struct query *q, struct db_unit *unit, struct err *err);
int query_run(const struct query *q, struct session *s, struct db_reply **ret, struct err *err);

#endif

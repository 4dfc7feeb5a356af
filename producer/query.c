#include "producer/query.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/str.h"
#include "common/base/time_text.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "producer/session.h"

#define FRAGMENT_BYTES 8192               /* of one query_add */
#define LIST_MAX_BYTES (16 * 1024 * 1024) /* a hundred thousand guids are 4 MB */

void query_init(struct query *q)
{
    *q = (struct query){ .params_n = 0 };
    buf_init(&q->sql, QUERY_SQL_MAX_BYTES);
}

void query_done(struct query *q)
{
    buf_done(&q->sql);
    for (size_t i = 0; i < q->params_n; i++)
        free(q->params[i]);
    q->params_n = 0;
}

void query_add(struct query *q, const char *fmt, ...)
{
    char text[FRAGMENT_BYTES];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(text))
        q->failed = true;
    else
        buf_str_add(&q->sql, text);
}

int query_param(struct query *q, const char *value)
{
    char *copy = str_dup(value);

    if (q->params_n == QUERY_PARAMS_MAX || (value != NULL && copy == NULL)) {
        free(copy);
        q->failed = true;
        return 1;
    }
    q->params[q->params_n++] = copy;
    return (int)q->params_n;
}

int query_param_int(struct query *q, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    return query_param(q, text);
}

int query_param_list(struct query *q, char *const *items, size_t n)
{
    struct buf b;
    int number;

    buf_init(&b, LIST_MAX_BYTES);
    array_open(&b);
    for (size_t i = 0; i < n; i++)
        array_add(&b, items[i]);
    array_close(&b);
    if (b.failed)
        q->failed = true;
    number = query_param(q, buf_str(&b));
    buf_done(&b);
    return number;
}

int query_param_time(struct query *q, int64_t wall_ms)
{
    char text[CLOCK_RFC3339_BYTES];

    return query_param(q, wall_ms == 0 ? NULL : clock_format_rfc3339(wall_ms, text));
}

int query_check(const struct query *q, struct err *err)
{
    if (q->failed || q->sql.failed)
        return err_set(err, ERR_INTERNAL, "no memory for a statement, or it is too long");
    return 0;
}

int query_put(const struct query *q, struct db_unit *unit, struct err *err)
{
    if (query_check(q, err) != 0)
        return -1;
    db_add_copy(unit, buf_str(&q->sql), q->params_n, (const char *const *)q->params);
    return 0;
}

int query_run(const struct query *q, struct session *s, struct db_reply **ret, struct err *err)
{
    if (query_check(q, err) != 0)
        return -1;
    return session_query(
        s, &(struct statement){ buf_str(&q->sql), q->params_n, (const char *const *)q->params },
        ret, err);
}

#include "common/ledger/db_sql.h"

#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/base/buf.h"
#include "common/ledger/db.h"

struct text {
    const char *sql; /* the key is the pointer, not what it points to */
    char *expanded;
    UT_hash_handle hh;
};

struct db_sql {
    char *schema; /* quoted, with the dot behind it */
    struct text *texts;
};

/* ---- what is quoted ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c & 0x80) != 0;
}

static const char *end_of_quote(const char *p, bool backslashes)
{
    char quote = *p++;

    for (; *p != '\0'; p++) {
        if ((*p == quote && p[1] == quote) || (backslashes && *p == '\\' && p[1] != '\0'))
            p++;
        else if (*p == quote)
            return p + 1;
    }
    return p;
}

static const char *end_of_comment(const char *p)
{
    int depth = 0;

    for (; *p != '\0'; p++) {
        if (p[0] == '/' && p[1] == '*') {
            depth++;
            p++;
        } else if (p[0] == '*' && p[1] == '/') {
            p++;
            if (--depth == 0)
                return p + 1;
        }
    }
    return p;
}

/* NULL when p is no $tag$, but a parameter such as $1 */
static const char *end_of_dollars(const char *p)
{
    const char *body = p + 1, *end;

    if (*body >= '0' && *body <= '9')
        return NULL;
    while (is_word(*body))
        body++;
    if (*body++ != '$')
        return NULL;
    for (end = body; *end != '\0'; end++)
        if (strncmp(end, p, (size_t)(body - p)) == 0)
            return end + (body - p);
    return end;
}

/* E'...', where a backslash escapes */
static bool after_e(const char *text, const char *p)
{
    return p > text && (p[-1] == 'e' || p[-1] == 'E') && (p - 1 == text || !is_word(p[-2]));
}

/* Behind the string, quoted name, dollar quote or comment that begins at p; p: none does. */
static const char *skip_quoted(const char *text, const char *p)
{
    const char *end = NULL;

    if (*p == '\'' || *p == '"')
        return end_of_quote(p, *p == '\'' && after_e(text, p));
    if (p[0] == '-' && p[1] == '-')
        return p + strcspn(p, "\n");
    if (p[0] == '/' && p[1] == '*')
        return end_of_comment(p);
    if (*p == '$' && (p == text || (!is_word(p[-1]) && p[-1] != '$')))
        end = end_of_dollars(p);
    return end != NULL ? end : p;
}

/* ---- @name ---- */

/* A name, and not the end of an operator such as <@ */
static bool at_name(char before, const char *p)
{
    return *p == '@' && ((p[1] >= 'a' && p[1] <= 'z') || p[1] == '_') &&
           strchr("<>@|&~!#?-+*/=%^", before) == NULL;
}

static const char *add_name(struct buf *b, const char *schema, const char *p)
{
    size_t len = 1;

    while ((p[len] >= 'a' && p[len] <= 'z') || (p[len] >= '0' && p[len] <= '9') || p[len] == '_')
        len++;
    buf_str_add(b, schema);
    buf_char_add(b, '"');
    buf_add(b, p + 1, len - 1);
    buf_char_add(b, '"');
    return p + len;
}

char *db_sql_expand(const struct db_sql *s, const char *sql)
{
    struct buf b;
    const char *p = sql, *end;
    char before = ' ';

    buf_init(&b, DB_SQL_MAX_BYTES);
    while (*p != '\0') {
        if (at_name(before, p)) {
            p = add_name(&b, s->schema, p);
            before = ' ';
            continue;
        }
        end = skip_quoted(sql, p);
        before = end > p ? ' ' : *p;
        if (end == p)
            end++;
        buf_add(&b, p, (size_t)(end - p));
        p = end;
    }
    return buf_take(&b, NULL);
}

const char *db_sql_static(struct db_sql *s, const char *sql)
{
    struct text *t = NULL;

    HASH_FIND_PTR(s->texts, &sql, t);
    if (t != NULL)
        return t->expanded;
    t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->sql = sql;
    t->expanded = db_sql_expand(s, sql);
    if (t->expanded == NULL) {
        free(t);
        return NULL;
    }
    HASH_ADD_PTR(s->texts, sql, t);
    if (t->hh.tbl != NULL)
        return t->expanded;
    free(t->expanded);
    free(t);
    return NULL;
}

struct db_sql *db_sql_new(const char *schema)
{
    struct db_sql *s = calloc(1, sizeof(*s));
    size_t bytes = 2 * strlen(schema) + sizeof("\"\".");

    if (s == NULL)
        return NULL;
    s->schema = malloc(bytes);
    if (s->schema == NULL) {
        free(s);
        return NULL;
    }
    memcpy(s->schema + db_sql_quote(schema, strlen(schema), s->schema, bytes), ".", sizeof("."));
    return s;
}

void db_sql_free(struct db_sql *s)
{
    struct text *t, *next;

    if (s == NULL)
        return;
    next = s->texts;
    HASH_CLEAR(hh, s->texts); /* the table only */
    while ((t = next) != NULL) {
        next = t->hh.next;
        free(t->expanded);
        free(t);
    }
    free(s->schema);
    free(s);
}

/* ---- scripts ---- */

static const char *skip_blank(const char *p)
{
    for (;;) {
        if (p[0] == '-' && p[1] == '-')
            p += strcspn(p, "\n");
        else if (p[0] == '/' && p[1] == '*')
            p = end_of_comment(p);
        else if (*p != '\0' && strchr(" \t\r\n\f;", *p) != NULL)
            p++;
        else
            return p;
    }
}

size_t db_sql_next(const char **pos, const char **ret)
{
    const char *start = skip_blank(*pos), *p = start, *end;

    while (*p != '\0' && *p != ';') {
        end = skip_quoted(start, p);
        p = end > p ? end : p + 1;
    }
    *ret = start;
    *pos = p;
    return (size_t)(p - start);
}

/* ---- names made at run time ---- */

size_t db_sql_quote(const char *name, size_t len, char *out, size_t out_bytes)
{
    size_t n = 0, need = len + sizeof("\"\"");

    for (size_t i = 0; i < len; i++)
        need += name[i] == '"';
    if (len == 0 || need > out_bytes)
        return 0;
    out[n++] = '"';
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '"')
            out[n++] = '"';
        out[n++] = name[i];
    }
    out[n++] = '"';
    out[n] = '\0';
    return n;
}

bool db_quote_name(const char *name, char *out, size_t out_bytes)
{
    size_t first = strcspn(name, "."), n = db_sql_quote(name, first, out, out_bytes);

    if (n == 0 || name[first] == '\0')
        return n > 0;
    out[n++] = '.';
    return db_sql_quote(name + first + 1, strlen(name + first + 1), out + n, out_bytes - n) > 0;
}

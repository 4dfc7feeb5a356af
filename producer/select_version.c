#include "producer/select_version.h"

#include <string.h>

#define PARTS_MAX  6 /* R has 3, Python 3, Quarto 3 or 4 */
#define DIGITS_MAX 9 /* fits a bigint whatever stands before it */
#define TERMS_MAX  8
#define TERM_BYTES 64

/* The first number of the column, padded with zeros. */
#define COLUMN_PARTS                                                                      \
    "((string_to_array(substring(%s from '[0-9]{1,9}(?:[.][0-9]{1,9})*'), '.')::bigint[]" \
    " || '{0,0,0,0,0,0}'::bigint[])[1:%zu])"

struct term {
    const char *op;         /* as SQL writes it */
    char parts[TERM_BYTES]; /* "4,1,2" */
    size_t n;
    bool prefix; /* "4.2.*" */
};

static const struct {
    const char *text, *sql;
} ops[] = {
    { ">=", ">=" }, { "<=", "<=" }, { "==", "=" }, { "!=", "<>" },
    { ">", ">" },   { "<", "<" },   { "=", "=" },
};

static const char *skip_blank(const char *p)
{
    return p + strspn(p, " \t");
}

static const char *read_op(const char *p, struct term *t)
{
    t->op = "=";
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        size_t len = strlen(ops[i].text);

        if (strncmp(p, ops[i].text, len) == 0) {
            t->op = ops[i].sql;
            return skip_blank(p + len);
        }
    }
    return p;
}

/* Behind the number; NULL: there is none. */
static const char *read_number(const char *p, struct term *t)
{
    size_t used = 0, digits;

    for (;;) {
        if (t->n > 0 && *p == '*') {
            t->prefix = true;
            return p + 1;
        }
        digits = strspn(p, "0123456789");
        if (digits == 0 || digits > DIGITS_MAX || t->n == PARTS_MAX)
            return NULL;
        if (t->n++ > 0)
            t->parts[used++] = ',';
        memcpy(t->parts + used, p, digits);
        used += digits;
        t->parts[used] = '\0';
        p += digits;
        if (*p != '.')
            return p;
        p++;
    }
}

static bool read_term(const char **pos, struct term *t)
{
    const char *p = read_op(skip_blank(*pos), t);

    p = read_number(p, t);
    if (p == NULL || (t->prefix && t->op[0] != '=' && strcmp(t->op, "<>") != 0))
        return false;
    p = skip_blank(p);
    if (*p != '\0' && *p != ',')
        return false;
    *pos = p;
    return true;
}

static void add_term(struct query *q, const char *column, const struct term *t)
{
    size_t parts = t->prefix ? t->n : PARTS_MAX;

    query_add(q, COLUMN_PARTS " %s ('{%s}'::bigint[]", column, parts, t->op, t->parts);
    query_add(q, t->prefix ? ")" : " || '{0,0,0,0,0,0}'::bigint[])[1:6]");
}

int version_condition(struct query *q, const char *option, const char *column, const char *text,
                      struct err *err)
{
    const char *p = text;

    /* no array and zeros would be zeros: what has no version is neither above nor below one */
    query_add(q, " and %s ~ '[0-9]'", column);
    for (size_t n = 0;; n++) {
        struct term t = { .n = 0 };

        if (n == TERMS_MAX || !read_term(&p, &t))
            return err_set(err, ERR_CONFIG,
                           "option --%s: \"%.80s\" is not a version expression such as '>=4.1', "
                           "'>=4.1,<4.3', '=4.1.2' or '4.2.*'",
                           option, text);
        query_add(q, " and ");
        add_term(q, column, &t);
        if (*p == '\0')
            return 0;
        p++;
    }
}

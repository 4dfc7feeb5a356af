#include "common/ledger/columns.h"

#include "common/ledger/array.h"

void columns_open(struct columns *c, size_t n)
{
    *c = (struct columns){ .cols_n = n };
    for (size_t i = 0; i < n; i++) {
        buf_init(&c->cols[i], COLUMN_MAX_BYTES);
        array_open(&c->cols[i]);
    }
}

void columns_text(struct columns *c, size_t col, const char *text)
{
    array_add(&c->cols[col], text);
}

void columns_int(struct columns *c, size_t col, int64_t value)
{
    array_add_int(&c->cols[col], value);
}

void columns_bool(struct columns *c, size_t col, bool value)
{
    array_add(&c->cols[col], value ? "t" : "f");
}

void columns_uuid(struct columns *c, size_t col, const struct uuid *u)
{
    char text[UUID_TEXT_BYTES];

    array_add(&c->cols[col], u == NULL ? NULL : uuid_format(u, text));
}

bool columns_close(struct columns *c)
{
    bool good = true;

    for (size_t i = 0; i < c->cols_n; i++) {
        array_close(&c->cols[i]);
        good = good && !c->cols[i].failed;
        c->params[i] = buf_str(&c->cols[i]);
    }
    c->params_n = c->cols_n;
    return good;
}

void columns_value(struct columns *c, const char *text)
{
    c->params[c->params_n++] = text;
}

void columns_done(struct columns *c)
{
    for (size_t i = 0; i < c->cols_n; i++)
        buf_done(&c->cols[i]);
}

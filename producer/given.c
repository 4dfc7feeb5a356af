#include "producer/given.h"

#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/time_text.h"
#include "common/record/json_out.h"

#define NAME_BYTES 80

static void member_name(const struct option_row *row, const char *suffix, char out[NAME_BYTES])
{
    snprintf(out, NAME_BYTES, "%s%s", row->name, suffix);
    for (char *p = out; *p != '\0'; p++)
        if (*p == '-')
            *p = '_';
}

static void put_list(struct json_out *o, const struct option_row *row, const struct option_list *l)
{
    char name[NAME_BYTES];

    if (l->n == 0)
        return;
    member_name(row, "", name);
    json_put_open(o, name, '[');
    for (size_t i = 0; i < l->n && i < GIVEN_LIST_MAX; i++)
        json_put_text(o, NULL, l->items[i], TEXT_FIELD_MAX_BYTES);
    json_put_close(o, ']');
    if (l->n <= GIVEN_LIST_MAX)
        return;
    member_name(row, "_more", name);
    json_put_int(o, name, (int64_t)(l->n - GIVEN_LIST_MAX));
}

static void put_time(struct json_out *o, const struct option_row *row, int64_t wall_ms)
{
    char name[NAME_BYTES], text[CLOCK_RFC3339_BYTES];

    if (wall_ms == 0)
        return;
    member_name(row, "", name);
    json_put_text(o, name, clock_format_rfc3339(wall_ms, text), TEXT_FIELD_MAX_BYTES);
}

static void put_span(struct json_out *o, const struct option_row *row,
                     const struct option_span *span)
{
    char name[NAME_BYTES];

    member_name(row, "_ms", name);
    json_put_open(o, name, '[');
    json_put_int(o, NULL, span->from_ms);
    json_put_int(o, NULL, span->to_ms);
    json_put_close(o, ']');
}

static void put_text(struct json_out *o, const struct option_row *row, const char *text)
{
    char name[NAME_BYTES];

    if (text == NULL)
        return;
    member_name(row, "", name);
    json_put_text(o, name, text, TEXT_FIELD_MAX_BYTES);
}

static void put(struct json_out *o, const struct option_row *row, const void *field)
{
    char name[NAME_BYTES];

    member_name(row, row->type == OPT_DURATION ? "_ms" : "", name);
    switch (row->type) {
    case OPT_TEXT: put_text(o, row, *(char *const *)field); break;
    case OPT_INT:
    case OPT_DURATION:
        if (*(const int64_t *)field != 0 || row->fallback != NULL)
            json_put_int(o, name, *(const int64_t *)field);
        break;
    case OPT_FLAG: json_put_bool(o, name, *(const bool *)field); break;
    case OPT_CHOICE: put_text(o, row, row->choices[*(const int *)field]); break;
    case OPT_LIST: put_list(o, row, field); break;
    case OPT_RATE:
        if (*(const double *)field > 0)
            json_put_seconds(o, name, *(const double *)field);
        break;
    case OPT_TIME: put_time(o, row, *(const int64_t *)field); break;
    case OPT_SPAN: put_span(o, row, field); break;
    case OPT_SECRET: break; /* never leaves the process */
    }
}

void given_json(const struct options *o, const void *base, bool defaults, struct buf *out)
{
    struct json_out json = { .buf = out };

    json_put_open(&json, NULL, '{');
    for (size_t t = 0; t < o->tables_n; t++) {
        const struct option_table *table = &o->tables[t];

        for (size_t i = 0; table->base == base && i < table->n; i++)
            if (defaults || options_origin(o, table->rows[i].name) != ORIGIN_DEFAULT)
                put(&json, &table->rows[i], (const char *)base + table->rows[i].offset);
    }
    json_put_close(&json, '}');
}

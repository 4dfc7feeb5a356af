/* A table for people: as wide as it must be, and no wider than the terminal. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "producer/output_private.h"

#define GAP           2 /* blanks between two columns */
#define NARROWEST     8 /* a column that gives way keeps this much */
#define HEADING_BYTES 64
#define ELLIPSIS      "\xE2\x80\xA6"

static const struct {
    const char *word;
    const char *color;
} word_colors[] = {
    { "ok", "32" },           { "succeeded", "32" },     { "completed", "32" },
    { "active", "32" },       { "warn", "33" },          { "paused", "33" },
    { "parked", "33" },       { "draining", "33" },      { "cancelling", "33" },
    { "cancelled", "33" },    { "expired", "33" },       { "fail", "31" },
    { "build_failed", "31" }, { "access_failed", "31" }, { "rejected", "31" },
};

static const char *color_of(const char *word)
{
    for (size_t i = 0; i < sizeof(word_colors) / sizeof(word_colors[0]); i++)
        if (strcmp(word_colors[i].word, word) == 0)
            return word_colors[i].color;
    return NULL;
}

static void heading(const char *name, char out[HEADING_BYTES])
{
    size_t i = 0;

    for (; name[i] != '\0' && i + 1 < HEADING_BYTES; i++)
        out[i] = name[i] == '_' ? ' ' : (char)toupper((unsigned char)name[i]);
    out[i] = '\0';
}

static bool is_number(enum cell_type type)
{
    return type == CELL_INT || type == CELL_NUM;
}

static const struct output_column *column(const struct output *o, size_t i)
{
    return &o->columns[o->shown[i]];
}

static void measure(const struct output *o, int widths[OUTPUT_COLUMNS_MAX])
{
    for (size_t i = 0; i < o->shown_n; i++) {
        widths[i] = (int)strlen(column(o, i)->name);
        if (widths[i] < column(o, i)->width)
            widths[i] = column(o, i)->width;
        for (size_t r = 0; r < o->rows_n; r++) {
            int width = cell_width(o->rows[r][i]);

            if (width > widths[i])
                widths[i] = width;
        }
    }
}

/* Takes from the widest column again and again, until the line fits. Numbers are never cut. */
static void give_way(const struct output *o, int widths[OUTPUT_COLUMNS_MAX])
{
    int total = (int)(o->shown_n - 1) * GAP;

    for (size_t i = 0; i < o->shown_n; i++)
        total += widths[i];
    while (total > o->width) {
        size_t widest = o->shown_n;

        for (size_t i = 0; i < o->shown_n; i++)
            if (!is_number(column(o, i)->type) && widths[i] > NARROWEST &&
                (widest == o->shown_n || widths[i] > widths[widest]))
                widest = i;
        if (widest == o->shown_n)
            return;
        widths[widest]--;
        total--;
    }
}

/* No blanks behind the last column. */
static void print_cell(const struct output *o, size_t i, const char *plain, int width)
{
    const struct output_column *c = column(o, i);
    const char *color = o->color && c->type == CELL_STATE ? color_of(plain) : NULL;
    int fits, full = cell_width(plain);
    size_t bytes = cell_fit(plain, full > width ? width - 1 : width, &fits);
    bool cut = full > width;
    int blanks = width - fits - (cut ? 1 : 0);

    if (is_number(c->type))
        fprintf(o->out, "%*s", blanks, "");
    if (color != NULL)
        fprintf(o->out, "\033[%sm", color);
    fwrite(plain, 1, bytes, o->out);
    fputs(cut ? ELLIPSIS : "", o->out);
    fputs(color != NULL ? "\033[0m" : "", o->out);
    if (i + 1 == o->shown_n)
        return;
    if (!is_number(c->type))
        fprintf(o->out, "%*s", blanks, "");
    fprintf(o->out, "%*s", GAP, "");
}

static void print_headings(struct output *o, const int widths[OUTPUT_COLUMNS_MAX])
{
    char text[HEADING_BYTES];

    for (size_t i = 0; i < o->shown_n; i++) {
        heading(column(o, i)->name, text);
        print_cell(o, i, text, widths[i]);
    }
    fputc('\n', o->out);
    o->headers = false;
}

void table_print(struct output *o)
{
    int widths[OUTPUT_COLUMNS_MAX];

    if (o->shown_n == 0)
        return;
    measure(o, widths);
    if (o->width > 0)
        give_way(o, widths);
    if (o->headers)
        print_headings(o, widths);
    for (size_t r = 0; r < o->rows_n; r++) {
        for (size_t i = 0; i < o->shown_n; i++) {
            print_cell(o, i, o->rows[r][i], widths[i]);
            free(o->rows[r][i]);
        }
        fputc('\n', o->out);
        free(o->rows[r]);
    }
    o->rows_n = 0;
}

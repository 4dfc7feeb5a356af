#include "producer/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/str.h"
#include "common/ledger/db.h"
#include "producer/output_private.h"

#define COLUMNS_DEFAULT 80
#define ROWS_FIRST      64
#define LINE_MAX_BYTES  (8 * OUTPUT_CELL_MAX_BYTES)

int output_columns(FILE *out)
{
    struct winsize size;

    if (isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return COLUMNS_DEFAULT;
}

bool output_color(const struct producer_config *c, FILE *out)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    if (c->color != COLOR_AUTO)
        return c->color == COLOR_ALWAYS;
    return isatty(fileno(out)) && (no_color == NULL || no_color[0] == '\0') && term != NULL &&
           strcmp(term, "dumb") != 0;
}

/* ---- what is shown ---- */

static int show_named(struct output *o, const char *name, struct err *err)
{
    const char *words[OUTPUT_COLUMNS_MAX], *near;

    for (size_t i = 0; i < o->columns_n; i++) {
        words[i] = o->columns[i].name;
        if (strcmp(words[i], name) != 0)
            continue;
        if (o->shown_n == OUTPUT_COLUMNS_MAX)
            return err_set(err, ERR_CONFIG, "option --columns: more than %d", OUTPUT_COLUMNS_MAX);
        o->shown[o->shown_n++] = i;
        return 0;
    }
    near = options_suggest(name, words, o->columns_n);
    return err_set(err, ERR_CONFIG, "option --columns: there is no column \"%.80s\"%s%s%s", name,
                   near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                   near != NULL ? "?" : "");
}

static int choose_columns(struct output *o, const struct producer_config *c, struct err *err)
{
    for (size_t i = 0; i < c->columns.n; i++)
        if (show_named(o, c->columns.items[i], err) != 0)
            return -1;
    for (size_t i = 0; c->columns.n == 0 && i < o->columns_n; i++)
        if (o->format != OUTPUT_TABLE || !o->columns[i].extra)
            o->shown[o->shown_n++] = i;
    return 0;
}

struct output *output_open_on(FILE *out, const struct producer_config *c,
                              const struct output_column *columns, size_t n, struct err *err)
{
    struct output *o = calloc(1, sizeof(*o));

    if (o == NULL) {
        err_set(err, ERR_INTERNAL, "no memory for the output");
        return NULL;
    }
    *o = (struct output){
        .out = out,
        .format = (enum output_format)c->output,
        .headers = !c->no_headers,
        .columns = columns,
        .columns_n = n,
    };
    o->width = isatty(fileno(out)) ? output_columns(out) : 0;
    o->color = output_color(c, out);
    if (choose_columns(o, c, err) != 0) {
        free(o);
        return NULL;
    }
    if (o->format == OUTPUT_JSON)
        fputs("[", o->out);
    return o;
}

struct output *output_open(const struct producer_config *c, const struct output_column *columns,
                           size_t n, struct err *err)
{
    return output_open_on(stdout, c, columns, n, err);
}

/* ---- rows ---- */

static bool hold_back(struct output *o, const char *const *cells)
{
    size_t cap = o->rows_cap == 0 ? ROWS_FIRST : 2 * o->rows_cap;
    char **row;

    if (o->rows_n == o->rows_cap) {
        char ***rows = reallocarray(o->rows, cap, sizeof(*rows));

        if (rows == NULL)
            return false;
        o->rows = rows;
        o->rows_cap = cap;
    }
    row = calloc(o->shown_n + 1, sizeof(*row));
    for (size_t i = 0; row != NULL && i < o->shown_n; i++) {
        row[i] = cell_plain(o->columns[o->shown[i]].type, cells[o->shown[i]]);
        if (row[i] != NULL)
            continue;
        while (i-- > 0)
            free(row[i]);
        free(row);
        return false;
    }
    if (row != NULL)
        o->rows[o->rows_n++] = row;
    return row != NULL;
}

static void add_object(const struct output *o, struct buf *b, const char *const *cells)
{
    buf_char_add(b, '{');
    for (size_t i = 0; i < o->shown_n; i++) {
        const struct output_column *c = &o->columns[o->shown[i]];

        buf_printf(b, "%s\"%s\":", i == 0 ? "" : ",", c->name);
        cell_json(b, c->type, cells[o->shown[i]]);
    }
    buf_char_add(b, '}');
}

static void add_csv(const struct output *o, struct buf *b, const char *const *cells)
{
    for (size_t i = 0; i < o->shown_n; i++) {
        const struct output_column *c = &o->columns[o->shown[i]];

        if (i > 0)
            buf_char_add(b, ',');
        if (cells == NULL)
            buf_str_add(b, c->name);
        else
            cell_csv(b, c->type, cells[o->shown[i]]);
    }
    buf_str_add(b, "\r\n");
}

static void csv_headers(struct output *o)
{
    struct buf b;

    if (!o->headers)
        return;
    o->headers = false;
    buf_init(&b, LINE_MAX_BYTES);
    add_csv(o, &b, NULL);
    o->lost = o->lost || b.failed;
    fputs(buf_str(&b), o->out);
    buf_done(&b);
}

static bool print_line(struct output *o, const char *const *cells)
{
    struct buf b;
    bool whole;

    buf_init(&b, LINE_MAX_BYTES);
    if (o->format == OUTPUT_CSV) {
        csv_headers(o);
        add_csv(o, &b, cells);
    } else {
        if (o->format == OUTPUT_JSON)
            buf_str_add(&b, o->printed == 0 ? "\n " : ",\n ");
        add_object(o, &b, cells);
        if (o->format == OUTPUT_JSONL)
            buf_char_add(&b, '\n');
    }
    whole = !b.failed;
    if (whole) {
        fputs(buf_str(&b), o->out);
        o->printed++;
    }
    buf_done(&b);
    return whole;
}

bool output_row(struct output *o, const char *const *cells)
{
    bool whole = o->format == OUTPUT_TABLE ? hold_back(o, cells) : print_line(o, cells);

    o->lost = o->lost || !whole;
    return whole;
}

void output_flush(struct output *o)
{
    if (o->format == OUTPUT_TABLE && o->rows_n > 0)
        table_print(o);
    fflush(o->out);
}

int output_close(struct output *o, struct err *err)
{
    bool lost, failed;

    if (o->format == OUTPUT_TABLE && (o->rows_n > 0 || o->headers))
        table_print(o);
    else if (o->format == OUTPUT_CSV)
        csv_headers(o);
    else if (o->format == OUTPUT_JSON)
        fputs(o->printed == 0 ? "]\n" : "\n]\n", o->out);
    failed = fflush(o->out) != 0 || ferror(o->out);
    lost = o->lost;
    free(o->rows);
    free(o);
    if (lost)
        return err_set(err, ERR_INTERNAL, "no memory for a line of the output");
    return failed ? err_set(err, ERR_INTERNAL, "the output could not be written: %m") : 0;
}

int output_reply(const struct producer_config *c, const struct output_column *columns, size_t n,
                 const struct db_reply *reply, struct err *err)
{
    struct output *o = output_open(c, columns, n, err);
    const char *cells[OUTPUT_COLUMNS_MAX];

    if (o == NULL)
        return -1;
    for (size_t row = 0; row < db_rows(reply, 0); row++) {
        for (size_t i = 0; i < n; i++)
            cells[i] = db_text(reply, 0, row, i);
        output_row(o, cells);
    }
    return output_close(o, err);
}

/* ---- one object ---- */

static void print_pairs(const struct output_field *fields, size_t n, bool color)
{
    int widest = 0;

    for (size_t i = 0; i < n; i++)
        if ((int)strlen(fields[i].name) > widest)
            widest = (int)strlen(fields[i].name);
    for (size_t i = 0; i < n; i++) {
        char *plain = fields[i].text == NULL ? NULL : cell_plain(fields[i].type, fields[i].text);

        if (plain != NULL)
            printf("%s%-*s%s  %s\n", color ? "\033[1m" : "", widest, fields[i].name,
                   color ? "\033[0m" : "", plain);
        free(plain);
    }
}

int output_object(const struct producer_config *c, const struct output_field *fields, size_t n,
                  struct err *err)
{
    struct output_column columns[OUTPUT_COLUMNS_MAX];
    const char *cells[OUTPUT_COLUMNS_MAX];
    struct producer_config one = *c;
    struct output *o;

    if (c->output == OUTPUT_TABLE && c->columns.n == 0) {
        print_pairs(fields, n, output_color(c, stdout));
        return 0;
    }
    for (size_t i = 0; i < n && i < OUTPUT_COLUMNS_MAX; i++) {
        columns[i] = (struct output_column){ .name = fields[i].name, .type = fields[i].type };
        cells[i] = fields[i].text;
    }
    if (c->output == OUTPUT_JSON)
        one.output = OUTPUT_JSONL; /* an object, not an array of one */
    o = output_open(&one, columns, n, err);
    if (o == NULL)
        return -1;
    output_row(o, cells);
    return output_close(o, err);
}

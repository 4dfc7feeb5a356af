/* The result of a verb on stdout, as --output says: a table for people, JSON, JSON lines, or CSV
 * (RFC 4180). Everything else that a verb says goes to stderr, and not through here. Texts may be
 * anything: they are made clean UTF-8, and nothing in them reaches a terminal as a command. */
#ifndef PRODUCER_OUTPUT_H
#define PRODUCER_OUTPUT_H

#include <stdio.h>

#include "producer/options.h"

#define OUTPUT_COLUMNS_MAX 40
#define OUTPUT_CELL_MAX_BYTES \
    (1024 * 1024) /* a selection of a hundred thousand guids is cut before */

enum cell_type {
    CELL_TEXT,
    CELL_STATE, /* a word that a terminal may show in color */
    CELL_INT,
    CELL_NUM,
    CELL_BOOL, /* as PostgreSQL says it: t or f */
    CELL_JSON, /* JSON text as PostgreSQL gives it */
};

struct output_column {
    const char *name; /* in JSON, CSV and --columns; a table shows it in capitals */
    enum cell_type type;
    bool extra; /* in a table only if --columns names it */
    int width;  /* least width in a table, where rows are shown before all are known */
};

struct output;
struct db_reply;

/* columns is borrowed until output_close. NULL and err: --columns names one that is not there. */
struct output *output_open(const struct producer_config *c, const struct output_column *columns,
                           size_t n, struct err *err);
struct output *output_open_on(FILE *out, const struct producer_config *c,
                              const struct output_column *columns, size_t n, struct err *err);
/* One cell for each column, NULL is null; they are copied. false: no memory. */
bool output_row(struct output *o, const char *const *cells);
/* Prints what is held back, such as the rows of a table whose widths are not known yet. */
void output_flush(struct output *o);
/* The end of the table, or of the array. -1: rows were lost (no memory), or stdout failed. */
int output_close(struct output *o, struct err *err);

/* Every row of a statement's answer, whose columns are the ones given. */
int output_reply(const struct producer_config *c, const struct output_column *columns, size_t n,
                 const struct db_reply *reply, struct err *err);

/* One object: JSON, a line of CSV below its names, or "name  value" lines. */
struct output_field {
    const char *name;
    enum cell_type type;
    const char *text; /* NULL is null */
};
int output_object(const struct producer_config *c, const struct output_field *fields, size_t n,
                  struct err *err);

/* Appends the text as a JSON string, whole; NULL is null. */
struct buf;
void output_json_text(struct buf *b, const char *text);

int output_columns(FILE *out); /* of the terminal; 80 if it is none */
bool output_color(const struct producer_config *c, FILE *out);

#endif

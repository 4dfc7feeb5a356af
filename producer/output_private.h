/* What the files of the output share. Nobody else includes it. */
#ifndef PRODUCER_OUTPUT_PRIVATE_H
#define PRODUCER_OUTPUT_PRIVATE_H

#include "common/base/buf.h"
#include "producer/output.h"

struct output {
    FILE *out;
    enum output_format format;
    bool headers; /* still to be printed */
    bool color;
    int width; /* of the terminal; 0: lines may be as long as they are */
    const struct output_column *columns;
    size_t columns_n;
    size_t shown[OUTPUT_COLUMNS_MAX]; /* what is printed, in this order */
    size_t shown_n;
    char ***rows; /* TABLE: those that are held back, cells in the order of shown */
    size_t rows_n, rows_cap;
    size_t printed; /* rows, for the commas of JSON */
    bool lost;
};

/* Appends one cell's value. */
void cell_json(struct buf *b, enum cell_type type, const char *text);
void cell_csv(struct buf *b, enum cell_type type, const char *text);

/* A text as a terminal may show it: no control characters, no change of direction. The caller frees
 * it; NULL: no memory. */
char *cell_plain(enum cell_type type, const char *text);
int cell_width(const char *plain); /* in columns of a terminal */
/* Bytes of the text's start that fit into `width` columns. */
size_t cell_fit(const char *plain, int width, int *ret_width);

void table_print(struct output *o); /* and forgets the rows */

#endif

/* One line of CSV (RFC 4180) that somebody else wrote. */
#ifndef PRODUCER_CSV_H
#define PRODUCER_CSV_H

#include <stdbool.h>
#include <stddef.h>

#define CSV_FIELDS_MAX 32

/* Cuts the line in place; fields point into it. false: an open quote, text behind a closing one, or
 * too many fields; the line is then still whole. Quoted line ends are not for lists of guids. */
bool csv_split(char *line, char *fields[CSV_FIELDS_MAX], size_t *ret_n);

#endif

/* Version expressions such as ">=4.1,<4.3", "=4.1.2" or "4.2.*", as conditions in SQL. Pure. Parts
 * are compared as numbers, and 4.1 is 4.1.0. What stands around the number in a table ("R 4.1.2",
 * "3.11.0rc1") does not count. */
#ifndef PRODUCER_SELECT_VERSION_H
#define PRODUCER_SELECT_VERSION_H

#include "producer/query.h"

/* Adds " and (...)" for the SQL expression `column`. ERR_CONFIG and a sentence that names the
 * option when text is no version expression. */
int version_condition(struct query *q, const char *option, const char *column, const char *text,
                      struct err *err);

#endif

/* SQL texts before they are sent: "@name" becomes the name in the configured schema, and a script
 * is cut into its statements. Knows SQL's quotes and comments, nothing else of its grammar. */
#ifndef COMMON_LEDGER_DB_SQL_H
#define COMMON_LEDGER_DB_SQL_H

#include <stdbool.h>
#include <stddef.h>

#define DB_SQL_MAX_BYTES                                                    \
    (1024 * 1024) /* one statement; the longest of a migration has some KiB \
                   */

struct db_sql;

struct db_sql *db_sql_new(const char *schema); /* copies; NULL: no memory */
void db_sql_free(struct db_sql *s);            /* NULL is fine */
/* For a text that lives for ever: expanded once and kept by its pointer. NULL: no memory, too long.
 */
const char *db_sql_static(struct db_sql *s, const char *sql);
char *db_sql_expand(const struct db_sql *s, const char *sql); /* caller frees; NULL as above */

/* The statement that begins at or after *pos, without its semicolon; *pos moves behind it. Returns
 * its length and puts its start into *ret; 0 at the end of the script. */
size_t db_sql_next(const char **pos, const char **ret);

/* One identifier between double quotes; returns its length, 0: empty or does not fit. */
size_t db_sql_quote(const char *name, size_t len, char *out, size_t out_bytes);

#endif

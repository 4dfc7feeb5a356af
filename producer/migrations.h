#ifndef PRODUCER_MIGRATIONS_H
#define PRODUCER_MIGRATIONS_H

#include <stddef.h>

/* The ledger's migrations, embedded at build time: deploy/schema/NNNN-name.sql in ascending order
 * of version, each version once (deploy/schema/embed.sh refuses anything else). The array is
 * static data and only read; applying it is the business of the migrate verb. */
struct migration {
    int version;      /* NNNN, from 1 on */
    const char *name; /* what follows the number, without .sql */
    const char *sql;  /* the file as it is; may hold several statements */
};

extern const struct migration migrations[];
extern const size_t migrations_n;

/* deploy/schema/roles.sql: the roles and their rights; idempotent, run or printed after every
 * migration. "" if there is no such file. */
extern const char roles_sql[];

#endif

#ifndef SIMULATOR_CATALOG_H
#define SIMULATOR_CATALOG_H

#include <stddef.h>
#include <stdint.h>

#include "tests/simulator/item.h"
#include "tests/simulator/options.h"

/* The content of the installation: made up once from options and seed, then changed by builds and
 * by the admin API. Items live as long as the catalog. */

#define CATALOG_USERS_N 7
#define CATALOG_TAGS_N  6

struct user {
    char guid[GUID_BYTES];
    const char *username;
    const char *first_name;
    const char *last_name;
};

struct catalog;

struct catalog *catalog_new(const struct options *options);
void catalog_free(struct catalog *catalog);

size_t catalog_count(const struct catalog *catalog);
struct item *catalog_at(const struct catalog *catalog,
                        size_t place); /* 0: deployed last; borrowed */

/* Deleted items are not found. NULL: none. */
struct item *catalog_find(const struct catalog *catalog, const char *guid);
struct item *catalog_find_any(const struct catalog *catalog,
                              const char *guid); /* deleted ones too */
struct item *catalog_find_vanity(const struct catalog *catalog, const char *path);

const struct user *catalog_user(const struct catalog *catalog,
                                size_t index); /* 0: whom the key belongs to */
const char *catalog_tag(size_t index);

/* The catalog's own text of a version, static; NULL: it does not know such a one, or version is
 * NULL. */
const char *catalog_r_version(const char *version);
const char *catalog_py_version(const char *version);

#endif

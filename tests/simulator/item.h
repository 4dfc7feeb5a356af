#ifndef SIMULATOR_ITEM_H
#define SIMULATOR_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/simulator/faults.h"
#include "tests/simulator/hostile.h"
#include "tests/simulator/limits.h"
#include "tests/simulator/mode.h"

struct build;
struct failure;

enum access_type { ACCESS_ALL, ACCESS_LOGGED_IN, ACCESS_ACL };

struct bundle {
    int64_t id;
    int64_t created_us;
};

/* What a test has forced on one item through the admin API; the rest follows the faults. */
struct overrides {
    bool fail_set; /* fail is meant; NULL: every build succeeds */
    const struct failure *fail;
    int64_t fail_attempts; /* only so many builds fail; -1: all */
    int64_t build_ms;      /* -1: as drawn */
    int64_t access_status; /* of the content; 0: as drawn */
    int forbidden;         /* 1, 0; -1: as drawn */
    int too_open;          /* 1, 0; -1: as drawn */
    enum hostile_kind hostile;
    char hostile_routes[WORD_BYTES]; /* names with blanks between them */
};

/* One content item of the shared database. */
struct item {
    size_t index; /* of the catalog; its numeric id is this plus 1 */
    char guid[GUID_BYTES];
    char name[NAME_BYTES];
    char title[TITLE_BYTES];
    char vanity[NAME_BYTES]; /* "/reports/x/", or empty */
    const struct mode *mode;
    const char *category;
    const char *r_version; /* NULL: does not use R */
    const char *py_version;
    const char *quarto_version;
    char image[NAME_BYTES]; /* empty: local */
    size_t owner;           /* of the users of catalog.h */
    enum access_type access;
    bool locked;
    bool deleted;
    bool managed; /* Connect installs its packages */
    bool warm;    /* its process was started since the last build */
    int64_t created_us;
    int64_t deployed_us;
    struct bundle bundles[MAX_BUNDLES]; /* the oldest upload first */
    size_t bundles_n;
    int64_t active_bundle; /* 0: never published */
    unsigned tags;         /* a bit per tag of catalog.h */
    struct overrides overrides;

    struct build *newest_build; /* borrowed; older ones hang on it */
    size_t builds_n;            /* ever */
    size_t running_n;
    size_t audited_n;     /* builds since the last audit reset */
    bool audited_success; /* one of those succeeded */
};

/* The bundle with this id; NULL: not one of the item's. */
const struct bundle *item_bundle(const struct item *item, int64_t id);

/* Adds an upload, dropping the oldest inactive one when there are too many; no effect if known. */
void item_add_bundle(struct item *item, int64_t id, int64_t created_us);

bool item_uses_r(const struct item *item); /* and Connect restores its packages */
bool item_uses_python(const struct item *item);

/* What the faults and overrides make of the item; all drawn by seed and guid. */
enum access_type item_access(const struct item *item, const struct faults *faults, uint64_t seed);
bool item_forbidden(const struct item *item, const struct faults *faults, uint64_t seed);
bool item_too_open(const struct item *item, const struct faults *faults, uint64_t seed);
int64_t item_access_status(const struct item *item, const struct faults *faults,
                           uint64_t seed); /* 0: serve it */
const struct failure *item_failure(const struct item *item, const struct faults *faults,
                                   uint64_t seed); /* of the build that starts now; NULL: none */
const char *item_access_name(enum access_type access);

#endif

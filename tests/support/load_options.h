/* For the tests of the option engine: a table with a row of each type, loaded from whatever a test
 * says. */
#ifndef TESTS_SUPPORT_LOAD_OPTIONS_H
#define TESTS_SUPPORT_LOAD_OPTIONS_H

#include <sys/types.h>

#include "common/config/options.h"

struct load_config {
    char *config_file, *text, *name, *password;
    int64_t number, wait_ms, timeout_ms, since_ms;
    struct option_span backoff;
    struct option_list words, props;
    double rate;
    int color;
    bool flag, no_headers, help;
};
struct load_verb_config {
    char *reason;
    int64_t limit;
};

extern const struct option_row load_rows[];
extern const size_t load_rows_n;

/* One load: what it was given, and what came of it. */
struct load {
    struct load_config c;
    struct load_verb_config v;
    struct options o;
    struct err err;
    char path[64], secret_path[64];
    int rc;
};

/* file: the text of the configuration file; NULL: none. */
void load_args(struct load *l, int argc, const char *const *argv, const char *file);
/* The tables without loading, for a test that calls options_load itself. */
void load_tables(struct load *l);
/* The load has succeeded; frees it. */
void load_done(struct load *l);
/* The load has failed as a mistake of the operator, and said this. */
void load_says(struct load *l, const char *text);
/* A new file in /tmp. */
void load_write_file(char path[64], const char *text, mode_t mode);
int load_clear_environment(void **state); /* a cmocka setup */

#define LOAD(l, file, ...)                                                      \
    do {                                                                        \
        const char *const argv_[] = { __VA_ARGS__ };                            \
        load_args((l), (int)(sizeof(argv_) / sizeof(argv_[0])), argv_, (file)); \
    } while (0)
#define LOAD_NONE(l, file) load_args((l), 0, NULL, (file))

#endif

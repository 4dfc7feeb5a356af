/* What the parts of the option engine share. Nobody else includes it. */
#ifndef COMMON_CONFIG_OPTIONS_PRIVATE_H
#define COMMON_CONFIG_OPTIONS_PRIVATE_H

#include "common/config/options.h"

#define OPTION_NAME_MAX_BYTES \
    64 /* an option's name; its variable is longer by REBUILD_ and _FILE */
#define OPTION_ENV_MAX_BYTES 96
#define OPTION_BAD_BYTES     80 /* of a bad value in a message */

/* A row, its field and its place in the arrays of struct options. */
struct option_ref {
    const struct option_row *row;
    void *field;
    size_t index;
    bool command_line_only;
};

/* Where a text comes from, for the order and for messages: "option --x", "REBUILD_X", "a.conf:7:
 * x". */
struct option_source {
    enum option_origin origin;
    const char *what;
};

size_t option_count(const struct options *o);
void option_at(const struct options *o, size_t index, struct option_ref *ret);
bool option_find(const struct options *o, const char *name, struct option_ref *ret);
/* `name` without "-file", if that is a secret's name. */
bool option_find_secret_file(const struct options *o, const char *name, struct option_ref *ret);

/* Parses text into the field, unless a higher origin has set it. */
int option_store(struct options *o, const struct option_ref *ref, const char *text,
                 const struct option_source *source, struct err *err);
/* The same for a secret that stands in the file at path. */
int option_store_secret_file(struct options *o, const struct option_ref *ref, const char *path,
                             const struct option_source *source, struct err *err);
void option_clear(const struct option_ref *ref); /* frees and zeroes the field */
void option_zero(const struct option_ref *ref);  /* at the start, when it holds anything */

/* What a text is not ("a whole number"), and the piece of it that is to blame. */
struct option_fault {
    const char *want;
    char bad[OPTION_BAD_BYTES]; /* cleaned for a terminal */
};
#define OPTION_NO_MEMORY NULL /* fault.want when it was not the text's fault */

/* A value's parser: fills the field, which is clear, or (LIST) adds to it. */
bool option_parse(const struct option_ref *ref, const char *text, struct option_fault *fault);
/* The range of a row in its own units for messages: " from 3s to 5m"; "" if it has none. */
void option_range(const struct option_row *row, char *out, size_t out_bytes);
void option_format_duration(int64_t ms, char *out, size_t out_bytes);

int option_read_args(struct options *o, int argc, char *const *argv, bool *ret_stop,
                     struct err *err);
int option_read_env(struct options *o, struct err *err);
/* Only this row. */
int option_read_env_of(struct options *o, const struct option_ref *ref, struct err *err);
int option_read_file(struct options *o, const char *path, struct err *err);

/* The row's own variable; "" if it has none. */
void option_env_name(const struct option_row *row, char out[OPTION_ENV_MAX_BYTES]);
/* The one of its variables that counts, once one is known to be set. */
void option_env_used(const struct option_row *row, char out[OPTION_ENV_MAX_BYTES]);

struct option_text {
    char *data; /* NUL terminated, and with no NUL inside */
    size_t len;
    unsigned mode; /* permission bits of the file */
};
/* The whole file; ERR_CONFIG when it cannot be read or is longer. The caller frees ret->data. */
int option_slurp(const char *path, size_t max_bytes, struct option_text *ret, struct err *err);

#endif

/* Options are rows of a table: the command line, the environment, the configuration file, --help,
 * `config show --origin`, the sample file and the README table all come from the rows.
 * Order: command line > environment > file > default (conventions.md section 3). */
#ifndef COMMON_CONFIG_OPTIONS_H
#define COMMON_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/err.h"

#define OPTIONS_LIST_MAX       100000 /* values of one repeated option: --guid given by a script */
#define OPTIONS_FILE_MAX_BYTES (1024 * 1024)
#define OPTIONS_SECRET_MAX_BYTES                                    \
    (64 * 1024) /* of a file with one secret: a key, never a bundle \
                 */
#define OPTIONS_DEFAULT_FILE "/etc/rebuild/rebuild.conf"
#define OPTIONS_TABLES_MAX   10

enum option_type {
    OPT_TEXT,     /* char *: owned by the config struct; UTF-8 without control characters */
    OPT_INT,      /* int64_t within min..max */
    OPT_DURATION, /* int64_t ms within min..max: 250ms 30s 10m 2h 7d; a bare number counts as
                     `unit_ms` */
    OPT_FLAG,     /* bool: --x, --no-x; in env and file true/false/1/0/yes/no/on/off */
    OPT_CHOICE,   /* int: index into choices */
    OPT_LIST,     /* struct option_list: repeated or comma separated */
    OPT_SECRET, /* char *: refused on the command line; ENV, ENV_FILE or a file of mode 0640 or less
                 */
    OPT_RATE,   /* double per second: "0.5/s", "30/m", "10/h" or a bare number per second; 0:
                   unlimited */
    OPT_TIME,   /* int64_t wall ms: RFC 3339, a date, "2h ago", "in 2h"; 0: not given */
    OPT_SPAN,   /* struct option_span: "30s:10m", or "30s" for both; min..max (ms) */
};

struct option_list {
    char **items;
    size_t n;
};
struct option_span {
    int64_t from_ms, to_ms;
};

struct option_row {
    const char *name; /* "kafka-group-id"; the long option and the key in the file */
    char letter;      /* short option; 0: none */
    enum option_type type;
    size_t offset;        /* of the field in the table's struct */
    const char *env;      /* NULL: made of the name, REBUILD_FOO_BAR; "": none */
    const char *env_also; /* another variable of the same meaning (CONNECT_TASK_TIMEOUT); NULL */
    const char *metavar;
    const char *fallback;       /* default as text; NULL: unset */
    int64_t min, max;           /* INT and DURATION (ms) */
    int64_t unit_ms;            /* DURATION: a bare number's unit; 0: a unit must be given */
    const char *const *choices; /* NULL terminated */
    const char *help;           /* one sentence, lower case */
    const char *bare; /* what --x alone means where --x=VALUE is possible; NULL: it needs a value */
    int relative;     /* TIME: a bare duration counts from now: 1 ahead, -1 back, 0 is refused */
    bool whole;       /* LIST: a value is one item, commas and all */
    /* TEXT and items of a LIST: NULL when good, else what it must be ("an http or https URL"). */
    const char *(*check)(const char *text);
    bool (*is_secret)(
        const char *text); /* LIST: name=value items with a secret in them; NULL: none */
};

struct option_table {
    const char *title; /* heading in --help */
    const struct option_row *rows;
    size_t n;
    void *base;             /* the struct that the offsets are for */
    bool command_line_only; /* SELECT and CAMPAIGN options: not read from environment or file */
};

enum option_origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENV, ORIGIN_COMMAND_LINE };

struct options {
    struct option_table tables[OPTIONS_TABLES_MAX];
    size_t tables_n;
    /* Names of another program's settings, which may stand in a file that both read; NULL
     * terminated; NULL: none. */
    const char *const *known_elsewhere;
    char **positional; /* owned */
    size_t positional_n;
    char *file; /* the configuration file that was read; NULL: none */
    /* private */
    unsigned char *origin; /* one per row, in table order */
    char **secret_files;   /* the same: path that a secret came from, or NULL */
};

/* argv without program name and verb. file: NULL = what the row named "config" says on the command
 * line or in the environment, else the default path if it exists. Fills the structs: every field
 * that has a row, whatever it held before. After a flag named "help" or "version" the rest of the
 * command line, the environment and the file are not looked at, so that they cannot stand in the
 * way. Options given twice: the last wins, lists add up. On failure nothing is left to free. An
 * empty value in environment or file counts as not set. *o is zero but for
 * tables and known_elsewhere. Reads the
 * environment: call it before threads change it.
 *
 * The file has `name = value` lines, `# comments` (at the start or after a blank), and [headings]
 * that mean nothing. "a value" in double quotes keeps blanks and #; \" and \\ are escapes there.
 * `name-file = path` gives a secret from a file, as NAME_FILE does in the environment.
 * ERR_CONFIG with one sentence that names option, value and what would be right (with "did you
 * mean" for a near miss). Unknown keys in the file are errors unless they are known elsewhere. */
int options_load(struct options *o, int argc, char *const *argv, const char *file, struct err *err);
void options_done(struct options *o); /* frees texts and lists in the structs too; wipes secrets */
enum option_origin options_origin(const struct options *o, const char *name);
/* The file that a secret was read from, to read it again when it changes; borrowed; NULL: none. */
const char *options_secret_file(const struct options *o, const char *name);
/* A file with one secret: its text without the line end. ERR_CONFIG: unreadable, empty, too long,
 * or readable by others. The caller wipes and frees *ret. */
int option_read_secret(const char *path, char **ret, struct err *err);
/* Lines for --help: name, metavar, help, default, environment variable; wrapped at `columns`. */
void options_help(const struct options *o, FILE *out, int columns);
/* name = value  # origin; secrets as "***". */
void options_show(const struct options *o, FILE *out, bool with_origin);
/* A commented file with every option that may stand in one, at its default. */
void options_sample(const struct options *o, FILE *out);
/* Near miss among words, or NULL. */
const char *options_suggest(const char *word, const char *const *words, size_t n);

/* Parsers for values that come from elsewhere (tests, the console). */
bool option_parse_duration(const char *text, int64_t unit_ms, int64_t *ret_ms);
bool option_parse_rate(const char *text, double *ret);
/* relative as in struct option_row. */
bool option_parse_time(const char *text, int relative, int64_t now_ms, int64_t *ret_ms);

#endif

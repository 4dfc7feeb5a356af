/* The producer's options. A verb takes the tables it needs:
 *     producer_options_init(&o, &config);
 *     select_options_add(&o, &select);
 *     producer_options_load(&o, &config, argc, argv, err)
 * and options_done(&o) frees what the structs point to. Rows of one verb alone are added as one
 * more table. Texts that were not given are NULL, times 0. */
#ifndef PRODUCER_OPTIONS_H
#define PRODUCER_OPTIONS_H

#include "common/config/shared.h"

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_CSV };
enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct producer_config {
    struct shared_config shared;
    char *content_table;
    int64_t confirm_above; /* items that need no --yes */
    char *metrics_file;
    int output; /* enum output_format */
    struct option_list columns;
    bool no_headers;
    bool quiet, verbose;
    int color; /* enum color_mode */
    bool no_progress;
    bool yes;
    bool help, version;
};

enum select_access {
    SELECT_ACCESS_ANY,
    SELECT_ACCESS_ALL,
    SELECT_ACCESS_LOGGED_IN,
    SELECT_ACCESS_ACL
};
/* AUTO: usage if the table has it, else last_deployed if it has that, else guid. */
enum select_order {
    ORDER_AUTO,
    ORDER_USAGE,
    ORDER_LAST_DEPLOYED,
    ORDER_CREATED,
    ORDER_GUID,
    ORDER_TITLE,
};

/* A text that is given is a filter, the empty one too (what has no owner). */
struct select_config {
    struct option_list guid; /* a number is the bundle of the guid before it (-g GUID,42) */
    char *guids_from;        /* "-": standard input */
    char *important;
    struct option_list content_type;
    char *owner;
    char *r_version, *py_version, *quarto_version; /* expressions such as ">=4.1" */
    char *image;
    char *tag;
    int access_type; /* enum select_access */
    char *title_contains;
    bool published, unpublished;
    int64_t last_deployed_before_ms, last_deployed_after_ms;
    int64_t last_visited_within_ms; /* a duration; 0: not given */
    struct option_list exclude_guid;
    int order_by;  /* enum select_order */
    int64_t limit; /* 0: none */
};

enum lane { LANE_NORMAL, LANE_HIGH };
enum reprocess { REPROCESS_ALL, REPROCESS_MISSING, REPROCESS_FAILED };
enum validate_mode { VALIDATE_AUTO, VALIDATE_STRICT, VALIDATE_OFF };

struct campaign_config {
    char *name, *reason;
    char *actor;       /* never NULL after campaign_options_finish: the login name */
    char *campaign_id; /* a uuid */
    int lane;          /* enum lane */
    int reprocess;     /* enum reprocess */
    int64_t since_ms;
    int64_t not_before_ms, deadline_ms;
    int64_t max_attempts;
    struct option_span backoff;
    int64_t warm_up;      /* 0: no warming up */
    int64_t max_inflight; /* 0: no limit of its own */
    double start_rate;    /* 0: unlimited */
    char *max_failures;   /* "5%" or "20": see campaign_max_failures */
    int validate;         /* enum validate_mode */
    char *on_complete;
    char *window; /* "22:00-06:00@Europe/Berlin" */
};

#define ENQUEUE_WAIT_MAX_MS INT64_C(31536000000) /* a year: --wait without a duration */

struct enqueue_config {
    bool dry_run;
    int64_t wait_ms; /* 0: do not wait; ENQUEUE_WAIT_MAX_MS: as long as it takes */
    bool fail_empty;
};

void producer_options_init(struct options *o, struct producer_config *c);
void select_options_add(struct options *o, struct select_config *s);
void campaign_options_add(struct options *o, struct campaign_config *c);
void enqueue_options_add(struct options *o, struct enqueue_config *e);
/* A verb's own rows (command_line_only). Tables stand in --help in the order they were added, and
 * before what every verb has. At most OPTIONS_TABLES_MAX - 3. */
void producer_table_add(struct options *o, const struct option_table *table);
void verb_options_add(struct options *o, const char *title, const struct option_row *rows, size_t n,
                      void *base);

/* argv without program name and verb. With help or version set nothing else of *c counts. */
int producer_options_load(struct options *o, struct producer_config *c, int argc, char *const *argv,
                          struct err *err);

/* What rows alone cannot tell: options that contradict each other. ERR_CONFIG. */
int select_options_check(const struct select_config *s, struct err *err);
/* The same, and fills in the actor. Call it before options_done only. */
int campaign_options_finish(struct campaign_config *c, int64_t now_ms, struct err *err);

/* "5%" gives percent 5 and items 0, "20" items 20 and percent 0. */
bool campaign_max_failures(const char *text, int64_t *ret_items, double *ret_percent);
/* "22:00-06:00" in minutes of the day, the zone behind @ or "". */
bool campaign_window(const char *text, int *ret_from_min, int *ret_to_min, const char **ret_zone);

/* Settings of the worker that may stand in a file which both read; NULL terminated. */
extern const char *const producer_known_elsewhere[];

#endif

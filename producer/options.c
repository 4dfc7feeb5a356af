#include "producer/options.h"

#include <assert.h>
#include <string.h>

#define GENERAL_TABLES 3 /* what every verb has; they stand last in --help */
#define COUNT(rows)    (sizeof(rows) / sizeof((rows)[0]))

static const char *const outputs[] = { "table", "json", "jsonl", "csv", NULL };
static const char *const colors[] = { "auto", "always", "never", NULL };

const char *const producer_known_elsewhere[] = {
    "worker-id",
    "admin-listen",
    "max-inflight",
    "kafka-session-timeout",
    "database-timeout",
    "build-timeout",
    "access-timeout",
    "replica-max-validations",
    "lost-after",
    "lost-after-replica",
    "replica-lookup",
    "task-wait",
    "drain-mode",
    "drain-timeout",
    NULL,
};

static const char *check_table(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len < 128 ? NULL : "the name of a table or view (table or schema.table)";
}

#define AT(field) .offset = offsetof(struct producer_config, field)

/* From environment and file too. */
static const struct option_row producer_rows[] = {
    { .name = "content-table",
      .type = OPT_TEXT,
      AT(content_table),
      .metavar = "NAME",
      .fallback = "content",
      .check = check_table,
      .help = "table or view that says what content there is" },
    { .name = "output",
      .letter = 'o',
      .type = OPT_CHOICE,
      AT(output),
      .choices = outputs,
      .fallback = "table",
      .help = "form of the result on stdout" },
    { .name = "color",
      .type = OPT_CHOICE,
      AT(color),
      .choices = colors,
      .fallback = "auto",
      .help = "colors; auto is on a terminal, unless NO_COLOR is set" },
    { .name = "no-progress",
      .type = OPT_FLAG,
      AT(no_progress),
      .help = "no progress bar on stderr" },
    { .name = "confirm-above",
      .type = OPT_INT,
      AT(confirm_above),
      .metavar = "N",
      .fallback = "100",
      .max = 1000000000,
      .help = "more items than this need --yes, or an answer at the terminal" },
    { .name = "metrics-file",
      .type = OPT_TEXT,
      AT(metrics_file),
      .metavar = "PATH",
      .help = "write metrics there at the end, for node_exporter's textfile collector" },
};

static const struct option_row general_rows[] = {
    { .name = "columns",
      .type = OPT_LIST,
      AT(columns),
      .metavar = "NAME,...",
      .help = "columns of a table or CSV, in this order" },
    { .name = "no-headers", .type = OPT_FLAG, AT(no_headers), .help = "no line with column names" },
    { .name = "quiet",
      .letter = 'q',
      .type = OPT_FLAG,
      AT(quiet),
      .help = "only errors on stderr" },
    { .name = "verbose", .letter = 'v', .type = OPT_FLAG, AT(verbose), .help = "more on stderr" },
    { .name = "yes", .letter = 'y', .type = OPT_FLAG, AT(yes), .help = "do not ask" },
    { .name = "version", .type = OPT_FLAG, AT(version), .help = "print the version, and exit" },
    { .name = "help", .letter = 'h', .type = OPT_FLAG, AT(help), .help = "print this, and exit" },
};

void producer_options_init(struct options *o, struct producer_config *c)
{
    *o = (struct options){
        .tables = {
            { .title = "Output", .rows = producer_rows, .n = COUNT(producer_rows), .base = c },
            { .title = "Database, Kafka, Connect, log", .rows = shared_rows, .n = shared_rows_n,
              .base = &c->shared },
            { .title = "General", .rows = general_rows, .n = COUNT(general_rows), .base = c,
              .command_line_only = true },
        },
        .tables_n = GENERAL_TABLES,
        .known_elsewhere = producer_known_elsewhere,
    };
}

void producer_table_add(struct options *o, const struct option_table *table)
{
    size_t at = o->tables_n - GENERAL_TABLES;

    assert(o->tables_n < OPTIONS_TABLES_MAX);
    memmove(&o->tables[at + 1], &o->tables[at], GENERAL_TABLES * sizeof(o->tables[0]));
    o->tables[at] = *table;
    o->tables_n++;
}

void verb_options_add(struct options *o, const char *title, const struct option_row *rows, size_t n,
                      void *base)
{
    producer_table_add(
        o, &(struct option_table){
               .title = title, .rows = rows, .n = n, .base = base, .command_line_only = true });
}

int producer_options_load(struct options *o, struct producer_config *c, int argc, char *const *argv,
                          struct err *err)
{
    if (options_load(o, argc, argv, NULL, err) != 0)
        return -1;
    if (c->help || c->version)
        return 0;
    if (shared_finish(&c->shared, err) != 0)
        goto fail;
    if (c->quiet && c->verbose) {
        err_set(err, ERR_CONFIG, "options --quiet and --verbose contradict each other");
        goto fail;
    }
    return 0;
fail:
    options_done(o);
    return -1;
}

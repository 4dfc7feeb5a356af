/* dlq ls|show|redrive: the records that nobody could read. */
#include "producer/dlq.h"

#include <stdlib.h>
#include <string.h>

#define AT(field) .offset = offsetof(struct dlq_config, field)

static const struct option_row rows[] = {
    { .name = "class",
      .type = OPT_TEXT,
      AT(error_class),
      .metavar = "CLASS",
      .help = "ls, redrive --all: only of this error class, such as request.invalid" },
    { .name = "since",
      .type = OPT_TIME,
      AT(since_ms),
      .relative = -1,
      .metavar = "TIME",
      .help = "ls, redrive --all: only of records that were sent since then" },
    { .name = "limit",
      .type = OPT_INT,
      AT(limit),
      .metavar = "N",
      .min = 1,
      .max = 1000000000,
      .help = "ls, redrive --all: at most this many" },
    { .name = "raw",
      .type = OPT_FLAG,
      AT(raw),
      .help = "show: the bytes of the record and nothing else; not to a terminal" },
    { .name = "all", .type = OPT_FLAG, AT(all), .help = "redrive: all that were not redriven yet" },
    { .name = "force",
      .type = OPT_FLAG,
      AT(force),
      .help = "redrive: also what was redriven 3 times, and with --all what was redriven before" },
    { .name = "dry-run",
      .type = OPT_FLAG,
      AT(dry_run),
      .help = "redrive: say what would be sent, and send nothing" },
};

struct word {
    const char *name;
    int (*run)(struct call *c, struct err *err);
    const char *options; /* each between blanks */
};

static const struct word words[] = {
    { "ls", dlq_ls, " class since limit " },
    { "show", dlq_show, " raw " },
    { "redrive", dlq_redrive, " class since limit all force dry-run reason actor " },
};

static bool given(const struct call *c, const char *name)
{
    return options_origin(&c->options, name) != ORIGIN_DEFAULT;
}

static int check_options(const struct call *c, const struct word *w, struct err *err)
{
    static const char *const acts[] = { "reason", "actor" };
    const size_t rows_n = sizeof(rows) / sizeof(rows[0]);
    char padded[32];

    for (size_t i = 0; i < rows_n + 2; i++) {
        const char *name = i < rows_n ? rows[i].name : acts[i - rows_n];

        snprintf(padded, sizeof(padded), " %s ", name);
        if (given(c, name) && strstr(w->options, padded) == NULL)
            return err_set(err, ERR_CONFIG, "dlq %s takes no option --%s", w->name, name);
    }
    return 0;
}

bool dlq_wanted(const struct dlq_config *config, const struct kafka_record *r,
                const struct letter *letter)
{
    return (config->error_class == NULL || strcmp(config->error_class, letter->error_class) == 0) &&
           r->timestamp_ms >= config->since_ms;
}

static size_t sort_once(struct letter_place *list, size_t n)
{
    size_t kept = 0;

    qsort(list, n, sizeof(*list), letter_place_compare);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || letter_place_compare(&list[kept - 1], &list[i]) != 0)
            list[kept++] = list[i];
    return kept;
}

int dlq_places(const struct call *c, struct letter_place **ret, size_t *ret_n, struct err *err)
{
    size_t n = c->options.positional_n - 1; /* behind the word */
    struct letter_place *list = calloc(n + 1, sizeof(*list));

    if (list == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the places");
    for (size_t i = 0; i < n; i++) {
        const char *text = c->options.positional[i + 1];

        if (letter_place_parse(text, &list[i]))
            continue;
        free(list);
        return err_set(err, ERR_CONFIG,
                       "dlq: \"%.80s\" is no place of a dead letter: PARTITION:OFFSET, such as "
                       "3:17, as dlq ls shows it",
                       text);
    }
    *ret = list;
    *ret_n = sort_once(list, n);
    return 0;
}

static int run(struct call *c, struct err *err)
{
    const char *name = c->options.positional[0];

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i].name, name) == 0)
            return check_options(c, &words[i], err) == 0 ? words[i].run(c, err) : -1;
    return err_set(err, ERR_CONFIG, "dlq: \"%.80s\" is none of ls, show and redrive", name);
}

const struct verb dlq_verb = {
    .name = "dlq",
    .operands = "ls|show|redrive [PARTITION:OFFSET...]",
    .help = "the dead letters: what nobody could read, why, and how it is sent again",
    .examples = { "ls --since 24h", "redrive --all --class request.invalid --reason CHG-4411" },
    .takes = TAKES_REASON,
    .rows = rows,
    .rows_n = sizeof(rows) / sizeof(rows[0]),
    .own_bytes = sizeof(struct dlq_config),
    .operands_min = 1,
    .operands_max = 1001, /* places on one command line; --all for more */
    .run = run,
};

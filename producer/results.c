/* results tail|verify|export|schema: the audit record as a read_committed consumer sees it. */
#include "producer/results.h"

#include <string.h>

#include "producer/schemas.h"
#include "producer/status.h"

#define AT(field) .offset = offsetof(struct results_config, field)

static const char *check_outcome(const char *text)
{
    for (int i = ITEM_SUCCEEDED; i < ITEM_STATES; i++)
        if (strcmp(text, item_state_names[i]) == 0)
            return NULL;
    return "an outcome: succeeded, build_failed, access_failed, skipped, cancelled, expired or "
           "rejected";
}

static const struct option_row rows[] = {
    { .name = "campaign",
      .type = OPT_TEXT,
      AT(campaign),
      .metavar = "CAMPAIGN",
      .help = "only of this campaign: its id, or its name" },
    { .name = "outcome",
      .type = OPT_LIST,
      AT(outcomes),
      .metavar = "OUTCOME,...",
      .check = check_outcome,
      .help = "tail, export: only with these outcomes" },
    { .name = "from-beginning",
      .type = OPT_FLAG,
      AT(from_beginning),
      .help = "tail: everything that is in the topic, and stop at its end" },
    { .name = "follow",
      .letter = 'f',
      .type = OPT_FLAG,
      AT(follow),
      .help = "tail, export: go on with what comes; tail does so without --from-beginning" },
    { .name = "limit",
      .type = OPT_INT,
      AT(limit),
      .metavar = "N",
      .min = 1,
      .max = 1000000000,
      .help = "tail, export: stop after this many; verify: show at most this many findings, "
              "100 unless told otherwise" },
    { .name = "since",
      .type = OPT_TIME,
      AT(since_ms),
      .relative = -1,
      .metavar = "TIME",
      .help = "export: begin in each partition with the first record that is not older; verify: "
              "only items that have ended since then" },
    { .name = "until",
      .type = OPT_TIME,
      AT(until_ms),
      .relative = -1,
      .metavar = "TIME",
      .help = "export: stop in each partition before the first record that is not older; where the "
              "spans of two exports meet, nothing is twice and nothing is missing" },
    { .name = "file",
      .type = OPT_TEXT,
      AT(file),
      .metavar = "FILE",
      .help = "export: append to this file, in place of standard output" },
    { .name = "state",
      .type = OPT_TEXT,
      AT(state),
      .metavar = "FILE",
      .help = "export: keep there how far it came, and go on from there; with --file, an export "
              "that was killed leaves nothing twice and nothing out" },
};

struct word {
    const char *name;
    int (*run)(struct call *c, struct err *err);
    const char *options; /* of the rows above, each between blanks */
    bool operand;        /* it may name a campaign */
};

static int print_schema(struct call *c, struct err *err)
{
    (void)c;
    for (size_t i = 0; i < event_schemas_n; i++)
        if (strcmp(event_schemas[i].name, "result.v1") == 0) {
            fputs(event_schemas[i].json, stdout);
            return EXIT_DONE;
        }
    return err_set(err, ERR_INTERNAL, "this program was built without the schema of results");
}

static const struct word words[] = {
    { "tail", results_tail, " campaign outcome from-beginning follow limit ", false },
    { "verify", results_verify, " campaign since limit ", true },
    { "export", results_export, " campaign outcome follow limit since until file state ", false },
    { "schema", print_schema, " ", false },
};

static const struct word *find(const char *name)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i].name, name) == 0)
            return &words[i];
    return NULL;
}

/* The rows are those of all words; each takes its own only. */
static int check_options(const struct call *c, const struct word *w, struct err *err)
{
    char padded[32];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(padded, sizeof(padded), " %s ", rows[i].name);
        if (options_origin(&c->options, rows[i].name) != ORIGIN_DEFAULT &&
            strstr(w->options, padded) == NULL)
            return err_set(err, ERR_CONFIG, "results %s takes no option --%s", w->name,
                           rows[i].name);
    }
    if (!w->operand && c->options.positional_n > 1)
        return err_set(err, ERR_CONFIG, "results %s takes no operand \"%.80s\"", w->name,
                       c->options.positional[1]);
    return 0;
}

static int run(struct call *c, struct err *err)
{
    const struct word *w = find(c->options.positional[0]);

    if (w == NULL)
        return err_set(err, ERR_CONFIG,
                       "results: \"%.80s\" is none of tail, verify, export and schema",
                       c->options.positional[0]);
    return check_options(c, w, err) == 0 ? w->run(c, err) : -1;
}

const struct verb results_verb = {
    .name = "results",
    .operands = "tail|verify [CAMPAIGN]|export|schema",
    .help = "the results on Kafka as an audit consumer reads them, and whether they are all there",
    .examples = { "verify \"R 4.4\"",
                  "export --file results.jsonl --state results.state --follow" },
    .rows = rows,
    .rows_n = sizeof(rows) / sizeof(rows[0]),
    .own_bytes = sizeof(struct results_config),
    .operands_min = 1,
    .operands_max = 2,
    .run = run,
};

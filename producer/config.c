/* config show|sample: what is set, and from where; or a file with every option that may stand in
 * one. */
#include <string.h>

#include "producer/verb.h"

struct config_config {
    bool origin;
};

static const struct option_row rows[] = {
    { .name = "origin",
      .type = OPT_FLAG,
      .offset = offsetof(struct config_config, origin),
      .help = "say where each value comes from" },
};

static int run(struct call *c, struct err *err)
{
    const struct config_config *config = c->own;
    const char *what = c->options.positional[0];

    if (strcmp(what, "show") == 0)
        options_show(&c->options, stdout, config->origin);
    else if (strcmp(what, "sample") == 0)
        options_sample(&c->options, stdout);
    else
        return err_set(err, ERR_CONFIG, "config: \"%.80s\" is neither show nor sample", what);
    return EXIT_DONE;
}

const struct verb config_verb = {
    .name = "config",
    .operands = "show|sample",
    .help = "the settings in force, or a sample file with all of them",
    .examples = { "show --origin", "sample" },
    .rows = rows,
    .rows_n = 1,
    .own_bytes = sizeof(struct config_config),
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};

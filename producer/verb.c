/* One call of a verb: its options, its operands, and what came of it. */
#include "producer/verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/base/version.h"
#include "producer/output.h"

static const char *check_text(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= TEXT_FIELD_MAX_BYTES ? NULL : "a text of 1 to 1024 bytes";
}

#define AT(field) .offset = offsetof(struct act_config, field)

static const struct option_row act_rows[] = {
    { .name = "reason",
      .type = OPT_TEXT,
      AT(reason),
      .metavar = "TEXT",
      .check = check_text,
      .help = "why; it stands in the acts" },
    { .name = "actor",
      .type = OPT_TEXT,
      AT(actor),
      .metavar = "NAME",
      .check = check_text,
      .help = "who does it; else the login name" },
};

/* ---- options ---- */

static void add_table(struct call *c, const char *title, const struct option_row *table, size_t n,
                      void *base)
{
    producer_table_add(
        &c->options,
        &(struct option_table){
            .title = title, .rows = table, .n = n, .base = base, .command_line_only = true });
}

static int add_tables(struct call *c, struct err *err)
{
    const struct verb *v = c->verb;

    c->own = calloc(1, v->own_bytes + 1);
    if (c->own == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the options");
    producer_options_init(&c->options, &c->config);
    if (v->rows_n > 0)
        add_table(c, "Options", v->rows, v->rows_n, c->own);
    if (v->takes & TAKES_ENQUEUE)
        enqueue_options_add(&c->options, &c->enqueue);
    if (v->takes & TAKES_SELECT)
        select_options_add(&c->options, &c->select);
    if (v->takes & TAKES_CAMPAIGN)
        campaign_options_add(&c->options, &c->campaign);
    if (v->takes & TAKES_REASON)
        add_table(c, "Act", act_rows, sizeof(act_rows) / sizeof(act_rows[0]), &c->act);
    return 0;
}

static int check_operands(const struct call *c, struct err *err)
{
    const struct verb *v = c->verb;
    size_t n = c->options.positional_n;

    if (n < v->operands_min)
        return err_set(err, ERR_CONFIG, "%s needs %s: rebuild-producer %s %s", v->name, v->operands,
                       v->name, v->operands);
    if (n > v->operands_max)
        return err_set(err, ERR_CONFIG, "%s takes no operand \"%.80s\"", v->name,
                       c->options.positional[v->operands_max]);
    return 0;
}

static int check_options(struct call *c, struct err *err)
{
    if (check_operands(c, err) != 0)
        return -1;
    if ((c->verb->takes & TAKES_SELECT) && select_options_check(&c->select, err) != 0)
        return -1;
    if (c->verb->takes & TAKES_CAMPAIGN)
        return campaign_options_finish(&c->campaign, clock_wall_ms(), err);
    return 0;
}

static void print_help(const struct call *c)
{
    const struct verb *v = c->verb;

    printf("Usage: rebuild-producer %s%s%s [OPTIONS]\n\n%s.\n\nExamples:\n", v->name,
           v->operands[0] != '\0' ? " " : "", v->operands, v->help);
    for (size_t i = 0; i < 2; i++)
        printf("  rebuild-producer %s%s%s\n", v->name, v->examples[i][0] != '\0' ? " " : "",
               v->examples[i]);
    printf("\n");
    options_help(&c->options, stdout, output_columns(stdout));
}

/* ---- the call ---- */

static int run(struct call *c, struct err *err)
{
    int code;

    log_init("producer", NULL, (enum log_format)c->config.shared.log_format,
             (enum log_level)c->config.shared.log_level);
    c->session = (struct session){ .config = &c->config };
    code = c->verb->run(c, err);
    session_done(&c->session);
    if (code >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
        return err_set(err, ERR_INTERNAL, "the output could not be written: %m");
    return code;
}

static int load_and_run(struct call *c, int argc, char *const *argv, struct err *err)
{
    int code = 0;

    if (add_tables(c, err) != 0 ||
        producer_options_load(&c->options, &c->config, argc, argv, err) != 0)
        return -1; /* then nothing is left in the options */
    if (c->config.help)
        print_help(c);
    else if (c->config.version)
        printf("rebuild-producer %s (%s)\n", rebuild_version, rebuild_revision);
    else
        code = check_options(c, err) == 0 ? run(c, err) : -1;
    options_done(&c->options);
    return code;
}

int call_run(const struct verb *verb, int argc, char *const *argv)
{
    struct call c = { .verb = verb };
    struct err err = { .kind = ERR_NONE };
    int code = load_and_run(&c, argc, argv, &err);

    free(c.own);
    if (code >= 0)
        return code;
    fflush(stdout);
    fprintf(stderr, "rebuild-producer: %s\n", err.msg);
    if (err.kind == ERR_NONE)
        return 1;
    return err_exit_code(&err);
}

/* ---- acts ---- */

const char *call_actor(struct call *c, struct err *err)
{
    struct campaign_config who = { .actor = NULL, .max_attempts = 1 };

    if (c->verb->takes & TAKES_CAMPAIGN)
        return c->campaign.actor;
    if (c->act.actor == NULL) {
        if (campaign_options_finish(&who, clock_wall_ms(), err) != 0)
            return NULL;
        c->act.actor = who.actor;
    }
    return c->act.actor;
}

int call_act(struct call *c, const struct act *act, struct err *err)
{
    static const char SQL_ACT[] = "insert into @act (act, target, details, actor, reason)"
                                  " values ($1, $2, $3::jsonb, $4, $5)";
    const char *actor = call_actor(c, err);
    const char *params[] = { act->name, act->target, act->details, actor, c->act.reason };

    if (actor == NULL)
        return -1;
    checkpoint("producer.act");
    return session_query(&c->session, &(struct statement){ SQL_ACT, 5, params }, NULL, err);
}

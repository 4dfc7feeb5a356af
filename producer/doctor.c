/* doctor: one line for each thing that must be right before content is rebuilt. Changes nothing. */
#include "producer/doctor.h"

#include <stdarg.h>
#include <stdio.h>

static const struct output_column columns[] = {
    { .name = "verdict", .type = CELL_STATE, .width = 7 },
    { .name = "check", .type = CELL_TEXT, .width = 13 },
    { .name = "detail", .type = CELL_TEXT },
};

static void print(struct doctor *d, enum verdict verdict, const char *check, const char *detail)
{
    static const char *const words[] = { "ok", "warn", "fail" };
    const char *cells[] = { words[verdict], check, detail };

    output_row(d->out, cells);
    output_flush(d->out); /* the next check may take a while */
}

void doctor_say(struct doctor *d, enum verdict verdict, const char *check, const char *fmt, ...)
{
    char detail[DOCTOR_DETAIL_BYTES];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    print(d, verdict, check, detail);
    if (verdict == VERDICT_FAIL && d->code == 0)
        d->code = 1;
}

void doctor_fail(struct doctor *d, const char *check, const struct err *err)
{
    print(d, VERDICT_FAIL, check, err->msg);
    if (d->code == 0)
        d->code = err_exit_code(err);
}

/* It was read and is within its ranges, or no verb would have begun. */
static void configuration(struct doctor *d)
{
    const struct shared_config *c = &d->call->config.shared;
    const char *file = d->call->options.file;

    if (c->connect_server == NULL)
        doctor_say(
            d, VERDICT_WARN, "configuration",
            "CONNECT_SERVER is not set: results will have no links, and `topics apply` names "
            "the installation by a random id");
    else
        doctor_say(d, VERDICT_OK, "configuration", "%s%s; Connect is at %s",
                   file != NULL ? "from " : "without a file", file != NULL ? file : "",
                   c->connect_server);
}

static int run(struct call *c, struct err *err)
{
    struct doctor d = { .call = c };

    d.out = output_open(&c->config, columns, sizeof(columns) / sizeof(columns[0]), err);
    if (d.out == NULL)
        return -1;
    configuration(&d);
    doctor_database(&d);
    doctor_content(&d);
    doctor_kafka(&d);
    doctor_workers(&d);
    doctor_connect(&d);
    return output_close(d.out, err) == 0 ? d.code : -1;
}

const struct verb doctor_verb = {
    .name = "doctor",
    .operands = "",
    .help = "checks what must be right before content is rebuilt, one line each",
    .examples = { "", "-o json" },
    .run = run,
};

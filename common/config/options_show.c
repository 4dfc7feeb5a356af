/* Values back to texts: `config show`, the sample file, and ranges in messages. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/config/options_private.h"

#define SHOW_MAX_BYTES (4 * 1024 * 1024) /* one value: a list may be long */

void option_format_duration(int64_t ms, char *out, size_t out_bytes)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 } };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (ms != 0 && ms % units[i].ms == 0) {
            snprintf(out, out_bytes, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
            return;
        }
    }
    snprintf(out, out_bytes, "%" PRId64 "%s", ms, ms == 0 ? "s" : "ms");
}

void option_range(const struct option_row *row, char *out, size_t out_bytes)
{
    char from[32], to[32];

    out[0] = '\0';
    if ((row->type != OPT_INT && row->type != OPT_DURATION && row->type != OPT_SPAN) ||
        (row->min == 0 && row->max == 0))
        return;
    if (row->type == OPT_INT) {
        snprintf(from, sizeof(from), "%" PRId64, row->min);
        snprintf(to, sizeof(to), "%" PRId64, row->max);
    } else {
        option_format_duration(row->min, from, sizeof(from));
        option_format_duration(row->max, to, sizeof(to));
    }
    if (row->max == 0)
        snprintf(out, out_bytes, " of at least %s", from);
    else
        snprintf(out, out_bytes, " from %s to %s", from, to);
}

static void add_item(struct buf *b, const struct option_row *row, const char *item)
{
    if (row->is_secret != NULL && row->is_secret(item))
        buf_printf(b, "%.*s=***", (int)strcspn(item, "="), item);
    else
        buf_str_add(b, item);
}

static void add_list(struct buf *b, const struct option_row *row, const struct option_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        buf_str_add(b, i == 0 ? "" : ",");
        add_item(b, row, list->items[i]);
    }
}

static void add_text(struct buf *b, const char *text)
{
    if (text != NULL)
        buf_str_add(b, text);
}

/* "30/m" stays what a person can read: a round number per second, minute or hour, if one is. */
static void add_rate(struct buf *b, double per_s)
{
    if (per_s > 0 && per_s < 1.0 / 60)
        buf_printf(b, "%.9g/h", per_s * 3600);
    else if (per_s > 0 && per_s < 1)
        buf_printf(b, "%.9g/m", per_s * 60);
    else
        buf_printf(b, "%.9g/s", per_s);
}

static void add_value(struct buf *b, const struct option_ref *ref)
{
    char from[32], to[32];

    switch (ref->row->type) {
    case OPT_TEXT: add_text(b, *(char **)ref->field); break;
    case OPT_SECRET: add_text(b, *(char **)ref->field == NULL ? NULL : "***"); break;
    case OPT_INT: buf_printf(b, "%" PRId64, *(int64_t *)ref->field); break;
    case OPT_FLAG: buf_str_add(b, *(bool *)ref->field ? "true" : "false"); break;
    case OPT_CHOICE: buf_str_add(b, ref->row->choices[*(int *)ref->field]); break;
    case OPT_LIST: add_list(b, ref->row, ref->field); break;
    case OPT_RATE: add_rate(b, *(double *)ref->field); break;
    case OPT_TIME:
        if (*(int64_t *)ref->field != 0)
            buf_str_add(b, clock_format_rfc3339(*(int64_t *)ref->field, from));
        break;
    case OPT_DURATION:
        option_format_duration(*(int64_t *)ref->field, from, sizeof(from));
        buf_str_add(b, from);
        break;
    case OPT_SPAN:
        option_format_duration(((struct option_span *)ref->field)->from_ms, from, sizeof(from));
        option_format_duration(((struct option_span *)ref->field)->to_ms, to, sizeof(to));
        buf_printf(b, "%s:%s", from, to);
        break;
    }
}

/* As the file wants it: quoted where blanks, # or quotes would be lost. */
static void put_file_value(FILE *out, const char *value)
{
    size_t len = strlen(value);

    if (len > 0 && strpbrk(value, "#\"\t\r") == NULL && value[0] != ' ' && value[len - 1] != ' ') {
        fputs(value, out);
        return;
    }
    fputc('"', out);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            fputc('\\', out);
        fputc(*value, out);
    }
    fputc('"', out);
}

/* A zero that nobody gave says nothing, but that a flag is off or a choice the first. */
static bool is_set(const struct options *o, const struct option_ref *ref)
{
    return o->origin[ref->index] != ORIGIN_DEFAULT || ref->row->fallback != NULL ||
           ref->row->type == OPT_FLAG || ref->row->type == OPT_CHOICE;
}

static void show_origin(const struct options *o, const struct option_ref *ref, FILE *out)
{
    char env[OPTION_ENV_MAX_BYTES];

    switch ((enum option_origin)o->origin[ref->index]) {
    case ORIGIN_COMMAND_LINE: fputs("  # command line", out); break;
    case ORIGIN_FILE: fprintf(out, "  # %s", o->file); break;
    case ORIGIN_DEFAULT: fputs("  # default", out); break;
    case ORIGIN_ENV:
        option_env_used(ref->row, env);
        fprintf(out, "  # environment %s", env);
        break;
    }
    if (o->secret_files[ref->index] != NULL)
        fprintf(out, ", from %s", o->secret_files[ref->index]);
}

static void show_line(const struct options *o, const struct option_ref *ref, const char *value,
                      FILE *out, bool with_origin)
{
    fprintf(out, "%s%s = ", value == NULL ? "# " : "", ref->row->name);
    if (value != NULL)
        put_file_value(out, value);
    if (with_origin)
        show_origin(o, ref, out);
    fputc('\n', out);
}

void options_show(const struct options *o, FILE *out, bool with_origin)
{
    size_t n = option_count(o);
    struct option_ref ref;
    struct buf b;

    buf_init(&b, SHOW_MAX_BYTES);
    for (size_t i = 0; i < n; i++) {
        const struct option_list *list;

        option_at(o, i, &ref);
        list = ref.field;
        if (ref.command_line_only)
            continue;
        buf_clear(&b);
        /* whole items may have commas: a line for each */
        for (size_t k = 0; ref.row->whole && k + 1 < list->n; k++) {
            add_item(&b, ref.row, list->items[k]);
            show_line(o, &ref, buf_str(&b), out, with_origin);
            buf_clear(&b);
        }
        if (ref.row->whole && list->n > 0)
            add_item(&b, ref.row, list->items[list->n - 1]);
        else
            add_value(&b, &ref);
        show_line(o, &ref, is_set(o, &ref) ? buf_str(&b) : NULL, out, with_origin);
    }
    buf_done(&b);
}

void options_sample(const struct options *o, FILE *out)
{
    size_t n = option_count(o);
    struct option_ref ref;

    fputs("# name = value; command line and environment go before this file.\n", out);
    for (size_t i = 0; i < n; i++) {
        option_at(o, i, &ref);
        if (ref.command_line_only || strcmp(ref.row->name, "config") == 0)
            continue;
        fprintf(out, "\n# %s\n#%s = ", ref.row->help, ref.row->name);
        if (ref.row->fallback != NULL)
            put_file_value(out, ref.row->fallback);
        else if (ref.row->type == OPT_FLAG)
            fputs("false", out);
        fputc('\n', out);
    }
}

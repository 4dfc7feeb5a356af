/* --help from the rows. */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/config/options_private.h"

#define HELP_LEFT_COLUMNS 32   /* names and metavars; longer ones get a line of their own */
#define HELP_MIN_COLUMNS  60   /* on a narrower terminal the terminal may wrap */
#define HELP_MAX_BYTES    4096 /* one option's text */

static void add_choices(struct buf *b, const struct option_row *row)
{
    for (size_t i = 0; row->choices[i] != NULL; i++)
        buf_printf(b, "%s%s", i == 0 ? "" : "|", row->choices[i]);
}

/* "  -o, --output table|json"; a secret is shown in the only form a command line may have. */
static void add_left(struct buf *b, const struct option_row *row)
{
    if (row->letter != 0)
        buf_printf(b, "  -%c, --%s", row->letter, row->name);
    else
        buf_printf(b, "      --%s", row->name);
    if (row->type == OPT_FLAG)
        return;
    if (row->type == OPT_SECRET) {
        buf_str_add(b, "-file FILE");
        return;
    }
    buf_str_add(b, row->bare != NULL ? "[=" : " ");
    if (row->type == OPT_CHOICE && row->metavar == NULL)
        add_choices(b, row);
    else
        buf_str_add(b, row->metavar == NULL ? "VALUE" : row->metavar);
    if (row->bare != NULL)
        buf_char_add(b, ']');
}

static void add_env(struct buf *b, const struct option_row *row)
{
    char env[OPTION_ENV_MAX_BYTES];

    option_env_name(row, env);
    if (env[0] == '\0')
        return;
    buf_printf(b, " [%s", env);
    if (row->type == OPT_SECRET)
        buf_printf(b, ", %s_FILE", env);
    if (row->env_also != NULL)
        buf_printf(b, ", %s", row->env_also);
    if (row->type == OPT_SECRET && row->env_also != NULL)
        buf_printf(b, ", %s_FILE", row->env_also);
    buf_char_add(b, ']');
}

static void add_right(struct buf *b, const struct option_ref *ref)
{
    const struct option_row *row = ref->row;
    char range[64] = "";

    buf_str_add(b, row->help);
    if (row->type == OPT_CHOICE && row->metavar != NULL) {
        buf_str_add(b, ": ");
        add_choices(b, row);
    }
    option_range(row, range, sizeof(range));
    if (row->fallback != NULL && row->fallback[0] != '\0')
        buf_printf(b, " (default %s%s%s)", row->fallback, range[0] == '\0' ? "" : ",", range);
    else if (range[0] != '\0')
        buf_printf(b, " (%s)", range + (strncmp(range, " of ", 4) == 0 ? 4 : 1));
    if (!ref->command_line_only)
        add_env(b, row);
}

/* Words of text from column HELP_LEFT_COLUMNS on; the cursor stands at column `at`. */
static void wrap(FILE *out, const char *text, int at, int columns)
{
    bool first = true;

    if (at >= HELP_LEFT_COLUMNS) {
        fputc('\n', out);
        at = 0;
    }
    at += fprintf(out, "%*s", HELP_LEFT_COLUMNS - at, "");
    while (*text != '\0') {
        int len = (int)strcspn(text, " ");

        if (!first && at + 1 + len > columns) {
            fprintf(out, "\n%*s", HELP_LEFT_COLUMNS, "");
            at = HELP_LEFT_COLUMNS;
            first = true;
        }
        at += fprintf(out, "%s%.*s", first ? "" : " ", len, text);
        first = false;
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

void options_help(const struct options *o, FILE *out, int columns)
{
    size_t index = 0;
    struct buf b;

    buf_init(&b, HELP_MAX_BYTES);
    for (size_t t = 0; t < o->tables_n; t++) {
        fprintf(out, "%s%s:\n", t == 0 ? "" : "\n", o->tables[t].title);
        for (size_t i = 0; i < o->tables[t].n; i++) {
            struct option_ref ref;
            int at;

            option_at(o, index++, &ref);
            buf_clear(&b);
            add_left(&b, ref.row);
            at = fprintf(out, "%s", buf_str(&b));
            buf_clear(&b);
            add_right(&b, &ref);
            wrap(out, buf_str(&b), at, columns < HELP_MIN_COLUMNS ? HELP_MIN_COLUMNS : columns);
        }
    }
    buf_done(&b);
}

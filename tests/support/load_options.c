#include "tests/support/load_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const colors[] = { "auto", "always", "never", NULL };

static const char *check_name(const char *text)
{
    return text[0] == 'n' ? NULL : "a name with n first";
}

static bool is_secret(const char *text)
{
    return strncmp(text, "key=", 4) == 0;
}

#define AT(field) .offset = offsetof(struct load_config, field)
const struct option_row load_rows[] = {
    { .name = "config", .type = OPT_TEXT, AT(config_file), .env = "T_CONFIG", .help = "file" },
    { .name = "text",
      .letter = 't',
      .type = OPT_TEXT,
      AT(text),
      .fallback = "d",
      .help = "a text" },
    { .name = "name", .type = OPT_TEXT, AT(name), .check = check_name, .help = "a name" },
    { .name = "the-password", .type = OPT_SECRET, AT(password), .help = "a secret" },
    { .name = "number",
      .letter = 'n',
      .type = OPT_INT,
      AT(number),
      .fallback = "3",
      .min = 1,
      .max = 1000,
      .help = "a number" },
    { .name = "wait",
      .type = OPT_DURATION,
      AT(wait_ms),
      .min = 1000,
      .max = 31536000000,
      .bare = "365d",
      .metavar = "DURATION",
      .help = "how long" },
    { .name = "build-timeout",
      .type = OPT_DURATION,
      AT(timeout_ms),
      .env_also = "T_OTHER_TIMEOUT",
      .unit_ms = 1000,
      .min = 1000,
      .max = 7200000,
      .fallback = "1h",
      .help = "a limit with a unit" },
    { .name = "since", .type = OPT_TIME, AT(since_ms), .relative = -1, .help = "a time" },
    { .name = "backoff", .type = OPT_SPAN, AT(backoff), .fallback = "30s:10m", .help = "a span" },
    { .name = "words", .letter = 'w', .type = OPT_LIST, AT(words), .help = "a list" },
    { .name = "prop",
      .letter = 'X',
      .type = OPT_LIST,
      AT(props),
      .whole = true,
      .is_secret = is_secret,
      .help = "a list of whole items" },
    { .name = "rate", .type = OPT_RATE, AT(rate), .fallback = "0", .help = "a rate" },
    { .name = "color", .type = OPT_CHOICE, AT(color), .choices = colors, .help = "a choice" },
    { .name = "flag", .letter = 'f', .type = OPT_FLAG, AT(flag), .help = "a flag" },
    { .name = "no-headers", .type = OPT_FLAG, AT(no_headers), .help = "another flag" },
    { .name = "help", .letter = 'h', .type = OPT_FLAG, AT(help), .env = "", .help = "this" },
};
const size_t load_rows_n = COUNT(load_rows);

static const struct option_row verb_rows[] = {
    { .name = "reason",
      .type = OPT_TEXT,
      .offset = offsetof(struct load_verb_config, reason),
      .help = "why" },
    { .name = "limit",
      .type = OPT_INT,
      .offset = offsetof(struct load_verb_config, limit),
      .min = 1,
      .max = 0,
      .help = "how many" },
};

static const char *const elsewhere[] = { "admin-listen", "limit", NULL };
static const char *const variables[] = {
    "T_CONFIG",       "REBUILD_TEXT",          "REBUILD_NAME",    "REBUILD_THE_PASSWORD",
    "REBUILD_NUMBER", "REBUILD_BUILD_TIMEOUT", "T_OTHER_TIMEOUT", "REBUILD_THE_PASSWORD_FILE",
    "REBUILD_WORDS",  "REBUILD_FLAG",          "REBUILD_REASON",  "REBUILD_COLOR",
};

void load_write_file(char path[64], const char *text, mode_t mode)
{
    int fd;

    snprintf(path, 64, "/tmp/test_options.XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

void load_tables(struct load *l)
{
    l->o = (struct options){
        .tables = {
            { .title = "Tests", .rows = load_rows, .n = load_rows_n, .base = &l->c },
            { .title = "Verb", .rows = verb_rows, .n = COUNT(verb_rows), .base = &l->v,
              .command_line_only = true },
        },
        .tables_n = 2,
        .known_elsewhere = elsewhere,
    };
}

void load_args(struct load *l, int argc, const char *const *argv, const char *file)
{
    load_tables(l);
    memset(&l->c, 0xa5, sizeof(l->c)); /* what was there before must not matter */
    memset(&l->v, 0xa5, sizeof(l->v));
    memset(&l->err, 0, sizeof(l->err));
    if (file != NULL)
        load_write_file(l->path, file, 0600);
    l->rc = options_load(&l->o, argc, (char *const *)(const void *)argv,
                         file == NULL ? "/dev/null" : l->path, &l->err);
    if (file != NULL)
        unlink(l->path);
}

void load_done(struct load *l)
{
    assert_int_equal(l->rc, 0);
    options_done(&l->o);
}

/* The load has failed, and said this. */
void load_says(struct load *l, const char *text)
{
    assert_int_equal(l->rc, -1);
    assert_int_equal(l->err.kind, ERR_CONFIG);
    if (strstr(l->err.msg, text) == NULL)
        print_error("said: %s\n", l->err.msg);
    assert_non_null(strstr(l->err.msg, text));
    options_done(&l->o); /* harmless */
}

int load_clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(variables); i++)
        unsetenv(variables[i]);
    return 0;
}

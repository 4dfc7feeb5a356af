/* The command line: --name=value, --name value, --no-name, -n value, -nvalue, -qv, --. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "common/config/options_private.h"

#define WORD_MAX_BYTES (2 * OPTION_NAME_MAX_BYTES) /* of an option's name as it was typed */

struct args {
    struct options *o;
    char *const *argv;
    int argc, next;
    bool stop;
    struct err *err;
};

static int add_positional(struct args *a, const char *word)
{
    char **words = reallocarray(a->o->positional, a->o->positional_n + 1, sizeof(*words));

    if (words != NULL)
        a->o->positional = words;
    if (words == NULL || (words[a->o->positional_n] = str_dup(word)) == NULL)
        return err_set(a->err, ERR_INTERNAL, "no memory for the arguments");
    a->o->positional_n++;
    return 0;
}

static int unknown(struct args *a, const char *dashes, const char *name)
{
    const char *near = NULL;
    size_t n = option_count(a->o);
    const char **names = malloc((n + 1) * sizeof(*names));
    char typed[WORD_MAX_BYTES];
    struct option_ref ref;

    str_clean_utf8(typed, sizeof(typed) - 1, name, strlen(name), NULL);
    for (size_t i = 0; names != NULL && i < n; i++) {
        option_at(a->o, i, &ref);
        names[i] = ref.row->name;
    }
    if (names != NULL)
        near = options_suggest(typed, names, n);
    if (near != NULL)
        err_set(a->err, ERR_CONFIG, "unknown option %s%s; did you mean --%s?", dashes, typed, near);
    else
        err_set(a->err, ERR_CONFIG, "unknown option %s%s", dashes, typed);
    free(names);
    return -1;
}

static int refuse_secret(struct args *a, const struct option_row *row)
{
    char env[OPTION_ENV_MAX_BYTES];

    option_env_name(row, env);
    if (row->type != OPT_SECRET)
        return err_set(a->err, ERR_CONFIG,
                       "option --%s could expose secrets in the process list; use a file",
                       row->name);
    return err_set(a->err, ERR_CONFIG,
                   "option --%s could expose secrets in the process list; use %s, %s_FILE or the "
                   "configuration file",
                   row->name, env, env);
}

/* The word behind an option that needs a value. One that is itself an option was hardly meant. */
static int take_value(struct args *a, const char *name, const char **ret)
{
    const char *word = a->next < a->argc ? a->argv[a->next] : NULL;
    struct option_ref ref;

    if (word == NULL)
        return err_set(a->err, ERR_CONFIG, "option --%s needs a value", name);
    if (strncmp(word, "--", 2) == 0 && option_find(a->o, word + 2, &ref))
        return err_set(a->err, ERR_CONFIG,
                       "option --%s needs a value and %s follows it; write --%s=%s if that is the "
                       "value",
                       name, word, name, word);
    *ret = word;
    a->next++;
    return 0;
}

/* value: what stood behind the = or the letter; NULL: nothing did. */
static int store(struct args *a, const struct option_ref *ref, const char *value)
{
    const struct option_row *row = ref->row;
    char what[OPTION_NAME_MAX_BYTES + 16];
    struct option_source source = { ORIGIN_COMMAND_LINE, what };

    if (row->type == OPT_SECRET)
        return refuse_secret(a, row);
    if (value == NULL)
        value = row->type == OPT_FLAG ? "true" : row->bare;
    if (value == NULL && take_value(a, row->name, &value) != 0)
        return -1;
    if (row->is_secret != NULL && row->is_secret(value))
        return refuse_secret(a, row);
    snprintf(what, sizeof(what), "option --%s", row->name);
    if (option_store(a->o, ref, value, &source, a->err) != 0)
        return -1;
    a->stop = row->type == OPT_FLAG && *(bool *)ref->field &&
              (strcmp(row->name, "help") == 0 || strcmp(row->name, "version") == 0);
    return 0;
}

static int store_secret_file(struct args *a, const struct option_ref *ref, const char *value)
{
    char what[OPTION_NAME_MAX_BYTES + 24];
    struct option_source source = { ORIGIN_COMMAND_LINE, what };

    snprintf(what, sizeof(what), "option --%s-file", ref->row->name);
    if (value == NULL && take_value(a, what + strlen("option --"), &value) != 0)
        return -1;
    return option_store_secret_file(a->o, ref, value, &source, a->err);
}

static int read_long(struct args *a, const char *word)
{
    const char *value = strchr(word, '=');
    size_t len = value == NULL ? strlen(word) : (size_t)(value - word);
    char name[WORD_MAX_BYTES];
    struct option_ref ref;

    if (len >= sizeof(name))
        len = sizeof(name) - 1; /* no option is so long, so it will not be found */
    memcpy(name, word, len);
    name[len] = '\0';
    if (value != NULL)
        value++;
    if (option_find(a->o, name, &ref))
        return store(a, &ref, value);
    if (option_find_secret_file(a->o, name, &ref))
        return store_secret_file(a, &ref, value);
    if (strncmp(name, "no-", 3) == 0 && option_find(a->o, name + 3, &ref) &&
        ref.row->type == OPT_FLAG && value == NULL)
        return store(a, &ref, "false");
    return unknown(a, "--", name);
}

static bool find_letter(const struct options *o, char letter, struct option_ref *ret)
{
    size_t n = option_count(o);

    for (size_t i = 0; i < n; i++) {
        option_at(o, i, ret);
        if (ret->row->letter == letter)
            return true;
    }
    return false;
}

/* word is what follows the dash: flags, and at the end perhaps an option with its value. */
static int read_letters(struct args *a, const char *word)
{
    struct option_ref ref;

    for (; *word != '\0'; word++) {
        const char *value = word[1] == '=' ? word + 2 : word[1] != '\0' ? word + 1 : NULL;

        if (!find_letter(a->o, *word, &ref))
            return unknown(a, "-", word);
        if (ref.row->type != OPT_FLAG || word[1] == '=')
            return store(a, &ref, value);
        if (store(a, &ref, NULL) != 0)
            return -1;
    }
    return 0;
}

int option_read_args(struct options *o, int argc, char *const *argv, bool *ret_stop,
                     struct err *err)
{
    struct args a = { .o = o, .argv = argv, .argc = argc, .err = err };
    bool ended = false;
    int rc = 0;

    while (rc == 0 && a.next < argc && !a.stop) {
        const char *word = argv[a.next++];

        if (ended || word[0] != '-' || word[1] == '\0')
            rc = add_positional(&a, word);
        else if (strcmp(word, "--") == 0)
            ended = true;
        else if (word[1] == '-')
            rc = read_long(&a, word + 2);
        else
            rc = read_letters(&a, word + 1);
    }
    *ret_stop = a.stop;
    return rc;
}

/* The environment: --foo-bar is REBUILD_FOO_BAR, some options have another name besides, and a
 * secret may come from the file that NAME_FILE names. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "common/config/options_private.h"

void option_env_name(const struct option_row *row, char out[OPTION_ENV_MAX_BYTES])
{
    if (row->env != NULL) {
        str_copy(out, OPTION_ENV_MAX_BYTES, row->env);
        return;
    }
    snprintf(out, OPTION_ENV_MAX_BYTES, "REBUILD_%s", row->name);
    for (char *p = out; *p != '\0'; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
}

/* NULL: not set, or empty, as compose files leave what nobody filled in. */
static const char *get(const char *name)
{
    const char *value = name[0] == '\0' ? NULL : getenv(name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

static int read_name(struct options *o, const struct option_ref *ref, const char *name,
                     struct err *err)
{
    struct option_source source = { ORIGIN_ENV, name };
    char file_name[OPTION_ENV_MAX_BYTES + 8];
    const char *value = get(name), *path = NULL;

    if (ref->row->type == OPT_SECRET && name[0] != '\0') {
        snprintf(file_name, sizeof(file_name), "%s_FILE", name);
        path = get(file_name);
    }
    if (value != NULL && path != NULL)
        return err_set(err, ERR_CONFIG, "%s and %s are both set; unset one of them", name,
                       file_name);
    if (value != NULL)
        return option_store(o, ref, value, &source, err);
    source.what = file_name;
    return path == NULL ? 0 : option_store_secret_file(o, ref, path, &source, err);
}

void option_env_used(const struct option_row *row, char out[OPTION_ENV_MAX_BYTES])
{
    char file_name[OPTION_ENV_MAX_BYTES + 8];

    option_env_name(row, out);
    if (row->env_also == NULL || get(out) != NULL)
        return;
    snprintf(file_name, sizeof(file_name), "%s_FILE", out);
    if (row->type != OPT_SECRET || get(file_name) == NULL)
        str_copy(out, OPTION_ENV_MAX_BYTES, row->env_also);
}

int option_read_env_of(struct options *o, const struct option_ref *ref, struct err *err)
{
    char name[OPTION_ENV_MAX_BYTES];

    if (ref->command_line_only || o->origin[ref->index] > ORIGIN_ENV)
        return 0;
    option_clear(ref); /* so that reading it twice does not add a list to itself */
    o->origin[ref->index] = ORIGIN_DEFAULT;
    option_env_name(ref->row, name);
    if (read_name(o, ref, name, err) != 0)
        return -1;
    /* its own name goes before the other */
    if (o->origin[ref->index] == ORIGIN_ENV || ref->row->env_also == NULL)
        return 0;
    return read_name(o, ref, ref->row->env_also, err);
}

int option_read_env(struct options *o, struct err *err)
{
    size_t n = option_count(o);
    struct option_ref ref;

    for (size_t i = 0; i < n; i++) {
        option_at(o, i, &ref);
        if (option_read_env_of(o, &ref, err) != 0)
            return -1;
    }
    return 0;
}

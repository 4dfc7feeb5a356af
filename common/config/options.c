/* The order of the origins, and what belongs to a row: its field, its place, its memory. */
#include "common/config/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/config/options_private.h"

#define WANT_MAX_BYTES 256 /* of the choices in a message */

size_t option_count(const struct options *o)
{
    size_t n = 0;

    for (size_t i = 0; i < o->tables_n; i++)
        n += o->tables[i].n;
    return n;
}

void option_at(const struct options *o, size_t index, struct option_ref *ret)
{
    const struct option_table *table = o->tables;
    size_t i = index;

    while (i >= table->n)
        i -= table++->n;
    ret->row = &table->rows[i];
    ret->field = (char *)table->base + ret->row->offset;
    ret->index = index;
    ret->command_line_only = table->command_line_only;
}

bool option_find(const struct options *o, const char *name, struct option_ref *ret)
{
    size_t n = option_count(o);

    for (size_t i = 0; i < n; i++) {
        option_at(o, i, ret);
        if (strcmp(ret->row->name, name) == 0)
            return true;
    }
    return false;
}

bool option_find_secret_file(const struct options *o, const char *name, struct option_ref *ret)
{
    char secret[OPTION_NAME_MAX_BYTES];
    size_t len = strlen(name);

    if (len < sizeof("-file") || len >= sizeof(secret) || strcmp(name + len - 5, "-file") != 0)
        return false;
    memcpy(secret, name, len - 5);
    secret[len - 5] = '\0';
    return option_find(o, secret, ret) && ret->row->type == OPT_SECRET;
}

static void wipe(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

static void list_free(struct option_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i]);
    free(list->items);
}

/* Gives back what the field owns, and zeroes it. */
void option_clear(const struct option_ref *ref)
{
    switch (ref->row->type) {
    case OPT_TEXT: free(*(char **)ref->field); break;
    case OPT_SECRET: wipe(*(char **)ref->field); break;
    case OPT_LIST: list_free(ref->field); break;
    case OPT_INT:
    case OPT_DURATION:
    case OPT_FLAG:
    case OPT_CHOICE:
    case OPT_RATE:
    case OPT_TIME:
    case OPT_SPAN: break;
    }
    option_zero(ref);
}

void option_zero(const struct option_ref *ref)
{
    static const size_t sizes[] = {
        [OPT_TEXT] = sizeof(char *),      [OPT_INT] = sizeof(int64_t),
        [OPT_DURATION] = sizeof(int64_t), [OPT_FLAG] = sizeof(bool),
        [OPT_CHOICE] = sizeof(int),       [OPT_LIST] = sizeof(struct option_list),
        [OPT_SECRET] = sizeof(char *),    [OPT_RATE] = sizeof(double),
        [OPT_TIME] = sizeof(int64_t),     [OPT_SPAN] = sizeof(struct option_span),
    };

    memset(ref->field, 0, sizes[ref->row->type]);
}

/* "; did you mean json?" and the like, for a choice that is not one. */
static void choices_text(const struct option_row *row, const char *bad, char *out, size_t out_bytes)
{
    const char *near;
    struct buf b;
    size_t n = 0;

    buf_init(&b, out_bytes - 1);
    while (row->choices[n] != NULL) {
        buf_printf(&b, "%s%s", n == 0 ? " " : ", ", row->choices[n]);
        n++;
    }
    near = options_suggest(bad, row->choices, n);
    if (near != NULL)
        buf_printf(&b, "; did you mean %s?", near);
    str_copy(out, out_bytes, buf_str(&b));
    buf_done(&b);
}

static int bad_value(const struct option_row *row, const struct option_fault *fault,
                     const struct option_source *source, struct err *err)
{
    char more[WANT_MAX_BYTES] = "";

    if (fault->want == OPTION_NO_MEMORY)
        return err_set(err, ERR_INTERNAL, "no memory for %s", source->what);
    if (row->type == OPT_CHOICE)
        choices_text(row, fault->bad, more, sizeof(more));
    else
        option_range(row, more, sizeof(more));
    return err_set(err, source->origin == ORIGIN_DEFAULT ? ERR_INTERNAL : ERR_CONFIG,
                   "%s: \"%s\" is not %s%s", source->what, fault->bad, fault->want, more);
}

int option_store(struct options *o, const struct option_ref *ref, const char *text,
                 const struct option_source *source, struct err *err)
{
    enum option_origin has = (enum option_origin)o->origin[ref->index];
    struct option_fault fault = { .want = "" };

    if (has > source->origin)
        return 0;
    if (has < source->origin || ref->row->type != OPT_LIST)
        option_clear(ref);
    if (!option_parse(ref, text, &fault))
        return bad_value(ref->row, &fault, source, err);
    o->origin[ref->index] = (unsigned char)source->origin;
    free(o->secret_files[ref->index]);
    o->secret_files[ref->index] = NULL;
    return 0;
}

int option_store_secret_file(struct options *o, const struct option_ref *ref, const char *path,
                             const struct option_source *source, struct err *err)
{
    char *secret = NULL, *kept = NULL;
    int rc = -1;

    if (o->origin[ref->index] > source->origin)
        return 0;
    if (option_read_secret(path, &secret, err) != 0)
        return err_prefix(err, "%s", source->what);
    if (option_store(o, ref, secret, source, err) != 0)
        goto out;
    kept = str_dup(path);
    if (kept == NULL) {
        err_set(err, ERR_INTERNAL, "no memory for %s", source->what);
        goto out;
    }
    o->secret_files[ref->index] = kept;
    rc = 0;
out:
    wipe(secret);
    return rc;
}

static int start(struct options *o, struct err *err)
{
    size_t n = option_count(o);
    struct option_ref ref;

    for (size_t i = 0; i < n; i++) {
        option_at(o, i, &ref);
        option_zero(&ref);
    }
    o->positional = NULL;
    o->positional_n = 0;
    o->file = NULL;
    o->origin = calloc(n + 1, sizeof(*o->origin));
    o->secret_files = calloc(n + 1, sizeof(*o->secret_files));
    if (o->origin != NULL && o->secret_files != NULL)
        return 0;
    free(o->origin);
    free(o->secret_files);
    o->origin = NULL;
    o->secret_files = NULL;
    return err_set(err, ERR_INTERNAL, "no memory for the options");
}

static int store_defaults(struct options *o, struct err *err)
{
    size_t n = option_count(o);
    struct option_ref ref;

    for (size_t i = 0; i < n; i++) {
        struct option_source source = { .origin = ORIGIN_DEFAULT };

        option_at(o, i, &ref);
        source.what = ref.row->name;
        if (o->origin[i] == ORIGIN_DEFAULT && ref.row->fallback != NULL &&
            option_store(o, &ref, ref.row->fallback, &source, err) != 0)
            return -1;
    }
    return 0;
}

/* The file that was asked for must be there; the default one may be missing. */
static int choose_file(struct options *o, const char *file, struct err *err)
{
    struct option_ref ref;

    if (file == NULL && option_find(o, "config", &ref)) {
        if (option_read_env_of(o, &ref, err) != 0)
            return -1;
        file = *(char **)ref.field;
    }
    if (file == NULL && (access(OPTIONS_DEFAULT_FILE, F_OK) == 0 || errno != ENOENT))
        file = OPTIONS_DEFAULT_FILE;
    if (file == NULL)
        return 0;
    o->file = str_dup(file);
    return o->file == NULL ? err_set(err, ERR_INTERNAL, "no memory for the options") : 0;
}

int options_load(struct options *o, int argc, char *const *argv, const char *file, struct err *err)
{
    bool stop = false;

    if (start(o, err) != 0 || option_read_args(o, argc, argv, &stop, err) != 0)
        goto fail;
    if (!stop && (choose_file(o, file, err) != 0 || option_read_env(o, err) != 0))
        goto fail;
    if (o->file != NULL && option_read_file(o, o->file, err) != 0)
        goto fail;
    if (store_defaults(o, err) != 0)
        goto fail;
    return 0;
fail:
    options_done(o);
    return -1;
}

void options_done(struct options *o)
{
    size_t n = option_count(o);
    struct option_ref ref;

    if (o->origin == NULL)
        return;
    for (size_t i = 0; i < n; i++) {
        option_at(o, i, &ref);
        option_clear(&ref);
        free(o->secret_files[i]);
    }
    for (size_t i = 0; i < o->positional_n; i++)
        free(o->positional[i]);
    free(o->positional);
    free(o->file);
    free(o->origin);
    free(o->secret_files);
    o->positional = o->secret_files = NULL;
    o->positional_n = 0;
    o->file = NULL;
    o->origin = NULL; /* says that nothing is loaded */
}

enum option_origin options_origin(const struct options *o, const char *name)
{
    struct option_ref ref;

    return option_find(o, name, &ref) ? (enum option_origin)o->origin[ref.index] : ORIGIN_DEFAULT;
}

const char *options_secret_file(const struct options *o, const char *name)
{
    struct option_ref ref;

    return option_find(o, name, &ref) ? o->secret_files[ref.index] : NULL;
}

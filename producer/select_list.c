#include "producer/select_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/base/str.h"

#define ITEMS_FIRST 256
#define READ_BYTES  65536

struct uuid_set {
    struct uuid guid;
    UT_hash_handle hh;
};

void listed_done(struct listed *entry)
{
    free(entry->bundle);
    for (size_t i = 0; i < entry->paths_n; i++)
        free(entry->paths[i]);
    free(entry->paths);
    *entry = (struct listed){ .bundle = NULL };
}

/* It becomes part of a request line. */
static bool path_fits(const struct listed *entry, const char *text, size_t len)
{
    if (len == 0 || len > TEXT_FIELD_MAX_BYTES || entry->paths_n == ACCESS_PATHS_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return false;
    return true;
}

int listed_path(struct listed *entry, const char *text, size_t len, struct err *err)
{
    char **paths;
    char *path;

    if (!path_fits(entry, text, len))
        return err_set(err, ERR_CONFIG, "a path of the content, at most %d of them",
                       ACCESS_PATHS_MAX);
    paths = reallocarray(entry->paths, entry->paths_n + 1, sizeof(*paths));
    if (paths == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a path");
    entry->paths = paths;
    path = strndup(text, len);
    if (path == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a path");
    paths[entry->paths_n++] = path;
    return 0;
}

static bool was_seen(struct select_list *l, const struct uuid *guid)
{
    struct uuid_set *found = NULL;

    HASH_FIND(hh, l->seen, guid, sizeof(*guid), found);
    return found != NULL;
}

static bool remember(struct select_list *l, const struct uuid *guid)
{
    struct uuid_set *one = calloc(1, sizeof(*one));

    if (one == NULL)
        return false;
    one->guid = *guid;
    HASH_ADD(hh, l->seen, guid, sizeof(*guid), one);
    if (one->hh.tbl != NULL)
        return true;
    free(one);
    return false;
}

static bool grow(struct select_list *l)
{
    size_t cap = l->cap == 0 ? ITEMS_FIRST : 2 * l->cap;
    struct listed *items;

    if (l->n < l->cap)
        return true;
    items = reallocarray(l->items, cap, sizeof(*items));
    if (items == NULL)
        return false;
    l->items = items;
    l->cap = cap;
    return true;
}

int select_list_add(struct select_list *l, struct listed *entry, struct err *err)
{
    if (was_seen(l, &entry->guid)) {
        if (l->doubles++ == 0)
            l->first_double = entry->guid;
        listed_done(entry);
        return 0;
    }
    if (l->n == SELECT_LIST_MAX) {
        listed_done(entry);
        return err_set(err, ERR_CONFIG, "a list of more than %d guids", SELECT_LIST_MAX);
    }
    if (!grow(l) || !remember(l, &entry->guid)) {
        listed_done(entry);
        return err_set(err, ERR_INTERNAL, "no memory for a list of guids");
    }
    l->items[l->n++] = *entry;
    return 0;
}

void select_list_done(struct select_list *l)
{
    struct uuid_set *one = l->seen, *next;

    HASH_CLEAR(hh, l->seen);
    for (; one != NULL; one = next) {
        next = one->hh.next;
        free(one);
    }
    for (size_t i = 0; i < l->n; i++)
        listed_done(&l->items[i]);
    free(l->items);
    *l = (struct select_list){ .n = 0 };
}

/* ---- what the options name ---- */

/* A number is the bundle of the guid before it; the options were checked for that. */
static int add_guids(struct select_list *l, const struct option_list *guids, struct err *err)
{
    for (size_t i = 0; i < guids->n; i++) {
        struct listed entry = { .bundle = NULL };

        if (!uuid_parse(guids->items[i], &entry.guid))
            continue;
        if (i + 1 < guids->n && strlen(guids->items[i + 1]) < UUID_TEXT_BYTES - 1)
            entry.bundle = str_dup(guids->items[i + 1]);
        if (select_list_add(l, &entry, err) != 0)
            return -1;
    }
    return 0;
}

static int slurp(FILE *file, const char *name, struct buf *text, struct err *err)
{
    char piece[READ_BYTES];
    size_t n;

    while (!text->failed && (n = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(text, piece, n); /* an endless one is left where it is too long */
    if (ferror(file))
        return err_set(err, ERR_CONFIG, "%s: it cannot be read: %s", name, strerror(errno));
    if (text->failed)
        return err_set(err, ERR_CONFIG, "%s: more than %d MB", name,
                       SELECT_FILE_MAX_BYTES / 1024 / 1024);
    if (memchr(buf_str(text), '\0', text->len) != NULL)
        return err_set(err, ERR_CONFIG, "%s: it holds a NUL byte, so it is no text", name);
    return 0;
}

typedef int read_fn(struct select_list *l, const char *name, const char *text, struct err *err);

static int add_file(struct select_list *l, const char *path, read_fn *reader, struct err *err)
{
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    FILE *file = standard ? stdin : fopen(path, "re");
    struct buf text;
    int rc = -1;

    if (file == NULL)
        return err_set(err, ERR_CONFIG, "%s: it cannot be opened: %s", path, strerror(errno));
    buf_init(&text, SELECT_FILE_MAX_BYTES);
    if (slurp(file, name, &text, err) == 0)
        rc = reader(l, name, buf_str(&text), err);
    buf_done(&text);
    if (!standard)
        fclose(file);
    return rc;
}

int select_list_read(const struct select_config *s, struct select_list *ret, struct err *err)
{
    struct select_list l = { .given =
                                 s->important != NULL || s->guids_from != NULL || s->guid.n > 0 };

    if ((s->important != NULL && add_file(&l, s->important, select_list_important, err) != 0) ||
        add_guids(&l, &s->guid, err) != 0 ||
        (s->guids_from != NULL && add_file(&l, s->guids_from, select_list_guids, err) != 0)) {
        select_list_done(&l);
        return -1;
    }
    *ret = l;
    return 0;
}

#include "producer/export_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/str.h"

#define HEADING        "connect-rebuild export state 1"
#define PATH_MAX_BYTES 4096

void export_state_done(struct export_state *s)
{
    free(s->next);
    *s = (struct export_state){ .next_n = 0 };
}

/* ---- as text ---- */

void export_state_print(const struct export_state *s, struct buf *out)
{
    buf_printf(out, "%s\ntopic %s\ncluster %s\nwhat %s\nbytes %" PRId64 "\n", HEADING, s->topic,
               s->cluster, s->what, s->file_bytes);
    for (size_t i = 0; i < s->next_n; i++)
        buf_printf(out, "next %zu %" PRId64 "\n", i, s->next[i]);
    buf_str_add(out, "end\n");
}

/* The rest of a line that begins with the word and a blank; NULL: it does not. */
static char *after(char *line, const char *word)
{
    size_t len = strlen(word);

    return line != NULL && strncmp(line, word, len) == 0 && line[len] == ' ' ? line + len + 1
                                                                             : NULL;
}

static bool take_text(char **rest, const char *word, char *dst)
{
    const char *text = after(strsep(rest, "\n"), word);

    return text != NULL && str_copy(dst, EXPORT_TEXT_BYTES, text);
}

static bool take_next(struct export_state *s, char *text)
{
    char *number = strsep(&text, " ");
    int64_t partition, offset;

    if (text == NULL || !str_to_i64(number, 0, EXPORT_PARTITIONS_MAX - 1, &partition) ||
        partition != (int64_t)s->next_n || !str_to_i64(text, 0, INT64_MAX, &offset))
        return false;
    s->next[s->next_n++] = offset;
    return true;
}

static bool take_all(struct export_state *s, char *rest)
{
    char *line = strsep(&rest, "\n"), *bytes;

    if (strcmp(line, HEADING) != 0 || !take_text(&rest, "topic", s->topic) ||
        !take_text(&rest, "cluster", s->cluster) || !take_text(&rest, "what", s->what))
        return false;
    bytes = after(strsep(&rest, "\n"), "bytes");
    if (bytes == NULL || !str_to_i64(bytes, 0, INT64_MAX, &s->file_bytes))
        return false;
    while ((line = strsep(&rest, "\n")) != NULL && strcmp(line, "end") != 0)
        if (after(line, "next") == NULL || !take_next(s, after(line, "next")))
            return false;
    return line != NULL;
}

int export_state_parse(const char *text, struct export_state *ret, struct err *err)
{
    struct export_state s = { .next_n = 0 };
    char *copy = str_dup(text);
    bool good = false;

    s.next = calloc(EXPORT_PARTITIONS_MAX, sizeof(*s.next));
    if (copy != NULL && s.next != NULL)
        good = take_all(&s, copy);
    free(copy);
    if (good) {
        *ret = s;
        return 0;
    }
    export_state_done(&s);
    return err_set(err, ERR_INPUT, "it is no state of an export");
}

/* ---- as a file ---- */

int export_state_load(const char *path, struct export_state *ret, struct err *err)
{
    FILE *file = fopen(path, "re");
    char *text;
    size_t len;
    int rc = 1;

    if (file == NULL)
        return errno == ENOENT ? 0
                               : err_set(err, ERR_CONFIG, "option --state: %s cannot be read: %s",
                                         path, strerror(errno));
    text = calloc(1, EXPORT_STATE_MAX_BYTES);
    len = text == NULL ? 0 : fread(text, 1, EXPORT_STATE_MAX_BYTES - 1, file);
    if (ferror(file) || len == 0 || export_state_parse(text, ret, err) != 0)
        rc = err_set(err, ERR_REFUSED,
                     "option --state: %s is no state of an export; name another file, or one that "
                     "is not there to begin anew",
                     path);
    fclose(file);
    free(text);
    return rc;
}

static bool write_whole(const char *path, const struct buf *text)
{
    FILE *file = fopen(path, "we");
    bool whole;

    if (file == NULL)
        return false;
    whole = fwrite(text->data, 1, text->len, file) == text->len && fflush(file) == 0 &&
            fsync(fileno(file)) == 0;
    return fclose(file) == 0 && whole;
}

/* The name of a file is its directory's business. */
static bool sync_directory(const char *path)
{
    char copy[PATH_MAX_BYTES];
    bool done;
    int fd;

    str_copy(copy, sizeof(copy), path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    done = fsync(fd) == 0;
    close(fd);
    return done;
}

int export_state_save(const char *path, const struct export_state *s, struct err *err)
{
    char beside[PATH_MAX_BYTES];
    struct buf text;
    bool whole;

    buf_init(&text, EXPORT_STATE_MAX_BYTES);
    export_state_print(s, &text);
    whole = !text.failed &&
            (size_t)snprintf(beside, sizeof(beside), "%s.new", path) < sizeof(beside) &&
            write_whole(beside, &text) && rename(beside, path) == 0 && sync_directory(path);
    buf_done(&text);
    return whole ? 0
                 : err_set(err, ERR_CONFIG, "option --state: %s cannot be written: %s", path,
                           strerror(errno));
}

/* The configuration file, and files with one secret. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/str.h"
#include "common/config/options_private.h"

#define WHAT_MAX_BYTES  300 /* "path:line: name" in messages */
#define NAME_CHARS      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
#define SECRET_MODE_BAD 037 /* of a configuration file that holds a secret: 0640 or less */

struct file {
    struct options *o;
    const char *path;
    unsigned mode;
    unsigned line;
    struct err *err;
};

static int read_all(int fd, char *data, size_t max_bytes, size_t *ret_len)
{
    size_t len = 0;

    while (len < max_bytes) {
        ssize_t n = read(fd, data + len, max_bytes - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

int option_slurp(const char *path, size_t max_bytes, struct option_text *ret, struct err *err)
{
    int rc = -1, fd = open(path, O_RDONLY | O_CLOEXEC);
    char *data = malloc(max_bytes + 2);
    struct stat st;
    size_t len = 0;

    if (data == NULL) {
        err_set(err, ERR_INTERNAL, "no memory for the file %s", path);
        goto out;
    }
    if (fd < 0 || fstat(fd, &st) != 0 || read_all(fd, data, max_bytes + 1, &len) != 0) {
        err_set(err, ERR_CONFIG, "cannot read the file %s: %s", path, strerror(errno));
        goto out;
    }
    data[len] = '\0';
    if (len > max_bytes) {
        err_set(err, ERR_CONFIG, "the file %s is longer than %zu KiB", path, max_bytes / 1024);
        goto out;
    }
    if (strlen(data) != len) {
        err_set(err, ERR_CONFIG, "the file %s has a NUL byte in it", path);
        goto out;
    }
    *ret = (struct option_text){ data, len, (unsigned)st.st_mode & 07777 };
    rc = 0;
out:
    if (rc != 0 && data != NULL)
        explicit_bzero(data, len);
    if (rc != 0)
        free(data);
    if (fd >= 0)
        close(fd);
    return rc;
}

int option_read_secret(const char *path, char **ret, struct err *err)
{
    struct option_text text;
    size_t len;
    int rc = 0;

    if (option_slurp(path, OPTIONS_SECRET_MAX_BYTES, &text, err) != 0)
        return -1;
    len = text.len;
    if (len > 0 && text.data[len - 1] == '\n')
        len--;
    if (len > 0 && text.data[len - 1] == '\r')
        len--;
    text.data[len] = '\0';
    if ((text.mode & S_IRWXO) != 0)
        rc = err_set(err, ERR_CONFIG,
                     "the file %s with a secret is open to every user (mode %04o); "
                     "make it 0640 or less",
                     path, text.mode);
    else if (len == 0)
        rc = err_set(err, ERR_CONFIG, "the file %s, which should hold a secret, is empty", path);
    if (rc == 0)
        *ret = strdup(text.data);
    if (rc == 0 && *ret == NULL)
        rc = err_set(err, ERR_INTERNAL, "no memory for a secret");
    explicit_bzero(text.data, text.len);
    free(text.data);
    return rc;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char *skip_blanks(char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

static void cut_blanks(char *start)
{
    size_t len = strlen(start);

    while (len > 0 && is_blank(start[len - 1]))
        len--;
    start[len] = '\0';
}

/* The value in place: up to a comment, or between double quotes. NULL: a quote is not closed, or
 * something follows it. */
static char *take_value(char *p)
{
    char *out = p, *start;

    p = start = skip_blanks(p);
    if (*p != '"') {
        for (; *p != '\0'; p++)
            if (*p == '#' && (p == start || is_blank(p[-1])))
                break;
        *p = '\0';
        cut_blanks(start);
        return start;
    }
    start = out;
    for (p++; *p != '"'; p++) {
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        if (*p == '\0')
            return NULL;
        *out++ = *p;
    }
    p = skip_blanks(p + 1);
    *out = '\0';
    return *p == '\0' || *p == '#' ? start : NULL;
}

static const char *near_miss(const struct options *o, const char *name)
{
    size_t n = option_count(o), k = 0;
    const char **names = calloc(n + 1, sizeof(*names));
    const char *near = NULL;
    struct option_ref ref;

    if (names == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        option_at(o, i, &ref);
        if (!ref.command_line_only)
            names[k++] = ref.row->name;
    }
    near = options_suggest(name, names, k);
    free(names);
    return near;
}

static bool elsewhere(const struct file *f, const char *name)
{
    const char *const *names = f->o->known_elsewhere;

    for (size_t i = 0; names != NULL && names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static int unknown_key(const struct file *f, const char *name)
{
    const char *near = near_miss(f->o, name);

    if (near != NULL)
        return err_set(f->err, ERR_CONFIG, "%s:%u: unknown setting %.64s; did you mean %s?",
                       f->path, f->line, name, near);
    return err_set(f->err, ERR_CONFIG, "%s:%u: unknown setting %.64s", f->path, f->line, name);
}

static int store(const struct file *f, const struct option_ref *ref, const char *name,
                 const char *value)
{
    const struct option_row *row = ref->row;
    char what[WHAT_MAX_BYTES];
    struct option_source source = { ORIGIN_FILE, what };
    bool secret = row->type == OPT_SECRET || (row->is_secret != NULL && row->is_secret(value));

    snprintf(what, sizeof(what), "%s:%u: %s", f->path, f->line, name);
    if (strcmp(row->name, name) != 0)
        return option_store_secret_file(f->o, ref, value, &source, f->err);
    if (secret && (f->mode & SECRET_MODE_BAD) != 0)
        return err_set(f->err, ERR_CONFIG,
                       "%s is a secret, so the file's mode must be 0640 or less; it is %04o", what,
                       f->mode);
    return option_store(f->o, ref, value, &source, f->err);
}

/* The name first, then the value: an empty one counts as not set, as in the environment. */
static int read_setting(const struct file *f, const char *name, const char *value)
{
    struct option_ref ref;
    bool found = option_find(f->o, name, &ref) || option_find_secret_file(f->o, name, &ref);

    if (found && !ref.command_line_only && strcmp(name, "config") != 0)
        return *value == '\0' ? 0 : store(f, &ref, name, value);
    if (elsewhere(f, name)) /* both programs may have an option of this name */
        return 0;
    if (!found)
        return unknown_key(f, name);
    return err_set(f->err, ERR_CONFIG, "%s:%u: %s cannot stand in a file", f->path, f->line, name);
}

static int read_line(const struct file *f, char *line)
{
    char *name = skip_blanks(line), *equals, *value;

    cut_blanks(name);
    if (*name == '\0' || *name == '#')
        return 0;
    if (*name == '[' && strchr(name, ']') != NULL)
        return 0;
    equals = strchr(name, '=');
    if (equals != NULL) {
        *equals = '\0';
        cut_blanks(name);
    }
    if (equals == NULL || *name == '\0' || name[strspn(name, NAME_CHARS)] != '\0')
        return err_set(f->err, ERR_CONFIG, "%s:%u: the line is not `name = value`", f->path,
                       f->line);
    value = take_value(equals + 1);
    if (value == NULL)
        return err_set(f->err, ERR_CONFIG,
                       "%s:%u: %.64s has a quote that is not closed, or "
                       "text behind it",
                       f->path, f->line, name);
    return read_setting(f, name, value);
}

int option_read_file(struct options *o, const char *path, struct err *err)
{
    struct file f = { .o = o, .path = path, .err = err };
    struct option_text text;
    char *rest, *line;
    int rc = 0;

    if (option_slurp(path, OPTIONS_FILE_MAX_BYTES, &text, err) != 0)
        return -1;
    f.mode = text.mode;
    rest = text.data;
    while (rc == 0 && (line = strsep(&rest, "\n")) != NULL) {
        f.line++;
        rc = read_line(&f, line);
    }
    explicit_bzero(text.data, text.len);
    free(text.data);
    return rc;
}

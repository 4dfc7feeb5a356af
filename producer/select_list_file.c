/* The two kinds of file that name content: one guid on a line; or, for performance-critical
 * content, CSV or JSON lines with access paths. */
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/content.h"
#include "common/record/content_json.h"
#include "common/record/json.h"
#include "producer/csv.h"
#include "producer/select_list.h"

#define LINE_MAX_BYTES   (64 * 1024) /* a longer line is no line of a list */
#define SAID_BYTES       80          /* of a bad value in a sentence */
#define BUNDLE_MAX_BYTES 63
#define WANT_PATH        "an access path without blanks, of at most 1024 bytes, and among the first 16"

/* Where a line stands, for sentences. */
struct place {
    const char *name;
    size_t line;
    struct err *err;
};

static int bad(const struct place *at, const char *text, const char *want)
{
    char said[SAID_BYTES + 1];

    str_clean_utf8(said, SAID_BYTES, text, strlen(text), NULL);
    return err_set(at->err, ERR_CONFIG, "%s: line %zu: \"%s\" is not %s", at->name, at->line, said,
                   want);
}

static char *trim(char *text)
{
    size_t len;

    text += strspn(text, " \t\r\n");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
        text[--len] = '\0';
    return text;
}

static bool bundle_valid(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            return false;
    return len > 0 && len <= BUNDLE_MAX_BYTES;
}

static int set_guid(struct listed *entry, const struct place *at, const char *text)
{
    return uuid_parse(text, &entry->guid) ? 0 : bad(at, text, "a content guid");
}

static int set_bundle(struct listed *entry, const struct place *at, const char *text)
{
    if (text[0] == '\0')
        return 0;
    if (!bundle_valid(text))
        return bad(at, text, "a bundle id");
    free(entry->bundle);
    entry->bundle = str_dup(text);
    return entry->bundle != NULL ? 0 : err_set(at->err, ERR_INTERNAL, "no memory for a bundle id");
}

/* A reader's own error, with the place; a lack of memory is not the file's fault. */
static int bad_because(const struct place *at, const struct err *why)
{
    return err_set(at->err, why->kind == ERR_INTERNAL ? ERR_INTERNAL : ERR_CONFIG,
                   "%s: line %zu: %s", at->name, at->line, why->msg);
}

static int add_path(struct listed *entry, const struct place *at, const char *text, size_t len)
{
    struct err why = { .kind = ERR_NONE };

    if (listed_path(entry, text, len, &why) == 0)
        return 0;
    return why.kind == ERR_INTERNAL ? bad_because(at, &why) : bad(at, text, WANT_PATH);
}

/* Several may stand in one field, apart by blanks or semicolons. */
static int set_paths(struct listed *entry, const struct place *at, const char *text)
{
    size_t len;

    for (const char *p = text + strspn(text, " \t;"); *p != '\0';
         p += len + strspn(p + len, " \t;")) {
        len = strcspn(p, " \t;");
        if (add_path(entry, at, p, len) != 0)
            return -1;
    }
    return 0;
}

/* ---- lines ---- */

typedef int line_fn(struct select_list *l, const struct place *at, char *line, void *arg);

/* Hands on what is left of each line without its comment: '#' at its start, or after a blank. */
static int each_line(struct select_list *l, struct place *at, const char *text, line_fn *fn,
                     void *arg)
{
    static const char bom[] = "\xEF\xBB\xBF";
    int rc = 0;

    if (strncmp(text, bom, strlen(bom)) == 0)
        text += strlen(bom);
    for (at->line = 1; rc == 0 && *text != '\0'; at->line++) {
        size_t len = strcspn(text, "\n");
        char *copy, *line;

        if (len > LINE_MAX_BYTES)
            return err_set(at->err, ERR_CONFIG, "%s: line %zu is longer than %d bytes", at->name,
                           at->line, LINE_MAX_BYTES);
        copy = strndup(text, len);
        if (copy == NULL)
            return err_set(at->err, ERR_INTERNAL, "no memory for a line");
        line = trim(copy);
        if (line[0] != '\0' && line[0] != '#')
            rc = fn(l, at, line, arg);
        free(copy);
        text += len + (text[len] == '\n');
    }
    return rc;
}

static int guid_line(struct select_list *l, const struct place *at, char *line, void *arg)
{
    struct listed entry = { .bundle = NULL };
    char *comment = strstr(line, " #"), *comma;

    (void)arg;
    if (comment == NULL)
        comment = strstr(line, "\t#");
    if (comment != NULL)
        *comment = '\0';
    comma = strchr(line, ',');
    if (comma != NULL)
        *comma = '\0';
    if (set_guid(&entry, at, trim(line)) != 0 ||
        (comma != NULL && set_bundle(&entry, at, trim(comma + 1)) != 0)) {
        listed_done(&entry);
        return -1;
    }
    return select_list_add(l, &entry, at->err);
}

int select_list_guids(struct select_list *l, const char *name, const char *text, struct err *err)
{
    struct place at = { .name = name, .err = err };

    return each_line(l, &at, text, guid_line, NULL);
}

/* ---- important: CSV ---- */

enum field { FIELD_GUID, FIELD_BUNDLE, FIELD_PATH, FIELD_IGNORED };

struct header {
    enum field fields[CSV_FIELDS_MAX];
    size_t n; /* 0: no header was seen; then the first is the guid, the others are paths */
    bool first_seen;
};

static enum field field_named(const char *name)
{
    static const struct {
        const char *name;
        enum field field;
    } known[] = {
        { "guid", FIELD_GUID },        { "content_guid", FIELD_GUID },
        { "bundle_id", FIELD_BUNDLE }, { "bundle", FIELD_BUNDLE },
        { "path", FIELD_PATH },        { "paths", FIELD_PATH },
        { "access_path", FIELD_PATH }, { "access_paths", FIELD_PATH },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcasecmp(name, known[i].name) == 0)
            return known[i].field;
    return FIELD_IGNORED;
}

/* A first line that names a guid column is a header. */
static bool read_header(struct header *h, char *const *fields, size_t n)
{
    bool guid = false;

    if (h->first_seen)
        return false;
    h->first_seen = true;
    for (size_t i = 0; i < n; i++) {
        h->fields[i] = field_named(fields[i]);
        guid = guid || h->fields[i] == FIELD_GUID;
    }
    h->n = guid ? n : 0;
    return guid;
}

static enum field field_at(const struct header *h, size_t i)
{
    if (h->n == 0)
        return i == 0 ? FIELD_GUID : FIELD_PATH;
    return i < h->n ? h->fields[i] : FIELD_PATH; /* unquoted commas between paths */
}

static int set_field(struct listed *entry, const struct place *at, enum field field,
                     const char *text)
{
    switch (field) {
    case FIELD_GUID: return set_guid(entry, at, text);
    case FIELD_BUNDLE: return set_bundle(entry, at, text);
    case FIELD_PATH: return set_paths(entry, at, text);
    case FIELD_IGNORED: break;
    }
    return 0;
}

static int csv_line(struct select_list *l, const struct place *at, char *line, void *arg)
{
    struct header *h = arg;
    struct listed entry = { .bundle = NULL };
    char *fields[CSV_FIELDS_MAX];
    size_t n;
    bool guid = false;

    if (!csv_split(line, fields, &n))
        return bad(at, line, "a line of CSV with at most 32 fields");
    for (size_t i = 0; i < n; i++)
        fields[i] = trim(fields[i]);
    if (read_header(h, fields, n))
        return 0;
    for (size_t i = 0; i < n; i++) {
        guid = guid || field_at(h, i) == FIELD_GUID;
        if (set_field(&entry, at, field_at(h, i), fields[i]) != 0) {
            listed_done(&entry);
            return -1;
        }
    }
    if (!guid) {
        listed_done(&entry);
        return bad(at, "", "a content guid");
    }
    return select_list_add(l, &entry, at->err);
}

/* ---- important: JSON lines ---- */

static int json_paths(struct listed *entry, const struct place *at, const struct cJSON *doc)
{
    char text[ACCESS_PATHS_MAX * TEXT_FIELD_MAX_BYTES];
    struct err why = { .kind = ERR_NONE };
    struct json_at top = { .node = doc, .path = "the line", .err = &why };
    struct content content = { .guid = NULL };
    int rc;

    if (json_copy(doc, "access_path", text, sizeof(text)) ||
        json_copy(doc, "access_paths", text, sizeof(text)))
        return set_paths(entry, at, text);
    rc = access_paths_read(&top, "access_paths", &content);
    if (rc != 0)
        bad_because(at, &why);
    for (size_t i = 0; rc == 0 && i < content.access_paths_n; i++)
        rc = add_path(entry, at, content.access_paths[i], strlen(content.access_paths[i]));
    content_done(&content);
    return rc;
}

static int json_entry(struct listed *entry, const struct place *at, const struct cJSON *doc)
{
    char text[SAID_BYTES];

    if (!json_copy(doc, "guid", text, sizeof(text)) &&
        !json_copy(doc, "content_guid", text, sizeof(text)))
        return bad(at, "", "an object with a guid");
    if (set_guid(entry, at, text) != 0)
        return -1;
    if (json_copy_id(doc, "bundle_id", text, sizeof(text)) && set_bundle(entry, at, text) != 0)
        return -1;
    return json_paths(entry, at, doc);
}

static int json_line(struct select_list *l, const struct place *at, char *line, void *arg)
{
    struct listed entry = { .bundle = NULL };
    struct err why = { .kind = ERR_NONE };
    struct cJSON *doc = json_parse(line, strlen(line), LINE_MAX_BYTES, &why);
    int rc;

    (void)arg;
    if (doc == NULL)
        return bad_because(at, &why);
    rc = json_entry(&entry, at, doc);
    json_free(doc);
    if (rc == 0)
        return select_list_add(l, &entry, at->err);
    listed_done(&entry);
    return -1;
}

/* The first line that is no comment tells which of the two it is. */
static bool is_json(const char *text)
{
    for (;;) {
        text += strspn(text, " \t\r\n\xEF\xBB\xBF");
        if (*text != '#')
            return *text == '{';
        text += strcspn(text, "\n");
    }
}

int select_list_important(struct select_list *l, const char *name, const char *text,
                          struct err *err)
{
    struct place at = { .name = name, .err = err };
    struct header header = { .n = 0 };

    return each_line(l, &at, text, is_json(text) ? json_line : csv_line, &header);
}

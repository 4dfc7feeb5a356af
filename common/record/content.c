#include "common/record/content_json.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/record/json_out.h"

/* Bytes; longer ones mean nothing, and cut they would mean something else. */
#define ID_MAX    63
#define WORD_MAX  31 /* an app mode, a version */
#define IMAGE_MAX 255
#define SMALLEST  64 /* no text_max is below, so ids stay whole */

enum text_kind {
    TEXT_PROSE, /* cut when it is too long */
    TEXT_EXACT,
    TEXT_ID, /* may be a number in JSON */
};

struct field {
    const char *name;
    size_t offset;
    size_t max_bytes;
    enum text_kind kind;
    enum content_extent extent;
};

#define FIELD(member, max, kind, extent)                             \
    {                                                                \
#member, offsetof(struct content, member), max, kind, extent \
    }

/* In the order of conventions.md section 6. The guid is not here: it is a UUID. */
static const struct field fields[] = {
    FIELD(title, TEXT_FIELD_MAX_BYTES, TEXT_PROSE, CONTENT_RESULT),
    FIELD(app_mode, WORD_MAX, TEXT_EXACT, CONTENT_RESULT),
    FIELD(owner_guid, ID_MAX, TEXT_ID, CONTENT_RESULT),
    FIELD(bundle_id, ID_MAX, TEXT_ID, CONTENT_RESULT),
    FIELD(r_version, WORD_MAX, TEXT_EXACT, CONTENT_RESULT),
    FIELD(py_version, WORD_MAX, TEXT_EXACT, CONTENT_RESULT),
    FIELD(quarto_version, WORD_MAX, TEXT_EXACT, CONTENT_RESULT),
    FIELD(image_name, IMAGE_MAX, TEXT_EXACT, CONTENT_RESULT),
    FIELD(name, TEXT_FIELD_MAX_BYTES, TEXT_PROSE, CONTENT_REQUEST),
    FIELD(owner_username, TEXT_FIELD_MAX_BYTES, TEXT_PROSE, CONTENT_REQUEST),
    FIELD(access_type, WORD_MAX, TEXT_EXACT, CONTENT_REQUEST),
};

#define FIELDS_N (sizeof fields / sizeof fields[0])

static char *text_of(const struct content *c, const struct field *f)
{
    return *(char *const *)((const char *)c + f->offset);
}

static char **text_place(struct content *c, const struct field *f)
{
    return (char **)((char *)c + f->offset);
}

void content_done(struct content *c)
{
    free(c->guid);
    for (size_t i = 0; i < FIELDS_N; i++)
        free(text_of(c, &fields[i]));
    for (size_t i = 0; i < c->access_paths_n; i++)
        free(c->access_paths[i]);
    free(c->access_paths);
    *c = (struct content){ 0 };
}

void content_put(struct json_out *o, const struct content *c, enum content_extent extent,
                 size_t text_max)
{
    json_put_open(o, "content", '{');
    json_put_text(o, "guid", c->guid, SMALLEST);
    for (size_t i = 0; i < FIELDS_N; i++) {
        const struct field *f = &fields[i];
        const char *text = text_of(c, f);

        if (f->extent > extent)
            continue;
        json_put_text(o, f->name, text == NULL || text[0] == '\0' ? NULL : text,
                      f->max_bytes < text_max ? f->max_bytes : text_max);
    }
    json_put_close(o, '}');
}

static int read_field(const struct json_at *at, const struct field *f, struct content *ret)
{
    char **place = text_place(ret, f);

    switch (f->kind) {
    case TEXT_ID: return json_id(at, f->name, f->max_bytes, place);
    case TEXT_EXACT: return json_exact(at, f->name, f->max_bytes, place);
    case TEXT_PROSE: break;
    }
    return json_text(at, f->name, f->max_bytes, place);
}

int content_read(const struct json_at *at, struct content *ret)
{
    struct uuid guid;
    char text[UUID_TEXT_BYTES];

    if (json_get(at->node, "guid") == NULL)
        return json_missing(at, "guid");
    if (json_uuid(at, "guid", &guid) != 0)
        return -1;
    ret->guid = str_dup(uuid_format(&guid, text));
    if (ret->guid == NULL)
        return err_set(at->err, ERR_INTERNAL, "no memory for a guid");
    for (size_t i = 0; i < FIELDS_N; i++)
        if (read_field(at, &fields[i], ret) != 0)
            return -1;
    return 0;
}

int content_check(const struct content *c, struct err *err)
{
    struct uuid guid;

    if (c->guid == NULL || !uuid_parse(c->guid, &guid))
        return err_set(err, ERR_INPUT, "content.guid is not a UUID");
    for (size_t i = 0; i < FIELDS_N; i++) {
        const char *text = text_of(c, &fields[i]);

        if (fields[i].kind != TEXT_PROSE && text != NULL && strlen(text) > fields[i].max_bytes)
            return err_set(err, ERR_INPUT, "content.%s is longer than %zu bytes", fields[i].name,
                           fields[i].max_bytes);
    }
    if (c->access_paths_n > ACCESS_PATHS_MAX)
        return err_set(err, ERR_INPUT, "more than %d access paths", ACCESS_PATHS_MAX);
    for (size_t i = 0; i < c->access_paths_n; i++)
        if (strlen(c->access_paths[i]) > TEXT_FIELD_MAX_BYTES)
            return err_set(err, ERR_INPUT, "an access path is longer than %d bytes",
                           TEXT_FIELD_MAX_BYTES);
    return 0;
}

#include "common/outbox/message.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/ledger/array.h"
#include "common/ledger/db.h"
#include "common/outbox/sql.h"

void outbox_about_done(struct outbox_about *a)
{
    free(a->name);
    free(a->reason);
    free(a->actor);
    free(a->source);
    *a = (struct outbox_about){ 0 };
}

/* false: no memory. A null stays NULL. */
static bool copy(char **place, const char *text)
{
    *place = str_dup(text);
    return *place != NULL || text == NULL;
}

static bool copy_about(const struct outbox_about *about, struct request *r)
{
    r->campaign_id = about->campaign_id;
    return copy(&r->source, about->source) && copy(&r->campaign_name, about->name) &&
           copy(&r->reason, about->reason) && copy(&r->actor, about->actor);
}

/* Paths that are no array, or too many, are left to the ledger. */
static void read_paths(const char *literal, struct content *c)
{
    ptrdiff_t n = literal == NULL ? 0 : array_parse(literal, ACCESS_PATHS_MAX, &c->access_paths);
    size_t kept = 0;

    for (ptrdiff_t i = 0; i < n; i++) {
        if (c->access_paths[i] != NULL)
            c->access_paths[kept++] = c->access_paths[i];
    }
    c->access_paths_n = kept;
}

struct text_column {
    size_t offset; /* in struct content */
    size_t column;
};

#define TEXT(member, col)                       \
    {                                           \
        offsetof(struct content, member), (col) \
    }

static const char *text_at(const struct outbox_row *row, size_t column)
{
    return db_text(row->reply, row->statement, row->row, column);
}

static bool read_content(const struct outbox_row *row, struct content *c)
{
    static const struct text_column texts[] = {
        TEXT(guid, ITEM_GUID),
        TEXT(bundle_id, ITEM_BUNDLE),
        TEXT(app_mode, ITEM_APP_MODE),
        TEXT(title, ITEM_TITLE),
        TEXT(name, ITEM_NAME),
        TEXT(owner_guid, ITEM_OWNER_GUID),
        TEXT(owner_username, ITEM_OWNER),
        TEXT(access_type, ITEM_ACCESS_TYPE),
        TEXT(r_version, ITEM_R),
        TEXT(py_version, ITEM_PY),
        TEXT(quarto_version, ITEM_QUARTO),
        TEXT(image_name, ITEM_IMAGE),
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!copy((char **)((char *)c + texts[i].offset), text_at(row, texts[i].column)))
            return false;
    }
    read_paths(text_at(row, ITEM_PATHS), c);
    return true;
}

int outbox_request_read(const struct outbox_row *row, const struct outbox_about *about,
                        struct request *ret, struct err *err)
{
    const char *id = text_at(row, ITEM_REQUEST);
    struct request r = { 0 };

    if (id == NULL || !uuid_parse(id, &r.request_id))
        return err_set(err, ERR_INTERNAL, "an item's row has no request id");
    r.rank = db_int(row->reply, row->statement, row->row, ITEM_RANK);
    r.high_lane = db_int(row->reply, row->statement, row->row, ITEM_LANE) != 0;
    if (!copy(&r.requested_at, text_at(row, ITEM_REQUESTED_AT)) || !copy_about(about, &r) ||
        !read_content(row, &r.content)) {
        request_done(&r);
        return err_set(err, ERR_INTERNAL, "no memory for a request");
    }
    *ret = r;
    return 0;
}

static int encode(const struct request *r, struct buf *out, struct err *err)
{
    buf_clear(out);
    if (request_encode(r, out, err) != 0)
        return -1;
    if (out->len > OUTBOX_VALUE_MAX_BYTES)
        return err_set(err, ERR_INPUT, "a request of %zu bytes, more than %d", out->len,
                       OUTBOX_VALUE_MAX_BYTES);
    return 0;
}

int outbox_request_encode(struct request *r, struct buf *out, struct err *err)
{
    char *guid = r->content.guid;

    if (encode(r, out, err) == 0)
        return 0;
    r->content.guid = NULL;
    content_done(&r->content);
    r->content.guid = guid;
    return encode(r, out, err);
}

void outbox_headers_fill(const struct request *r, struct outbox_headers *ret)
{
    char traceparent[64];

    event_traceparent(traceparent, &r->request_id);
    ret->n = event_headers(ret->text, &(struct event_about){ .request_id = &r->request_id,
                                                             .type = EVENT_TYPE_REQUEST,
                                                             .source = r->source,
                                                             .content_guid = r->content.guid,
                                                             .time = r->requested_at,
                                                             .traceparent = traceparent });
    for (size_t i = 0; i < ret->n; i++)
        ret->headers[i] = (struct kafka_header){ ret->text[i].name, ret->text[i].value,
                                                 strlen(ret->text[i].value) };
}

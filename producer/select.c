#include "producer/select.h"

#include <string.h>

#include "common/base/str.h"
#include "common/base/uuid.h"
#include "common/ledger/array.h"
#include "producer/select_private.h"

/* What the rest of the system may be told of a text, see common/record/content.c: texts for people
 * are cut, names of things are dropped when they cannot be right. */
enum shape {
    SHAPE_PROSE, /* at most 1024 characters; cut again in bytes when it is written */
    SHAPE_WORD,  /* at most 31 bytes */
    SHAPE_IMAGE, /* at most 255 bytes */
    SHAPE_ID,    /* at most 63 visible ASCII characters; a whole number may have come as a float */
};

static const struct {
    const char *name;
    enum shape shape;
} texts[] = {
    { "bundle_id", SHAPE_ID },     { "app_mode", SHAPE_WORD },
    { "title", SHAPE_PROSE },      { "name", SHAPE_PROSE },
    { "owner_guid", SHAPE_ID },    { "owner_username", SHAPE_PROSE },
    { "access_type", SHAPE_WORD }, { "r_version", SHAPE_WORD },
    { "py_version", SHAPE_WORD },  { "quarto_version", SHAPE_WORD },
    { "image_name", SHAPE_IMAGE },
};

/* Is %s a guid in small letters? Twice as fast as a regular expression. */
#define IS_GUID                                           \
    "(%s like '________-____-____-____-____________' and" \
    " translate(%s, '0123456789abcdef', '') = '----')"
#define GUID_TEXT "lower(btrim(t.guid::text))"
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

/* Values of these types are what they must be, and need no look at each of them. */
static bool is_plain(const struct content_column *c)
{
    static const char *const types[] = { "uuid", "bigint", "integer", "smallint" };

    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(c->type, types[i]) == 0)
            return true;
    return false;
}

/* Cheap tests stand before the dear ones: a content table may have a million rows. */
static void add_text(struct query *q, const struct content_table *t, const char *name,
                     enum shape shape)
{
    const struct content_column *c = content_column(t, name);
    char v[128];

    if (c == NULL || is_plain(c)) {
        query_add(q, c == NULL ? ", null::text as %s" : ", t.%s::text as %s", name, name);
        return;
    }
    snprintf(v, sizeof(v), "nullif(btrim(t.%s::text), '')", name);
    switch (shape) {
    case SHAPE_PROSE:
        query_add(q, ", case when octet_length(t.%s::text) <= 1024 then %s else left(%s, 1024) end",
                  name, v, v);
        break;
    case SHAPE_WORD:
        query_add(q, ", case when octet_length(t.%s::text) <= 31 then %s end", name, v);
        break;
    case SHAPE_IMAGE:
        query_add(q, ", case when octet_length(t.%s::text) <= 255 then %s end", name, v);
        break;
    case SHAPE_ID:
        query_add(q,
                  ", case when octet_length(t.%s::text) <= 63 and %s !~ '[^!-~]' then"
                  " case when position('.' in t.%s::text) > 0"
                  " then regexp_replace(%s, '^([0-9]+)[.]0+$', '\\1') else %s end end",
                  name, v, name, v, v);
        break;
    }
    query_add(q, " as %s", name);
}

static bool guid_is_uuid(const struct content_table *t)
{
    return strcmp(content_column(t, "guid")->type, "uuid") == 0;
}

void select_no_guid(const struct content_table *t, struct query *q)
{
    if (guid_is_uuid(t))
        query_add(q, "t.guid is null");
    else
        query_add(q, IS_GUID " is not true", GUID_TEXT, GUID_TEXT);
}

/* A time without a zone is in UTC, as Connect's are. What is no time is null. */
static void add_time(struct query *q, const struct content_table *t, const char *name)
{
    const struct content_column *c = content_column(t, name);

    if (c == NULL)
        query_add(q, ", null::timestamptz as %s", name);
    else if (strcmp(c->type, "timestamp with time zone") == 0)
        query_add(q, ", t.%s as %s", name, name);
    else
        query_add(q,
                  ", case when t.%s::text ~ '^ *[0-9]{4}-[0-9]{2}-[0-9]{2}' then"
                  " case when t.%s::text ~ '[0-9]:[0-9.:]+ *(Z|z|[+-][0-9]{2}(:?[0-9]{2})?) *$'"
                  " then t.%s::text::timestamptz"
                  " else t.%s::text::timestamp at time zone 'UTC' end end as %s",
                  name, name, name, name, name);
}

static void add_source(struct query *q, const struct content_table *t)
{
    query_add(q, guid_is_uuid(t) ? "src as (select t.guid::text as guid"
                                 : "src as (select " GUID_TEXT " as guid");
    for (size_t i = 0; i < COUNT(texts); i++)
        add_text(q, t, texts[i].name, texts[i].shape);
    if (content_column(t, "locked") != NULL)
        query_add(q, ", coalesce(lower(t.locked::text) in ('t', 'true', '1', 'yes', 'on'), false)"
                     " as locked");
    else
        query_add(q, ", false as locked");
    query_add(q, content_column(t, "tags") != NULL ? ", t.tags::text as tags"
                                                   : ", null::text as tags");
    if (content_column(t, "usage") != NULL)
        query_add(q, ", case when t.usage::text ~ '^-?[0-9]{1,30}([.][0-9]*)?$'"
                     " then t.usage::text::numeric end as usage");
    else
        query_add(q, ", null::numeric as usage");
    add_time(q, t, "created_time");
    add_time(q, t, "last_deployed_time");
    add_time(q, t, "last_visited_time");
    query_add(q, " from %s t)", t->name);
}

/* ---- content named one by one ---- */

static int list_column(struct query *q, const struct select_list *l,
                       void (*add)(struct buf *b, const struct listed *entry))
{
    struct buf b;
    int number;

    buf_init(&b, SELECT_FILE_MAX_BYTES);
    array_open(&b);
    for (size_t i = 0; i < l->n; i++)
        add(&b, &l->items[i]);
    array_close(&b);
    if (b.failed)
        q->failed = true;
    number = query_param(q, buf_str(&b));
    buf_done(&b);
    return number;
}

static void add_guid(struct buf *b, const struct listed *entry)
{
    char text[UUID_TEXT_BYTES];

    array_add(b, uuid_format(&entry->guid, text));
}

static void add_bundle(struct buf *b, const struct listed *entry)
{
    array_add(b, entry->bundle);
}

/* An array of arrays must be square, so the paths of one go as one text. */
static void add_paths(struct buf *b, const struct listed *entry)
{
    struct buf joined;

    buf_init(&joined, SELECT_FILE_MAX_BYTES);
    for (size_t i = 0; i < entry->paths_n; i++)
        buf_printf(&joined, "%s%s", i == 0 ? "" : " ", entry->paths[i]);
    array_add(b, entry->paths_n == 0 ? NULL : buf_str(&joined));
    buf_done(&joined);
}

int select_list_param(struct query *q, const struct select_list *l)
{
    return list_column(q, l, add_guid);
}

static void add_list(struct query *q, const struct select_list *l)
{
    int guids = list_column(q, l, add_guid), bundles = list_column(q, l, add_bundle);
    int paths = list_column(q, l, add_paths);

    query_add(q,
              ", listed as (select * from unnest($%d::text[], $%d::text[], $%d::text[])"
              " with ordinality u(l_guid, l_bundle, l_paths, l_place))",
              guids, bundles, paths);
}

/* ---- order ---- */

static int need_order(const struct selection *s, const char *column, struct err *err)
{
    if (content_column(s->table, column) != NULL)
        return 0;
    return err_set(err, ERR_CONFIG, "--order-by: the content table %s has no column %s",
                   s->table->said, column);
}

/* Without usage the next best: what was deployed last. */
static const char *fall_back(const struct selection *s)
{
    return content_column(s->table, "last_deployed_time") != NULL
               ? "last_deployed_time desc nulls last, "
               : "";
}

static int order(struct selection *s, const char **ret, struct err *err)
{
    *ret = "";
    switch ((enum select_order)s->config->order_by) {
    case ORDER_AUTO:
        if (s->list->given)
            *ret = "l_place, ";
        else if (content_column(s->table, "usage") != NULL)
            *ret = "usage desc nulls last, last_deployed_time desc nulls last, ";
        else
            *ret = fall_back(s);
        return 0;
    case ORDER_USAGE:
        s->usage_missing = content_column(s->table, "usage") == NULL;
        *ret = s->usage_missing ? fall_back(s)
                                : "usage desc nulls last, last_deployed_time desc nulls last, ";
        return 0;
    case ORDER_LAST_DEPLOYED:
        *ret = "last_deployed_time desc nulls last, ";
        return need_order(s, "last_deployed_time", err);
    case ORDER_CREATED:
        *ret = "created_time desc nulls last, ";
        return need_order(s, "created_time", err);
    case ORDER_TITLE: *ret = "lower(title) nulls last, "; return need_order(s, "title", err);
    case ORDER_GUID: break;
    }
    return 0;
}

int select_build(struct selection *s, struct query *q, struct err *err)
{
    const char *by;

    if (order(s, &by, err) != 0)
        return -1;
    add_source(q, s->table);
    if (s->list->given)
        add_list(q, s->list);
    /* a view may show an item twice; the first of its rows counts */
    query_add(q, ", fits as (select distinct on (s.guid) s.*, %s from src s%s where ",
              s->list->given ? "l_bundle, l_paths, l_place"
                             : "null::text as l_bundle, null::text as l_paths, 0 as l_place",
              s->list->given ? " join listed on l_guid = s.guid" : "");
    if (guid_is_uuid(s->table))
        query_add(q, "s.guid is not null");
    else
        query_add(q, IS_GUID, "s.guid", "s.guid");
    if (select_filters(s, q, err) != 0)
        return -1;
    query_add(q, " order by s.guid, %sbundle_id nulls last)", by);
    query_add(q, ", found as (select guid::uuid as guid");
    for (size_t i = 0; i < COUNT(texts); i++)
        query_add(q, i == 0 ? ", coalesce(l_bundle, bundle_id) as %s" : ", %s", texts[i].name);
    query_add(q,
              ", locked, coalesce(string_to_array(l_paths, ' '), '{}') as access_paths,"
              " row_number() over (order by %sguid) as place from fits)",
              by);
    return query_check(q, err);
}

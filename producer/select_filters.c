/* The filters one by one. A text that is given is a filter, the empty one too: what has none. */
#include <string.h>

#include "common/base/str.h"
#include "common/base/uuid.h"
#include "producer/select_private.h"
#include "producer/select_version.h"

struct filter {
    const struct selection *s;
    struct query *q;
    struct err *err;
};

static int need(const struct filter *f, const char *option, const char *column)
{
    if (content_column(f->s->table, column) != NULL)
        return 0;
    return err_set(f->err, ERR_CONFIG, "option --%s: the content table %s has no column %s", option,
                   f->s->table->said, column);
}

static int equal(const struct filter *f, const char *option, const char *column, const char *value)
{
    if (value == NULL)
        return 0;
    if (need(f, option, column) != 0)
        return -1;
    if (value[0] == '\0')
        query_add(f->q, " and s.%s is null", column);
    else
        query_add(f->q, " and s.%s = $%d", column, query_param(f->q, value));
    return 0;
}

/* By name, or by guid where it is one. */
static int owner(const struct filter *f)
{
    const char *value = f->s->config->owner;
    struct uuid guid;

    if (value != NULL && uuid_parse(value, &guid) &&
        content_column(f->s->table, "owner_guid") != NULL) {
        query_add(f->q, " and lower(s.owner_guid) = lower($%d)", query_param(f->q, value));
        return 0;
    }
    return equal(f, "owner", "owner_username", value);
}

/* Content without an image runs on the server itself, which Connect calls Local. */
static int image(const struct filter *f)
{
    const char *value = f->s->config->image;

    if (value == NULL || value[0] == '\0')
        return equal(f, "image", "image_name", value);
    if (need(f, "image", "image_name") != 0)
        return -1;
    query_add(f->q, " and coalesce(s.image_name, 'Local') = $%d", query_param(f->q, value));
    return 0;
}

/* Lists are written in many ways: a,b; {a,b}; ["a", "b"]; [{"id": "1", "name": "a"}]. */
static int tag(const struct filter *f)
{
    const char *value = f->s->config->tag;
    int number;

    if (value == NULL)
        return 0;
    if (need(f, "tag", "tags") != 0)
        return -1;
    if (value[0] == '\0') {
        query_add(f->q, " and translate(coalesce(s.tags, ''), '[]{} ', '') = ''");
        return 0;
    }
    number = query_param(f->q, value);
    query_add(f->q,
              " and (lower($%d) = any(regexp_split_to_array(lower(translate(s.tags, '[]{}\"', '')),"
              " ' *[,;] *')) or position('\"name\":' || lower(to_json($%d::text)::text) in"
              " replace(lower(s.tags), '\": ', '\":')) > 0)",
              number, number);
    return 0;
}

static int title(const struct filter *f)
{
    const char *value = f->s->config->title_contains;

    if (value == NULL || value[0] == '\0')
        return equal(f, "title-contains", "title", value);
    if (need(f, "title-contains", "title") != 0)
        return -1;
    query_add(f->q, " and position(lower($%d) in lower(s.title)) > 0", query_param(f->q, value));
    return 0;
}

static int versions(const struct filter *f)
{
    const struct select_config *c = f->s->config;
    const struct {
        const char *option, *column, *expression, *text;
    } all[] = {
        { "r-version", "r_version", "s.r_version", c->r_version },
        { "py-version", "py_version", "s.py_version", c->py_version },
        { "quarto-version", "quarto_version", "s.quarto_version", c->quarto_version },
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].text == NULL)
            continue;
        if (all[i].text[0] == '\0' ? equal(f, all[i].option, all[i].column, "") != 0
                                   : need(f, all[i].option, all[i].column) != 0 ||
                                         version_condition(f->q, all[i].option, all[i].expression,
                                                           all[i].text, f->err) != 0)
            return -1;
    }
    return 0;
}

static int kinds(const struct filter *f)
{
    static const char *const access[] = { NULL, "all", "logged_in", "acl" };
    const struct select_config *c = f->s->config;

    if (c->content_type.n > 0)
        query_add(f->q, " and s.app_mode = any($%d::text[])",
                  query_param_list(f->q, c->content_type.items, c->content_type.n));
    if (c->published)
        query_add(f->q, " and s.bundle_id is not null");
    if (c->unpublished)
        query_add(f->q, " and s.bundle_id is null");
    if (c->exclude_guid.n > 0)
        query_add(f->q, " and s.guid <> all(lower($%d)::text[])",
                  query_param_list(f->q, c->exclude_guid.items, c->exclude_guid.n));
    return equal(f, "access-type", "access_type", access[c->access_type]);
}

static int times(const struct filter *f)
{
    const struct select_config *c = f->s->config;
    int64_t visited_ms = c->last_visited_within_ms;

    if (c->last_deployed_before_ms != 0) {
        if (need(f, "last-deployed-before", "last_deployed_time") != 0)
            return -1;
        query_add(f->q, " and s.last_deployed_time < $%d::timestamptz",
                  query_param_time(f->q, c->last_deployed_before_ms));
    }
    if (c->last_deployed_after_ms != 0) {
        if (need(f, "last-deployed-after", "last_deployed_time") != 0)
            return -1;
        query_add(f->q, " and s.last_deployed_time > $%d::timestamptz",
                  query_param_time(f->q, c->last_deployed_after_ms));
    }
    if (visited_ms == 0)
        return 0;
    if (need(f, "last-visited-within", "last_visited_time") != 0)
        return -1;
    query_add(f->q, " and s.last_visited_time > now() - $%d::bigint * interval '1 ms'",
              query_param_int(f->q, visited_ms));
    return 0;
}

int select_filters(const struct selection *s, struct query *q, struct err *err)
{
    struct filter f = { .s = s, .q = q, .err = err };

    if (owner(&f) != 0 || image(&f) != 0 || tag(&f) != 0 || title(&f) != 0 || versions(&f) != 0 ||
        kinds(&f) != 0)
        return -1;
    return times(&f);
}

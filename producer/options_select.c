/* SELECT: which content. */
#include <string.h>

#include "common/base/str.h"
#include "common/base/uuid.h"
#include "producer/options.h"

#define GUID_CHARS 36

static const char *const access_types[] = { "any", "all", "logged_in", "acl", NULL };
static const char *const orders[] = { "auto",  "usage", "last_deployed", "created", "guid",
                                      "title", NULL };

static const char *check_guid(const char *text)
{
    struct uuid u;

    return uuid_parse(text, &u) ? NULL : "a content guid";
}

static bool is_bundle(const char *text)
{
    int64_t id;

    return strlen(text) < GUID_CHARS && str_to_i64(text, 1, INT64_MAX, &id);
}

static const char *check_guid_or_bundle(const char *text)
{
    return is_bundle(text) || check_guid(text) == NULL ? NULL : "a content guid or a bundle id";
}

#define AT(field) .offset = offsetof(struct select_config, field)

static const struct option_row rows[] = {
    { .name = "guid",
      .letter = 'g',
      .type = OPT_LIST,
      AT(guid),
      .metavar = "GUID[,BUNDLE]",
      .check = check_guid_or_bundle,
      .help = "this content, perhaps with a bundle of it; may be repeated" },
    { .name = "guids-from",
      .type = OPT_TEXT,
      AT(guids_from),
      .metavar = "FILE",
      .help = "the content whose guids stand in the file, one on a line; - is standard input" },
    { .name = "important",
      .type = OPT_TEXT,
      AT(important),
      .metavar = "FILE",
      .help = "list of performance-critical content, the most important first: CSV or JSONL with "
              "guid and optional access paths" },
    { .name = "content-type",
      .type = OPT_LIST,
      AT(content_type),
      .metavar = "MODE,...",
      .help = "app modes, such as shiny or rmd-static" },
    { .name = "owner", .type = OPT_TEXT, AT(owner), .metavar = "NAME", .help = "of this owner" },
    { .name = "r-version",
      .type = OPT_TEXT,
      AT(r_version),
      .metavar = "EXPR",
      .help = "R version, such as '>=4.1' or '4.2.*'" },
    { .name = "py-version",
      .type = OPT_TEXT,
      AT(py_version),
      .metavar = "EXPR",
      .help = "Python version" },
    { .name = "quarto-version",
      .type = OPT_TEXT,
      AT(quarto_version),
      .metavar = "EXPR",
      .help = "Quarto version" },
    { .name = "image",
      .type = OPT_TEXT,
      AT(image),
      .metavar = "NAME",
      .help = "with this execution image" },
    { .name = "tag", .type = OPT_TEXT, AT(tag), .metavar = "NAME", .help = "with this tag" },
    { .name = "access-type",
      .type = OPT_CHOICE,
      AT(access_type),
      .choices = access_types,
      .fallback = "any",
      .help = "who may open it" },
    { .name = "title-contains",
      .type = OPT_TEXT,
      AT(title_contains),
      .metavar = "TEXT",
      .help = "the title has this text in it, in either case" },
    { .name = "published", .type = OPT_FLAG, AT(published), .help = "has an active bundle" },
    { .name = "unpublished", .type = OPT_FLAG, AT(unpublished), .help = "has no active bundle" },
    { .name = "last-deployed-before",
      .type = OPT_TIME,
      AT(last_deployed_before_ms),
      .relative = -1,
      .metavar = "TIME",
      .help = "deployed last before this time" },
    { .name = "last-deployed-after",
      .type = OPT_TIME,
      AT(last_deployed_after_ms),
      .relative = -1,
      .metavar = "TIME",
      .help = "deployed last after this time" },
    { .name = "last-visited-within",
      .type = OPT_DURATION,
      AT(last_visited_within_ms),
      .metavar = "DURATION",
      .min = 1000,
      .help = "visited within this time, such as 90d" },
    { .name = "exclude-guid",
      .type = OPT_LIST,
      AT(exclude_guid),
      .metavar = "GUID,...",
      .check = check_guid,
      .help = "not this content" },
    { .name = "order-by",
      .type = OPT_CHOICE,
      AT(order_by),
      .choices = orders,
      .fallback = "auto",
      .help =
          "what is built first; auto is by usage if the table has it, else by last deployment" },
    { .name = "limit",
      .type = OPT_INT,
      AT(limit),
      .metavar = "N",
      .min = 1,
      .max = 1000000000,
      .help = "at most this many items" },
};

void select_options_add(struct options *o, struct select_config *s)
{
    producer_table_add(o, &(struct option_table){ .title = "Selection",
                                                  .rows = rows,
                                                  .n = sizeof(rows) / sizeof(rows[0]),
                                                  .base = s,
                                                  .command_line_only = true });
}

int select_options_check(const struct select_config *s, struct err *err)
{
    int64_t before = s->last_deployed_before_ms, after = s->last_deployed_after_ms;

    if (s->published && s->unpublished)
        return err_set(err, ERR_CONFIG, "options --published and --unpublished exclude each other");
    if (before != 0 && after != 0 && before <= after)
        return err_set(
            err, ERR_CONFIG,
            "--last-deployed-before is not after --last-deployed-after, so nothing fits");
    if (str_equal(s->guids_from, "-") && str_equal(s->important, "-"))
        return err_set(err, ERR_CONFIG,
                       "--guids-from and --important cannot both read standard "
                       "input");
    for (size_t i = 0; i < s->guid.n; i++)
        if (is_bundle(s->guid.items[i]) && (i == 0 || is_bundle(s->guid.items[i - 1])))
            return err_set(err, ERR_CONFIG, "option --guid: the bundle %s follows no guid",
                           s->guid.items[i]);
    return 0;
}

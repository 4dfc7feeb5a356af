/* list: what would be selected. Asks the content table only. */
#include "common/ledger/db.h"
#include "producer/output.h"
#include "producer/select.h"
#include "producer/verb.h"

static const struct output_column columns[] = {
    { .name = "guid", .type = CELL_TEXT },
    { .name = "title", .type = CELL_TEXT },
    { .name = "app_mode", .type = CELL_TEXT },
    { .name = "r_version", .type = CELL_TEXT },
    { .name = "py_version", .type = CELL_TEXT },
    { .name = "image_name", .type = CELL_TEXT },
    { .name = "owner_username", .type = CELL_TEXT },
    { .name = "bundle_id", .type = CELL_TEXT },
    { .name = "name", .type = CELL_TEXT, .extra = true },
    { .name = "owner_guid", .type = CELL_TEXT, .extra = true },
    { .name = "access_type", .type = CELL_TEXT, .extra = true },
    { .name = "quarto_version", .type = CELL_TEXT, .extra = true },
    { .name = "locked", .type = CELL_BOOL, .extra = true },
    { .name = "access_paths", .type = CELL_JSON, .extra = true },
};
#define COLUMNS_N (sizeof(columns) / sizeof(columns[0]))

static int select_rows(struct call *c, struct selection *s, struct db_reply **ret, struct err *err)
{
    struct query q;
    int rc = -1;

    query_init(&q);
    query_add(&q, "with ");
    if (select_build(s, &q, err) == 0) {
        query_add(&q, " select guid, title, app_mode, r_version, py_version, image_name,"
                      " owner_username, bundle_id, name, owner_guid, access_type, quarto_version,"
                      " locked, to_json(access_paths) from found order by place");
        if (c->select.limit > 0)
            query_add(&q, " limit $%d::bigint", query_param_int(&q, c->select.limit));
        rc = query_run(&q, &c->session, ret, err);
    }
    query_done(&q);
    return rc;
}

static int list(struct call *c, const struct select_list *l, struct err *err)
{
    struct content_table table;
    struct selection s = { .config = &c->select, .table = &table, .list = l };
    struct db_reply *reply = NULL;
    int rc;

    if (session_database(&c->session, err) != 0 ||
        content_table_read(&c->session, c->config.content_table, &table, err) != 0 ||
        select_rows(c, &s, &reply, err) != 0)
        return -1;
    if (s.usage_missing)
        session_say(&c->session,
                    "the content table %s has no column usage: ordered by last deployment instead",
                    table.said);
    rc = output_reply(&c->config, columns, COLUMNS_N, reply, err);
    session_say_more(&c->session, "%zu items", db_rows(reply, 0));
    db_reply_free(reply);
    return rc;
}

static int run(struct call *c, struct err *err)
{
    struct select_list l = { .n = 0 };
    int rc = -1;

    if (select_list_read(&c->select, &l, err) == 0)
        rc = list(c, &l, err);
    select_list_done(&l);
    return rc;
}

const struct verb list_verb = {
    .name = "list",
    .operands = "",
    .help = "the content that a selection picks, in the order in which it would be built",
    .examples = { "--published --r-version '>=4.1,<4.3' --order-by usage",
                  "--owner mlee --content-type shiny,api -o csv" },
    .takes = TAKES_SELECT,
    .run = run,
};

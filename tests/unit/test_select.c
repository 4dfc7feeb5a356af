/* SELECT: version expressions, lists of guids, and the SQL that filters become. What the SQL
 * selects is tested against a real PostgreSQL in tests/system/test_producer.py. */
#include "producer/select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "producer/csv.h"
#include "producer/select_version.h"

#define A "11111111-1111-4111-8111-111111111111"
#define B "22222222-2222-4222-8222-222222222222"

/* ---- version expressions ---- */

static void version_expressions_are_taken_or_refused(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } table[] = {
        { ">=4.1", true },       { "=4.1.2", true },
        { "==4.1.2", true },     { "4.1.2", true },
        { "<4", true },          { " > 4.1 , <= 4.3 ", true },
        { "!=4.2.0", true },     { "4.2.*", true },
        { "=4.*", true },        { "!=4.2.*", true },
        { "1.2.3.4.5.6", true }, { ">4.x", false },
        { "", false },           { ",", false },
        { ">=4.1,", false },     { ">=", false },
        { "4.", false },         { ".4", false },
        { "=>4.1", false },      { "4 1", false },
        { "4.1 beta", false },   { ">=4.2.*", false },
        { "*", false },          { "1.2.3.4.5.6.7", false },
        { "1234567890", false }, { "4.1'; drop table x", false },
        { "latest", false },     { "~=4.1", false },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct query q;
        struct err err = { .kind = ERR_NONE };
        int rc;

        query_init(&q);
        rc = version_condition(&q, "r-version", "v", table[i].text, &err);
        if ((rc == 0) != table[i].good)
            fail_msg("\"%s\" was %s", table[i].text, rc == 0 ? "taken" : "refused");
        if (rc != 0) {
            assert_int_equal(err.kind, ERR_CONFIG);
            assert_non_null(strstr(err.msg, "--r-version"));
        }
        query_done(&q);
    }
}

static void a_version_condition_holds_numbers_and_no_text_of_the_operator(void **state)
{
    struct query q;
    (void)state;

    query_init(&q);
    assert_int_equal(version_condition(&q, "r-version", "s.r_version", ">=4.1,4.2.*", NULL), 0);
    assert_non_null(strstr(buf_str(&q.sql), ">= ('{4,1}'::bigint[] || '{0,0,0,0,0,0}'::bigint[])"));
    assert_non_null(strstr(buf_str(&q.sql), "[1:2]) = ('{4,2}'::bigint[])"));
    assert_int_equal(q.params_n, 0);
    query_done(&q);
}

/* ---- lists ---- */

static void guids_stand_one_on_a_line_with_comments_and_bundles(void **state)
{
    struct select_list l = { .n = 0 };
    struct err err;
    (void)state;

    assert_int_equal(select_list_guids(&l, "f",
                                       "\xEF\xBB\xBF# the nightly ones\n\n " A " \r\n" B
                                       ",42   # since Monday\n" A "\n",
                                       &err),
                     0);
    assert_int_equal(l.n, 2);
    assert_null(l.items[0].bundle);
    assert_string_equal(l.items[1].bundle, "42");
    assert_int_equal(l.doubles, 1);
    select_list_done(&l);
}

static void expect_bad(int (*read)(struct select_list *, const char *, const char *, struct err *),
                       const char *text, const char *want)
{
    struct select_list l = { .n = 0 };
    struct err err = { .kind = ERR_NONE };

    assert_int_equal(read(&l, "list.txt", text, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    if (strstr(err.msg, want) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.msg, want);
    select_list_done(&l);
}

static void a_malformed_line_is_named_by_file_and_number(void **state)
{
    (void)state;
    expect_bad(select_list_guids, A "\n\n1234\n",
               "list.txt: line 3: \"1234\" is not a content guid");
    expect_bad(select_list_guids, A ",4 2\n", "line 1: \"4 2\" is not a bundle id");
    expect_bad(select_list_guids, "# x\n\x1b[31m\n", "line 2: \" [31m\" is not a content guid");
    expect_bad(select_list_important, "guid,path\n" A ",/a\nnope,/b\n", "line 3: \"nope\"");
    expect_bad(select_list_important, A ",\"/a\n", "line 1: ");
    expect_bad(select_list_important, "{\"guid\": \"" A "\"}\n{\"guid\": 7}\n", "line 2: ");
    expect_bad(select_list_important, "{\"guid\": \"" A "\"\n", "line 1: ");
    expect_bad(select_list_important, "{\"guid\": \"" A "\", \"access_paths\": [\"/a b\"]}\n",
               "line 1: \"/a b\" is not an access path");
    expect_bad(select_list_important, "{\"guid\": \"" A "\", \"access_paths\": 7}\n", "line 1: ");
}

static void check_important(const char *text, const char *const *paths, size_t n)
{
    struct select_list l = { .n = 0 };
    struct err err = { .kind = ERR_NONE };

    if (select_list_important(&l, "f", text, &err) != 0)
        fail_msg("%s: %s", text, err.msg);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.items[0].paths_n, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(l.items[0].paths[i], paths[i]);
    select_list_done(&l);
}

static void access_paths_may_be_written_in_many_ways(void **state)
{
    static const char *const two[] = { "/one/", "two?x=1" };
    (void)state;

    check_important(A, NULL, 0);
    check_important(A ",/one/,two?x=1\n", two, 2);
    check_important(A ",/one/;two?x=1\n", two, 2);
    check_important(A ",\"/one/ two?x=1\"\n", two, 2);
    check_important("guid,title,access_paths\n" A ",\"x, y\",/one/;two?x=1\n", two, 2);
    check_important("title,GUID,access_path,access_path\nx," A ",/one/,two?x=1\n", two, 2);
    check_important("{\"guid\": \"" A "\", \"access_paths\": [\"/one/\", \"two?x=1\"]}\n", two, 2);
    check_important("# first\n{\"guid\": \"" A "\", \"access_paths\": \"/one/;two?x=1\"}\n", two,
                    2);
    check_important("{\"guid\": \"" A "\", \"access_path\": \"/one/\", \"rank\": 1}\n", two, 1);
}

static void the_order_of_an_important_list_is_kept(void **state)
{
    struct select_list l = { .n = 0 };
    char text[UUID_TEXT_BYTES];
    (void)state;

    assert_int_equal(select_list_important(&l, "f", "guid\n" B "\n" A "\n" B "\n", NULL), 0);
    assert_int_equal(l.n, 2);
    assert_string_equal(uuid_format(&l.items[0].guid, text), B);
    assert_string_equal(uuid_format(&l.items[1].guid, text), A);
    assert_int_equal(l.doubles, 1);
    select_list_done(&l);
}

static void too_many_access_paths_are_refused(void **state)
{
    char text[1024] = A;
    size_t len = strlen(text);
    (void)state;

    for (int i = 0; i <= ACCESS_PATHS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, ",/p%d", i);
    expect_bad(select_list_important, text, "\"/p16\" is not an access path");
}

static void refused_file(const struct select_config *config)
{
    struct select_list l;
    struct err err;

    assert_int_equal(select_list_read(config, &l, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "more than 64 MB"));
}

static void a_file_that_is_too_long_or_does_not_end_is_refused(void **state)
{
    char path[] = "/tmp/test_select.XXXXXX", endless[] = "/dev/zero";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SELECT_FILE_MAX_BYTES + 1), 0);
    refused_file(&(struct select_config){ .guids_from = path });
    close(fd);
    unlink(path);
    refused_file(&(struct select_config){ .guids_from = endless });
}

static void a_list_that_is_full_takes_a_copy_and_no_other_guid(void **state)
{
    struct select_list l = { .given = true };
    struct err err;

    (void)state;
    assert_int_equal(select_list_guids(&l, "f", A "\n", &err), 0);
    l.n = l.cap = SELECT_LIST_MAX; /* as if the others were there */
    assert_int_equal(select_list_guids(&l, "f", A "\n", &err), 0);
    assert_int_equal(select_list_guids(&l, "f", B "\n", &err), -1);
    assert_non_null(strstr(err.msg, "more than 1000000 guids"));
    l.n = 1;
    select_list_done(&l);
}

/* ---- CSV ---- */

static void csv_lines_are_cut_at_their_commas(void **state)
{
    char line[] = "a,\"b, \"\"c\"\"\",,d";
    char *fields[CSV_FIELDS_MAX];
    size_t n = 0;
    (void)state;

    assert_true(csv_split(line, fields, &n));
    assert_int_equal(n, 4);
    assert_string_equal(fields[0], "a");
    assert_string_equal(fields[1], "b, \"c\"");
    assert_string_equal(fields[2], "");
    assert_string_equal(fields[3], "d");
}

static void what_is_no_csv_is_refused(void **state)
{
    char many[80];
    char *const lines[] = { (char[]){ "\"a" }, (char[]){ "\"a\"b,c" }, many };
    char *fields[CSV_FIELDS_MAX];
    size_t n;
    (void)state;

    memset(many, ',', sizeof(many) - 1);
    many[sizeof(many) - 1] = '\0';
    for (size_t i = 0; i < 3; i++)
        assert_false(csv_split(lines[i], fields, &n));
}

/* ---- SQL ---- */

static void add_column(struct content_table *t, const char *name, const char *type)
{
    struct content_column *c = &t->columns[t->columns_n++];

    snprintf(c->name, sizeof(c->name), "%s", name);
    snprintf(c->type, sizeof(c->type), "%s", type);
}

static void bare_table(struct content_table *t)
{
    *t = (struct content_table){ .said = "content", .name = "public.content" };
    add_column(t, "guid", "text");
    add_column(t, "bundle_id", "text");
    add_column(t, "app_mode", "text");
}

static int build(const struct select_config *config, const struct content_table *t, struct query *q,
                 struct err *err)
{
    const struct select_list none = { .n = 0 };
    struct selection s = { .config = config, .table = t, .list = &none };

    query_init(q);
    return select_build(&s, q, err);
}

static void a_filter_on_a_column_that_is_not_there_names_option_and_column(void **state)
{
    const struct {
        struct select_config config;
        const char *want;
    } table[] = {
        { { .owner = (char[]){ "x" } },
          "option --owner: the content table content has no column "
          "owner_username" },
        { { .r_version = (char[]){ "4.1.2" } }, "no column r_version" },
        { { .py_version = (char[]){ ">3" } }, "no column py_version" },
        { { .quarto_version = (char[]){ ">1" } }, "no column quarto_version" },
        { { .image = (char[]){ "Local" } }, "no column image_name" },
        { { .tag = (char[]){ "x" } }, "no column tags" },
        { { .access_type = SELECT_ACCESS_ALL }, "no column access_type" },
        { { .title_contains = (char[]){ "x" } }, "no column title" },
        { { .last_deployed_before_ms = 1 }, "no column last_deployed_time" },
        { { .last_deployed_after_ms = 1 }, "no column last_deployed_time" },
        { { .last_visited_within_ms = 1 }, "no column last_visited_time" },
        { { .order_by = ORDER_CREATED },
          "--order-by: the content table content has no column "
          "created_time" },
        { { .order_by = ORDER_LAST_DEPLOYED }, "no column last_deployed_time" },
        { { .order_by = ORDER_TITLE }, "no column title" },
    };
    struct content_table t;
    (void)state;

    bare_table(&t);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct err err = { .kind = ERR_NONE };
        struct query q;

        assert_int_equal(build(&table[i].config, &t, &q, &err), -1);
        assert_int_equal(err.kind, ERR_CONFIG);
        if (strstr(err.msg, table[i].want) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.msg, table[i].want);
        query_done(&q);
    }
}

static void what_the_operator_says_is_a_parameter_and_never_text(void **state)
{
    char evil[] = "x' or '1'='1";
    const struct select_config config = {
        .owner = evil, .tag = evil, .image = evil, .title_contains = evil
    };
    struct content_table t;
    struct query q;
    struct err err;
    (void)state;

    bare_table(&t);
    add_column(&t, "owner_username", "text");
    add_column(&t, "tags", "text");
    add_column(&t, "image_name", "text");
    add_column(&t, "title", "text");
    assert_int_equal(build(&config, &t, &q, &err), 0);
    assert_null(strstr(buf_str(&q.sql), "1'='1"));
    assert_int_equal(q.params_n, 4);
    for (size_t i = 0; i < q.params_n; i++)
        assert_string_equal(q.params[i], evil);
    query_done(&q);
}

static void ordering_by_usage_falls_back_and_says_so(void **state)
{
    const struct select_config config = { .order_by = ORDER_USAGE };
    const struct select_list none = { .n = 0 };
    struct content_table t;
    struct selection s = { .config = &config, .table = &t, .list = &none };
    struct query q;
    (void)state;

    bare_table(&t);
    add_column(&t, "last_deployed_time", "timestamp with time zone");
    query_init(&q);
    assert_int_equal(select_build(&s, &q, NULL), 0);
    assert_true(s.usage_missing);
    assert_non_null(strstr(buf_str(&q.sql), "order by last_deployed_time desc nulls last, guid"));
    query_done(&q);

    add_column(&t, "usage", "bigint");
    query_init(&q);
    s.usage_missing = false;
    assert_int_equal(select_build(&s, &q, NULL), 0);
    assert_false(s.usage_missing);
    assert_non_null(strstr(buf_str(&q.sql), "order by usage desc nulls last"));
    query_done(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_expressions_are_taken_or_refused),
        cmocka_unit_test(a_version_condition_holds_numbers_and_no_text_of_the_operator),
        cmocka_unit_test(guids_stand_one_on_a_line_with_comments_and_bundles),
        cmocka_unit_test(a_malformed_line_is_named_by_file_and_number),
        cmocka_unit_test(access_paths_may_be_written_in_many_ways),
        cmocka_unit_test(the_order_of_an_important_list_is_kept),
        cmocka_unit_test(too_many_access_paths_are_refused),
        cmocka_unit_test(a_file_that_is_too_long_or_does_not_end_is_refused),
        cmocka_unit_test(a_list_that_is_full_takes_a_copy_and_no_other_guid),
        cmocka_unit_test(csv_lines_are_cut_at_their_commas),
        cmocka_unit_test(what_is_no_csv_is_refused),
        cmocka_unit_test(a_filter_on_a_column_that_is_not_there_names_option_and_column),
        cmocka_unit_test(what_the_operator_says_is_a_parameter_and_never_text),
        cmocka_unit_test(ordering_by_usage_falls_back_and_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

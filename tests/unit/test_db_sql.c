#include "common/ledger/db_sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/ledger/db.h"

#define S "\"s\"."

static void at_names_stand_for_names_in_the_schema(void **state)
{
    static const char *const rows[][2] = {
        { "", "" },
        { "select 1", "select 1" },
        { "@item", S "\"item\"" },
        { "select * from @item i, @runtime_group where a=$1",
          "select * from " S "\"item\" i, " S "\"runtime_group\" where a=$1" },
        { "select @f(1),@_x2.c", "select " S "\"f\"(1)," S "\"_x2\".c" },
        { "(@a)", "(" S "\"a\")" },
        { "@", "@" },
        { "@ 5, @-5, @A, @1", "@ 5, @-5, @A, @1" },
        { "a <@b, a @> b, a@@b, a ?@x", "a <@b, a @> b, a@@b, a ?@x" },
        { "'@a' @b", "'@a' " S "\"b\"" },
        { "'it''s @a' @b", "'it''s @a' " S "\"b\"" },
        { "E'\\'@a' @b", "E'\\'@a' " S "\"b\"" },
        { "e'\\\\' @b", "e'\\\\' " S "\"b\"" },
        { "'\\' @b", "'\\' " S "\"b\"" },       /* no escape without the E */
        { "the'\\' @b", "the'\\' " S "\"b\"" }, /* nor with the end of a word */
        { "\"@a\"\"@a\" @b", "\"@a\"\"@a\" " S "\"b\"" },
        { "$$@a$$ @b", "$$@a$$ " S "\"b\"" },
        { "$t$@a $$ $x$@a$t$ @b", "$t$@a $$ $x$@a$t$ " S "\"b\"" },
        { "$1@b", "$1" S "\"b\"" },
        { "a$b$ @c a$b$", "a$b$ " S "\"c\" a$b$" }, /* a dollar inside a name quotes nothing */
        { "-- @a\n@b", "-- @a\n" S "\"b\"" },
        { "/* @a /* @a */ @a */@b", "/* @a /* @a */ @a */" S "\"b\"" },
        { "1 - @a", "1 - " S "\"a\"" },
        { "'@a", "'@a" }, /* no end: for the server to refuse */
        { "\"@a", "\"@a" },
        { "$$ @a", "$$ @a" },
        { "/* @a", "/* @a" },
        { "-- @a", "-- @a" },
        { "E'\\", "E'\\" },
    };
    struct db_sql *sql = db_sql_new("s");

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = db_sql_expand(sql, rows[i][0]);

        assert_string_equal(text, rows[i][1]);
        free(text);
    }
    db_sql_free(sql);
}

static void a_static_text_is_expanded_once(void **state)
{
    static const char text[] = "@a", same[] = "@a";
    struct db_sql *sql = db_sql_new("wei\"rd.schema");
    const char *first = db_sql_static(sql, text);

    (void)state;
    assert_string_equal(first, "\"wei\"\"rd.schema\".\"a\"");
    assert_ptr_equal(db_sql_static(sql, text), first);
    assert_string_equal(db_sql_static(sql, same), first);
    db_sql_free(sql);
}

static void too_long_a_text_is_refused(void **state)
{
    struct db_sql *sql = db_sql_new("s");
    char *text = malloc(DB_SQL_MAX_BYTES + 2);

    (void)state;
    assert_non_null(text);
    memset(text, ' ', DB_SQL_MAX_BYTES + 1);
    text[DB_SQL_MAX_BYTES + 1] = '\0';
    assert_null(db_sql_expand(sql, text));
    assert_null(db_sql_static(sql, text));
    free(text);
    db_sql_free(sql);
}

static void a_script_is_cut_at_its_semicolons_only(void **state)
{
    const char *script = " -- first; comment\n; ;create table a(b text default ';');\n"
                         "do $do$ begin; execute $s$ x; $s$; end $do$;"
                         "/* ; */ select \";\" ; -- the end;\n";
    static const char *const wanted[] = { "create table a(b text default ';')",
                                          "do $do$ begin; execute $s$ x; $s$; end $do$",
                                          "select \";\" " };
    const char *start;
    size_t len;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        len = db_sql_next(&script, &start);
        assert_int_equal(len, strlen(wanted[i]));
        assert_memory_equal(start, wanted[i], len);
    }
    assert_int_equal(db_sql_next(&script, &start), 0);
    assert_int_equal(db_sql_next(&script, &start), 0);
}

static void names_are_quoted_part_by_part(void **state)
{
    static const struct {
        const char *name;
        size_t bytes;
        const char *quoted; /* NULL: refused */
    } rows[] = {
        { "content", 64, "\"content\"" },
        { "public.content", 64, "\"public\".\"content\"" },
        { "My Table", 64, "\"My Table\"" },
        { "a\"b.c\"", 64, "\"a\"\"b\".\"c\"\"\"" },
        { "a.b.c", 64, "\"a\".\"b.c\"" },
        { "ab", 5, "\"ab\"" },
        { "ab", 4, NULL },
        { "a.b", 8, "\"a\".\"b\"" },
        { "a.b", 7, NULL },
        { "\"", 5, "\"\"\"\"" },
        { "\"", 4, NULL },
        { "", 64, NULL },
        { ".a", 64, NULL },
        { "a.", 64, NULL },
        { ".", 64, NULL },
        { "a", 0, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *out = malloc(rows[i].bytes > 0 ? rows[i].bytes : 1);

        assert_non_null(out);
        assert_int_equal(db_quote_name(rows[i].name, out, rows[i].bytes), rows[i].quoted != NULL);
        if (rows[i].quoted != NULL)
            assert_string_equal(out, rows[i].quoted);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_names_stand_for_names_in_the_schema),
        cmocka_unit_test(a_static_text_is_expanded_once),
        cmocka_unit_test(too_long_a_text_is_refused),
        cmocka_unit_test(a_script_is_cut_at_its_semicolons_only),
        cmocka_unit_test(names_are_quoted_part_by_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "common/ledger/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX 8

static void assert_items(const char *literal, size_t n, const char *const *wanted)
{
    char **items = NULL;

    assert_int_equal(array_parse(literal, MAX, &items), n);
    for (size_t i = 0; i < n; i++) {
        if (wanted[i] == NULL)
            assert_null(items[i]);
        else
            assert_string_equal(items[i], wanted[i]);
    }
    array_free(items, n);
}

static void whatever_goes_in_comes_out_again(void **state)
{
    static const char *const rows[][MAX] = {
        { "a" },
        { "" },
        { "", "" },
        { "a", NULL, "b" },
        { NULL, NULL },
        { "NULL", "null", NULL },
        { "a\"b", "\"", "\"\"", "a\\", "\\\\\"" },
        { "a,b", "{", "}", "{}", "{a,b}", "," },
        { " a ", "\t", "a\nb", "\r\v\f" },
        { "\xc3\xa9", "\x01\x7f", "$1", "'; drop table item; --" },
        { "{", "a" }, /* an element that ends in the brace that opens */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf b;
        size_t n = 0;

        for (size_t j = 0; j < MAX; j++)
            if (rows[i][j] != NULL)
                n = j + 1;
        n = n == 0 ? 2 : n;
        buf_init(&b, 1024);
        array_open(&b);
        for (size_t j = 0; j < n; j++)
            array_add(&b, rows[i][j]);
        array_close(&b);
        assert_false(b.failed);
        assert_items(buf_str(&b), n, rows[i]);
        buf_done(&b);
    }
}

static void the_literal_is_what_postgresql_reads(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1024);
    array_open(&b);
    array_close(&b);
    assert_string_equal(buf_str(&b), "{}");
    buf_clear(&b);
    array_open(&b);
    array_add(&b, "a\"\\");
    array_add(&b, NULL);
    array_add_int(&b, INT64_MIN);
    array_add_int(&b, 7);
    array_close(&b);
    assert_string_equal(buf_str(&b), "{\"a\\\"\\\\\",NULL,-9223372036854775808,7}");
    buf_done(&b);
}

static void an_overfull_buffer_says_so(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    array_open(&b);
    array_add(&b, "longer");
    array_close(&b);
    assert_true(b.failed);
    buf_done(&b);
}

static void postgresql_s_own_literals_are_read(void **state)
{
    (void)state;
    assert_items("{}", 0, NULL);
    assert_items("{1,2,3}", 3, (const char *const[]){ "1", "2", "3" });
    assert_items("{a.b-c,NULL,null,\"NULL\"}", 4,
                 (const char *const[]){ "a.b-c", NULL, NULL, "NULL" });
    assert_items("{\"a b\",\"\\\"\",\"\\a\"}", 3, (const char *const[]){ "a b", "\"", "a" });
    assert_items("{1,2,3,4,5,6,7,8}", 8,
                 (const char *const[]){ "1", "2", "3", "4", "5", "6", "7", "8" });
}

static void hostile_literals_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "{",
        "}",
        "a",
        "{a",
        "a}",
        "{a}b",
        "{a}}",
        "{a,}",
        "{,a}",
        "{,}",
        "{a,,b}",
        "{\"a}",
        "{\"a\\",
        "{\"a\\\"}",
        "{\"a\"b}",
        "{a\"b\"}",
        "{{1,2},{3,4}}",
        "{a b}",
        "{a\\,b}",
        " {a}",
        "{a} ",
        "[0:1]={1,2}",
        "{\"a\"\"b\"}",
        "{1,2,3,4,5,6,7,8,9}",
    };
    char *items[1] = { NULL }, **untouched = items;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (array_parse(rows[i], MAX, &untouched) != -1)
            fail_msg("%s was taken for an array", rows[i]);
        assert_ptr_equal(untouched, items);
    }
    assert_int_equal(array_parse(NULL, MAX, &untouched), -1);
    assert_int_equal(array_parse("{1}", 0, &untouched), -1);
}

static void an_empty_array_is_no_failure_and_can_be_freed(void **state)
{
    char **items = NULL;

    (void)state;
    assert_int_equal(array_parse("{}", 0, &items), 0);
    assert_non_null(items);
    array_free(items, 0);
    array_free(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_goes_in_comes_out_again),
        cmocka_unit_test(the_literal_is_what_postgresql_reads),
        cmocka_unit_test(an_overfull_buffer_says_so),
        cmocka_unit_test(postgresql_s_own_literals_are_read),
        cmocka_unit_test(hostile_literals_are_refused),
        cmocka_unit_test(an_empty_array_is_no_failure_and_can_be_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

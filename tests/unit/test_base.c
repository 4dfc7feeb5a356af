/* The small tools everything else stands on: vectors, edges and what hostile input turns into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/codec.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/base/uuid.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- err ---- */

static void an_error_carries_kind_text_and_exit_code(void **state)
{
    static const struct {
        enum err_kind kind;
        int code;
        bool retriable;
    } cases[] = {
        { ERR_NONE, 0, false },       { ERR_INTERNAL, 1, false }, { ERR_CONFIG, 2, false },
        { ERR_UNREACHABLE, 3, true }, { ERR_NOTHING, 4, false },  { ERR_REFUSED, 5, false },
        { ERR_DENIED, 6, false },     { ERR_INPUT, 1, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err e = { 0 };

        assert_int_equal(err_set(&e, cases[i].kind, "port %d", 9), -1);
        assert_string_equal(e.msg, "port 9");
        assert_int_equal(err_exit_code(&e), cases[i].code);
        assert_int_equal(e.retriable, cases[i].retriable);
    }
    assert_int_equal(err_set(NULL, ERR_CONFIG, "nobody listens"), -1);
}

static void a_prefix_stands_before_the_message_and_a_message_may_be_made_of_itself(void **state)
{
    struct err e = { 0 };
    char longer[2 * ERR_MSG_BYTES];

    (void)state;
    err_set(&e, ERR_INPUT, "bad digit");
    assert_int_equal(err_prefix(&e, "row %d", 7), -1);
    assert_string_equal(e.msg, "row 7: bad digit");
    err_set(&e, ERR_CONFIG, "%s, twice", e.msg);
    assert_string_equal(e.msg, "row 7: bad digit, twice");
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    err_prefix(&e, "%s", longer);
    assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
}

/* ---- buf ---- */

static void a_buffer_grows_to_its_ceiling_and_keeps_its_content_when_it_fails(void **state)
{
    struct buf b;
    size_t len = 99;
    char *taken;

    (void)state;
    buf_init(&b, 100);
    assert_string_equal(buf_str(&b), "");
    for (int i = 0; i < 10; i++)
        assert_true(buf_printf(&b, "%09d,", i));
    assert_int_equal(b.len, 100);
    assert_false(buf_char_add(&b, 'x'));
    assert_false(buf_str_add(&b, "")); /* failed stays failed */
    assert_int_equal(strlen(buf_str(&b)), 100);
    assert_null(buf_take(&b, &len));
    assert_int_equal(len, 99);
    assert_int_equal(b.len, 0);
    assert_true(buf_str_add(&b, "again"));
    taken = buf_take(&b, &len);
    assert_string_equal(taken, "again");
    assert_int_equal(len, 5);
    free(taken);
    taken = buf_take(&b, NULL);
    assert_string_equal(taken, "");
    free(taken);
}

static void clear_keeps_memory_and_forgets_a_failure(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 8);
    assert_true(buf_add(&b, "a\0b", 3));
    assert_int_equal(b.len, 3);
    assert_false(buf_printf(&b, "%s", "123456"));
    assert_int_equal(b.len, 3);
    buf_clear(&b);
    assert_string_equal(buf_str(&b), "");
    assert_true(buf_printf(&b, "%s", "12345678"));
    assert_string_equal(buf_str(&b), "12345678");
    buf_done(&b);
}

/* ---- uuid ---- */

static void names_give_the_uuids_of_rfc_9562_and_of_other_programs(void **state)
{
    static const struct {
        const char *space, *name, *expect;
    } cases[] = {
        /* RFC 9562, A.4 */
        { "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com",
          "2ed6657d-e927-568b-95e1-2665a8aea6a2" },
        /* python3 -c 'import uuid; print(uuid.uuid5(...))' */
        { "6ba7b811-9dad-11d1-80b4-00c04fd430c8", "", "1b4db7eb-4057-5ddf-91e0-36dec72071f5" },
        /* 16 + 39 = 55 bytes: the padding just fits; 56: it needs a second block */
        { "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "5824f981-4282-59d4-9716-acb6d741350e" },
        { "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "39f39c20-db47-5131-8879-62f8f67f9014" },
    };
    struct uuid space, made;
    char text[UUID_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(uuid_parse(cases[i].space, &space));
        made = uuid_v5(&space, cases[i].name);
        assert_string_equal(uuid_format(&made, text), cases[i].expect);
    }
}

static void a_uuid_has_one_text_form_and_either_case_is_read(void **state)
{
    static const char *const bad[] = {
        "",
        "6ba7b810",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c88",
        "6ba7b8109-dad-11d1-80b4-00c04fd430c8",
        "{ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "6ba7b810-9dad-11d1-80b4-00c04fd430cg",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c-",
    };
    struct uuid u, nil = { { 0 } };
    char text[UUID_TEXT_BYTES];

    (void)state;
    assert_true(uuid_parse("6BA7B810-9dad-11d1-80b4-00c04fd430C8", &u));
    assert_string_equal(uuid_format(&u, text), "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    assert_false(uuid_is_nil(&u));
    assert_true(uuid_is_nil(&nil));
    assert_false(uuid_equal(&u, &nil));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(uuid_parse(bad[i], &u));
}

static void random_and_timed_uuids_carry_version_and_variant(void **state)
{
    struct uuid a = uuid_v4(), b = uuid_v4(), c = uuid_v7(0x017f22e279b0),
                d = uuid_v7(0x017f22e279b1);
    char text[UUID_TEXT_BYTES];

    (void)state;
    assert_int_equal(a.b[6] >> 4, 4);
    assert_int_equal(a.b[8] >> 6, 2);
    assert_false(uuid_equal(&a, &b));
    assert_memory_equal(uuid_format(&c, text), "017f22e2-79b0-7", 15);
    assert_int_equal(c.b[8] >> 6, 2);
    assert_true(memcmp(c.b, d.b, sizeof(c.b)) < 0);
    assert_true(random_u64() != random_u64());
}

/* ---- codec ---- */

static void base64url_follows_rfc_4648_without_padding(void **state)
{
    static const char *const cases[][2] = {
        { "", "" },
        { "f", "Zg" },
        { "fo", "Zm8" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg" },
        { "fooba", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy" },
        { "\xfb\xff\xfe", "-__-" },
    };
    char text[BASE64URL_LEN(8) + 1];
    uint8_t back[8];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = strlen(cases[i][0]);

        assert_int_equal(base64url_encode((const uint8_t *)cases[i][0], len, text),
                         BASE64URL_LEN(len));
        assert_string_equal(text, cases[i][1]);
        assert_int_equal(base64url_decode(text, strlen(text), back, len), len);
        assert_memory_equal(back, cases[i][0], len);
        if (len > 0)
            assert_int_equal(base64url_decode(text, strlen(text), back, len - 1), -1);
    }
}

static void what_is_not_base64url_is_refused(void **state)
{
    /* padding, standard alphabet, one lone digit, left-over bits that are not zero */
    static const char *const bad[] = { "Zg==", "+/+/", "Z",    "Zm9vY",
                                       "Zh",   "Zm9",  "Zm 9", "Zm\xff\xff" };
    uint8_t out[8];

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(base64url_decode(bad[i], strlen(bad[i]), out, sizeof(out)), -1);
}

static void crc32_gives_the_check_values(void **state)
{
    static const char fox[] = "The quick brown fox jumps over the lazy dog";

    (void)state;
    assert_int_equal(crc32_ieee((const uint8_t *)"123456789", 9), 0xcbf43926u);
    assert_int_equal(crc32_ieee((const uint8_t *)"", 0), 0);
    assert_int_equal(crc32_ieee((const uint8_t *)fox, strlen(fox)), 0x414fa339u);
}

/* ---- clock ---- */

static void rfc3339_is_read_with_fraction_and_zone_and_written_in_utc(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
        const char *back;
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z" },
        { "2026-01-12T10:07:31.402Z", 1768212451402, "2026-01-12T10:07:31.402Z" },
        { "2026-01-12 10:07:31.402999+00", 1768212451402, "2026-01-12T10:07:31.402Z" },
        { "2026-01-12t12:07:31.4+02:00", 1768212451400, "2026-01-12T10:07:31.400Z" },
        { "2024-02-29T23:59:59-05:30", 1709270999000, "2024-03-01T05:29:59.000Z" },
        { "1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z" },
        { "0001-01-01T00:00:00Z", -62135596800000, "0001-01-01T00:00:00.000Z" },
        { "9999-12-31T23:59:59.999Z", 253402300799999, "9999-12-31T23:59:59.999Z" },
        { "2016-12-31T23:59:60Z", 1483228800000, "2017-01-01T00:00:00.000Z" },
    };
    char text[CLOCK_RFC3339_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 0;

        assert_true(clock_parse_rfc3339(cases[i].text, &ms));
        assert_int_equal(ms, cases[i].ms);
        assert_string_equal(clock_format_rfc3339(ms, text), cases[i].back);
    }
    assert_string_equal(clock_format_rfc3339(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
    assert_string_equal(clock_format_rfc3339(INT64_MIN, text), "0001-01-01T00:00:00.000Z");
}

static void every_day_of_four_centuries_has_its_own_date(void **state)
{
    char text[CLOCK_RFC3339_BYTES];
    int64_t back = 0;

    (void)state;
    for (int64_t day = -80000; day < 80000; day++) {
        assert_true(clock_parse_rfc3339(clock_format_rfc3339(day * 86400000, text), &back));
        assert_int_equal(back, day * 86400000);
    }
}

static void what_is_not_a_time_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-01-12",
        "2026-01-12T10:07:31",
        "2026-13-12T10:07:31Z",
        "2026-02-29T10:07:31Z",
        "1900-02-29T00:00:00Z",
        "2026-00-12T10:07:31Z",
        "2026-01-00T10:07:31Z",
        "2026-01-12T24:00:00Z",
        "2026-01-12T10:60:00Z",
        "2026-01-12T10:07:61Z",
        "2026-01-12T10:07:31.Z",
        "2026-01-12T10:07:31Zx",
        "2026-01-12T10:07:31+24:00",
        "2026-01-12T10:07:31+02:",
        "2026-1-12T10:07:31Z",
        "0000-01-01T00:00:00Z",
        " 2026-01-12T10:07:31Z",
        "infinity",
    };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(clock_parse_rfc3339(bad[i], &ms));
}

static void the_http_date_of_rfc_9110_is_read(void **state)
{
    static const char *const bad[] = {
        "",
        "120",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
    };
    int64_t ms = 0;

    (void)state;
    assert_true(clock_parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", &ms));
    assert_int_equal(ms, 784111777000);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(clock_parse_http_date(bad[i], &ms));
}

/* ---- str ---- */

static void a_copy_is_cut_to_fit_and_says_so(void **state)
{
    char dst[4];
    char *dup = str_dup("x");

    (void)state;
    assert_true(str_copy(dst, sizeof(dst), "abc"));
    assert_string_equal(dst, "abc");
    assert_false(str_copy(dst, sizeof(dst), "abcd"));
    assert_string_equal(dst, "abc");
    assert_true(str_copy(dst, sizeof(dst), NULL));
    assert_string_equal(dst, "");
    assert_null(str_dup(NULL));
    assert_true(str_equal(dup, "x") && str_equal(NULL, NULL));
    assert_false(str_equal(dup, NULL) || str_equal(NULL, dup) || str_equal(dup, "y"));
    free(dup);
}

static void numbers_are_whole_texts_within_their_range(void **state)
{
    static const char *const bad[] = { "",
                                       "-",
                                       "+1",
                                       " 1",
                                       "1 ",
                                       "1.0",
                                       "0x10",
                                       "9223372036854775808",
                                       "-9223372036854775809",
                                       "99999999999999999999" };
    static const char *const bad_real[] = { "", " 1", "0x10", "nan", "inf", "1e999", "1.5s", "." };
    int64_t v = 0;
    double d = 0;

    (void)state;
    assert_true(str_to_i64("9223372036854775807", INT64_MIN, INT64_MAX, &v) && v == INT64_MAX);
    assert_true(str_to_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &v) && v == INT64_MIN);
    assert_true(str_to_i64("007", 1, 7, &v) && v == 7);
    assert_false(str_to_i64("8", 1, 7, &v) || str_to_i64("0", 1, 7, &v));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(str_to_i64(bad[i], INT64_MIN, INT64_MAX, &v));
    assert_int_equal(v, 7);
    assert_true(str_to_double("-2.5e1", &d) && d < -24.9 && d > -25.1);
    for (size_t i = 0; i < COUNT(bad_real); i++)
        assert_false(str_to_double(bad_real[i], &d));
}

static void text_is_made_clean_utf8(void **state)
{
    static const struct {
        const char *in;
        size_t in_len, max;
        const char *out;
        bool cut;
    } cases[] = {
        { "plain\ttext", 10, 64, "plain\ttext", false },
        { "a\nb\x1b[31m\x7f", 9, 64, "a b [31m ", false },
        { "a\0b", 3, 64,
          "a\xef\xbf\xbd"
          "b",
          false },
        { "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", 11, 64, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80",
          false },
        { "\xc2\x9b", 2, 64, " ", false },                                        /* C1 control */
        { "\xff\xc0\xaf", 3, 64, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false }, /* overlong */
        { "\xed\xa0\x80", 3, 64, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false }, /* surrogate */
        { "\xf4\x90\x80\x80", 4, 64, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false },
        { "x\xe2\x82", 3, 64, "x\xef\xbf\xbd\xef\xbf\xbd", false }, /* ends within a character */
        { "ab\xc3\xbc", 4, 3, "ab", true },
        { "ab\xc3\xbc", 4, 4, "ab\xc3\xbc", false },
        { "\xff", 1, 2, "", true },
        { "abc", 3, 0, "", true },
        { "", 0, 0, "", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[65];
        bool cut = !cases[i].cut;

        assert_int_equal(str_clean_utf8(out, cases[i].max, cases[i].in, cases[i].in_len, &cut),
                         strlen(cases[i].out));
        assert_string_equal(out, cases[i].out);
        assert_int_equal(cut, cases[i].cut);
    }
}

static void distance_counts_typing_mistakes(void **state)
{
    static const struct {
        const char *a, *b;
        size_t n;
    } cases[] = {
        { "", "", 0 },
        { "abc", "", 3 },
        { "", "abc", 3 },
        { "limit", "limit", 0 },
        { "limit", "limti", 1 },
        { "ca", "abc", 3 },
        { "kitten", "sitting", 3 },
        { "reson", "reason", 1 },
    };
    char longer[66];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(str_distance(cases[i].a, cases[i].b), cases[i].n);
    memset(longer, 'x', sizeof(longer));
    longer[64] = '\0';
    assert_int_equal(str_distance(longer, longer), 0);
    longer[64] = 'x';
    longer[65] = '\0';
    assert_true(str_distance(longer, longer) == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_carries_kind_text_and_exit_code),
        cmocka_unit_test(a_prefix_stands_before_the_message_and_a_message_may_be_made_of_itself),
        cmocka_unit_test(a_buffer_grows_to_its_ceiling_and_keeps_its_content_when_it_fails),
        cmocka_unit_test(clear_keeps_memory_and_forgets_a_failure),
        cmocka_unit_test(names_give_the_uuids_of_rfc_9562_and_of_other_programs),
        cmocka_unit_test(a_uuid_has_one_text_form_and_either_case_is_read),
        cmocka_unit_test(random_and_timed_uuids_carry_version_and_variant),
        cmocka_unit_test(base64url_follows_rfc_4648_without_padding),
        cmocka_unit_test(what_is_not_base64url_is_refused),
        cmocka_unit_test(crc32_gives_the_check_values),
        cmocka_unit_test(rfc3339_is_read_with_fraction_and_zone_and_written_in_utc),
        cmocka_unit_test(every_day_of_four_centuries_has_its_own_date),
        cmocka_unit_test(what_is_not_a_time_is_refused),
        cmocka_unit_test(the_http_date_of_rfc_9110_is_read),
        cmocka_unit_test(a_copy_is_cut_to_fit_and_says_so),
        cmocka_unit_test(numbers_are_whole_texts_within_their_range),
        cmocka_unit_test(text_is_made_clean_utf8),
        cmocka_unit_test(distance_counts_typing_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

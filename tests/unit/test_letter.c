/* Dead letters: their headers, their places, and bytes that anybody may have written. */
#include "producer/letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define H(name, value)                    \
    {                                     \
        name, value, sizeof(value "") - 1 \
    }

static void a_place_is_a_partition_and_an_offset(void **state)
{
    static const char *const bad[] = { "",
                                       "3",
                                       "3:",
                                       ":3",
                                       "-1:3",
                                       "3:-1",
                                       "3:4:5",
                                       "a:1",
                                       "1: 2",
                                       "4294967296:1",
                                       "1:x",
                                       "1:99999999999999999999",
                                       "99999999999999999999999999999999999:1" };
    struct letter_place p;
    char text[LETTER_PLACE_BYTES];

    (void)state;
    assert_true(letter_place_parse("3:17", &p));
    assert_int_equal(p.partition, 3);
    assert_int_equal(p.offset, 17);
    assert_string_equal(letter_place_format(&p, text), "3:17");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(letter_place_parse(bad[i], &p));
}

static void places_are_ordered_by_partition_and_offset(void **state)
{
    const struct letter_place a = { 1, 9 }, b = { 2, 3 }, c = { 2, INT64_MAX - 1 };

    (void)state;
    assert_true(letter_place_compare(&a, &b) < 0);
    assert_true(letter_place_compare(&c, &b) > 0);
    assert_int_equal(letter_place_compare(&b, &b), 0);
}

static void a_letter_says_where_it_came_from_by_the_first_header_of_a_name(void **state)
{
    const struct kafka_header headers[] = { H("rebuild.errors.topic", "requests"),
                                            H("rebuild.errors.class", "request.invalid"),
                                            H("rebuild.errors.message", "a\x1b[2J\xff"),
                                            H("rebuild.errors.topic", "elsewhere"),
                                            { "rebuild.errors.worker", NULL, 0 } };
    const struct kafka_record r = {
        .partition = 3, .offset = 17, .headers = headers, .headers_n = 5
    };
    struct letter l;

    (void)state;
    letter_read(&r, &l);
    assert_string_equal(l.topic, "requests");
    assert_string_equal(l.error_class, "request.invalid");
    assert_string_equal(l.message, "a [2J\xEF\xBF\xBD");
    assert_string_equal(l.worker, "");
    assert_string_equal(l.offset, "");
    assert_int_equal(l.place.partition, 3);
    assert_int_equal(l.place.offset, 17);
    assert_int_equal(l.redriven, 0);
    assert_false(l.cut);
}

static int count_of(const void *value, size_t len)
{
    const struct kafka_header header = { "rebuild.redrive.count", value, len };
    const struct kafka_record r = { .headers = &header, .headers_n = 1 };
    struct letter l;

    letter_read(&r, &l);
    return l.redriven;
}

static void a_count_that_is_no_number_counts_as_the_most(void **state)
{
    (void)state;
    assert_int_equal(count_of("2", 1), 2);
    assert_int_equal(count_of("12", 2), 12);
    assert_int_equal(count_of("two", 3), LETTER_REDRIVES_MAX);
    assert_int_equal(count_of("-1", 2), LETTER_REDRIVES_MAX);
    assert_int_equal(count_of("", 0), LETTER_REDRIVES_MAX);
    assert_int_equal(count_of(NULL, 0), LETTER_REDRIVES_MAX);
    assert_int_equal(count_of("99999999999", 11), LETTER_REDRIVES_MAX);
}

static void what_a_worker_may_have_cut_is_known(void **state)
{
    struct kafka_record r = { .value = "", .value_len = DLQ_VALUE_MAX_BYTES };
    struct letter l;

    (void)state;
    letter_read(&r, &l);
    assert_true(l.cut);
    r = (struct kafka_record){ .key = "", .key_len = DLQ_KEY_MAX_BYTES - 1 };
    letter_read(&r, &l);
    assert_false(l.cut);
    r.key_len++;
    letter_read(&r, &l);
    assert_true(l.cut);
}

static void the_headers_of_a_redrive_come_first_and_the_errors_go(void **state)
{
    const struct kafka_header headers[] = {
        H("rebuild.errors.topic", "requests"), H("x-original-topic", "requests"),
        H("rebuild.redrive.count", "1"),       H("ce_id", "7"),
        H("rebuild.redrive.by", "eve"),        H("x", "1"),
    };
    const struct kafka_record r = { .headers = headers, .headers_n = 6 };
    struct kafka_header out[LETTER_HEADERS_MAX];
    size_t n = letter_headers(&r, &(struct letter_again){ "2", "ann", "CHG-1" }, out);
    static const char *const names[] = { "rebuild.redrive.count", "rebuild.redrive.by",
                                         "rebuild.redrive.reason", "ce_id", "x" };

    (void)state;
    assert_int_equal(n, 5);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(out[i].name, names[i]);
    assert_memory_equal(out[0].value, "2", 1);
    assert_memory_equal(out[1].value, "ann", 3);
    assert_int_equal(letter_headers(&r, &(struct letter_again){ "2", "ann", NULL }, out), 4);
}

static void shown(const void *bytes, size_t len, size_t max, const char *want)
{
    struct buf b;

    buf_init(&b, 4096);
    letter_bytes_add(&b, bytes, len, max);
    assert_string_equal(buf_str(&b), want);
    buf_done(&b);
}

static void bytes_are_text_where_they_can_be_shown_and_digits_elsewhere(void **state)
{
    (void)state;
    shown("{\"a\":\t1}\r\n", 10, 64, "{\"a\":\t1}\r\n");
    shown("", 0, 64, "");
    shown(NULL, 0, 64, "");
    shown("abcdef", 6, 3, "abc\xE2\x80\xA6");
    shown("a\xC3\xA9z", 4, 2, "a\xE2\x80\xA6");
    shown("\x1b[2J", 4, 64, "0x1b5b324a");
    shown("a\0b", 3, 64, "0x610062");
    shown("\xff\xfe\x00\x01", 4, 2, "0xfffe\xE2\x80\xA6");
    shown("\xC2\x9b", 2, 64, "0xc29b"); /* CSI in one character */
    shown("\x7f", 1, 64, "0x7f");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_a_partition_and_an_offset),
        cmocka_unit_test(places_are_ordered_by_partition_and_offset),
        cmocka_unit_test(a_letter_says_where_it_came_from_by_the_first_header_of_a_name),
        cmocka_unit_test(a_count_that_is_no_number_counts_as_the_most),
        cmocka_unit_test(what_a_worker_may_have_cut_is_known),
        cmocka_unit_test(the_headers_of_a_redrive_come_first_and_the_errors_go),
        cmocka_unit_test(bytes_are_text_where_they_can_be_shown_and_digits_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

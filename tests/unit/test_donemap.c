#include "worker/donemap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/codec.h"

static void set_bit(uint8_t *bitmap, size_t bit)
{
    bitmap[bit / 8] = (uint8_t)(bitmap[bit / 8] | 1u << bit % 8);
}

static void a_map_comes_back_as_it_was_written(void **state)
{
    static const size_t widths[] = { 2, 7, 8, 9, 15, 16, 17, 1000, WINDOW_OFFSETS };
    (void)state;

    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        uint8_t bitmap[DONEMAP_BITMAP_BYTES] = { 0 }, back[DONEMAP_BITMAP_BYTES];
        char text[DONEMAP_TEXT_BYTES];
        int64_t base = 0;
        size_t bits = 0;

        set_bit(bitmap, 1);
        set_bit(bitmap, widths[i] - 1);
        assert_true(donemap_encode(123456789012, bitmap, widths[i], text) == strlen(text));
        memset(back, 0xff, sizeof(back));
        assert_int_equal(donemap_decode(text, &base, back, &bits, NULL), 0);
        assert_true(base == 123456789012);
        assert_int_equal(bits, widths[i]);
        assert_memory_equal(back, bitmap, sizeof(bitmap));
    }
}

static void the_form_is_the_documented_one(void **state)
{
    uint8_t bitmap[DONEMAP_BITMAP_BYTES] = { 0x02, 0x01 };
    uint8_t raw[] = { 1, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x02, 0x01, 0, 0, 0, 0 };
    uint32_t crc = crc32_ieee(raw, 11);
    char text[DONEMAP_TEXT_BYTES], expected[64] = "r1:";
    (void)state;

    for (int i = 0; i < 4; i++)
        raw[11 + i] = (uint8_t)(crc >> (24 - 8 * i));
    base64url_encode(raw, sizeof(raw), expected + 3);
    donemap_encode(0x1234, bitmap, 9, text);
    assert_string_equal(text, expected);
}

static void equal_content_has_one_text_whatever_the_width_said(void **state)
{
    uint8_t bitmap[DONEMAP_BITMAP_BYTES] = { 0x12 }, dirty[DONEMAP_BITMAP_BYTES] = { 0x72, 0xff };
    char a[DONEMAP_TEXT_BYTES], b[DONEMAP_TEXT_BYTES];
    (void)state;

    donemap_encode(5, bitmap, WINDOW_OFFSETS, a);
    donemap_encode(5, dirty, 5, b);
    assert_string_equal(a, b);
}

static void a_full_window_fits_into_the_commit_metadata(void **state)
{
    uint8_t bitmap[DONEMAP_BITMAP_BYTES];
    char text[DONEMAP_TEXT_BYTES];
    (void)state;

    memset(bitmap, 0xff, sizeof(bitmap));
    bitmap[0] = 0xfe;
    assert_in_range(donemap_encode(INT64_MAX - WINDOW_OFFSETS, bitmap, WINDOW_OFFSETS, text), 3400,
                    DONE_MAP_MAX_CHARS);
}

static void what_is_no_map_is_not_encoded(void **state)
{
    uint8_t bitmap[DONEMAP_BITMAP_BYTES] = { 2 }, own_base[DONEMAP_BITMAP_BYTES] = { 1 };
    char text[DONEMAP_TEXT_BYTES] = "as it was";
    (void)state;

    assert_int_equal(donemap_encode(5, bitmap, WINDOW_OFFSETS + 1, text), 0);
    assert_int_equal(donemap_encode(-1, bitmap, 2, text), 0);
    assert_int_equal(donemap_encode(5, own_base, 2, text), 0);
    assert_string_equal(text, "as it was");
}

/* The text of any bytes with a right checksum. */
static const char *sealed(const uint8_t *bytes, size_t len, char *out)
{
    uint8_t raw[DONEMAP_BITMAP_BYTES + 64];
    uint32_t crc = crc32_ieee(bytes, len);

    memcpy(raw, bytes, len);
    for (size_t i = 0; i < 4; i++)
        raw[len + i] = (uint8_t)(crc >> (24 - 8 * i));
    memcpy(out, "r1:", 4);
    base64url_encode(raw, len + 4, out + 3);
    return out;
}

static void assert_refused(const char *text, const char *why)
{
    uint8_t bitmap[DONEMAP_BITMAP_BYTES] = { 7 };
    int64_t base = 77;
    size_t bits = 77;
    struct err err = { 0 };

    assert_int_equal(donemap_decode(text, &base, bitmap, &bits, &err), -1);
    assert_int_equal(err.kind, ERR_INPUT);
    if (strstr(err.msg, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.msg, why);
    assert_true(base == 77 && bits == 77 && bitmap[0] == 7);
}

static void a_map_that_is_not_ours_or_damaged_is_refused_with_the_reason(void **state)
{
    static const struct {
        uint8_t bytes[16];
        size_t len;
        const char *why;
    } rows[] = {
        { { 1, 0, 0, 0, 0, 0, 0, 0 }, 8, "cut off" },
        { { 2, 0, 0, 0, 0, 0, 0, 0, 5, 2 }, 10, "version 2" },
        { { 1, 0xff, 0, 0, 0, 0, 0, 0, 5, 2 }, 10, "no offset" },
        { { 1, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2 }, 10, "no offset" },
        { { 1, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0 }, 11, "trailing zero" },
        { { 1, 0, 0, 0, 0, 0, 0, 0, 5, 3 }, 10, "its own base" },
    };
    char text[DONEMAP_TEXT_BYTES];
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_refused(sealed(rows[i].bytes, rows[i].len, text), rows[i].why);
    assert_refused("", "not a done map");
    assert_refused("{\"parallel\":1}", "not a done map");
    assert_refused("r2:AAAA", "not a done map");
    assert_refused("r1:", "cut off");
    assert_refused("r1:AA=A", "base64url");
}

static void a_changed_character_is_noticed_wherever_it_is(void **state)
{
    uint8_t bitmap[DONEMAP_BITMAP_BYTES] = { 0x40, 0x33, 0x01 };
    char text[DONEMAP_TEXT_BYTES];
    size_t len = donemap_encode(1000, bitmap, 17, text);
    (void)state;

    for (size_t i = 0; i < len; i++) {
        char was = text[i];
        int64_t base;
        size_t bits;

        text[i] = was == 'B' ? 'C' : 'B';
        assert_int_equal(donemap_decode(text, &base, bitmap, &bits, NULL), -1);
        text[i] = was;
    }
}

static void a_map_wider_than_the_window_is_refused(void **state)
{
    uint8_t bytes[9 + DONEMAP_BITMAP_BYTES + 1] = { 1 };
    char text[DONEMAP_TEXT_BYTES];
    (void)state;

    bytes[sizeof(bytes) - 1] = 1;
    assert_refused(sealed(bytes, sizeof(bytes), text), "longer than its window");
    memset(text, 'A', sizeof(text) - 1);
    memcpy(text, "r1:", 3);
    text[sizeof(text) - 1] = '\0';
    assert_refused(text, "longer than its window");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_comes_back_as_it_was_written),
        cmocka_unit_test(the_form_is_the_documented_one),
        cmocka_unit_test(equal_content_has_one_text_whatever_the_width_said),
        cmocka_unit_test(a_full_window_fits_into_the_commit_metadata),
        cmocka_unit_test(what_is_no_map_is_not_encoded),
        cmocka_unit_test(a_map_that_is_not_ours_or_damaged_is_refused_with_the_reason),
        cmocka_unit_test(a_changed_character_is_noticed_wherever_it_is),
        cmocka_unit_test(a_map_wider_than_the_window_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

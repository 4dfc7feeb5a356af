/* The forms of a result on stdout: tables, JSON, JSON lines, CSV. */
#include "producer/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/output_private.h"

static const struct output_column columns[] = {
    { .name = "guid", .type = CELL_TEXT },
    { .name = "state", .type = CELL_STATE },
    { .name = "items_left", .type = CELL_INT },
    { .name = "share", .type = CELL_NUM },
    { .name = "locked", .type = CELL_BOOL },
    { .name = "more", .type = CELL_JSON, .extra = true },
};
#define COLUMNS_N (sizeof(columns) / sizeof(columns[0]))

struct printed {
    char *text;
    size_t len;
    FILE *out;
    struct producer_config config;
    struct output *output;
};

static void begin(struct printed *p, enum output_format format)
{
    struct err err;

    p->config.output = (int)format;
    p->out = open_memstream(&p->text, &p->len);
    assert_non_null(p->out);
    p->output = output_open_on(p->out, &p->config, columns, COLUMNS_N, &err);
    assert_non_null(p->output);
}

static void expect(struct printed *p, const char *want)
{
    assert_int_equal(output_close(p->output, NULL), 0);
    fclose(p->out);
    assert_string_equal(p->text, want);
    free(p->text);
}

static void row(struct printed *p, const char *const cells[COLUMNS_N])
{
    assert_true(output_row(p->output, cells));
}

static const char *const plain[] = { "a", "open", "7", "0.5", "t", "{\"x\": 1}" };
static const char *const nothing[] = { NULL, NULL, NULL, NULL, NULL, NULL };

/* ---- JSON ---- */

static void json_is_an_array_of_objects_with_values_of_their_types(void **state)
{
    struct printed p = { .text = NULL };
    (void)state;

    begin(&p, OUTPUT_JSON);
    row(&p, plain);
    row(&p, nothing);
    expect(&p, "[\n {\"guid\":\"a\",\"state\":\"open\",\"items_left\":7,\"share\":0.5,"
               "\"locked\":true,\"more\":{\"x\": 1}},\n {\"guid\":null,\"state\":null,"
               "\"items_left\":null,\"share\":null,\"locked\":null,\"more\":null}\n]\n");
}

static void json_of_no_rows_is_an_empty_array(void **state)
{
    struct printed p = { .text = NULL };
    (void)state;

    begin(&p, OUTPUT_JSON);
    expect(&p, "[]\n");
}

static void json_lines_are_objects_without_an_array(void **state)
{
    struct printed p = { .text = NULL };
    char *names[] = { (char[]){ "guid" } };
    (void)state;

    p.config.columns = (struct option_list){ .items = names, .n = 1 };
    begin(&p, OUTPUT_JSONL);
    row(&p, plain);
    row(&p, plain);
    expect(&p, "{\"guid\":\"a\"}\n{\"guid\":\"a\"}\n");
}

static void a_json_cell(enum cell_type type, const char *text, const char *want)
{
    struct buf b;

    buf_init(&b, 1000);
    cell_json(&b, type, text);
    assert_string_equal(buf_str(&b), want);
    buf_done(&b);
}

static void json_texts_are_escaped_and_clean(void **state)
{
    (void)state;
    a_json_cell(CELL_TEXT, "say \"hi\" \\ now", "\"say \\\"hi\\\" \\\\ now\"");
    a_json_cell(CELL_TEXT, "a\nb\x1b[31m", "\"a\\u000ab\\u001b[31m\"");
    a_json_cell(CELL_TEXT, "caf\xC3\xA9", "\"caf\xC3\xA9\"");
    a_json_cell(CELL_TEXT, "bad\xFFone", "\"bad\xEF\xBF\xBDone\"");
}

static void what_is_no_json_number_is_null(void **state)
{
    (void)state;
    a_json_cell(CELL_NUM, "NaN", "null");
    a_json_cell(CELL_NUM, "Infinity", "null");
    a_json_cell(CELL_NUM, "", "null");
    a_json_cell(CELL_NUM, ".5", "null");
    a_json_cell(CELL_NUM, "007", "null");
    a_json_cell(CELL_NUM, "0x10", "null");
    a_json_cell(CELL_INT, "-12", "-12");
    a_json_cell(CELL_INT, "9223372036854775807", "9223372036854775807");
    a_json_cell(CELL_NUM, "0.250", "0.250");
}

/* ---- CSV ---- */

static void csv_quotes_what_must_be_quoted_and_nothing_else(void **state)
{
    static const char *const cells[] = { "a,b", "say \"hi\"", "1", NULL, "f", "two\nlines" };
    struct printed p = { .text = NULL };
    (void)state;

    begin(&p, OUTPUT_CSV);
    row(&p, plain);
    row(&p, cells);
    expect(&p, "guid,state,items_left,share,locked,more\r\n"
               "a,open,7,0.5,true,\"{\"\"x\"\": 1}\"\r\n"
               "\"a,b\",\"say \"\"hi\"\"\",1,,false,\"two\nlines\"\r\n");
}

static void csv_of_no_rows_has_its_names_unless_told_not_to(void **state)
{
    struct printed p = { .text = NULL }, q = { .config = { .no_headers = true } };
    (void)state;

    begin(&p, OUTPUT_CSV);
    expect(&p, "guid,state,items_left,share,locked,more\r\n");
    begin(&q, OUTPUT_CSV);
    expect(&q, "");
}

/* ---- tables ---- */

static void a_table_has_capitals_no_extra_columns_and_numbers_to_the_right(void **state)
{
    static const char *const cells[] = { "long-guid", "build_failed", "1204", NULL, "f", NULL };
    struct printed p = { .text = NULL };
    (void)state;

    begin(&p, OUTPUT_TABLE);
    row(&p, plain);
    row(&p, cells);
    expect(&p, "GUID       STATE         ITEMS LEFT  SHARE  LOCKED\n"
               "a          open                   7    0.5  yes\n"
               "long-guid  build_failed        1204      -  no\n");
}

static void columns_are_those_named_in_that_order(void **state)
{
    struct printed p = { .text = NULL };
    char *names[] = { (char[]){ "more" }, (char[]){ "guid" } };
    (void)state;

    p.config.columns = (struct option_list){ .items = names, .n = 2 };
    begin(&p, OUTPUT_TABLE);
    row(&p, plain);
    expect(&p, "MORE      GUID\n{\"x\": 1}  a\n");
}

static void an_unknown_column_is_refused_with_a_near_one(void **state)
{
    struct producer_config config = { .output = OUTPUT_JSON };
    char *names[] = { (char[]){ "stat" } };
    struct err err;
    (void)state;

    config.columns = (struct option_list){ .items = names, .n = 1 };
    assert_null(output_open_on(stderr, &config, columns, COLUMNS_N, &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_string_equal(err.msg,
                        "option --columns: there is no column \"stat\"; did you mean state?");
}

static void a_narrow_terminal_cuts_texts_and_never_numbers(void **state)
{
    static const char *const cells[] = {
        "a-very-long-guid-of-some-thing", "open", "123456789", "0.5", "t", NULL
    };
    struct printed p = { .text = NULL };
    (void)state;

    begin(&p, OUTPUT_TABLE);
    p.output->width = 50;
    row(&p, cells);
    expect(&p, "GUID              STATE  ITEMS LEFT  SHARE  LOCKED\n"
               "a-very-long-gui\xE2\x80\xA6  open    123456789    0.5  yes\n");
}

static void wide_and_combining_characters_keep_the_columns_straight(void **state)
{
    static const char *const wide[] = { "\xE6\x97\xA5\xE6\x9C\xAC", "open", "1", "1", "t", NULL };
    static const char *const combined[] = { "e\xCC\x81tat", "open", "1", "1", "t", NULL };
    struct printed p = { .text = NULL };
    (void)state;

    begin(&p, OUTPUT_TABLE);
    row(&p, wide);
    row(&p, combined);
    expect(&p, "GUID  STATE  ITEMS LEFT  SHARE  LOCKED\n"
               "\xE6\x97\xA5\xE6\x9C\xAC  open            1      1  yes\n"
               "e\xCC\x81tat  open            1      1  yes\n");
}

static void nothing_in_a_text_commands_the_terminal(void **state)
{
    const char right_to_left[] = { '\xE2', '\x80', '\xAE', 'e', 'v', 'i', 'l', '\0' };
    const char *const texts[][2] = {
        { "\x1b[31mred", " [31mred" },         { "a\r\nb\tc", "a  b c" },
        { "\302\2332J", "\357\277\2752J" }, /* CSI as one character */
        { right_to_left, "\357\277\275evil" }, { "\xFF", "\xEF\xBF\xBD" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *got = cell_plain(CELL_TEXT, texts[i][0]);

        assert_string_equal(got, texts[i][1]);
        free(got);
    }
}

static void states_are_colored_only_if_asked_for(void **state)
{
    struct printed p = { .config = { .color = COLOR_ALWAYS } };
    static const char *const cells[] = { "a", "build_failed", "1", "1", "t", NULL };
    char *names[] = { (char[]){ "state" }, (char[]){ "guid" } };
    (void)state;

    p.config.columns = (struct option_list){ .items = names, .n = 2 };
    begin(&p, OUTPUT_TABLE);
    row(&p, cells);
    expect(&p, "STATE         GUID\n\033[31mbuild_failed\033[0m  a\n");
}

static void rows_may_be_shown_before_all_are_known(void **state)
{
    static const struct output_column fixed[] = {
        { .name = "a", .type = CELL_TEXT, .width = 6 },
        { .name = "b", .type = CELL_TEXT },
    };
    static const char *const one[] = { "x", "1" }, *const two[] = { "longer", "2" };
    struct printed p = { .text = NULL };
    (void)state;

    p.out = open_memstream(&p.text, &p.len);
    p.output = output_open_on(p.out, &p.config, fixed, 2, NULL);
    output_row(p.output, one);
    output_flush(p.output);
    output_row(p.output, two);
    expect(&p, "A       B\nx       1\nlonger  2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_an_array_of_objects_with_values_of_their_types),
        cmocka_unit_test(json_of_no_rows_is_an_empty_array),
        cmocka_unit_test(json_lines_are_objects_without_an_array),
        cmocka_unit_test(json_texts_are_escaped_and_clean),
        cmocka_unit_test(what_is_no_json_number_is_null),
        cmocka_unit_test(csv_quotes_what_must_be_quoted_and_nothing_else),
        cmocka_unit_test(csv_of_no_rows_has_its_names_unless_told_not_to),
        cmocka_unit_test(a_table_has_capitals_no_extra_columns_and_numbers_to_the_right),
        cmocka_unit_test(columns_are_those_named_in_that_order),
        cmocka_unit_test(an_unknown_column_is_refused_with_a_near_one),
        cmocka_unit_test(a_narrow_terminal_cuts_texts_and_never_numbers),
        cmocka_unit_test(wide_and_combining_characters_keep_the_columns_straight),
        cmocka_unit_test(nothing_in_a_text_commands_the_terminal),
        cmocka_unit_test(states_are_colored_only_if_asked_for),
        cmocka_unit_test(rows_may_be_shown_before_all_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The state of an export, as a file; and events as lines. */
#include "producer/export_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "producer/results.h"

static struct err err;

static const char GOOD[] = "connect-rebuild export state 1\ntopic rebuild.results.v1\ncluster abc\n"
                           "what csv columns=a,b\nbytes 1234\nnext 0 12\nnext 1 0\nend\n";

static void a_state_is_read_as_it_was_written(void **state)
{
    struct export_state s = { .next_n = 0 };
    struct buf b;

    (void)state;
    assert_int_equal(export_state_parse(GOOD, &s, &err), 0);
    assert_string_equal(s.topic, "rebuild.results.v1");
    assert_string_equal(s.cluster, "abc");
    assert_string_equal(s.what, "csv columns=a,b");
    assert_int_equal(s.file_bytes, 1234);
    assert_int_equal(s.next_n, 2);
    assert_int_equal(s.next[0], 12);
    buf_init(&b, EXPORT_STATE_MAX_BYTES);
    export_state_print(&s, &b);
    assert_string_equal(buf_str(&b), GOOD);
    buf_done(&b);
    export_state_done(&s);
}

static void what_is_no_state_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "\n",
        "connect-rebuild export state 2\ntopic t\ncluster c\nwhat w\nbytes 1\nend\n",
        "connect-rebuild export state 1\ntopic t\ncluster c\nwhat w\nbytes 1\nnext 0 1\n",
        "connect-rebuild export state 1\ntopic t\ncluster c\nwhat w\nbytes -1\nend\n",
        "connect-rebuild export state 1\ntopic t\ncluster c\nwhat w\nbytes 1\nnext 1 1\nend\n",
        "connect-rebuild export state 1\ntopic t\ncluster c\nwhat w\nbytes 1\nnext 0 x\nend\n",
        "connect-rebuild export state 1\ntopic t\ncluster c\nwhat w\nbytes 1\nnext 0\nend\n",
        "connect-rebuild export state 1\ntopic t\nwhat w\nbytes 1\nend\n",
        "connect-rebuild export state 1\ntopic t\ncluster c\nwhat w\nbytes 1\nother 3\nend\n",
    };
    struct export_state s = { .file_bytes = 7 };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(export_state_parse(bad[i], &s, &err), -1);
        assert_int_equal(err.kind, ERR_INPUT);
        assert_int_equal(s.file_bytes, 7);
        assert_null(s.next);
    }
}

static void more_partitions_than_a_topic_may_have_are_refused(void **state)
{
    struct export_state s = { .next_n = 0 };
    struct buf b;

    (void)state;
    buf_init(&b, EXPORT_STATE_MAX_BYTES);
    buf_str_add(&b, "connect-rebuild export state 1\ntopic t\ncluster c\nwhat w\nbytes 1\n");
    for (int i = 0; i <= EXPORT_PARTITIONS_MAX; i++)
        buf_printf(&b, "next %d 1\n", i);
    buf_str_add(&b, "end\n");
    assert_int_equal(export_state_parse(buf_str(&b), &s, &err), -1);
    buf_done(&b);
}

static void a_state_is_replaced_as_a_whole(void **state)
{
    char folder[] = "/tmp/rebuild-test-XXXXXX", path[64];
    struct export_state s = { .next_n = 0 }, back = { .next_n = 0 };

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/state", folder);
    assert_int_equal(export_state_load(path, &back, &err), 0);
    assert_int_equal(export_state_parse(GOOD, &s, &err), 0);
    for (int i = 0; i < 2; i++) {
        s.next[0] = 100 + i;
        assert_int_equal(export_state_save(path, &s, &err), 0);
        assert_int_equal(export_state_load(path, &back, &err), 1);
        assert_int_equal(back.next[0], 100 + i);
        export_state_done(&back);
    }
    unlink(path);
    assert_int_equal(rmdir(folder), 0); /* nothing else is left */
    assert_int_equal(export_state_save(path, &s, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_non_null(strstr(err.msg, path));
    export_state_done(&s);
}

static void an_event_with_line_ends_is_one_line(void **state)
{
    static const char event[] = "{\n  \"a\": \"b\\nc\",\r\n\r\n  \"d\": 1\n}\n";
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    assert_non_null(out);
    results_print_line(out, event, sizeof(event) - 1);
    fclose(out);
    assert_string_equal(text, "{   \"a\": \"b\\nc\",      \"d\": 1 } ");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_state_is_refused),
        cmocka_unit_test(more_partitions_than_a_topic_may_have_are_refused),
        cmocka_unit_test(a_state_is_replaced_as_a_whole),
        cmocka_unit_test(an_event_with_line_ends_is_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Memory that fails while the operator's words are read and answers printed: options, lists, the
 * selection's SQL, array parameters, output. Each says so; nothing is left out in silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ledger/array.h"
#include "common/ledger/columns.h"
#include "producer/output.h"
#include "producer/select.h"
#include "tests/support/alloc_fail.h"
#include "tests/support/load_options.h"

#define A "11111111-1111-4111-8111-111111111111"
#define B "22222222-2222-4222-8222-222222222222"

/* ---- options ---- */

static char options_path[64], secret_path[64];

static bool load_options(void)
{
    static const char *const argv[] = { "--words=a,b", "-X",       "a=b", "--since", "2h ago",
                                        "-fn7",        "--config", NULL,  "more" };
    char *args[sizeof(argv) / sizeof(argv[0])];
    struct load l = { .rc = 0 };
    int n = 0;

    for (size_t i = 0; i < sizeof(argv) / sizeof(argv[0]); i++)
        args[n++] = argv[i] == NULL ? options_path : (char *)(uintptr_t)argv[i];
    load_tables(&l);
    l.rc = options_load(&l.o, n, args, NULL, &l.err);
    if (l.rc != 0) {
        assert_int_equal(l.err.kind, ERR_INTERNAL); /* never taken for a mistake of the operator */
        return false;
    }
    assert_string_equal(l.c.text, "from the file");
    assert_string_equal(l.c.password, "secret");
    assert_int_equal(l.c.words.n, 2);
    assert_int_equal(l.o.positional_n, 1);
    options_done(&l.o);
    return true;
}

static void options_are_whole_or_refused(void **state)
{
    char text[256];

    (void)state;
    load_write_file(secret_path, "secret\n", 0600);
    snprintf(text, sizeof(text), "text = \"from the file\"\nthe-password-file = %s\n", secret_path);
    load_write_file(options_path, text, 0600);
    alloc_fail_each(load_options);
    unlink(options_path);
    unlink(secret_path);
}

/* ---- lists ---- */

static bool read_list(int (*read)(struct select_list *l, const char *name, const char *text,
                                  struct err *err),
                      const char *text)
{
    struct select_list l = { .given = true };
    struct err err = { .kind = ERR_NONE };
    bool ok = read(&l, "f", text, &err) == 0;

    if (ok)
        assert_int_equal(l.n, 2);
    else
        assert_int_equal(err.kind, ERR_INTERNAL);
    select_list_done(&l);
    return ok;
}

static bool read_guids(void)
{
    return read_list(select_list_guids, A ",42\n" B "\n" A "\n");
}

static bool read_csv(void)
{
    return read_list(select_list_important, "guid,paths\n" A ",/one;/two\n" B ",\n");
}

static bool read_jsonl(void)
{
    return read_list(select_list_important,
                     "{\"guid\":\"" A "\",\"access_paths\":[\"/one\"]}\n{\"guid\":\"" B "\"}\n");
}

static void lists_are_whole_or_refused(void **state)
{
    (void)state;
    alloc_fail_each(read_guids);
    alloc_fail_each(read_csv);
    alloc_fail_each(read_jsonl);
}

/* ---- the selection ---- */

static void add_column(struct content_table *t, const char *name)
{
    struct content_column *c = &t->columns[t->columns_n++];

    snprintf(c->name, sizeof(c->name), "%s", name);
    snprintf(c->type, sizeof(c->type), "text");
}

static bool build_selection(void)
{
    char *modes[] = { (char[]){ "shiny" }, (char[]){ "rmd-static" } };
    const struct select_config config = { .owner = (char[]){ "x" },
                                          .r_version = (char[]){ ">=4.1,4.2.*" },
                                          .content_type = { .items = modes, .n = 2 } };
    struct content_table t = { .said = "content", .name = "public.content" };
    const struct select_list none = { .n = 0 };
    struct selection s = { .config = &config, .table = &t, .list = &none };
    struct query q;
    struct err err = { .kind = ERR_NONE };
    bool ok;

    add_column(&t, "guid");
    add_column(&t, "bundle_id");
    add_column(&t, "app_mode");
    add_column(&t, "owner_username");
    add_column(&t, "r_version");
    query_init(&q);
    ok = select_build(&s, &q, &err) == 0 && query_check(&q, &err) == 0;
    assert_true(ok || err.kind == ERR_INTERNAL);
    query_done(&q);
    return ok;
}

static bool fill_columns(void)
{
    struct columns c;
    bool ok;

    columns_open(&c, 3);
    columns_text(&c, 0, "a \"text\"");
    columns_int(&c, 1, 7);
    columns_bool(&c, 2, true);
    ok = columns_close(&c);
    if (ok)
        assert_string_equal(c.params[0], "{\"a \\\"text\\\"\"}");
    columns_done(&c);
    return ok;
}

static bool parse_array(void)
{
    char **items = NULL;
    ptrdiff_t n = array_parse("{one,NULL,\"and three\"}", 3, &items);

    if (n < 0)
        return false;
    assert_int_equal(n, 3);
    assert_string_equal(items[2], "and three");
    array_free(items, 3);
    return true;
}

static void statements_are_whole_or_not_sent(void **state)
{
    (void)state;
    alloc_fail_each(build_selection);
    alloc_fail_each(fill_columns);
    alloc_fail_each(parse_array);
}

/* ---- output ---- */

static enum output_format format;

static bool print_rows(FILE *out)
{
    static const struct output_column columns[] = { { .name = "guid", .type = CELL_TEXT },
                                                    { .name = "n", .type = CELL_INT } };
    const char *const cells[] = { "a \"b\"", "7" };
    const struct producer_config config = { .output = (int)format };
    struct err err = { .kind = ERR_NONE };
    struct output *o = output_open_on(out, &config, columns, 2, &err);
    bool ok = o != NULL;

    for (int i = 0; ok && i < 40; i++)
        ok = output_row(o, cells);
    if (o != NULL)
        ok = (output_close(o, &err) == 0) && ok;
    return ok;
}

static size_t whole_len; /* what is printed with memory */

static bool print_all(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    bool ok;

    assert_non_null(out);
    ok = print_rows(out);
    fclose(out);
    if (ok && whole_len != 0)
        assert_int_equal(len, whole_len);
    whole_len = ok ? len : whole_len;
    free(text);
    return ok;
}

static void rows_are_printed_or_missed(void **state)
{
    (void)state;
    for (format = OUTPUT_TABLE; format <= OUTPUT_CSV; format++) {
        whole_len = 0;
        assert_true(print_all());
        alloc_fail_each(print_all);
    }
}

static int set_up(void **state)
{
    load_clear_environment(state);
    return alloc_fail_set_up(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_whole_or_refused),
        cmocka_unit_test(lists_are_whole_or_refused),
        cmocka_unit_test(statements_are_whole_or_not_sent),
        cmocka_unit_test(rows_are_printed_or_missed),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}

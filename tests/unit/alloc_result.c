/* Memory that fails while a row of the ledger becomes a result: it is whole, or there is none. A
 * result that lacks what the row has would be published once and for ever. */
#include "worker/result_row.h"

#include "common/base/limits.h"
#include "tests/support/alloc_fail.h"
#include "tests/support/fake_ledger.h"
#include "worker/worker.h"

#define ID       "5b0b3a7e-7c56-5d1f-9a52-0f7b1f3f9c21"
#define CAMPAIGN "0197c2a4-2b1e-7c40-9b0a-5d2f6a1c00e1"
#define CHECKS                                                                                        \
    "[{\"path\":\"/content/x/\",\"as\":\"keyed\",\"http_status\":200,\"duration_s\":0.5,\"verdict\":" \
    "\"ok\"}]"

static const char row_text[] =
    ID "|" CAMPAIGN "|name|reason|actor|4ffc819c-065c-420c-88eb-332db1133317|33|shiny|title|name|"
       "owner-guid|owner|acl|4.4|3.11|1.4|image|succeeded|1|3|f|a|task|33|"
       "2026-01-12T06:37:04.010Z|2026-01-12T06:37:05.010Z|2026-01-12T06:38:04.010Z|1.5|2.5|0|"
       "{one,\"and two\"}|f|ok|" CHECKS "|build.unknown|message|f|0|1|17|w1|1.0|{}";

static char server[] = "https://connect.example.org", topic[] = "requests";
static struct worker_config config = { .shared = { .connect_server = server } };
static struct worker *worker;
static struct db_reply reply;
static struct buf whole; /* the result, made with memory */

static bool read_and_render(struct buf *out)
{
    const struct result_row row = { &reply, 0, 0 };
    struct result res = { .attempt = 0 };
    struct err err = { .kind = ERR_NONE };
    bool ok;

    buf_init(out, RESULT_MAX_BYTES);
    if (result_row_read(worker, &row, &res, &err) != 0) {
        assert_int_equal(err.kind, ERR_INTERNAL);
        return false;
    }
    ok = result_render(&res, out, &err) == 0;
    assert_true(ok || err.kind == ERR_INTERNAL);
    result_done(&res);
    return ok;
}

/* The log's lines may be missing, and then the result says so. */
static bool render_a_row(void)
{
    struct buf out;
    bool ok = read_and_render(&out);

    if (ok && strstr(buf_str(&out), "\"log_truncated\":true") == NULL)
        assert_string_equal(buf_str(&out), buf_str(&whole));
    ok = ok && strcmp(buf_str(&out), buf_str(&whole)) == 0;
    buf_done(&out);
    return ok;
}

static void a_result_is_whole_or_none(void **state)
{
    (void)state;
    assert_true(read_and_render(&whole));
    assert_non_null(strstr(buf_str(&whole), "and two"));
    assert_non_null(strstr(buf_str(&whole), "\"requests\""));
    alloc_fail_each(render_a_row);
    buf_done(&whole);
}

static int set_up(void **state)
{
    alloc_fail_set_up(state);
    worker = calloc(1, sizeof(*worker));
    if (worker == NULL || parts_init(&worker->parts, topic, topic, 2) != 0)
        return -1;
    worker->config = &config;
    str_copy(worker->source, sizeof(worker->source), "/rebuild/here");
    fake_row(&reply.tables[0], row_text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    parts_done(&worker->parts);
    free(worker);
    free(reply.tables[0].text[0]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_result_is_whole_or_none) };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

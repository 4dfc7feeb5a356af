/* One request on its way through a worker of fake_worker.h: asked about, claimed, built. Exactly
 * one file of a program includes it. */
#ifndef TESTS_SUPPORT_FAKE_ITEM_H
#define TESTS_SUPPORT_FAKE_ITEM_H

#include "tests/support/fake_worker.h"

#define ATTEMPT    "99999999-aaaa-4bbb-8ccc-dddddddddddd"
#define OPEN(code) ATTEMPT "|77|1|t|" code "|~|a|http://a:3939"
#define OVER(code) ATTEMPT "|77|1|f|" code "|~|a|http://a:3939"
#define CONTENT                                                                \
    "{\"guid\":\"" FAKE_GUID "\",\"bundle_id\":\"12\",\"app_mode\":\"shiny\"," \
    "\"access_type\":\"all\",\"r_version\":\"4.4.1\",\"py_version\":null,\"locked\":false}"

static struct worker *w;
static struct part *part;

static inline int set_up(void **state)
{
    (void)state;
    w = fake_worker_new();
    part = fake_own(w, 0, 0, NULL);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    fake_worker_free(w);
    return 0;
}

/* One row of SQL_ASK_ITEMS. */
struct item {
    const char *state, *place; /* lane|partition|offset */
    bool published;
    const char *due_in_ms, *campaign;
    bool deadline_passed;
    const char *attempt; /* id|token|n|open|code|class; NULL: none */
    const char *task;
};

static char row_text[1024];

static inline const char *ask_row(char digit, const struct item *i)
{
    snprintf(row_text, sizeof(row_text),
             FAKE_ID "%c|" FAKE_GUID "|%s|11|shiny|all|{}|{}|0|%s|%s|%s|%s|%s|3|1000|2000|0|-1|0|0|"
                     "0|auto|f|%s|%s|~|11|~|{}|5|t",
             digit, i->state == NULL ? "waiting" : i->state, i->place == NULL ? "~|~|~" : i->place,
             i->published ? "t" : "f", i->due_in_ms == NULL ? "0" : i->due_in_ms,
             i->campaign == NULL ? "open" : i->campaign, i->deadline_passed ? "t" : "f",
             i->attempt == NULL ? "~|~|~|~|~|~|~|~" : i->attempt, i->task == NULL ? "~" : i->task);
    return row_text;
}

static const char replica_row[] = "a|http://a:3939|2|2|f|0|t|0";

static inline void ask_answered(char digit, const struct item *item)
{
    const struct fake_rows rows[] = { { SQL_ASK_ITEMS, { ask_row(digit, item) } },
                                      { SQL_REPLICAS, { replica_row } },
                                      { NULL, { NULL } } };

    fake_answer(fake_wait_unit(w, SQL_ASK_ITEMS), rows);
}

/* Request '1' at offset 0 is asked about and this is what the ledger says. */
static inline struct work *asked(const struct item *item)
{
    struct req *req = fake_req(part, '1', 0);

    assert_int_equal(tracker_record(part->tracker, 0), TRACKER_NEW);
    ask_request(w, req);
    ask_answered('1', item);
    return fake_work(w, '1');
}

/* Request '1' is ready and its claim is on the way. */
static inline struct db_unit *claimed(void)
{
    asked(&(struct item){ .state = "waiting" });
    fake_http(fake_call("/v1/content/"), HTTP_OK, 200, CONTENT);
    return fake_wait_unit(w, SQL_CLAIM);
}

static inline const char *attempt_row(const char *rest)
{
    static char text[128];
    char id[UUID_TEXT_BYTES];

    snprintf(text, sizeof(text), "%s|%s", uuid_format(&fake_work(w, '1')->attempt.id, id), rest);
    return text;
}

static inline void grant(struct db_unit *unit)
{
    fake_answer(unit, (const struct fake_rows[]){ { SQL_GRANTED, { attempt_row("1|a") } },
                                                  { SQL_REPLICAS, { replica_row } },
                                                  { NULL, { NULL } } });
}

/* Request '1' is built: its end is on the way. */
static inline struct db_unit *ended(void)
{
    grant(claimed());
    fake_http(fake_call("/build"), HTTP_OK, 202, "{\"task_id\":\"T1\"}");
    fake_http(
        fake_call("/v1/tasks/T1"), HTTP_OK, 200,
        "{\"id\":\"T1\",\"output\":[],\"finished\":true,\"code\":0,\"error\":\"\",\"last\":0}");
    return fake_wait_unit(w, SQL_END);
}

#endif

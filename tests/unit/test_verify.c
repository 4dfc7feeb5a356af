/* The audit of results, as far as it needs no server: one record by itself, what is remembered of
 * items, what must be equal, what is found. */
#include "producer/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/record/event.h"

#define GUID   "4ffc819c-065c-420c-88eb-332db1133317"
#define SAMPLE "deploy/schema/events/samples/result.v1.build_failed.json"
#define MANY   5000

static char text[64 * 1024];
static struct result_brief brief;
static struct err err;

static void load(void)
{
    FILE *file = fopen(SAMPLE, "re");
    size_t n;

    assert_non_null(file);
    n = fread(text, 1, sizeof(text) - 1, file);
    text[n] = '\0';
    fclose(file);
}

/* Puts `to` in the place of the first `from`. */
static void change(const char *from, const char *to)
{
    char *at = strstr(text, from), *rest = NULL;

    assert_non_null(at);
    rest = str_dup(at + strlen(from));
    assert_non_null(rest);
    snprintf(at, sizeof(text) - (size_t)(at - text), "%s%s", to, rest);
    free(rest);
}

static void refused(const char *word)
{
    assert_int_equal(result_check(text, strlen(text), &brief, &err), -1);
    assert_int_equal(err.kind, ERR_INPUT);
    if (strstr(err.msg, word) == NULL)
        fail_msg("%s does not say %s", err.msg, word);
}

/* ---- the rules ---- */

static void the_kept_sample_passes(void **state)
{
    (void)state;
    load();
    if (result_check(text, strlen(text), &brief, &err) != 0)
        fail_msg("%s", err.msg);
    assert_string_equal(brief.outcome, "build_failed");
    assert_string_equal(brief.bundle_id, "142");
    assert_string_equal(brief.bundle_built, "143");
    assert_string_equal(brief.source, "https://connect.example.org/rebuild");
    assert_string_equal(brief.error_message, "installation of package 'sf' failed");
    assert_int_equal(brief.attempt, 3);
}

static void a_member_that_is_wrong_is_named(void **state)
{
    static const struct {
        const char *from, *to, *word;
    } cases[] = {
        { "\"outcome\":\"build_failed\",", "", "data.outcome is missing" },
        { "\"outcome\":\"build_failed\"", "\"outcome\":\"Bad\"", "data.outcome" },
        { "\"attempt\":3", "\"attempt\":-1", "data.attempt" },
        { "\"attempt\":3", "\"attempt\":2.5", "data.attempt" },
        { "\"adopted\":false", "\"adopted\":0", "data.adopted" },
        { "\"offset\":\"18231\"", "\"offset\":18231", "data.origin.offset" },
        { "\"offset\":\"18231\"", "\"offset\":\"-1\"", "data.origin.offset" },
        { "\"code\":1", "\"code\":\"1\"", "data.build.code" },
        { "\"py_version\":null,", "", "data.content.py_version is missing" },
        { "\"checks\":[]", "\"checks\":[7]", "data.access.checks[]" },
        { "\"checks\":[]", "\"checks\":[{\"path\":\"/\"}]", "as is missing" },
        { "\"log_tail\":[", "\"log_tail\":[1,", "data.build.log_tail" },
        { "\"queue_s\":12375.107", "\"queue_s\":-0.1", "data.timing.queue_s" },
        { "\"authtype\":\"user\"", "\"authtype\":\"root\"", "authtype" },
        { "00-5b0b", "00-5B0b", "traceparent" },
        { "\"time\":\"2026-01-12T", "\"time\":\"2026-01-12 ", "time" },
        { "\"worker\":{", "\"worker\":[],\"x\":{", "data.worker" },
        { "org.connect-rebuild.result.v1", "org.connect-rebuild.result.v2", "type" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        load();
        change(cases[i].from, cases[i].to);
        refused(cases[i].word);
    }
}

static void ids_that_do_not_agree_are_named(void **state)
{
    static const struct {
        const char *from, *to, *word;
    } cases[] = {
        { "\"id\":\"4bf3", "\"id\":\"5bf3", "id is" },
        { "\"causationid\":\"bd65", "\"causationid\":\"cd65", "causationid" },
        { "content/4ffc", "content/5ffc", "subject" },
        { "\"partitionkey\":\"4ffc", "\"partitionkey\":\"5ffc", "partitionkey" },
        { "\"correlationid\":\"0197", "\"correlationid\":\"1197", "correlationid" },
        { "\"time\":\"2026", "\"time\":\"2025", "time" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        load();
        change(cases[i].from, cases[i].to);
        refused(cases[i].word);
    }
}

static void what_later_versions_add_is_taken(void **state)
{
    (void)state;
    load();
    change("\"data\":{", "\"later\":1,\"data\":{\"more\":[{}],");
    change("\"outcome\":\"build_failed\"", "\"outcome\":\"postponed\"");
    assert_int_equal(result_check(text, strlen(text), &brief, &err), 0);
}

static void an_invalid_one_says_whose_it_is_as_far_as_it_can(void **state)
{
    char id[UUID_TEXT_BYTES];

    (void)state;
    load();
    change("\"attempt\":3", "\"attempt\":\"three\"");
    refused("data.attempt");
    assert_string_equal(brief.source, "https://connect.example.org/rebuild");
    assert_string_equal(uuid_format(&brief.request_id, id), "5b0b3a7e-7c56-5d1f-9a52-0f7b1f3f9c21");
    assert_string_equal(uuid_format(&brief.campaign_id, id),
                        "0197c2a4-2b1e-7c40-9b0a-5d2f6a1c00e1");
    snprintf(text, sizeof(text), "[1]");
    refused("specversion");
    assert_true(uuid_is_nil(&brief.request_id) && brief.source[0] == '\0');
    snprintf(text, sizeof(text), "{");
    refused("JSON");
}

/* ---- one record ---- */

static struct event_header event[EVENT_HEADERS_N];
static struct kafka_header headers[EVENT_HEADERS_N + 1];

static struct kafka_record sound_record(void)
{
    size_t n;

    load();
    assert_int_equal(result_check(text, strlen(text), &brief, &err), 0);
    n = event_headers(event, &(struct event_about){ .request_id = &brief.request_id,
                                                    .type = EVENT_TYPE_RESULT,
                                                    .source = brief.source,
                                                    .content_guid = GUID,
                                                    .time = brief.finished_at });
    for (size_t i = 0; i < n; i++)
        headers[i] = (struct kafka_header){ event[i].name, event[i].value, strlen(event[i].value) };
    return (struct kafka_record){ .key = GUID,
                                  .key_len = strlen(GUID),
                                  .value = text,
                                  .value_len = strlen(text),
                                  .headers = headers,
                                  .headers_n = n };
}

static void not_sound(const struct kafka_record *r, const char *word)
{
    assert_int_equal(verify_record(r, &brief, &err), -1);
    if (strstr(err.msg, word) == NULL)
        fail_msg("%s does not say %s", err.msg, word);
}

static void a_record_whose_headers_and_key_say_the_same_is_sound(void **state)
{
    struct kafka_record r = sound_record();

    (void)state;
    assert_int_equal(verify_record(&r, &brief, &err), 0);
    r.key_len--;
    not_sound(&r, "key");
    r.key = NULL;
    not_sound(&r, "key");
    r = sound_record();
    r.headers_n--;
    not_sound(&r, "ce_subject is missing");
    r = sound_record();
    headers[1].value = "x";
    headers[1].len = 1;
    not_sound(&r, "ce_id");
    r = sound_record();
    headers[r.headers_n++] = (struct kafka_header){ "ce_type", "other", 5 };
    not_sound(&r, "ce_type");
    r = (struct kafka_record){ .value = NULL };
    not_sound(&r, "no value");
}

/* ---- items ---- */

static struct uuid id_of(int i)
{
    char name[16];
    const struct uuid space = { { 7 } };

    snprintf(name, sizeof(name), "%d", i);
    return uuid_v5(&space, name);
}

static void items_are_found_by_their_id(void **state)
{
    struct verify_items items = { .n = 0 };
    struct uuid id = id_of(1);

    (void)state;
    verify_items_sort(&items);
    assert_null(verify_items_find(&items, &id));
    for (int i = 0; i < MANY; i++)
        assert_true(verify_items_add(
            &items, &(struct verify_item){ .id = id_of(i), .digest = (uint64_t)i }));
    verify_items_sort(&items);
    for (int i = 0; i < MANY; i++) {
        id = id_of(i);
        assert_non_null(verify_items_find(&items, &id));
        assert_int_equal(verify_items_find(&items, &id)->digest, i);
    }
    id = id_of(MANY);
    assert_null(verify_items_find(&items, &id));
    verify_items_done(&items);
}

static const struct verify_fact fact = {
    .campaign = "c", .guid = GUID, .outcome = "succeeded", .bundle = "1", .built = "2", .attempt = 1
};

static void whatever_must_be_equal_changes_the_digest_and_is_named(void **state)
{
    struct verify_fact others[] = { fact, fact, fact, fact, fact, fact };
    static const char *const words[] = { "campaign",         "content",      "outcome",
                                         "bundle asked for", "bundle built", "attempt" };
    char why[320];

    (void)state;
    others[0].campaign = "d";
    others[1].guid = "x";
    others[2].outcome = "skipped";
    others[3].bundle = "12";
    others[4].built = "";
    others[5].attempt = 2;
    assert_true(verify_equal(&fact, &fact, why, sizeof(why)));
    assert_string_equal(why, "");
    for (size_t i = 0; i < 6; i++) {
        assert_true(verify_digest(&others[i]) != verify_digest(&fact));
        assert_false(verify_equal(&fact, &others[i], why, sizeof(why)));
        assert_non_null(strstr(why, words[i]));
        assert_null(strchr(why, ';'));
    }
    others[5].outcome = "skipped";
    assert_false(verify_equal(&fact, &others[5], why, sizeof(why)));
    assert_string_equal(why, "outcome is \"skipped\", in the ledger \"succeeded\"; "
                             "attempt is \"2\", in the ledger \"1\"");
    assert_false(verify_equal(&fact, &others[5], why, 20));
}

/* ---- findings ---- */

static void findings_are_kept_up_to_a_limit_and_counted_all(void **state)
{
    struct verify_findings f = { .max = 1000 };

    (void)state;
    assert_int_equal(verify_findings_total(&f), 0);
    for (int i = 0; i < MANY; i++)
        assert_true(verify_findings_add(
            &f, &(struct verify_finding){ .kind = i % 2 == 0 ? VERIFY_TWICE : VERIFY_MISSING,
                                          .offset = i }));
    assert_int_equal(f.n, 1000);
    for (size_t i = 0; i < f.n; i++)
        assert_int_equal(f.list[i].offset, i);
    assert_int_equal(verify_findings_total(&f), MANY);
    assert_int_equal(f.of_kind[VERIFY_TWICE], MANY / 2);
    verify_findings_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kept_sample_passes),
        cmocka_unit_test(a_member_that_is_wrong_is_named),
        cmocka_unit_test(ids_that_do_not_agree_are_named),
        cmocka_unit_test(what_later_versions_add_is_taken),
        cmocka_unit_test(an_invalid_one_says_whose_it_is_as_far_as_it_can),
        cmocka_unit_test(a_record_whose_headers_and_key_say_the_same_is_sound),
        cmocka_unit_test(items_are_found_by_their_id),
        cmocka_unit_test(whatever_must_be_equal_changes_the_digest_and_is_named),
        cmocka_unit_test(findings_are_kept_up_to_a_limit_and_counted_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The rules of deploy/schema/events/result.v1.json as a table, and what no schema can say: that the
 * ids of one event agree. */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "common/base/str.h"
#include "common/base/time_text.h"
#include "common/record/event.h"
#include "common/record/event_json.h"
#include "common/record/result_json.h"

#define PATH_BYTES 64
#define LINES_MAX  LOG_TAIL_LINES
#define CHECKS_MAX 64 /* maxItems of data.access.checks */

enum rule_kind {
    RULE_TEXT,
    RULE_CONST, /* the text `want` */
    RULE_UUID,  /* lower case */
    RULE_TIME,
    RULE_WORD,    /* a lower-case word, underscores in it */
    RULE_DIGITS,  /* a number of 64 bits, as a string */
    RULE_COUNT,   /* a whole number, not negative */
    RULE_WHOLE,   /* a whole number */
    RULE_SECONDS, /* not negative */
    RULE_FLAG,
    RULE_OBJECT,
    RULE_LINES,  /* an array of texts */
    RULE_CHECKS, /* of access checks */
    RULE_AS,     /* who asked: key or anonymous */
    RULE_STATUS, /* of HTTP */
    RULE_ACTOR,  /* kind of who asked for the rebuild */
    RULE_TRACE,  /* W3C traceparent */
};

#define MAY_BE_NULL 1u
#define OPTIONAL    2u

struct rule {
    const char *object; /* "" is the event itself */
    const char *name;
    enum rule_kind kind;
    unsigned flags;
    const char *want;
};

static const struct rule rules[] = {
    { "", "specversion", RULE_CONST, 0, "1.0" },
    { "", "id", RULE_UUID, 0, NULL },
    { "", "source", RULE_TEXT, 0, NULL },
    { "", "type", RULE_CONST, 0, EVENT_TYPE_RESULT },
    { "", "subject", RULE_TEXT, 0, NULL },
    { "", "time", RULE_TIME, 0, NULL },
    { "", "datacontenttype", RULE_CONST, 0, "application/json" },
    { "", "dataschema", RULE_TEXT, 0, NULL },
    { "", "correlationid", RULE_UUID, OPTIONAL, NULL },
    { "", "causationid", RULE_UUID, 0, NULL },
    { "", "partitionkey", RULE_UUID, 0, NULL },
    { "", "traceparent", RULE_TRACE, 0, NULL },
    { "", "authtype", RULE_ACTOR, OPTIONAL, NULL },
    { "", "authid", RULE_TEXT, OPTIONAL, NULL },
    { "", "data", RULE_OBJECT, 0, NULL },
    { "data", "campaign", RULE_OBJECT, 0, NULL },
    { "data.campaign", "id", RULE_UUID, MAY_BE_NULL, NULL },
    { "data.campaign", "name", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.campaign", "reason", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data", "request_id", RULE_UUID, 0, NULL },
    { "data", "content", RULE_OBJECT, 0, NULL },
    { "data.content", "guid", RULE_UUID, 0, NULL },
    { "data.content", "title", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.content", "app_mode", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.content", "owner_guid", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.content", "bundle_id", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.content", "r_version", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.content", "py_version", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.content", "quarto_version", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.content", "image_name", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data", "outcome", RULE_WORD, 0, NULL },
    { "data", "attempt", RULE_COUNT, 0, NULL },
    { "data", "max_attempts", RULE_COUNT, 0, NULL },
    { "data", "adopted", RULE_FLAG, 0, NULL },
    { "data", "replica", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data", "task_id", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data", "timing", RULE_OBJECT, 0, NULL },
    { "data.timing", "requested_at", RULE_TIME, MAY_BE_NULL, NULL },
    { "data.timing", "started_at", RULE_TIME, MAY_BE_NULL, NULL },
    { "data.timing", "finished_at", RULE_TIME, 0, NULL },
    { "data.timing", "queue_s", RULE_SECONDS, MAY_BE_NULL, NULL },
    { "data.timing", "build_s", RULE_SECONDS, MAY_BE_NULL, NULL },
    { "data", "build", RULE_OBJECT, 0, NULL },
    { "data.build", "bundle_id", RULE_TEXT, MAY_BE_NULL | OPTIONAL, NULL },
    { "data.build", "code", RULE_WHOLE, MAY_BE_NULL, NULL },
    { "data.build", "log_tail", RULE_LINES, 0, NULL },
    { "data.build", "log_truncated", RULE_FLAG, 0, NULL },
    { "data", "access", RULE_OBJECT, 0, NULL },
    { "data.access", "verdict", RULE_WORD, 0, NULL },
    { "data.access", "checks", RULE_CHECKS, 0, NULL },
    { "data", "error", RULE_OBJECT, 0, NULL },
    { "data.error", "class", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.error", "message", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.error", "retryable", RULE_FLAG, MAY_BE_NULL, NULL },
    { "data", "links", RULE_OBJECT, 0, NULL },
    { "data.links", "content", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.links", "dashboard", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data", "origin", RULE_OBJECT, 0, NULL },
    { "data.origin", "topic", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.origin", "partition", RULE_COUNT, MAY_BE_NULL, NULL },
    { "data.origin", "offset", RULE_DIGITS, MAY_BE_NULL, NULL },
    { "data", "worker", RULE_OBJECT, 0, NULL },
    { "data.worker", "instance", RULE_TEXT, MAY_BE_NULL, NULL },
    { "data.worker", "version", RULE_TEXT, MAY_BE_NULL, NULL },
};

#define CHECK_OBJECT "data.access.checks[]"

static const struct rule check_rules[] = {
    { CHECK_OBJECT, "path", RULE_TEXT, 0, NULL },
    { CHECK_OBJECT, "as", RULE_AS, 0, NULL },
    { CHECK_OBJECT, "http_status", RULE_STATUS, MAY_BE_NULL, NULL },
    { CHECK_OBJECT, "duration_s", RULE_SECONDS, MAY_BE_NULL, NULL },
    { CHECK_OBJECT, "verdict", RULE_WORD, 0, NULL },
    { CHECK_OBJECT, "note", RULE_TEXT, MAY_BE_NULL | OPTIONAL, NULL },
};

/* ---- one value ---- */

static const char *const kind_names[] = {
    [RULE_TEXT] = "a text",
    [RULE_CONST] = "the text that it must be",
    [RULE_UUID] = "a UUID in lower case",
    [RULE_TIME] = "a time by RFC 3339",
    [RULE_WORD] = "a lower-case word",
    [RULE_DIGITS] = "a string of digits",
    [RULE_COUNT] = "a whole number that is not negative",
    [RULE_WHOLE] = "a whole number",
    [RULE_SECONDS] = "a number that is not negative",
    [RULE_FLAG] = "true or false",
    [RULE_OBJECT] = "an object",
    [RULE_LINES] = "an array of at most 40 texts",
    [RULE_CHECKS] = "an array of at most 64 access checks",
    [RULE_AS] = "key or anonymous",
    [RULE_STATUS] = "an HTTP status",
    [RULE_ACTOR] = "user, service_account, api_key or system",
    [RULE_TRACE] = "a W3C traceparent",
};

static bool is_uuid(const char *text)
{
    struct uuid u;
    char again[UUID_TEXT_BYTES];

    return uuid_parse(text, &u) && strcmp(uuid_format(&u, again), text) == 0;
}

static bool is_time(const char *text)
{
    int64_t ms;

    return strlen(text) > 10 && text[10] == 'T' && clock_parse_rfc3339(text, &ms);
}

static bool is_word(const char *text)
{
    return islower((unsigned char)text[0]) &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
}

static bool is_digits(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool is_trace(const char *text)
{
    static const char form[] = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";

    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] == '-' ? text[i] != '-'
                           : text[i] == '\0' || !strchr("0123456789abcdef", text[i]))
            return false;
    return text[sizeof form - 1] == '\0';
}

static bool one_of(const char *text, const char *const *words)
{
    while (*words != NULL && strcmp(*words, text) != 0)
        words++;
    return *words != NULL;
}

static bool text_fits(const struct rule *rule, const char *text)
{
    static const char *const as[] = { "key", "anonymous", NULL };
    static const char *const actors[] = { "user", "service_account", "api_key", "system", NULL };

    switch ((int)rule->kind) {
    case RULE_TEXT: return true;
    case RULE_CONST: return strcmp(text, rule->want) == 0;
    case RULE_UUID: return is_uuid(text);
    case RULE_TIME: return is_time(text);
    case RULE_WORD: return is_word(text);
    case RULE_DIGITS: return is_digits(text);
    case RULE_AS: return one_of(text, as);
    case RULE_ACTOR: return one_of(text, actors);
    case RULE_TRACE: return is_trace(text);
    default: return false;
    }
}

static bool number_fits(enum rule_kind kind, double v)
{
    bool whole = v == floor(v);

    switch ((int)kind) {
    case RULE_COUNT: return whole && v >= 0;
    case RULE_WHOLE: return whole;
    case RULE_SECONDS: return v >= 0;
    case RULE_STATUS: return whole && v >= 100 && v <= 999;
    default: return false;
    }
}

static bool lines_fit(const cJSON *array)
{
    const cJSON *line;

    if (cJSON_GetArraySize(array) > LINES_MAX)
        return false;
    cJSON_ArrayForEach (line, array)
        if (!cJSON_IsString(line))
            return false;
    return true;
}

static bool fits(const struct rule *rule, const cJSON *node)
{
    if (cJSON_IsString(node))
        return text_fits(rule, node->valuestring);
    if (cJSON_IsNumber(node))
        return number_fits(rule->kind, node->valuedouble);
    if (cJSON_IsBool(node))
        return rule->kind == RULE_FLAG;
    if (cJSON_IsObject(node))
        return rule->kind == RULE_OBJECT;
    if (!cJSON_IsArray(node))
        return false;
    return rule->kind == RULE_LINES
               ? lines_fit(node)
               : rule->kind == RULE_CHECKS && cJSON_GetArraySize(node) <= CHECKS_MAX;
}

static int check_member(const struct rule *rule, const cJSON *object, struct err *err)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, rule->name);
    const char *dot = rule->object[0] == '\0' ? "" : ".";

    if (node == NULL && (rule->flags & OPTIONAL))
        return 0;
    if (node == NULL)
        return err_set(err, ERR_INPUT, "%s%s%s is missing", rule->object, dot, rule->name);
    if (cJSON_IsNull(node) ? (rule->flags & MAY_BE_NULL) != 0 : fits(rule, node))
        return 0;
    return err_set(err, ERR_INPUT, "%s%s%s is not %s", rule->object, dot, rule->name,
                   kind_names[rule->kind]);
}

/* ---- all of them ---- */

/* The object of a rule; the rules before it saw that it is there. */
static const cJSON *object_at(const cJSON *top, const char *path)
{
    char copy[PATH_BYTES], *rest = copy, *name;

    str_copy(copy, sizeof copy, path);
    while (top != NULL && copy[0] != '\0' && (name = strsep(&rest, ".")) != NULL)
        top = cJSON_GetObjectItemCaseSensitive(top, name);
    return top;
}

static int check_checks(const cJSON *top, struct err *err)
{
    const cJSON *access = object_at(top, "data.access"), *check;

    cJSON_ArrayForEach (check, cJSON_GetObjectItemCaseSensitive(access, "checks")) {
        if (!cJSON_IsObject(check))
            return err_set(err, ERR_INPUT, "%s is not an object", CHECK_OBJECT);
        for (size_t i = 0; i < sizeof check_rules / sizeof check_rules[0]; i++)
            if (check_member(&check_rules[i], check, err) != 0)
                return -1;
    }
    return 0;
}

static int check_rules_of(const cJSON *top, struct err *err)
{
    const char *path = "";
    const cJSON *object = top;

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (strcmp(rules[i].object, path) != 0) {
            path = rules[i].object;
            object = object_at(top, path);
        }
        if (check_member(&rules[i], object, err) != 0)
            return -1;
    }
    return check_checks(top, err);
}

static int same(const cJSON *top, const char *name, const char *want, struct err *err)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(top, name);

    if (node == NULL || strcmp(node->valuestring, want) == 0)
        return 0;
    return err_set(err, ERR_INPUT, "%s is \"%.80s\", not \"%s\"", name, node->valuestring, want);
}

static int check_ids(const cJSON *top, const struct result_brief *b, struct err *err)
{
    const struct uuid id = event_id(&b->request_id, EVENT_TYPE_RESULT);
    const struct uuid cause = event_id(&b->request_id, EVENT_TYPE_REQUEST);
    char id_text[UUID_TEXT_BYTES], cause_text[UUID_TEXT_BYTES], campaign[UUID_TEXT_BYTES];
    char subject[sizeof "content/" + UUID_TEXT_BYTES] = "content/";

    str_copy(subject + strlen(subject), UUID_TEXT_BYTES, b->guid);
    if (same(top, "id", uuid_format(&id, id_text), err) != 0 ||
        same(top, "causationid", uuid_format(&cause, cause_text), err) != 0 ||
        same(top, "subject", subject, err) != 0 || same(top, "partitionkey", b->guid, err) != 0 ||
        same(top, "time", b->finished_at, err) != 0)
        return -1;
    return same(top, "correlationid", uuid_format(&b->campaign_id, campaign), err);
}

/* What says whose result it is, for one that is none by the rules. */
static void read_names(const cJSON *top, struct result_brief *ret)
{
    struct json_at data = { .node = json_get(top, "data"), .path = "data" };
    struct json_at campaign = { .node = json_get(data.node, "campaign"), .path = "campaign" };

    *ret = (struct result_brief){ .attempt = 0 };
    json_copy(top, "source", ret->source, sizeof ret->source);
    json_uuid(&data, "request_id", &ret->request_id);
    json_uuid(&campaign, "id", &ret->campaign_id);
}

int result_check(const char *json, size_t len, struct result_brief *ret, struct err *err)
{
    struct cJSON *doc = json_parse(json, len, RESULT_READ_BYTES, err);
    struct json_at top = { .node = doc, .path = "", .err = err };
    int rc = -1;

    read_names(doc, ret);
    if (doc != NULL && event_check(&top, EVENT_TYPE_RESULT) == 0 && check_rules_of(doc, err) == 0 &&
        result_brief_read(&top, ret) == 0)
        rc = check_ids(doc, ret, err);
    json_free(doc);
    return rc;
}

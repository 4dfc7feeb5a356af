/* Texts to values, one parser for each type. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/config/options_private.h"

#define RATE_MAX_PER_S 1e6 /* beyond, a start rate is a typing mistake */

static const struct {
    const char *name;
    int64_t ms;
} units[] = {
    { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
};

bool option_parse_duration(const char *text, int64_t unit_ms, int64_t *ret_ms)
{
    size_t n = strspn(text, "0123456789");
    char digits[20];
    int64_t v = 0;

    if (n == 0 || n >= sizeof(digits))
        return false;
    memcpy(digits, text, n);
    digits[n] = '\0';
    if (!str_to_i64(digits, 0, INT64_MAX, &v))
        return false;
    if (text[n] == '\0' && (unit_ms > 0 || v == 0))
        return !__builtin_mul_overflow(v, unit_ms, ret_ms);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(text + n, units[i].name) == 0)
            return !__builtin_mul_overflow(v, units[i].ms, ret_ms);
    return false;
}

bool option_parse_rate(const char *text, double *ret)
{
    const char *slash = strchr(text, '/');
    size_t n = slash == NULL ? strlen(text) : (size_t)(slash - text);
    char number[32];
    double v, per_s = 1;

    if (n >= sizeof(number))
        return false;
    memcpy(number, text, n);
    number[n] = '\0';
    if (slash != NULL) {
        if (strcmp(slash, "/m") == 0)
            per_s = 60;
        else if (strcmp(slash, "/h") == 0)
            per_s = 3600;
        else if (strcmp(slash, "/s") != 0)
            return false;
    }
    if (!str_to_double(number, &v) || v < 0 || v / per_s > RATE_MAX_PER_S)
        return false;
    *ret = v / per_s;
    return true;
}

static bool time_from_now(const char *text, int relative, int64_t now_ms, int64_t *ret_ms)
{
    char number[32];
    size_t len = strlen(text);
    int64_t ms = 0, at = 0;

    if (strncmp(text, "in ", 3) == 0) {
        relative = 1;
        text += 3;
        len -= 3;
    } else if (len > 4 && strcmp(text + len - 4, " ago") == 0) {
        relative = -1;
        len -= 4;
    }
    if (relative == 0 || len >= sizeof(number))
        return false;
    memcpy(number, text, len);
    number[len] = '\0';
    if (!option_parse_duration(number, 0, &ms) || __builtin_mul_overflow(ms, relative, &ms) ||
        __builtin_add_overflow(now_ms, ms, &at))
        return false;
    *ret_ms = at;
    return true;
}

bool option_parse_time(const char *text, int relative, int64_t now_ms, int64_t *ret_ms)
{
    char day[32];

    if (time_from_now(text, relative, now_ms, ret_ms) || clock_parse_rfc3339(text, ret_ms))
        return true;
    if (strlen(text) != strlen("2026-01-12"))
        return false;
    str_copy(day, sizeof(day), text);
    memcpy(day + strlen(text), "T00:00:00Z", sizeof("T00:00:00Z"));
    return clock_parse_rfc3339(day, ret_ms);
}

static bool in_range(const struct option_row *row, int64_t v)
{
    return v >= row->min && (row->max == 0 || v <= row->max);
}

/* Also leaves the text's start in fault->bad. */
static bool fail(struct option_fault *fault, const char *want, const char *text, size_t len)
{
    fault->want = want;
    str_clean_utf8(fault->bad, sizeof(fault->bad) - 1, text, len, NULL);
    return false;
}

static bool parse_int(const struct option_ref *ref, const char *text)
{
    int64_t max = ref->row->max == 0 ? INT64_MAX : ref->row->max;

    return str_to_i64(text, ref->row->min, max, ref->field);
}

static bool parse_duration(const struct option_ref *ref, const char *text)
{
    int64_t ms = 0;

    if (!option_parse_duration(text, ref->row->unit_ms, &ms) || !in_range(ref->row, ms))
        return false;
    *(int64_t *)ref->field = ms;
    return true;
}

static bool parse_span(const struct option_ref *ref, const char *text)
{
    const char *colon = strchr(text, ':');
    const char *to = colon == NULL ? text : colon + 1;
    size_t n = colon == NULL ? strlen(text) : (size_t)(colon - text);
    struct option_span span;
    char from[32];

    if (n >= sizeof(from))
        return false;
    memcpy(from, text, n);
    from[n] = '\0';
    if (!option_parse_duration(from, ref->row->unit_ms, &span.from_ms) ||
        !option_parse_duration(to, ref->row->unit_ms, &span.to_ms))
        return false;
    if (!in_range(ref->row, span.from_ms) || !in_range(ref->row, span.to_ms) ||
        span.from_ms > span.to_ms)
        return false;
    *(struct option_span *)ref->field = span;
    return true;
}

static bool parse_flag(const struct option_ref *ref, const char *text)
{
    static const char *const words[] = { "false", "true", "0", "1", "no", "yes", "off", "on" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *(bool *)ref->field = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool parse_choice(const struct option_ref *ref, const char *text)
{
    for (int i = 0; ref->row->choices[i] != NULL; i++) {
        if (strcmp(text, ref->row->choices[i]) == 0) {
            *(int *)ref->field = i;
            return true;
        }
    }
    return false;
}

/* PostgreSQL, JSON and a terminal are to show it later. */
static bool is_clean(const char *text)
{
    size_t left = strlen(text), n;

    for (; left > 0; text += n, left -= n) {
        uint32_t code = 0;

        n = str_utf8_next(text, left, &code);
        if (n == 0 || code < 0x20 || (code >= 0x7f && code <= 0x9f))
            return false;
    }
    return true;
}

static bool text_fits(const struct option_row *row, const char *text, struct option_fault *fault)
{
    const char *want = NULL;

    if (!row->whole && !is_clean(text))
        want = "plain text (UTF-8 without control characters)";
    else if (row->check != NULL)
        want = row->check(text);
    return want == NULL || fail(fault, want, text, strlen(text));
}

static bool parse_text(const struct option_ref *ref, const char *text, struct option_fault *fault)
{
    char *copy;

    if (ref->row->type == OPT_TEXT && !text_fits(ref->row, text, fault))
        return false;
    copy = str_dup(text);
    if (copy == NULL)
        return fail(fault, OPTION_NO_MEMORY, "", 0);
    *(char **)ref->field = copy;
    return true;
}

/* The room doubles whenever n is a power of two, so it need not be stored. */
static bool list_add(struct option_list *list, const char *item, size_t len)
{
    char *copy = strndup(item, len);

    if (copy != NULL && (list->n & (list->n - 1)) == 0) {
        size_t room = list->n == 0 ? 1 : list->n * 2;
        char **items = reallocarray(list->items, room, sizeof(*items));

        if (items == NULL) {
            free(copy);
            return false;
        }
        list->items = items;
    }
    if (copy == NULL)
        return false;
    list->items[list->n++] = copy;
    return true;
}

static bool parse_item(const struct option_ref *ref, const char *item, size_t len,
                       struct option_fault *fault)
{
    struct option_list *list = ref->field;

    while (len > 0 && item[0] == ' ') {
        item++;
        len--;
    }
    while (len > 0 && item[len - 1] == ' ')
        len--;
    /* `--guid "$EMPTY"` must not mean everything */
    if (len == 0)
        return fail(fault, "a list without empty items", item, len);
    if (list->n >= OPTIONS_LIST_MAX)
        return fail(fault, "within the 100000 values an option may have", item, len);
    if (!list_add(list, item, len))
        return fail(fault, OPTION_NO_MEMORY, "", 0);
    return text_fits(ref->row, list->items[list->n - 1], fault);
}

static bool parse_list(const struct option_ref *ref, const char *text, struct option_fault *fault)
{
    if (ref->row->whole)
        return parse_item(ref, text, strlen(text), fault);
    for (;;) {
        size_t n = strcspn(text, ",");

        if (!parse_item(ref, text, n, fault))
            return false;
        if (text[n] == '\0')
            return true;
        text += n + 1;
    }
}

bool option_parse(const struct option_ref *ref, const char *text, struct option_fault *fault)
{
    const char *want = "";
    bool ok = false;

    switch (ref->row->type) {
    case OPT_TEXT:
    case OPT_SECRET: return parse_text(ref, text, fault);
    case OPT_LIST: return parse_list(ref, text, fault);
    case OPT_INT:
        ok = parse_int(ref, text);
        want = "a whole number";
        break;
    case OPT_DURATION:
        ok = parse_duration(ref, text);
        want = "a duration such as 250ms, 30s, 10m, 2h or 7d";
        break;
    case OPT_FLAG:
        ok = parse_flag(ref, text);
        want = "true or false";
        break;
    case OPT_CHOICE:
        ok = parse_choice(ref, text);
        want = "one of";
        break;
    case OPT_RATE:
        ok = option_parse_rate(text, ref->field);
        want = "a rate such as 2/s, 30/m or 10/h";
        break;
    case OPT_TIME:
        ok = option_parse_time(text, ref->row->relative, clock_wall_ms(), ref->field);
        want = "a time such as 2026-01-12T22:00:00Z, 2026-01-12, \"in 2h\" or \"2h ago\"";
        break;
    case OPT_SPAN:
        ok = parse_span(ref, text);
        want = "a span such as 30s:10m";
        break;
    }
    return ok || fail(fault, want, text, strlen(text));
}

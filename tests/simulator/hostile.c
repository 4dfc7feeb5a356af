#include "tests/simulator/hostile.h"

#include <stdint.h>
#include <string.h>

#include "tests/simulator/exchange.h"
#include "tests/simulator/item.h"
#include "tests/simulator/route.h"
#include "tests/simulator/text.h"

#define HEADERS_N    10000
#define HEADER_BYTES (1024 * 1024)
#define DEPTH        100000

static const char *const kinds[] = {
    [HOSTILE_NOT] = "none",        [HOSTILE_HUGE] = "huge",     [HOSTILE_DRIP] = "drip",
    [HOSTILE_HEADERS] = "headers", [HOSTILE_HEADER] = "header", [HOSTILE_DEEP] = "deep",
    [HOSTILE_TYPES] = "types",
};

#define KINDS_N (sizeof kinds / sizeof kinds[0])

/* The words of the list that begins at *at, one after the other; length 0: no more. */
static size_t next_word(const char **at)
{
    *at += strspn(*at, " ");
    return strcspn(*at, " ");
}

static bool are_routes(const char *list)
{
    char word[WORD_BYTES];
    size_t n;

    for (const char *at = list; (n = next_word(&at)) > 0; at += n) {
        if (n >= sizeof word)
            return false;
        memcpy(word, at, n);
        word[n] = '\0';
        if (!route_is_name(word))
            return false;
    }
    return true;
}

static bool has_route(const char *list, const char *route)
{
    size_t n;

    for (const char *at = list; (n = next_word(&at)) > 0; at += n)
        if (strlen(route) == n && memcmp(at, route, n) == 0)
            return true;
    return false;
}

bool hostile_set(struct item *item, const char *text)
{
    struct overrides *o = &item->overrides;
    size_t n = strcspn(text, " ");

    for (size_t i = 0; i < KINDS_N; i++) {
        if (strlen(kinds[i]) != n || memcmp(kinds[i], text, n) != 0)
            continue;
        o->hostile = (enum hostile_kind)i;
        return are_routes(text + n) &&
               text_copy(o->hostile_routes, sizeof o->hostile_routes, text + n);
    }
    return false;
}

/* Written as it is, around the library, whose own headers are bounded. */
static void raw_headers(struct answer *answer, bool one)
{
    struct text *raw = &answer->body;

    text_done(raw);
    text_add_string(raw, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
    if (one) {
        text_add_string(raw, "X-Long: ");
        text_add_repeated(raw, 'x', HEADER_BYTES);
        text_add_string(raw, "\r\n");
    }
    for (int i = 0; !one && i < HEADERS_N; i++)
        text_add_format(raw, "X-Header-%d: of ten thousand\r\n", i);
    text_add_string(raw, "Content-Length: 2\r\n\r\n{}");
    answer->act = ACT_RAW;
}

static void deep(struct answer *answer)
{
    struct text body = { 0 };

    text_add_repeated(&body, '[', DEPTH);
    text_add_repeated(&body, ']', DEPTH);
    answer_raw_json(answer, 200, &body);
}

static void wrong_types(const char *route, struct answer *answer)
{
    static const char list[] = "[{\"key\":{},\"tag\":7,\"bundle_id\":[],\"start_time\":7,"
                               "\"end_time\":7,\"exit_code\":\"0\",\"status\":\"1\"}]";
    static const char object[] = "{\"guid\":7,\"bundle_id\":{},\"app_mode\":7,\"task_id\":{},"
                                 "\"id\":[],\"finished\":1,\"code\":\"0\",\"output\":7,"
                                 "\"last\":\"7\",\"error\":7,\"locked\":\"no\"}";
    struct text body = { 0 };

    text_add_string(&body, strcmp(route, "jobs") == 0 ? list : object);
    answer_raw_json(answer, 200, &body);
}

void hostile_spoil(const struct item *item, const char *route, struct answer *answer)
{
    const struct overrides *o = item == NULL ? NULL : &item->overrides;

    if (o == NULL || answer->act != ACT_SEND || !has_route(o->hostile_routes, route))
        return;
    switch (o->hostile) {
    case HOSTILE_NOT: break;
    case HOSTILE_HUGE: answer->act = ACT_HUGE; break;
    case HOSTILE_DRIP: answer->act = ACT_DRIP; break;
    case HOSTILE_HEADERS: raw_headers(answer, false); break;
    case HOSTILE_HEADER: raw_headers(answer, true); break;
    case HOSTILE_DEEP: deep(answer); break;
    case HOSTILE_TYPES: wrong_types(route, answer); break;
    }
}

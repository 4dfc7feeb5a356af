#include "common/connect/api_answer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/str.h"
#include "common/base/time_text.h"
#include "common/record/json.h"

#define CODE_RATE_LIMITED 277
#define RETRY_AFTER_MAX_MS                                                 \
    INT64_C(3600000) /* a longer one is a mistake; looked at again by then \
                      */

/* Connect's own words in an answer that is no success. */
struct complaint {
    bool json; /* it is Connect's: an object with a code or an error */
    int code;
    char error[200];
};

static bool json_answer(const struct http_answer *a)
{
    return a->content_type[0] == '\0' || strncasecmp(a->content_type, "application/json", 16) == 0;
}

static struct cJSON *parse_body(const struct http_answer *a)
{
    if (!json_answer(a) || a->body == NULL || a->body_cut)
        return NULL;
    return json_parse(a->body, a->body_len, API_REPLY_MAX_BYTES, NULL);
}

static struct complaint read_complaint(const struct http_answer *a)
{
    struct cJSON *doc = parse_body(a);
    struct complaint c = { 0 };
    int64_t code = 0;
    bool has_code = json_whole(doc, "code", &code);
    bool has_error = json_copy(doc, "error", c.error, sizeof c.error);

    c.json = has_code || has_error;
    if (code > 0 && code <= INT32_MAX)
        c.code = (int)code;
    json_free(doc);
    return c;
}

/* Seconds, or a date that is compared with the server's own. */
static int64_t retry_after_ms(const struct http_answer *a)
{
    int64_t seconds, until, now, ms = 0;

    if (a->retry_after[0] == '\0')
        return 0;
    if (str_to_i64(a->retry_after, 0, INT32_MAX, &seconds))
        ms = seconds * 1000;
    else if (clock_parse_http_date(a->retry_after, &until) && clock_parse_http_date(a->date, &now))
        ms = until > now ? until - now : 0;
    return ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}

/* No answer came: what is for a request without an effect. HTTP_OK has no row. */
static const struct api_verdict failures[] = {
    [HTTP_NOT_SENT] = { .what = API_NOT_SENT,
                        .cls = EC_REPLICA_UNREACHABLE,
                        .connection_failed = true,
                        .msg = "no connection to the replica" },
    [HTTP_NOT_LET] = { .what = API_NOT_LET, .msg = "the request was held back at the last moment" },
    [HTTP_LOST] = { .what = API_TRY_LATER,
                    .cls = EC_REPLICA_RESET,
                    .msg = "the connection broke before the answer was whole" },
    [HTTP_TIMEOUT] = { .what = API_TRY_LATER,
                       .cls = EC_REPLICA_TIMEOUT,
                       .slow_down = true,
                       .msg = "no answer within the time-out" },
    [HTTP_BAD_ANSWER] = { .what = API_TRY_LATER,
                          .cls = EC_REPLICA_HTTP_5XX,
                          .msg = "the answer is not HTTP, or too large" },
};

static struct api_verdict no_answer(const struct http_answer *a, enum api_route route)
{
    struct api_verdict v = failures[a->failure];

    v.unreadable = a->failure == HTTP_BAD_ANSWER || (a->failure == HTTP_TIMEOUT && a->status != 0);
    /* A replica that hangs, or a path to it that is half open, takes connections and answers
     * nothing: without the breaker it would get one build after the other. */
    v.connection_failed =
        v.connection_failed ||
        ((a->failure == HTTP_LOST || a->failure == HTTP_TIMEOUT) && a->status == 0);
    if (v.unreadable && a->failure == HTTP_TIMEOUT)
        str_copy(v.msg, sizeof v.msg, "the answer began and did not end within the time-out");
    if (v.what == API_TRY_LATER && route == API_ROUTE_BUILD)
        v.what = API_UNKNOWN;
    return v;
}

/* An answer that is about the replica or what stands before it, not about what was asked. */
static struct api_verdict about_replica(const struct http_answer *a, enum api_route route,
                                        const struct complaint *c)
{
    bool limited = a->status == 429 || c->code == CODE_RATE_LIMITED;
    /* A proxy may have passed the build on before it gave up; Connect itself would know. */
    bool unknown = route == API_ROUTE_BUILD && !limited && !c->json &&
                   (a->status >= 500 || a->status == 408 || a->status / 100 == 2);

    return (struct api_verdict){
        .what = unknown ? API_UNKNOWN : API_TRY_LATER,
        .cls = limited ? EC_REPLICA_RATE_LIMITED : EC_REPLICA_HTTP_5XX,
        .slow_down = limited || a->status == 503,
        .retry_after_ms = retry_after_ms(a),
    };
}

/* The class of a code that Connect answers with, or EC_NONE. */
static enum error_class class_of_code(int code)
{
    for (enum error_class c = EC_NONE; code != 0 && c < EC_N; c++) {
        const struct error_row *row = error_row(c);

        for (size_t i = 0; i < sizeof row->codes / sizeof row->codes[0] && row->codes[i] != 0; i++)
            if (row->codes[i] == code)
                return c;
    }
    return EC_NONE;
}

/* For a 4xx of Connect whose code is not in the list. */
static enum error_class class_of_status(int status)
{
    switch (status) {
    case 403: return EC_CONTENT_FORBIDDEN;
    case 404: return EC_CONTENT_NOT_FOUND;
    default: return EC_REQUEST_INVALID;
    }
}

/* A 4xx that asks to come again; 409: what runs now is in the way. */
static bool comes_again(int status)
{
    return status == 408 || status == 409 || status == 425 || status == 429;
}

/* What Connect itself finally says about the item, or EC_NONE. A listed code counts whatever the
 * status: 105, no licence, comes as 502. */
static enum error_class final_class(const struct http_answer *a, const struct complaint *c)
{
    enum error_class cls = class_of_code(c->code);

    if (!c->json || error_row(cls)->scope == SCOPE_REPLICA)
        return EC_NONE;
    if (cls != EC_NONE)
        return cls;
    return a->status / 100 == 4 && !comes_again(a->status) ? class_of_status(a->status) : EC_NONE;
}

static struct api_verdict judge(const struct http_answer *a, enum api_route route,
                                const struct complaint *c)
{
    enum error_class cls = final_class(a, c);

    if (route == API_ROUTE_TASK && a->status == 404) /* 141, 4, or a node that is being replaced */
        return (struct api_verdict){ .what = API_NO_TASK, .cls = EC_BUILD_LOST };
    if (class_of_code(c->code) == EC_AUTH_DENIED)
        return (struct api_verdict){ .what = API_KEY_REFUSED, .cls = EC_AUTH_DENIED };
    /* a 401 without one of those codes comes from content or an ingress, not from the API */
    if (cls == EC_NONE || a->status == 401 || route == API_ROUTE_SERVER)
        return about_replica(a, route, c);
    return (struct api_verdict){ .what = API_REFUSED, .cls = cls };
}

static void describe(struct api_verdict *v, const struct http_answer *a, const struct complaint *c)
{
    v->http_status = a->status;
    v->code = c->code;
    if (c->error[0] != '\0')
        snprintf(v->msg, sizeof v->msg, "HTTP %d: %s", a->status, c->error);
    else if (c->code != 0)
        snprintf(v->msg, sizeof v->msg, "HTTP %d with code %d", a->status, c->code);
    else
        snprintf(v->msg, sizeof v->msg, "HTTP %d that is not Connect's", a->status);
}

struct api_verdict api_garbled(const struct http_answer *a, enum api_route route, const char *what)
{
    static const struct complaint none = { 0 };
    struct api_verdict v = about_replica(a, route, &none);

    v.http_status = a->status;
    v.unreadable = json_answer(a);
    snprintf(v.msg, sizeof v.msg, "HTTP %d, but %s", a->status, what);
    return v;
}

struct api_verdict api_open(const struct http_answer *a, enum api_route route, struct cJSON **ret)
{
    struct api_verdict v = { .what = API_GOOD, .http_status = a->status };
    struct complaint c;

    *ret = NULL;
    if (a->failure != HTTP_OK)
        return no_answer(a, route);
    if (a->status >= 200 && a->status <= 299) {
        *ret = parse_body(a);
        return *ret != NULL ? v : api_garbled(a, route, "its body is not JSON");
    }
    c = read_complaint(a);
    v = judge(a, route, &c);
    describe(&v, a, &c);
    return v;
}

#include "common/record/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/record/access_json.h"
#include "common/record/content_json.h"
#include "common/record/event.h"
#include "common/record/event_json.h"

#define RESULT_SCHEMA  "https://connect-rebuild.org/schemas/result.v1.json"
#define WORD_MAX_BYTES 256 /* an outcome, an id, a name of ours: never near it */
#define RENDER_BYTES                                                            \
    (1024 * 1024) /* the longest that the first step of cuts[] can give is half \
                   */

/* What is cut, step by step, until a result fits: log lines first, then all texts. The last step
 * fits whatever the input: 64 checks of two texts and 30 more, each at most doubled by escapes. */
struct cut {
    size_t lines;
    size_t line_bytes;
    size_t text_bytes;
};

static const struct cut cuts[] = {
    { LOG_TAIL_LINES, LOG_LINE_MAX_BYTES, TEXT_FIELD_MAX_BYTES },
    { LOG_TAIL_LINES, 256, TEXT_FIELD_MAX_BYTES },
    { 10, 256, 256 },
};

#define CUTS_N (sizeof cuts / sizeof cuts[0])

void result_done(struct result *r)
{
    char *texts[] = { r->source,       r->campaign_name, r->reason,      r->actor,
                      r->outcome,      r->replica,       r->task_id,     r->bundle_built,
                      r->requested_at, r->started_at,    r->finished_at, r->access_verdict,
                      r->error_class,  r->error_message, r->server,      r->topic,
                      r->worker,       r->worker_version };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    for (size_t i = 0; i < r->log_tail_n; i++)
        free(r->log_tail[i]);
    free(r->log_tail);
    content_done(&r->content);
    access_checks_free(r->checks, r->checks_n);
    *r = (struct result){ 0 };
}

static void put_campaign(struct json_out *o, const struct result *r, const struct cut *cut)
{
    json_put_open(o, "campaign", '{');
    json_put_uuid(o, "id", &r->campaign_id);
    json_put_text(o, "name", r->campaign_name, cut->text_bytes);
    json_put_text(o, "reason", r->reason, cut->text_bytes);
    json_put_close(o, '}');
}

static void put_timing(struct json_out *o, const struct result *r)
{
    json_put_open(o, "timing", '{');
    json_put_text(o, "requested_at", r->requested_at, WORD_MAX_BYTES);
    json_put_text(o, "started_at", r->started_at, WORD_MAX_BYTES);
    json_put_text(o, "finished_at", r->finished_at, WORD_MAX_BYTES);
    json_put_seconds(o, "queue_s", r->queue_s);
    json_put_seconds(o, "build_s", r->started_at == NULL ? -1 : r->build_s);
    json_put_close(o, '}');
}

/* The last lines are the ones that tell, so the first are left out. */
static bool put_log_tail(struct json_out *o, const struct result *r, const struct cut *cut)
{
    size_t n = r->log_tail_n < cut->lines ? r->log_tail_n : cut->lines;
    bool truncated = n < r->log_tail_n;

    json_put_open(o, "log_tail", '[');
    for (size_t i = r->log_tail_n - n; i < r->log_tail_n; i++)
        truncated |= json_put_text(o, NULL, r->log_tail[i], cut->line_bytes);
    json_put_close(o, ']');
    return truncated;
}

static void put_build(struct json_out *o, const struct result *r, const struct cut *cut)
{
    bool truncated;

    json_put_open(o, "build", '{');
    json_put_text(o, "bundle_id", r->bundle_built, WORD_MAX_BYTES);
    if (r->has_code)
        json_put_int(o, "code", r->code);
    else
        json_put_null(o, "code");
    truncated = put_log_tail(o, r, cut);
    json_put_bool(o, "log_truncated", truncated || r->log_truncated);
    json_put_close(o, '}');
}

static void put_access(struct json_out *o, const struct result *r, const struct cut *cut)
{
    json_put_open(o, "access", '{');
    json_put_text(o, "verdict", r->access_verdict, WORD_MAX_BYTES);
    access_checks_put(o, "checks", r, cut->text_bytes);
    json_put_close(o, '}');
}

static void put_error(struct json_out *o, const struct result *r, const struct cut *cut)
{
    json_put_open(o, "error", '{');
    json_put_text(o, "class", r->error_class, WORD_MAX_BYTES);
    json_put_text(o, "message", r->error_message, cut->text_bytes);
    if (r->error_class != NULL)
        json_put_bool(o, "retryable", r->error_retryable);
    else
        json_put_null(o, "retryable");
    json_put_close(o, '}');
}

static void put_link(struct json_out *o, const char *name, const struct result *r, const char *path)
{
    char url[TEXT_FIELD_MAX_BYTES];
    size_t len = r->server == NULL ? 0 : strlen(r->server);
    bool whole;

    while (len > 0 && r->server[len - 1] == '/')
        len--;
    whole = len > 0 && len + strlen(path) < sizeof url; /* a link that was cut leads elsewhere */
    if (whole)
        snprintf(url, sizeof url, "%.*s%s", (int)len, r->server, path);
    json_put_text(o, name, whole ? url : NULL, sizeof url);
}

static void put_links(struct json_out *o, const struct result *r)
{
    char content[64], dashboard[64];

    snprintf(content, sizeof content, "/content/%.36s/", r->content.guid);
    snprintf(dashboard, sizeof dashboard, "/connect/#/apps/%.36s", r->content.guid);
    json_put_open(o, "links", '{');
    put_link(o, "content", r, content);
    put_link(o, "dashboard", r, dashboard);
    json_put_close(o, '}');
}

static void put_origin(struct json_out *o, const struct result *r)
{
    char offset[32];

    snprintf(offset, sizeof offset, "%lld", (long long)r->offset);
    json_put_open(o, "origin", '{');
    json_put_text(o, "topic", r->topic, WORD_MAX_BYTES);
    if (r->topic != NULL)
        json_put_int(o, "partition", r->partition);
    else
        json_put_null(o, "partition");
    json_put_text(o, "offset", r->topic == NULL ? NULL : offset, WORD_MAX_BYTES);
    json_put_close(o, '}');
}

static void put_worker(struct json_out *o, const struct result *r)
{
    json_put_open(o, "worker", '{');
    json_put_text(o, "instance", r->worker, WORD_MAX_BYTES);
    json_put_text(o, "version", r->worker_version, WORD_MAX_BYTES);
    json_put_close(o, '}');
}

static void put_data(struct json_out *o, const struct result *r, const struct cut *cut)
{
    json_put_open(o, "data", '{');
    put_campaign(o, r, cut);
    json_put_uuid(o, "request_id", &r->request_id);
    content_put(o, &r->content, CONTENT_RESULT, cut->text_bytes);
    json_put_text(o, "outcome", r->outcome, WORD_MAX_BYTES);
    json_put_int(o, "attempt", r->attempt);
    json_put_int(o, "max_attempts", r->max_attempts);
    json_put_bool(o, "adopted", r->adopted);
    json_put_text(o, "replica", r->replica, WORD_MAX_BYTES);
    json_put_text(o, "task_id", r->task_id, WORD_MAX_BYTES);
    put_timing(o, r);
    put_build(o, r, cut);
    put_access(o, r, cut);
    put_error(o, r, cut);
    put_links(o, r);
    put_origin(o, r);
    put_worker(o, r);
    json_put_close(o, '}');
}

static void put_result(struct buf *out, const struct result *r, const struct cut *cut)
{
    struct json_out o = { .buf = out };

    json_put_open(&o, NULL, '{');
    event_put(&o,
              &(struct event_attributes){ .type = EVENT_TYPE_RESULT,
                                          .schema = RESULT_SCHEMA,
                                          .source = r->source,
                                          .time = r->finished_at,
                                          .guid = r->content.guid,
                                          .actor = r->actor,
                                          .request_id = r->request_id,
                                          .campaign_id = r->campaign_id,
                                          .cause = event_id(&r->request_id, EVENT_TYPE_REQUEST) });
    put_data(&o, r, cut);
    json_put_close(&o, '}');
}

static const char *missing_member(const struct result *r)
{
    if (uuid_is_nil(&r->request_id))
        return "request_id";
    if (r->source == NULL)
        return "source";
    if (r->content.guid == NULL)
        return "content.guid";
    if (r->outcome == NULL)
        return "outcome";
    if (r->finished_at == NULL)
        return "finished_at";
    return r->access_verdict == NULL ? "access_verdict" : NULL;
}

int result_render(const struct result *r, struct buf *out, struct err *err)
{
    const char *missing = missing_member(r);
    struct buf text;
    bool ok;

    if (missing != NULL)
        return err_set(err, ERR_INTERNAL, "a result without %s", missing);
    buf_init(&text, RENDER_BYTES);
    for (size_t i = 0; i < CUTS_N; i++) {
        buf_clear(&text);
        put_result(&text, r, &cuts[i]);
        if (text.failed || text.len <= RESULT_MAX_BYTES)
            break;
    }
    ok = !text.failed && buf_add(out, text.data, text.len);
    buf_done(&text);
    return ok ? 0 : err_set(err, ERR_INTERNAL, "no memory for a result");
}

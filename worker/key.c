#include "worker/key.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/connect/api.h"
#include "common/connect/http.h"
#include "worker/leave.h"
#include "worker/targets.h"
#include "worker/worker.h"

#define USER_TIMEOUT_MS 30000

static void on_user(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct worker *w = arg;
    char name[128], role[32];
    struct api_verdict v = api_read_user(answer, name, role);

    (void)err;
    w->key_refused = false;
    if (v.what != API_KEY_REFUSED)
        return; /* the earlier answer was not about the key; what asked goes on by itself */
    log_error("connect.key_refused", LOG_FIELDS(LOG_I("code", v.code)),
              "Connect refuses the API key; no build is started with it: %s", v.msg);
    leave_handoff(w, 6);
}

void key_header(const struct worker *w, char out[KEY_HEADER_BYTES])
{
    snprintf(out, KEY_HEADER_BYTES, "Authorization: Key %s", w->config->shared.connect_api_key);
}

void key_refused(struct worker *w, struct target *t)
{
    char key[KEY_HEADER_BYTES];
    const char *headers[] = { key, NULL };
    struct buf url;
    struct err err;

    if (w->key_refused)
        return;
    w->key_refused = true;
    key_header(w, key);
    buf_init(&url, 1024);
    api_url_user(&url, t->base);
    checkpoint("http.user");
    if (http_start(w->http,
                   &(struct http_request){ .method = "GET",
                                           .url = buf_str(&url),
                                           .resolve = target_resolve(t),
                                           .headers = headers,
                                           .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                           .timeout_ms = USER_TIMEOUT_MS,
                                           .max_body_bytes = API_REPLY_MAX_BYTES,
                                           .cut_is_error = true },
                   on_user, w, &err) == NULL)
        w->key_refused = false; /* asked again with the next refusal */
    buf_done(&url);
}

#include "producer/probe.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checkpoint.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/base/version.h"
#include "common/connect/http.h"
#include "common/connect/resolve.h"
#include "common/event/event.h"

#define HEADER_BYTES  2048
#define RESOLVE_BYTES 400
#define PORT_BYTES    8

struct probe {
    struct session *session;
    struct http *http;
    char key[HEADER_BYTES]; /* "Authorization: Key ..."; "" if there is none */
};

struct probe *probe_new(struct session *s, struct err *err)
{
    const struct shared_config *c = &s->config->shared;
    char agent[64];
    const struct http_config config = {
        .user_agent = agent,
        .ca_file = c->connect_ca_certificate,
        .insecure = c->connect_insecure,
        .max_idle = 4,
    };
    struct probe *p;

    if (session_loop(s, err) != 0)
        return NULL;
    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        err_set(err, ERR_INTERNAL, "no memory for HTTP");
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    snprintf(agent, sizeof(agent), "connect-rebuild/%s", rebuild_version);
    p->session = s;
    if (c->connect_api_key != NULL)
        snprintf(p->key, sizeof(p->key), "Authorization: Key %s", c->connect_api_key);
    p->http = http_new(s->loop, &config, err);
    if (p->http == NULL) {
        free(p);
        return NULL;
    }
    return p;
}

void probe_free(struct probe *p)
{
    if (p == NULL)
        return;
    http_free(p->http);
    explicit_bzero(p->key, sizeof(p->key));
    free(p);
}

/* ---- names ---- */

/* "http://host:3939/prefix" -> host and port */
static bool split_url(const char *url, char host[RESOLVE_HOST_BYTES], char port[PORT_BYTES])
{
    bool tls = strncmp(url, "https://", 8) == 0;
    const char *start = url + (tls ? 8 : 7);
    size_t len = strcspn(start, "/");
    const char *colon = memchr(start, ':', len);

    if (start[0] == '[') /* an address needs no look-up */
        return false;
    if (len >= RESOLVE_HOST_BYTES)
        return false;
    str_copy(port, PORT_BYTES, tls ? "443" : "80");
    if (colon != NULL && (size_t)(start + len - colon) <= PORT_BYTES) {
        snprintf(port, PORT_BYTES, "%.*s", (int)(start + len - colon - 1), colon + 1);
        len = (size_t)(colon - start);
    }
    snprintf(host, RESOLVE_HOST_BYTES, "%.*s", (int)len, start);
    return true;
}

struct names {
    bool over, failed;
    char (*addresses)[PROBE_ADDRESS_BYTES];
    size_t n;
    struct err err;
};

static void on_names(void *arg, const struct resolver_answer *answer, const struct err *err)
{
    struct names *names = arg;

    names->over = true;
    names->failed = err != NULL;
    if (err != NULL)
        names->err = *err;
    for (size_t i = 0; i < answer->n && names->n < PROBE_ADDRESSES_MAX; i++)
        str_copy(names->addresses[names->n++], PROBE_ADDRESS_BYTES, answer->address[i]);
}

int probe_resolve(struct probe *p, const char *url,
                  char ret[PROBE_ADDRESSES_MAX][PROBE_ADDRESS_BYTES], size_t *ret_n,
                  struct err *err)
{
    struct event_loop *loop = p->session->loop;
    struct names names = { .addresses = ret };
    char host[RESOLVE_HOST_BYTES], port[PORT_BYTES];
    struct resolver_query *query;

    if (!split_url(url, host, port))
        return err_set(err, ERR_CONFIG, "%s holds no name to look up", url);
    query = resolver_lookup(http_resolver(p->http), host, 0, on_names, &names);
    if (query == NULL)
        return err_set(err, ERR_INTERNAL, "no memory to look up %s", host);
    if (!event_loop_run_until(loop, &names.over, event_now_ms(loop) + PROBE_TIMEOUT_MS)) {
        resolver_cancel(query);
        return err_set(err, ERR_UNREACHABLE, "no answer about the name %s", host);
    }
    if (names.failed && names.n == 0) {
        *err = names.err;
        return -1;
    }
    *ret_n = names.n;
    return 0;
}

/* ---- requests ---- */

struct asked {
    bool over;
    void (*read)(void *arg, const struct http_answer *answer);
    void *arg;
};

static void on_answer(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct asked *asked = arg;

    (void)err; /* the answer says as much */
    asked->read(asked->arg, answer);
    asked->over = true;
}

int probe_get(struct probe *p, const struct probe_request *request,
              void (*read)(void *arg, const struct http_answer *answer), void *arg, struct err *err)
{
    struct event_loop *loop = p->session->loop;
    char host[RESOLVE_HOST_BYTES], port[PORT_BYTES], resolve[RESOLVE_BYTES];
    const char *headers[] = { request->keyed && p->key[0] != '\0' ? p->key : NULL, NULL };
    struct http_request r = {
        .method = "GET",
        .url = request->url,
        .headers = headers,
        .connect_timeout_ms = PROBE_CONNECT_MS,
        .timeout_ms = PROBE_TIMEOUT_MS,
        .max_body_bytes = API_REPLY_MAX_BYTES,
        .cut_is_error = true,
    };
    struct asked asked = { .read = read, .arg = arg };
    struct http_call *call;

    if (request->address != NULL && split_url(request->url, host, port)) {
        bool six = strchr(request->address, ':') != NULL;

        snprintf(resolve, sizeof(resolve), "%s:%s:%s%s%s", host, port, six ? "[" : "",
                 request->address, six ? "]" : "");
        r.resolve = resolve;
    }
    checkpoint("producer.probe");
    call = http_start(p->http, &r, on_answer, &asked, err);
    if (call == NULL)
        return -1;
    if (event_loop_run_until(loop, &asked.over, event_now_ms(loop) + 2 * PROBE_TIMEOUT_MS))
        return 0;
    http_cancel(call);
    return err_set(err, ERR_UNREACHABLE, "%s: no answer", request->url);
}

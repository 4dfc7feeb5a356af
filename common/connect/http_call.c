#include "common/connect/http_call.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/str.h"
#include "common/connect/http_reply.h"

#define PLACES_MAX_BYTES 1024 /* an entry of CURLOPT_RESOLVE; sixteen addresses are plenty */
#define PLACES_MAX       16
#define TOO_LARGE        100 /* CURLE_TOO_LARGE, of a libcurl that has it */

_Static_assert(HTTP_ERROR_BYTES == CURL_ERROR_SIZE, "libcurl writes that much");

/* ---- from the URL ---- */

static bool part(CURLU *url, CURLUPart which, char *ret, size_t ret_bytes)
{
    char *text = NULL;
    bool whole = curl_url_get(url, which, &text, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                 str_copy(ret, ret_bytes, text);

    curl_free(text);
    return whole;
}

int http_target_parse(const char *url, struct http_target *ret, struct err *err)
{
    CURLU *u = curl_url();
    char scheme[8], port[8];
    int64_t port_n;
    int rc = -1;

    if (u == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for a URL");
    /* The URL itself is not repeated: it may carry a secret. */
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
        !part(u, CURLUPART_SCHEME, scheme, sizeof(scheme)) ||
        !part(u, CURLUPART_HOST, ret->host, sizeof(ret->host)) ||
        !part(u, CURLUPART_PORT, port, sizeof(port)) || !str_to_i64(port, 1, 65535, &port_n)) {
        err_set(err, ERR_INPUT, "not a URL");
    } else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
        err_set(err, ERR_INPUT, "not a URL of http or https");
    } else {
        ret->port = (int)port_n;
        ret->name = resolver_is_name(ret->host);
        rc = 0;
    }
    curl_url_cleanup(u);
    return rc;
}

/* ---- what libcurl asks and tells ---- */

static struct http_reply *call_reply(struct http_call *call)
{
    if (call->reply == NULL)
        call->reply = http_reply_new(call->max_body_bytes);
    return call->reply;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    struct http_reply *reply = call_reply(call);

    return reply != NULL && http_reply_header(reply, data, size * n) ? size * n : 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    struct http_reply *reply = call_reply(call);

    if (reply == NULL || !http_reply_body(reply, data, size * n, call->cut_is_error))
        return size * n == 0 ? 1 : 0; /* any other number than it was given ends the transfer */
    return size * n;
}

/* The connection stands, nothing is written. Asked again when libcurl tries a second connection
 * because the first, a kept one, died under the request. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static int on_write(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct http_call *call = arg;

    (void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
    if (call->let != NULL && !call->let(call->arg))
        call->refused = true;
    if (call->refused) /* or cancelled from inside let() */
        return CURL_PREREQFUNC_ABORT;
    call->written = true;
    return CURL_PREREQFUNC_OK;
}

/* ---- set-up ---- */

static bool set_buffer(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)HTTP_BUFFER_BYTES) == CURLE_OK;
}

struct http_call *http_call_new(void)
{
    struct http_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        return NULL;
    call->easy = curl_easy_init();
    if (call->easy == NULL || !set_buffer(call->easy)) {
        http_call_free(call);
        return NULL;
    }
    return call;
}

/* Two traps of curl_easy_reset (7.88). It leaves the pointer to a CURLOPT_RESOLVE list that no
 * transfer has read yet. And it leaves the buffer of a transfer that ended before it had a
 * connection, but forgets its size: the next transfer would write 16 KB into 2 KB. Such a handle
 * refuses a new size, and goes. */
bool http_call_clear(struct http_call *call)
{
    CURL *easy = call->easy;

    curl_easy_setopt(easy, CURLOPT_RESOLVE, NULL);
    curl_easy_reset(easy);
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->places);
    http_reply_free(call->reply);
    free(call->target);
    *call = (struct http_call){ .easy = easy };
    return set_buffer(easy);
}

void http_call_free(struct http_call *call)
{
    curl_easy_cleanup(call->easy);
    call->easy = NULL;
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->places);
    http_reply_free(call->reply);
    free(call->target);
    free(call);
}

static bool list_add(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);

    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

static int set_headers(struct http_call *call, const struct http_request *request, struct err *err)
{
    bool ok = true, typed = false;

    for (const char *const *h = request->headers; h != NULL && *h != NULL; h++) {
        if (strpbrk(*h, "\r\n") != NULL || strchr(*h, ':') == NULL)
            return err_set(err, ERR_INPUT, "a header has a line end or no colon");
        typed = typed || strncasecmp(*h, "content-type:", 13) == 0;
        ok = ok && list_add(&call->headers, *h);
    }
    /* Else libcurl would call it a form. An empty one takes the header away. */
    if (!typed && request->body != NULL)
        ok = ok && list_add(&call->headers, "Content-Type: application/json");
    else if (!typed && strcmp(request->method, "POST") == 0)
        ok = ok && list_add(&call->headers, "Content-Type:");
    if (!ok || curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers) != CURLE_OK)
        return err_set(err, ERR_INTERNAL, "no memory for a request");
    return 0;
}

static bool set_method(CURL *easy, const struct http_request *request)
{
    const char *body = request->body == NULL ? "" : request->body;
    bool ok = true;

    if (strcmp(request->method, "GET") == 0 && request->body == NULL)
        return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    if (request->body != NULL || strcmp(request->method, "POST") == 0)
        ok = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body) == CURLE_OK;
    if (strcmp(request->method, "POST") != 0)
        ok = ok && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
    return ok;
}

/* "host:port:address" -> "host:port:address:port" of CURLOPT_CONNECT_TO. Not CURLOPT_RESOLVE: kept
 * connections go by the name then, and one to another address of the name would be taken. */
static int set_place(struct http_call *call, const char *resolve, struct err *err)
{
    const char *port = strchr(resolve, ':');
    const char *address = port == NULL ? NULL : strchr(port + 1, ':');
    char place[PLACES_MAX_BYTES];
    bool bare;
    int n;

    if (address == NULL)
        return err_set(err, ERR_INPUT, "not host:port:address: %s", resolve);
    port++;
    address++;
    bare = address[0] != '[' && strchr(address, ':') != NULL;
    n = snprintf(place, sizeof(place), "%.*s:%s%s%s:%.*s", (int)(address - 1 - resolve), resolve,
                 bare ? "[" : "", address, bare ? "]" : "", (int)(address - 1 - port), port);
    if (n < 0 || (size_t)n >= sizeof(place))
        return err_set(err, ERR_INPUT, "not host:port:address: %s", resolve);
    if (!list_add(&call->places, place) ||
        curl_easy_setopt(call->easy, CURLOPT_CONNECT_TO, call->places) != CURLE_OK)
        return err_set(err, ERR_INTERNAL, "no memory for a request");
    return 0;
}

bool http_call_set_addresses(struct http_call *call, const char *target,
                             const struct resolver_answer *answer)
{
    struct buf place;
    bool ok;

    buf_init(&place, PLACES_MAX_BYTES);
    buf_printf(&place, "%s:", target);
    for (size_t i = 0; i < answer->n && i < PLACES_MAX; i++)
        buf_printf(&place, strchr(answer->address[i], ':') ? "%s[%s]" : "%s%s", i > 0 ? "," : "",
                   answer->address[i]);
    ok = !place.failed && list_add(&call->places, buf_str(&place)) &&
         curl_easy_setopt(call->easy, CURLOPT_RESOLVE, call->places) == CURLE_OK;
    buf_done(&place);
    return ok;
}

static long ms_or_none(int ms)
{
    return ms > 0 ? ms : 0;
}

static bool set_callbacks(struct http_call *call)
{
    CURL *easy = call->easy;

    return curl_easy_setopt(easy, CURLOPT_PRIVATE, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_write) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQDATA, call) == CURLE_OK;
}

static bool set_transport(CURL *easy, const struct http_request *request,
                          const struct http_config *config)
{
    long verify = config->insecure ? 0 : 1;

    return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)HTTP_UPLOAD_BYTES) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                            ms_or_none(request->connect_timeout_ms)) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms_or_none(request->timeout_ms)) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->fresh_connection ? 1L : 0L) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify * 2) == CURLE_OK &&
           (config->ca_file == NULL ||
            curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file) == CURLE_OK);
}

int http_call_prepare(struct http_call *call, const struct http_request *request,
                      const struct http_config *config, struct err *err)
{
    CURL *easy = call->easy;

    call->let = request->let;
    call->timeout_ms = request->timeout_ms;
    call->max_body_bytes = request->max_body_bytes;
    call->cut_is_error = request->cut_is_error;
    if (!set_callbacks(call) || !set_transport(easy, request, config) ||
        !set_method(easy, request) ||
        curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_USERAGENT, config->user_agent) != CURLE_OK)
        return err_set(err, ERR_INTERNAL, "no memory for a request");
    if (request->resolve != NULL && set_place(call, request->resolve, err) != 0)
        return -1;
    return set_headers(call, request, err);
}

void http_call_set_time_left(struct http_call *call, int64_t now_ms)
{
    int64_t left_ms = call->started_ms + call->timeout_ms - now_ms;

    if (call->timeout_ms > 0)
        curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, left_ms > 0 ? (long)left_ms : 1L);
}

/* ---- the end ---- */

static enum http_failure failure_of(const struct http_call *call, CURLcode result)
{
    const struct http_reply *reply = call->reply;

    if (result == CURLE_OK)
        return HTTP_OK;
    if (reply != NULL && reply->too_large)
        return HTTP_BAD_ANSWER;
    /* All that was asked for has come; how the rest would have ended is nobody's concern. */
    if (reply != NULL && reply->answer.body_cut)
        return HTTP_OK;
    if (!call->written)
        return call->refused ? HTTP_NOT_LET : HTTP_NOT_SENT;
    switch ((int)result) {
    case CURLE_OPERATION_TIMEDOUT: return HTTP_TIMEOUT;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, or something that is no HTTP at all */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_OUT_OF_MEMORY: /* so it calls a header line of more than 100 KB; memory we do not
                                 lack */
    case TOO_LARGE: return HTTP_BAD_ANSWER;
    default: return HTTP_LOST;
    }
}

static void set_err(struct err *err, const struct http_call *call, enum http_failure failure,
                    CURLcode result)
{
    const char *text = call->error[0] != '\0' ? call->error : curl_easy_strerror(result);
    char clean[HTTP_ERROR_BYTES];

    str_clean_utf8(clean, sizeof(clean) - 1, text, strlen(text), NULL);
    if (isupper((unsigned char)clean[0]) && islower((unsigned char)clean[1]))
        clean[0] = (char)tolower((unsigned char)clean[0]);
    if (failure == HTTP_NOT_LET)
        err_set(err, ERR_REFUSED, "not let through when it was about to be written");
    else if (call->reply != NULL && call->reply->no_memory)
        err_set(err, ERR_INTERNAL, "no memory for an answer");
    else if (call->refused)
        err_set(err, ERR_UNREACHABLE,
                "the kept connection died, and no second try was let through");
    else if (call->reply != NULL && call->reply->too_large)
        err_set(err, ERR_INPUT, "the answer is too large");
    else if (failure == HTTP_BAD_ANSWER)
        err_set(err, ERR_INPUT, "%s", clean);
    else
        err_set(err, ERR_UNREACHABLE, "%s", clean);
}

void http_call_answer(struct http_call *call, int result, int64_t now_ms, struct http_answer *ret,
                      struct err *err)
{
    struct http_reply *reply = call->reply;
    long status = 0;

    *ret = reply != NULL ? reply->answer : (struct http_answer){ 0 };
    ret->failure = failure_of(call, (CURLcode)result);
    if (curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
        ret->status = (int)status;
    ret->body = reply != NULL ? buf_str(&reply->body) : "";
    ret->body_len = reply != NULL ? reply->body.len : 0;
    ret->duration_ms = now_ms - call->started_ms;
    if (ret->failure == HTTP_OK)
        return;
    ret->body = ""; /* half an answer is none */
    ret->body_len = 0;
    set_err(err, call, ret->failure, (CURLcode)result);
}

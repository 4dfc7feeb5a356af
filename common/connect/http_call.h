/* Private to the HTTP engine: one call. Its easy handle, what the request asks for, what of the
 * answer is kept, and what its end means. Knows no loop, no sockets and no other call. */
#ifndef COMMON_CONNECT_HTTP_CALL_H
#define COMMON_CONNECT_HTTP_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/connect/http.h"
#include "common/connect/resolve.h"

#define HTTP_BUFFER_BYTES 2048  /* libcurl's per transfer: 10,000 polls wait at once */
#define HTTP_UPLOAD_BYTES 16384 /* libcurl's least; only TLS uses it */
#define HTTP_ERROR_BYTES  256   /* CURL_ERROR_SIZE */

struct curl_slist;
struct http_reply;
struct sockets;

struct http_call {
    struct list_node node;
    struct list *in; /* a list of struct http is the state; NULL: being told of its end */
    struct http *http;
    void *easy;              /* CURL *, kept from call to call */
    struct sockets *sockets; /* where it was added; NULL: nowhere */
    struct resolver_query *query;
    char *target; /* while the name is looked up */
    struct curl_slist *headers, *places;
    struct http_reply *reply; /* NULL: nothing has come */
    http_done_fn *done;
    void *arg;
    bool (*let)(void *arg);
    int64_t started_ms;
    int timeout_ms;
    size_t max_body_bytes;
    bool cut_is_error;
    bool refused;             /* let() said no, or nobody wants it any more */
    bool written;             /* it went out, or part of it */
    enum err_kind start_kind; /* not ERR_NONE: it cannot be started, error says why */
    char error[HTTP_ERROR_BYTES];
};

/* Where a request goes. name is false for addresses and localhost. */
struct http_target {
    char host[RESOLVE_HOST_BYTES];
    int port;
    bool name;
};
int http_target_parse(const char *url, struct http_target *ret, struct err *err);

struct http_call *http_call_new(void); /* with an easy handle; NULL: no memory */
void http_call_free(struct http_call *call);
/* For another request; only the easy handle with its memory stays. False: it cannot be used again.
 */
bool http_call_clear(struct http_call *call);
int http_call_prepare(struct http_call *call, const struct http_request *request,
                      const struct http_config *config, struct err *err);
/* Connects to these addresses of target ("host:port") and looks nothing up. */
bool http_call_set_addresses(struct http_call *call, const char *target,
                             const struct resolver_answer *answer);
void http_call_set_time_left(struct http_call *call, int64_t now_ms);
/* result: a CURLcode. *ret borrows from call; err is set if failure is not HTTP_OK. */
void http_call_answer(struct http_call *call, int result, int64_t now_ms, struct http_answer *ret,
                      struct err *err);

#endif

/* Private to the HTTP engine: what is kept of an answer as it comes in, line by line and piece by
 * piece. Bounded against a hostile server; knows no libcurl. */
#ifndef COMMON_CONNECT_HTTP_REPLY_H
#define COMMON_CONNECT_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/connect/answer.h"

#define HTTP_HEADERS_MAX_BYTES (64 * 1024) /* of one answer; more is not HTTP but a flood */
#define HTTP_DRAIN_MAX_BYTES   (64 * 1024) /* read past a cut: cheaper than a new connection */

struct http_reply {
    struct http_answer answer;
    char *cookies[HTTP_SET_COOKIES_MAX]; /* what answer.set_cookies points to */
    struct buf body;
    size_t headers_bytes, drained_bytes;
    bool body_began;
    bool too_large; /* headers without end, or a body over its ceiling where that is an error */
    bool no_memory;
};

struct http_reply *http_reply_new(size_t max_body_bytes); /* NULL: no memory */
void http_reply_free(struct http_reply *r);               /* NULL is fine */
/* A status line, a header or the empty line after them. Both: false ends the transfer. */
bool http_reply_header(struct http_reply *r, const char *line, size_t len);
bool http_reply_body(struct http_reply *r, const char *data, size_t len, bool cut_is_error);

#endif

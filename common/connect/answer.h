/* An HTTP answer as plain data: the engine fills it, the API reads it. */
#ifndef COMMON_CONNECT_ANSWER_H
#define COMMON_CONNECT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_failure {
    HTTP_OK,         /* an answer came, whatever its status */
    HTTP_NOT_SENT,   /* no connection: the request never left */
    HTTP_NOT_LET,    /* let() said no */
    HTTP_LOST,       /* sent, or maybe sent: no whole answer (reset, time-out, cut in the middle) */
    HTTP_TIMEOUT,    /* the same, by time-out */
    HTTP_BAD_ANSWER, /* not HTTP, or too large where that is an error */
};

#define HTTP_SET_COOKIES_MAX 16 /* Set-Cookie headers kept of one answer; more are dropped */

struct http_answer { /* borrowed; dies when the callback returns */
    enum http_failure failure;
    int status;
    char content_type[128];
    char date[64]; /* Date header as sent; "" if none */
    char retry_after[64];
    char location[512];
    const char *set_cookies[HTTP_SET_COOKIES_MAX]; /* values of Set-Cookie */
    size_t set_cookies_n;
    const char *body; /* NUL terminated */
    size_t body_len;
    bool body_cut;
    int64_t duration_ms;
};

#endif

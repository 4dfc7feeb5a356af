/* A server that plays one script against one client after the other: what a good server never does,
 * too. On a thread and a free port of the loopback. */
#ifndef TESTS_SUPPORT_HTTP_SCRIPT_H
#define TESTS_SUPPORT_HTTP_SCRIPT_H

#include <stddef.h>

enum http_step_kind {
    HTTP_STEP_END,
    HTTP_STEP_ACCEPT,  /* the next connection; the one before is closed */
    HTTP_STEP_EXPECT,  /* reads a whole request, which must hold text (NULL: any) */
    HTTP_STEP_REPLY,   /* writes text as it is */
    HTTP_STEP_FLOOD,   /* writes text over and over until the client has had enough */
    HTTP_STEP_STALL,   /* says nothing until the client closes */
    HTTP_STEP_UNASKED, /* the same, and fails if the client writes a byte */
    HTTP_STEP_CLOSE,
    HTTP_STEP_RESET,
};

struct http_step {
    enum http_step_kind kind;
    const char *text;
};

struct http_script;

struct http_script *http_script_start(const struct http_step *steps); /* borrows steps */
int http_script_port(const struct http_script *s);
/* Waits until the script has been played. NULL, or the sentence that says which step failed; to be
 * read before http_script_free. */
const char *http_script_wait(struct http_script *s);
const char *http_script_request(const struct http_script *s); /* the last one read, after wait */
void http_script_free(struct http_script *s);                 /* waits, too */

/* A port of the loopback that refuses: bound, so nobody else gets it, and not listening. The caller
 * closes the file descriptor. */
int http_refusing_start(int *ret_port);

/* 127.0.0.2 with a port that answers no one: what connects waits. */
struct http_deaf {
    int listener, filler[2];
};
void http_deaf_start(struct http_deaf *d, int port);
void http_deaf_stop(struct http_deaf *d);

#endif

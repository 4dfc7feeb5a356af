/* An error says whose fault it is and whether trying again can help. Edges fill it in and return
 * -1; only the wiring (main, loop, verbs) logs it or turns it into an exit code. */
#ifndef COMMON_BASE_ERR_H
#define COMMON_BASE_ERR_H

#include <stdbool.h>

#define ERR_MSG_BYTES 512 /* one sentence for a terminal line or a log event; longer is cut */

enum err_kind {
    ERR_NONE,        /* no error */
    ERR_INTERNAL,    /* our own fault, or no memory: exit 1 */
    ERR_CONFIG,      /* the operator's words or settings: exit 2 */
    ERR_UNREACHABLE, /* PostgreSQL, Kafka or Connect does not answer: exit 3, retriable */
    ERR_NOTHING,     /* nothing selected: exit 4 */
    ERR_REFUSED,     /* needs --yes, over a limit, busy: exit 5 */
    ERR_DENIED,      /* key or role may not: exit 6 */
    ERR_INPUT, /* one record, row or answer is bad; nothing else stops: exit 1 if it gets to main */
};

struct err {
    enum err_kind kind;
    bool retriable;
    char msg[ERR_MSG_BYTES]; /* one clause, lower case, no final period; names what and where */
};

/* Fills *e (NULL is fine) and returns -1, so that a function can end in `return err_set(...)`.
 * ERR_UNREACHABLE sets retriable. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "what: " before the message that is there; for a caller that knows the circumstance. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The exit code of conventions.md section 2 for the kind. */
int err_exit_code(const struct err *e);

#endif

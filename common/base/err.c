#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;
    char msg[ERR_MSG_BYTES]; /* fmt's arguments may point into e->msg */

    if (e == NULL)
        return -1;
    va_start(ap, fmt);
    if (vsnprintf(msg, sizeof(msg), fmt, ap) < 0)
        msg[0] = '\0';
    va_end(ap);
    e->kind = kind;
    e->retriable = kind == ERR_UNREACHABLE;
    memcpy(e->msg, msg, sizeof(msg));
    return -1;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    va_list ap;
    char msg[ERR_MSG_BYTES];
    int n;
    size_t len;

    if (e == NULL)
        return -1;
    va_start(ap, fmt);
    n = vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    len = n < 0 ? 0 : strlen(msg);
    if (snprintf(msg + len, sizeof(msg) - len, ": %s", e->msg) < 0)
        return -1;
    memcpy(e->msg, msg, sizeof(msg));
    return -1;
}

int err_exit_code(const struct err *e)
{
    switch (e->kind) {
    case ERR_NONE: return 0;
    case ERR_CONFIG: return 2;
    case ERR_UNREACHABLE: return 3;
    case ERR_NOTHING: return 4;
    case ERR_REFUSED: return 5;
    case ERR_DENIED: return 6;
    case ERR_INTERNAL:
    case ERR_INPUT: break;
    }
    return 1;
}

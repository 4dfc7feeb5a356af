#include "producer/confirm.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

int confirm(const struct session *s, int64_t n, const char *what, struct err *err)
{
    char answer[16];

    if (s->config->yes || n <= s->config->confirm_above)
        return 0;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return err_set(err, ERR_REFUSED,
                       "%" PRId64 " items %s, more than --confirm-above %" PRId64
                       ": give --yes to do it",
                       n, what, s->config->confirm_above);
    fprintf(stderr, "%" PRId64 " items %s. Go on? [y/N] ", n, what);
    if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return 0;
    return err_set(err, ERR_REFUSED, "nothing was done");
}

#include "producer/confirm.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static int ask(const char *what, struct err *err)
{
    char answer[16];

    fprintf(stderr, "%s. Go on? [y/N] ", what);
    if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return 0;
    return err_set(err, ERR_REFUSED, "nothing was done");
}

static bool somebody_is_there(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

int confirm(const struct session *s, int64_t n, const char *what, struct err *err)
{
    char sentence[256];

    if (s->config->yes || n <= s->config->confirm_above)
        return 0;
    if (!somebody_is_there())
        return err_set(err, ERR_REFUSED,
                       "%" PRId64 " items %s, more than --confirm-above %" PRId64
                       ": give --yes to do it",
                       n, what, s->config->confirm_above);
    snprintf(sentence, sizeof(sentence), "%" PRId64 " items %s", n, what);
    return ask(sentence, err);
}

int confirm_always(const struct session *s, const char *what, struct err *err)
{
    if (s->config->yes)
        return 0;
    if (!somebody_is_there())
        return err_set(err, ERR_REFUSED, "%s: give --yes to do it", what);
    return ask(what, err);
}

#include "producer/confirm.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define SENTENCE_BYTES 256

static bool terminal(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static int ask(const char *what, struct err *err)
{
    char answer[16];

    fprintf(stderr, "%s. Go on? [y/N] ", what);
    if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return 0;
    return err_set(err, ERR_REFUSED, "nothing was done");
}

int confirm(const struct session *s, int64_t n, const char *what, struct err *err)
{
    char sentence[SENTENCE_BYTES];

    if (s->config->yes || n <= s->config->confirm_above)
        return 0;
    if (!terminal())
        return err_set(err, ERR_REFUSED,
                       "%" PRId64 " items %s, more than --confirm-above %" PRId64
                       ": give --yes to do it",
                       n, what, s->config->confirm_above);
    snprintf(sentence, sizeof(sentence), "%" PRId64 " items %s", n, what);
    return ask(sentence, err);
}

int confirm_possible(const struct session *s, const char *verb, struct err *err)
{
    if (s->config->yes || terminal())
        return 0;
    return err_set(err, ERR_CONFIG,
                   "%s asks before it acts, and there is no terminal to ask at: give --yes (-y)",
                   verb);
}

int confirm_act(const struct session *s, const char *what, struct err *err)
{
    return s->config->yes ? 0 : ask(what, err);
}

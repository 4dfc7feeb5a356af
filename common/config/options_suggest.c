/* "did you mean": a word with few typing mistakes, or the only one that starts like it. */
#include <string.h>

#include "common/base/str.h"
#include "common/config/options.h"

#define PREFIX_MIN_BYTES 3 /* shorter beginnings say nothing */

static const char *only_longer(const char *word, const char *const *words, size_t n)
{
    size_t len = strlen(word);
    const char *found = NULL;

    for (size_t i = 0; len >= PREFIX_MIN_BYTES && i < n; i++) {
        if (strncmp(words[i], word, len) != 0)
            continue;
        if (found != NULL)
            return NULL;
        found = words[i];
    }
    return found;
}

const char *options_suggest(const char *word, const char *const *words, size_t n)
{
    size_t len = strlen(word), least = len < 9 ? 1 + len / 3 : 4; /* mistakes that are too many */
    size_t best = n;

    for (size_t i = 0; i < n; i++) {
        size_t d = str_distance(word, words[i]);

        if (d < least) {
            least = d;
            best = i;
        }
    }
    return best < n ? words[best] : only_longer(word, words, n);
}

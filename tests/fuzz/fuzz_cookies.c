/* Set-Cookie values, one a line: whatever comes, the Cookie header stays one clean line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/connect/api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *rest = text;
    char header[COOKIES_MAX_BYTES] = "kept=1", again[COOKIES_MAX_BYTES];
    struct http_answer a = { .date = "Mon, 12 Jan 2026 10:07:31 GMT" };

    must(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    while (rest != NULL && a.set_cookies_n < HTTP_SET_COOKIES_MAX)
        a.set_cookies[a.set_cookies_n++] = strsep(&rest, "\n");
    api_cookies_update(header, &a);
    must(memchr(header, '\0', sizeof header) != NULL);
    for (const char *p = header; *p != '\0'; p++)
        must(*p >= ' ' && *p <= '~' && *p != ',');
    memcpy(again, header, sizeof again);
    api_cookies_update(again, &a); /* the same again changes order at most */
    must(strlen(again) == strlen(header));
    free(text);
    return 0;
}
